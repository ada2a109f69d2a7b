"""A beginning without the garbage collector ends with it."""

import gc

import pytest
from pydantic import SecretStr

from watcher.entrypoints.server import Server
from watcher.settings import MEMORY, Settings
from watcher.uncollected import uncollected


def test_the_collector_is_off_within_and_on_afterwards() -> None:
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_is_on_after_a_beginning_that_failed() -> None:
    with pytest.raises(ZeroDivisionError), uncollected():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_who_has_it_off_keeps_it_off() -> None:
    with uncollected():
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_api_that_has_begun_collects_garbage() -> None:
    Server(Settings(database_url=SecretStr(MEMORY))).load()
    assert gc.isenabled()

"""Rates over HTTP: two processes that count together through Redis, and by themselves without it."""

import time
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.broker import PASSWORD, Broker
from tests.integration.conftest import Serve
from tests.integration.programs import Program, until
from tests.integration.wire import answer, problem
from watcher.adapters.shared_rates import REST_SECONDS

BURST = 20
PER_SECOND = 0.01
"""So few that in the time of these tests none comes back: what is admitted is the burst."""

SECONDS = 60.0


@pytest.fixture(scope="module")
def limited(serve: Serve, database: str, broker: Broker) -> Iterator[Program]:
    rates = {"rate_limit": str(PER_SECOND), "rate_burst": str(BURST)}
    with serve(database, ready=True, workers="2", broker_url=broker.url, **rates) as program:
        yield program
        assert PASSWORD not in program.log


def test_a_caller_who_asks_too_often_is_told_when_to_come_back(limited: Program) -> None:
    with _client(limited, 8) as client:
        first = client.get("/")
        answer(first, 200)
        assert first.headers["ratelimit-policy"] == f'"caller";q={BURST};w={BURST / PER_SECOND:.0f}'
        assert first.headers["ratelimit"] == f'"caller";r={BURST - 1};t=100'
        refusals = [each for each in (client.get("/") for _ in range(3 * BURST)) if each.is_error]
        for refused in refusals:
            problem(refused, 429, "too-many-requests")
            assert 0 < int(refused.headers["retry-after"]) <= 2 * BURST / PER_SECOND
            assert "r=0;" in refused.headers["ratelimit"]
        assert len(refusals) >= BURST


def test_neither_another_caller_nor_a_probe_is_refused_for_that(limited: Program) -> None:
    with _client(limited, 2) as second, _client(limited, 3) as third:
        while not second.get("/").is_error:
            pass
        answer(third.get("/"), 200)
        for _ in range(3 * BURST):
            answer(second.get("/health/live"), 200)


@pytest.mark.parametrize("claim", ["Bearer {}", "Bearer wtc_{}_secret"])
def test_an_address_is_a_caller_whatever_else_it_says(limited: Program, claim: str) -> None:
    with _client(limited, 1) as client:
        for number in range(3 * BURST):
            client.get("/", headers={"authorization": claim.format(number), "x-api-key": str(number)})
        problem(client.get("/"), 429)


def test_what_one_process_admits_the_other_does_not_admit_again(limited: Program) -> None:
    """Each would admit a burst, but for what it learns a moment after the first request that it admits."""
    with _client(limited, 4) as client:
        admitted = sum(client.get("/").is_success for _ in range(BURST))
    refused_in_a_row = 0
    while refused_in_a_row < 10:
        refused = _asked_anew(limited, 4).is_error
        refused_in_a_row = refused_in_a_row + 1 if refused else 0
        admitted += not refused
        time.sleep(0.3)

    assert BURST <= admitted < 2 * BURST


def test_a_redis_that_is_away_fails_and_delays_nobody(limited: Program, broker: Broker) -> None:
    broker.freeze()
    try:
        with _client(limited, 5) as client:
            statuses = Counter(client.get("/").status_code for _ in range(5 * BURST))
    finally:
        broker.thaw()
    assert set(statuses) == {200, 429}
    assert BURST <= statuses[200] <= 2 * BURST
    broker.kill()
    assert _asked_anew(limited, 6).status_code == 200
    until(lambda: "by each process for itself" in limited.log, SECONDS, "it says so")
    broker.start()

    def seventh_is_known() -> bool:
        _asked_anew(limited, 7)
        with broker.client() as redis:
            return redis.exists("watcher:debt:address:127.0.0.7") == 1

    until(seventh_is_known, SECONDS + REST_SECONDS, "they count together again")


def _client(api: Program, caller: int) -> httpx.Client:
    """A client with an address of its own."""
    transport = httpx.HTTPTransport(local_address=f"127.0.0.{caller}")
    return httpx.Client(base_url=api.url, transport=transport, timeout=30)


def _asked_anew(api: Program, caller: int) -> httpx.Response:
    """On a connection of its own, so by either process."""
    with _client(api, caller) as client:
        return client.get("/")

"""`docs/settings.md` is the reference of all settings, and of no others."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from watcher.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
ROW = re.compile(r"^\| `(WATCHER_\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
ROWS = {variable: (default, description) for variable, default, description in ROW.findall(PAGE)}


def test_the_page_names_every_setting_and_no_other() -> None:
    assert list(ROWS) == [f"WATCHER_{field.upper()}" for field in Settings.model_fields]


def test_no_variable_is_mentioned_that_does_not_exist() -> None:
    assert set(re.findall(r"WATCHER_[A-Z_]+[A-Z]", PAGE)) == set(ROWS)


@pytest.mark.parametrize("field", Settings.model_fields)
def test_a_row_has_the_default_and_the_description(field: str) -> None:
    setting = Settings.model_fields[field]
    default, description = ROWS[f"WATCHER_{field.upper()}"]
    assert default == ("none" if setting.default is None else f"`{setting.default}`")
    assert description == setting.description


def test_passwords_are_never_shown() -> None:
    settings = Settings(
        database_url=SecretStr("postgresql://user:secret@host/name"),
        broker_url=SecretStr("redis://:secret@host/0"),
    )
    assert "secret" not in f"{settings!r} {settings}"

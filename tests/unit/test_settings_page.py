"""`docs/settings.md` is the reference of all settings, and of no others."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

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


@pytest.mark.parametrize(
    ("text", "metrics"),
    [("", ()), ("inserts", ("inserts",)), (" total_rows , inserts,total_rows,", ("total_rows", "inserts"))],
)
def test_metrics_to_watch_stand_between_commas(
    monkeypatch: pytest.MonkeyPatch, text: str, metrics: tuple[str, ...]
) -> None:
    monkeypatch.setenv("WATCHER_AUTO_ANOMALY_RULES", text)
    assert Settings().auto_anomaly_rules == metrics


def test_a_metric_that_there_is_not_stops_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_AUTO_ANOMALY_RULES", "rows")
    with pytest.raises(ValidationError, match="auto_anomaly_rules"):
        Settings()

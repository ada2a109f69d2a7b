"""`docs/settings.md` is the reference of all settings, and of no others."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from watcher.entrypoints.cli.terms import settings_with
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
        database_url=SecretStr("postgresql://user:pa55word@host/name"),
        pooler_url=SecretStr("postgresql://user:pa55word@host/name"),
        replica_url=SecretStr("postgresql://user:pa55word@host/name"),
        broker_url=SecretStr("redis://:pa55word@host/0"),
    )
    assert "pa55word" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("text", "metrics"),
    [(",", ()), ("inserts", ("inserts",)), (" total_rows , inserts,total_rows,", ("total_rows", "inserts"))],
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


def test_a_secret_may_be_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "watcher_database_url").write_text("postgresql://user:secret@host/name\n")
    (tmp_path / "WATCHER_PORT").write_text("8001")
    monkeypatch.setenv("WATCHER_SECRETS_DIR", f"{tmp_path}")
    monkeypatch.delenv("WATCHER_DATABASE_URL", raising=False)
    settings = Settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://user:secret@host/name"
    assert settings.port == 8001
    monkeypatch.setenv("WATCHER_PORT", "8002")
    assert Settings().port == 8002
    assert Settings(port=8003).port == 8003


def test_a_directory_of_secrets_that_is_not_there_is_no_mistake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WATCHER_SECRETS_DIR", f"{tmp_path / 'none'}")
    assert Settings().secrets_dir == tmp_path / "none"


def test_a_secret_that_breaks_a_rule_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "watcher_pooler_url").write_text("mysql://user:secret@host/name")
    monkeypatch.setenv("WATCHER_SECRETS_DIR", f"{tmp_path}")
    with pytest.raises(ValidationError, match="pooler_url") as refusal:
        Settings()
    assert "secret" not in f"{refusal.value}"


@pytest.mark.parametrize("name", ["pooler_url", "replica_url"])
def test_what_the_environment_has_beside_its_database_is_not_that_of_one_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"WATCHER_{name.upper()}", "postgresql://user@there/name")
    assert getattr(settings_with(), name) is not None
    assert getattr(settings_with(database_url="postgresql://user@other/name"), name) is None

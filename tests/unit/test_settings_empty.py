"""What is empty is not set, wherever settings come from."""

from pathlib import Path

import pytest

from watcher.settings import Settings

VARIABLES = [f"WATCHER_{field.upper()}" for field in Settings.model_fields]
URL = "redis://:secret@host/0"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory of work without any settings, with an empty one of secrets in it."""
    for variable in (*VARIABLES, "LOGFIRE_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secrets").mkdir()
    return tmp_path


def broker(settings: Settings) -> str | None:
    return None if settings.broker_url is None else settings.broker_url.get_secret_value()


@pytest.mark.parametrize("variable", [*VARIABLES, "LOGFIRE_TOKEN"])
def test_an_empty_variable_leaves_the_default(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    expected = Settings()
    monkeypatch.setenv(variable, "")
    assert Settings() == expected


def test_empty_lines_and_files_leave_the_defaults(monkeypatch: pytest.MonkeyPatch, nowhere: Path) -> None:
    expected = Settings(secrets_dir=nowhere / "secrets")
    (nowhere / ".env").write_text("".join(f"{variable}=\n" for variable in VARIABLES))
    monkeypatch.setenv("WATCHER_SECRETS_DIR", f"{nowhere / 'secrets'}")
    for variable in VARIABLES:
        (nowhere / "secrets" / variable.lower()).write_text("\n")
    assert Settings() == expected


def test_where_a_variable_is_empty_a_line_counts_and_then_a_file(
    monkeypatch: pytest.MonkeyPatch, nowhere: Path
) -> None:
    monkeypatch.setenv("WATCHER_SECRETS_DIR", f"{nowhere / 'secrets'}")
    monkeypatch.setenv("WATCHER_BROKER_URL", "")
    (nowhere / "secrets" / "watcher_broker_url").write_text(f"{URL}1\n")
    assert broker(Settings()) == f"{URL}1"
    (nowhere / ".env").write_text("WATCHER_BROKER_URL=\n")
    assert broker(Settings()) == f"{URL}1"
    (nowhere / ".env").write_text(f"WATCHER_BROKER_URL={URL}2\n")
    assert broker(Settings()) == f"{URL}2"
    monkeypatch.setenv("WATCHER_BROKER_URL", f"{URL}3")
    assert broker(Settings()) == f"{URL}3"


def test_the_other_name_of_a_token_counts_where_the_first_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_LOGFIRE_TOKEN", "")
    monkeypatch.setenv("LOGFIRE_TOKEN", "token")
    token = Settings().logfire_token
    assert token is not None
    assert token.get_secret_value() == "token"

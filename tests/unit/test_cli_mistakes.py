"""Mistakes in settings: in words for people, and without what is secret."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import said_by
from watcher.entrypoints.cli.mistakes import unreadable
from watcher.settings import Settings


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither a `.env` in the working directory nor the environment takes part."""
    monkeypatch.chdir(tmp_path_factory.mktemp("nowhere"))
    for name in Settings.model_fields:
        monkeypatch.delenv(f"WATCHER_{name.upper()}", raising=False)


BROKER_OF_ANOTHER = """
import watcher.entrypoints
from watcher.adapters.bus.application import application
from watcher.domain.jobs import JOBS, Job

conf = application("redis://ours/0", JOBS, {}).conf
print(conf.broker_url, conf.broker_read_url, conf.broker_write_url, conf.result_backend)
"""


def test_variables_of_another_celery_lead_no_message_astray() -> None:
    names = ("BROKER_URL", "BROKER_READ_URL", "BROKER_WRITE_URL", "RESULT_BACKEND")
    foreign = {f"CELERY_{name}": "redis://theirs/0" for name in names}
    done = subprocess.run(
        [sys.executable, "-c", BROKER_OF_ANOTHER],
        env=os.environ | foreign,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["redis://ours/0"] * 3 + ["None"]


WORDS_OF_PYTHON = re.compile(r"[Ii]nput|[Ss]tring|parse|pattern|boolean|items|integer|validation")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"WORKERS": "1.5"}, "WORKERS: must be a whole number"),
        ({"BODY_LIMIT": "9" * 5_000}, "BODY_LIMIT: must be a whole number of fewer digits"),
        ({"DATABASE_TIMEOUT": "ten"}, "DATABASE_TIMEOUT: must be a number"),
        ({"DATABASE_TIMEOUT": "0"}, "DATABASE_TIMEOUT: must be more than 0"),
        ({"DATABASE_TIMEOUT": "nan"}, "DATABASE_TIMEOUT: must be 3600 or less"),
        ({"RATE_LIMIT": "1e9"}, "RATE_LIMIT: must be 1000000 or less"),
        ({"METRICS": "maybe"}, "METRICS: must be true or false"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: must be debug, info, warning, error or critical"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT: must be 'text' or 'json'"),
        ({"AUTO_ANOMALY_RULES": "rows,columns"}, "AUTO_ANOMALY_RULES: must be some of 'duration_seconds', "),
    ],
)
def test_mistakes_are_told_in_words_for_people(settings: dict[str, str], said: str) -> None:
    code, found = said_by("api", **{f"WATCHER_{name}": value for name, value in settings.items()})

    assert code == 1
    assert f"cannot go on: WATCHER_{said}" in found
    assert found.count("WATCHER_") == 1
    assert not WORDS_OF_PYTHON.search(found)


UNREADABLE = (
    "postgresql://watcher:sesame/open@db.example:5432/watcher",
    "postgresql://watcher:sesame#open@db.example/watcher",
    "postgresql://watcher:sesame?open@db.example/watcher",
    "postgresql://watcher:[sesame@db.example/watcher",
    "postgresql://watcher:open@db.example:sesame/watcher",
)


@pytest.mark.parametrize(
    "command", ["api", "migrate", "doctor", "worker", "cleanup", "key list", "lineage verify"]
)
@pytest.mark.parametrize("url", UNREADABLE)
@pytest.mark.parametrize("name", ["DATABASE_URL", "POOLER_URL", "REPLICA_URL"])
def test_a_url_that_cannot_be_read_is_refused_without_a_part_of_its_password(
    command: str, url: str, name: str
) -> None:
    readable = "postgresql://watcher@one.example:5432,[::1]:5433,two.example/watcher"
    environment = {
        "WATCHER_DATABASE_URL": readable,
        "WATCHER_BROKER_URL": "redis://127.0.0.1:1/0",
        f"WATCHER_{name}": url,
    }
    code, said = said_by(*command.split(), **environment)

    assert code == (2 if command == "doctor" else 1)
    assert f"WATCHER_{name}: cannot be read as postgresql://" in said
    assert "%2F" in said
    assert "sesame" not in said
    assert "open" not in said
    assert unreadable("WATCHER_DATABASE_URL", readable) is None


def test_a_file_of_a_secret_that_is_no_text_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "watcher_key_pepper").write_bytes(b"\xff\xfe")
    code, said = said_by("migrate", WATCHER_SECRETS_DIR=str(tmp_path))
    assert code == 1
    assert "The settings cannot be read: UnicodeDecodeError, see `.env` and the files of secrets." in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "command",
    [
        "cleanup",
        "doctor",
        "key create --name somebody --scope read",
        "key list",
        "key revoke 1",
        "lineage prune",
        "lineage rebuild",
        "lineage verify",
    ],
)
def test_no_watcher_is_made_where_a_command_looks_for_one(command: str, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    code, said = said_by(*command.split(), "--data-dir", str(nowhere))
    assert code == (2 if command == "doctor" else 1), said
    assert f"there is no directory {nowhere}" in said
    code, said = said_by(*command.split(), "--data-dir", str(tmp_path))
    assert code == (2 if command == "doctor" else 1), said
    assert f"there is no Watcher in {tmp_path}" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["api", "cleanup", "doctor", "key list", "migrate"])
@pytest.mark.parametrize("url", ["postgresql://watcher:a/b@db.example/watcher", "mysql://db.example/watcher"])
def test_a_mistake_in_an_option_is_not_told_of_the_setting(command: str, url: str) -> None:
    code, said = said_by(*command.split(), "--database-url", url)
    assert code == (2 if command == "doctor" else 1)
    assert "cannot go on: --database-url: " in said
    assert "WATCHER_DATABASE_URL" not in said


@pytest.mark.parametrize("command", ["cleanup", "key list", "migrate"])
def test_advice_about_an_option_names_the_option(command: str) -> None:
    nowhere = "postgresql://watcher@127.0.0.1:1/watcher"
    _, by_option = said_by(*command.split(), "--database-url", nowhere)
    _, by_setting = said_by(*command.split(), WATCHER_DATABASE_URL=nowhere)
    assert "mend host and port in --database-url;" in by_option
    assert "mend host and port in WATCHER_DATABASE_URL;" in by_setting
    assert by_option == by_setting.replace("WATCHER_DATABASE_URL", "--database-url")

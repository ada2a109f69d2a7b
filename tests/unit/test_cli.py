"""The command line: what it says about itself, and how it says no."""

import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
import typer.main
from typer.testing import CliRunner

from watcher.entrypoints.cli import app
from watcher.entrypoints.cli.mistakes import unreadable
from watcher.entrypoints.cli.upkeep import lineage
from watcher.settings import Settings

PROGRAM = typer.main.get_group(app)
LINEAGE = typer.main.get_group(lineage)
OPTIONS = [(name, option) for name, command in PROGRAM.commands.items() for option in command.params] + [
    ("watcher", option) for option in PROGRAM.params
]


def _run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code, and all that was said, on one line and without colours."""
    plain = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    result = CliRunner().invoke(app, list(arguments), env=plain | environment)
    return result.exit_code, re.sub(r"\s+", " ", result.output)


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither a `.env` in the working directory nor the environment takes part."""
    monkeypatch.chdir(tmp_path_factory.mktemp("nowhere"))
    for name in Settings.model_fields:
        monkeypatch.delenv(f"WATCHER_{name.upper()}", raising=False)


def test_these_are_the_commands() -> None:
    assert sorted(PROGRAM.commands) == [
        "alerts",
        "api",
        "beat",
        "cleanup",
        "doctor",
        "key",
        "lineage",
        "migrate",
        "up",
        "worker",
    ]
    assert sorted(LINEAGE.commands) == ["prune", "rebuild", "verify"]


@pytest.mark.parametrize("command", LINEAGE.commands)
def test_every_command_of_lineage_says_what_it_does_and_wants_a_database(command: str) -> None:
    code, said = _run("lineage", command, "--help")
    assert code == 0
    assert str(LINEAGE.commands[command].help) in said
    assert all(str(getattr(option, "help", "")).endswith(".") for option in LINEAGE.commands[command].params)

    code, said = _run("lineage", command)
    assert code == 1
    assert "no PostgreSQL is named" in said


@pytest.mark.parametrize("command", PROGRAM.commands)
def test_every_command_says_what_it_does(command: str) -> None:
    code, said = _run(command, "--help")

    assert code == 0
    assert str(PROGRAM.commands[command].help) in said


@pytest.mark.parametrize(("command", "option"), OPTIONS, ids=lambda each: getattr(each, "name", each))
def test_every_option_says_what_it_is_for(command: str, option: object) -> None:
    text = getattr(option, "help", None)

    assert text, f"watcher {command} {option}"
    assert text.endswith(".")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is_for(name: str) -> None:
    assert str(Settings.model_fields[name].description).endswith(".")


def test_the_version_is_that_of_the_package() -> None:
    assert _run("--version") == (0, f"{version('watcher-etl')} ")


def test_without_a_command_it_helps() -> None:
    code, said = _run()

    assert code == 2
    assert all(command in said for command in PROGRAM.commands)


@pytest.mark.parametrize(
    "arguments", [("down",), ("api", "--nothing"), ("api", "--port", "x"), ("api", "left over")]
)
def test_what_it_does_not_understand_is_an_error_of_use(arguments: tuple[str, ...]) -> None:
    code, said = _run(*arguments)

    assert code == 2
    assert "--help" in said


@pytest.mark.parametrize("command", ["api", "up", "migrate"])
@pytest.mark.parametrize(
    ("port", "reason"),
    [("http", "a whole number"), ("0", "1 or more"), ("65536", "65535 or less"), ("", "a whole number")],
)
def test_a_bad_setting_is_named_as_it_was_set(command: str, port: str, reason: str) -> None:
    code, said = _run(command, WATCHER_PORT=port)

    assert code == 1
    assert "Watcher cannot go on: WATCHER_PORT: " in said
    assert reason in said
    assert "Traceback" not in said


def test_all_bad_settings_are_named_at_once() -> None:
    code, said = _run("api", WATCHER_PORT="0", WATCHER_LOG_LEVEL="loud", WATCHER_WORKERS="none")

    assert code == 1
    for name in ("WATCHER_PORT", "WATCHER_LOG_LEVEL", "WATCHER_WORKERS"):
        assert f"{name}: " in said


@pytest.mark.parametrize("command", ["api", "migrate"])
def test_without_a_database_it_says_where_to_name_one(command: str) -> None:
    code, said = _run(command)

    assert code == 1
    assert "WATCHER_DATABASE_URL" in said
    assert "watcher up" in said


def test_the_schema_can_be_printed_without_a_database() -> None:
    code, said = _run("migrate", "--sql")

    assert code == 0
    assert "CREATE TABLE pipeline_execution (" in said


@pytest.mark.parametrize("expression", [" ", "* * * *", "61 * * * *", "0 0 31 2 *", "often", "*/0 * * * *"])
def test_a_schedule_that_is_none_is_named_at_the_start(expression: str) -> None:
    code, said = _run("api", WATCHER_SCHEDULE_CHECK_FRESHNESS=expression)

    assert code == 1
    assert f"WATCHER_SCHEDULE_CHECK_FRESHNESS: {expression!r} is not a cron expression: " in said


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_without_a_broker_it_says_where_to_name_one(command: str) -> None:
    code, said = _run(command, WATCHER_DATABASE_URL="postgresql://nobody@nowhere/nothing")

    assert code == 1
    assert "WATCHER_BROKER_URL" in said


def test_a_bad_broker_is_refused_without_repeating_it() -> None:
    code, said = _run("worker", WATCHER_BROKER_URL="secret@host")

    assert code == 1
    assert "WATCHER_BROKER_URL: must look like redis://" in said
    assert "secret" not in said


def test_a_warning_comes_before_what_is_critical() -> None:
    code, said = _run("beat", WATCHER_QUEUE_WARNING="5", WATCHER_QUEUE_CRITICAL="4")

    assert code == 1
    assert "cannot go on: WATCHER_QUEUE_WARNING must not be more than WATCHER_QUEUE_CRITICAL" in said


@pytest.mark.parametrize("command", ["api", "up"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "no.such.host.invalid"])  # noqa: S104 (refused)
def test_strangers_are_not_served_without_keys(command: str, host: str) -> None:
    code, said = _run(command, "--host", host)

    assert code == 1
    assert "others than this machine could do everything without a key" in said
    assert "WATCHER_AUTHENTICATION=keys" in said
    assert "--insecure" in said


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (("--host", "192.0.2.1", "--insecure"), {}),
        (("--host", "192.0.2.1"), {"WATCHER_INSECURE": "true"}),
        (("--host", "192.0.2.1"), {"WATCHER_AUTHENTICATION": "keys"}),
        (("--host", "127.0.0.1"), {}),
        (("--host", "127.8.9.1"), {}),
        (("--host", "localhost"), {}),
        (("--host", "::1"), {}),
    ],
)
def test_who_says_so_and_who_stays_on_this_machine_goes_on(
    arguments: tuple[str, ...], settings: dict[str, str]
) -> None:
    code, said = _run("api", *arguments, **settings)

    assert code == 1
    assert "no PostgreSQL is named" in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"OIDC_ISSUER": "https://id.example"},
            "WATCHER_OIDC_AUDIENCE must be set where WATCHER_OIDC_ISSUER is",
        ),
        (
            {"OIDC_ISSUER": "https://id.example", "OIDC_AUDIENCE": "x"},
            "WATCHER_OIDC_ISSUER needs WATCHER_AUTHENTICATION=keys",
        ),
        (
            {"OIDC_ISSUER": "http://id.example", "OIDC_AUDIENCE": "x"},
            "WATCHER_OIDC_ISSUER must begin with https://",
        ),
        (
            {"OIDC_ISSUER": "https://id.example", "OIDC_AUDIENCE": "x", "OIDC_JWKS_URL": "http://id.example"},
            "WATCHER_OIDC_JWKS_URL must begin with https://",
        ),
        (
            {"OIDC_ISSUER": "https://id.example", "OIDC_AUDIENCE": "x", "OIDC_ALGORITHMS": "RS256,HS256"},
            "WATCHER_OIDC_ALGORITHMS must be some of RS256",
        ),
        (
            {"OIDC_ISSUER": "https://id.example", "OIDC_AUDIENCE": "x", "OIDC_SCOPES": "reed=x"},
            "WATCHER_OIDC_SCOPES must look like read=NAME",
        ),
        ({"KEY_PEPPER": "pepper"}, "WATCHER_KEY_PEPPER: must have 16 characters or more"),
        ({"AUTHENTICATION": "yes"}, "WATCHER_AUTHENTICATION: must be 'none' or 'keys'"),
        ({"OIDC_AUDIENCE": ""}, "WATCHER_OIDC_AUDIENCE: must not be empty"),
    ],
)
def test_settings_of_identity_that_contradict_are_named(settings: dict[str, str], said: str) -> None:
    code, found = _run("api", **{f"WATCHER_{name}": value for name, value in settings.items()})

    assert code == 1
    assert said in found
    assert "Traceback" not in found


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
    code, found = _run("api", **{f"WATCHER_{name}": value for name, value in settings.items()})

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
    code, said = _run(*command.split(), **environment)

    assert code == (2 if command == "doctor" else 1)
    assert f"WATCHER_{name}: cannot be read as postgresql://" in said
    assert "%2F" in said
    assert "sesame" not in said
    assert "open" not in said
    assert unreadable("WATCHER_DATABASE_URL", readable) is None

"""No secret is in what any program says, however much it says, in either form, and whatever goes wrong."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from typer.testing import CliRunner

from tests.broker import PASSWORD, Broker, private_broker
from tests.integration.keys import bearing, created
from tests.integration.programs import Program, free_port, program, until
from tests.integration.receivers import WebServer, listening
from tests.integration.refusing import REFUSED, Refusing
from tests.integration.test_http_checks import HOURLY, ago
from tests.issuer import Issuer, issuing
from tests.logs import logged
from tests.plain import PLAIN
from watcher.entrypoints.cli import app

DATABASE = "0f-the-database"
"""The part of its password that is the same in an URL and without one."""

IN_URL, IN_TRUTH = f"p%40{DATABASE}", f"p@{DATABASE}"
PEPPER = "pepper-0f-more-than-sixteen"
LOGFIRE = "secret-0f-logfire"
CHANNEL = ("user-0f-channel", "passwd-0f-channel", "path-0f-channel", "query-0f-channel")
KEYS = "/keys?token=token-0f-issuer"
WRONG = "wr0ng-password"
SECONDS = 90.0


@dataclass
class House:
    """All that has a secret, and the programs that know it."""

    dsn: str
    directory: Path
    broker: Broker
    web: WebServer
    refusing: Refusing
    issuer: Issuer
    form: str
    stack: ExitStack
    said: dict[str, Program] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        user, password, path, query = CHANNEL
        down = f"json://{user}:{password}@127.0.0.1:{free_port()}/{path}?method=POST&+token={query}"
        up = self.web.url(path, f"{user}:{password}@", **{"+token": query})
        parts = urlsplit(self.dsn)
        host = parts.netloc.rpartition("@")[2]
        return {
            "database_url": urlunsplit(parts._replace(netloc=f"{parts.username}:{IN_URL}@{host}")),
            "broker_url": self.broker.url,
            "authentication": "keys",
            "key_pepper": PEPPER,
            "oidc_issuer": self.issuer.url,
            "oidc_audience": self.issuer.audience,
            "oidc_jwks_url": f"{self.issuer.url}{KEYS}",
            "alert_channels": f"name=up url={up} name=down url={down}",
            "alert_schemes": "json",
            "logfire_token": LOGFIRE,
            "ingestion_trace_rate": "1",
            "log_level": "debug",
            "log_format": self.form,
            "workers": "1",
            "worker_concurrency": "1",
        }

    def begin(self, name: str, *arguments: str, **changes: str) -> Program:
        log = self.directory / f"{name}.log"
        running = self.stack.enter_context(program(log, *arguments, port=None, **(self.settings() | changes)))
        self.said[name] = running
        return running

    def refused(self) -> str:
        """The URL of a database that knows no password."""
        return self.refusing.url("watcher", IN_URL)

    def printed(self, command: list[str], **changes: str) -> str:
        """What a command prints and logs, in this process."""
        without = dict.fromkeys((name for name in os.environ if name.startswith("WATCHER_")), None)
        own = {f"WATCHER_{name.upper()}": value for name, value in (self.settings() | changes).items()}
        with logged() as log:
            run = CliRunner().invoke(app, command, env=without | own | {"NO_COLOR": "1", "COLUMNS": "300"})
        assert isinstance(run.exception, SystemExit | None), run.exception
        return f"{run.output}\n{log.getvalue()}"

    def leaks(self, secrets: Mapping[str, str]) -> list[tuple[str, str, str]]:
        """Each line with a secret: who said it, what is in it."""
        return [
            (name, what, line)
            for name, running in self.said.items()
            for line in running.log.splitlines()
            for what, secret in secrets.items()
            if secret in line
        ]


@pytest.fixture
def no_other_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.setenv("LOGFIRE_BASE_URL", f"http://127.0.0.1:{free_port()}")


@pytest.fixture(params=["text", "json"])
def house(
    request: pytest.FixtureRequest, fresh_database: str, tmp_path: Path, no_other_endpoint: None
) -> Iterator[House]:
    del no_other_endpoint
    web, refusing = WebServer(), Refusing()
    web.answers = [500] * 1_000
    with (
        private_broker(free_port()) as broker,
        issuing() as issuer,
        listening(web),
        listening(refusing),
        ExitStack() as stack,
    ):
        issuer.documents[KEYS] = issuer.documents["/keys"]
        yield House(fresh_database, tmp_path, broker, web, refusing, issuer, request.param, stack)


def secrets_with(key: str, token: str) -> dict[str, str]:
    return {
        "the password of the database": DATABASE,
        "the password of the broker": PASSWORD,
        "the token for the keys of the issuer": KEYS.partition("=")[2],
        "another password of the broker": WRONG,
        "the pepper": PEPPER,
        "a key": key.rpartition("_")[2],
        "a token": token.rpartition(".")[2],
        "Logfire's token": LOGFIRE,
    } | {each: each for each in CHANNEL}


def test_no_secret_is_ever_logged(house: House) -> None:
    key, token = created(house.dsn, "admin", key_pepper=PEPPER), house.issuer.token()
    for name in ("api", "worker", "beat"):
        house.begin(name, name)
    broken = _begin_broken(house)
    _is_used(house, key, token)
    for name, word in broken.items():
        until(lambda: word in house.said[name].log, SECONDS, f"{word} from {name}")  # noqa: B023
    assert set(house.refusing.passwords) == {IN_TRUTH}
    house.broker.kill()
    until(lambda: "onnection" in house.said["worker"].log, SECONDS, "the worker misses the broker")
    _is_asked(house, key)
    for name in ("api", "worker", "beat"):
        house.said[name].process.send_signal(signal.SIGTERM)
    for name in ("api", "worker", "beat"):
        house.said[name].exit_code(SECONDS)

    for name, running in house.said.items():
        assert len(running.log) > 20, f"{name} said nothing"
    assert _levels(house) >= {"debug", "info"}
    assert house.leaks(secrets_with(key, token)) == []


def _begin_broken(house: House) -> dict[str, str]:
    """Programs that are refused, by what they say of it."""
    refused, wrong = house.refused(), house.broker.url.replace(PASSWORD, WRONG)
    house.begin("api-refused", "api", database_url=refused)
    house.begin("worker-wrong", "worker", broker_url=wrong, logfire_token="")
    if house.form == "json":
        house.begin("worker-refused", "worker", database_url=refused, logfire_token="")
        house.begin("beat-wrong", "beat", broker_url=wrong)
    return {"api-refused": REFUSED, "worker-wrong": "invalid username-password"}


@pytest.mark.parametrize("house", ["text"], indirect=True)
def test_no_secret_is_ever_printed(house: House) -> None:
    """By commands that end; the migration of a database that is migrated is one, too."""
    key, token = created(house.dsn, "admin", key_pepper=PEPPER), house.issuer.token()
    for command in (["migrate"], ["doctor"], ["doctor", "--json"], ["key", "list"], ["alerts", "test"]):
        for changes in (
            {},
            {"database_url": house.refused()},
            {"broker_url": house.broker.url.replace(PASSWORD, WRONG)},
        ):
            said = house.printed(command, **changes)
            assert len(said) > 10, (command, changes)
            found = [what for what, secret in secrets_with(key, token).items() if secret in said]
            assert found == [], said
    assert set(house.refusing.passwords) == {IN_TRUTH}


def _is_used(house: House, key: str, token: str) -> None:
    """With good and bad keys and tokens; and something goes stale, of which channels that fail are told."""
    api = house.said["api"]
    api.await_ready(SECONDS)
    with api.client() as client:
        refusals = [
            client.get("/pipeline", headers={"Authorization": value})
            for value in (
                f"Bearer {key}x",
                f"Bearer {token}x",
                f"Basic {key}",
                f"{key}",
                f"Bearer {key} {key}",
            )
        ]
        assert {response.status_code for response in refusals} == {401}
        assert client.get("/pipeline", headers=bearing(token)).is_success
        client.headers.update(bearing(key))
        body = {"name": "orders", "pipeline_type_name": "load"} | HOURLY
        identity = client.post("/pipeline", json=body).raise_for_status().json()["id"]
        change = {"id": identity, "last_target_insert": ago(hours=2)}
        client.patch("/pipeline", json=change).raise_for_status()
        client.post("/freshness").raise_for_status()
    until(lambda: bool(house.web.posted), SECONDS, "an alert on its way")
    until(lambda: "send_alerts" in house.said["worker"].log, SECONDS, "the worker says that it sent")


def _is_asked(house: House, key: str) -> None:
    """Something that the broker would have to be told, and is told when it is there again: nobody waits for that."""
    url = house.said["api"].url
    response = httpx.post(f"{url}/freshness", headers=bearing(key), timeout=60, trust_env=False, verify=PLAIN)
    assert response.status_code == 200, response.text


def _levels(house: House) -> set[str]:
    """What the worker said by level, which is in every line."""
    log = house.said["worker"].log
    if house.form == "text":
        return {level.lower() for level in ("DEBUG", "INFO") if f" {level} " in log}
    return {json.loads(line)["level"] for line in log.splitlines() if line.startswith("{")}

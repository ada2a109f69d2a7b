"""Keys over HTTP: every process knows them, a revoked one stops everywhere, and no log ever has one."""

import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial

import httpx
import pytest

from tests.integration.clusters import Postgres
from tests.integration.conftest import Serve
from tests.integration.keys import bearing, created, identity, listed, watcher_key
from tests.integration.programs import Program, until
from tests.integration.wire import answer, problem
from tests.issuer import Issuer, issuing
from tests.plain import PLAIN

PEPPER = "pepper-of-more-than-sixteen"
SECONDS = 60.0
"""How long to wait for what takes five seconds on a machine that is not busy."""
REVOKED_SECONDS, SLACK_SECONDS = 5.0, 10.0
"""How long a revoked key may be accepted, and what a machine that is busy may add to it."""
IN_A_ROW = 12
"""So many answers, each on a connection of its own: likely of both processes of a server."""


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@cache
def client() -> httpx.Client:
    """It keeps no connection."""
    return httpx.Client(
        timeout=60, trust_env=False, verify=PLAIN, limits=httpx.Limits(max_keepalive_connections=0)
    )


def asked(api: Program, key: str | None, method: str = "GET", path: str = "/pipeline") -> httpx.Response:
    """The answer on a connection of its own, which any process of the server may take."""
    headers = {} if key is None else bearing(key)
    return client().request(method, api.url + path, headers=headers)


@contextmanager
def processes(*apis: Program) -> Iterator[list[httpx.Client]]:
    """For each process of these servers a client with a connection to that."""
    found: dict[int, httpx.Client] = {}
    with ExitStack() as stack:

        def connected(api: Program) -> bool:
            one = stack.enter_context(
                httpx.Client(base_url=api.url, timeout=60, trust_env=False, verify=PLAIN)
            )
            stream = one.get("/health/live").extensions["network_stream"]
            port = stream.get_extra_info("client_addr")[1]
            for child in api.children():
                if any(each.raddr and each.raddr.port == port for each in child.net_connections("tcp")):
                    found.setdefault(child.pid, one)
            return {child.pid for child in api.children()} <= found.keys()

        for api in apis:
            until(lambda api=api: connected(api), SECONDS, "a connection to each process")  # type: ignore[misc]
        yield list(found.values())


def is_accepted(client: httpx.Client, key: str) -> bool:
    response = client.get("/pipeline", headers=bearing(key))
    if not response.is_success:
        problem(response, 401)
    return response.is_success


def last_accepted(clients: Sequence[httpx.Client], key: str, revoked: float) -> float:
    """When a request was sent that was accepted last, in seconds after `revoked`; asked until nobody accepts it."""
    last, sent = 0.0, 0.0
    while sent < min(max(REVOKED_SECONDS, last + REVOKED_SECONDS / 2), SECONDS / 2):
        for client in clients:
            sent = time.monotonic() - revoked
            if is_accepted(client, key):
                last = sent
    return last


def test_a_key_works_in_every_process_until_it_is_revoked(serve: Serve, fresh_database: str) -> None:
    settings = {"authentication": "keys", "key_pepper": PEPPER, "workers": "2"}
    with (
        serve(fresh_database, ready=True, **settings) as one,
        serve(fresh_database, ready=True, **settings) as other,
        processes(one, other) as clients,
    ):
        assert len(clients) == 4
        assert asked(one, None).status_code == 401
        key, kept = (created(fresh_database, "write", key_pepper=PEPPER) for _ in range(2))
        for client in clients:
            for each in (key, kept):
                until(partial(is_accepted, client, each), SECONDS, "a new key is known to every process")
            problem(client.post("/freshness", headers=bearing(key)), 403)

        said = watcher_key(fresh_database, "revoke", key).stderr
        revoked = time.monotonic()
        assert "is revoked" in said
        assert key.rpartition("_")[2] not in said
        assert last_accepted(clients, key, revoked) <= REVOKED_SECONDS + SLACK_SECONDS
        for client in clients:
            answer(client.get("/pipeline", headers=bearing(kept)), 200)

    assert all(each["last_used_at"] is not None for each in listed(fresh_database))
    assert [each["state"] for each in listed(fresh_database)] == ["revoked", "usable"]


def test_a_key_expires_in_a_running_server(serve: Serve, fresh_database: str) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=12)
    key = created(fresh_database, "read", "--expires", expires.isoformat())
    with serve(fresh_database, authentication="keys", workers="1") as api:
        first = asked(api, key)
        assert first.is_success or datetime.now(UTC) >= expires
        until(lambda: asked(api, key).status_code == 401, SECONDS, "the key expires")
        assert datetime.now(UTC) >= expires


def test_without_the_database_known_keys_go_on_for_a_while_and_the_log_says_so(
    serve: Serve, durable: Postgres
) -> None:
    key = created(durable.dsn, "admin")
    with serve(durable.dsn, authentication="keys", workers="1", database_timeout="2") as api:
        answer(asked(api, key, "POST", "/freshness"), 200)
        durable.end(signal.SIGINT)
        try:
            until(
                lambda: "The API keys cannot be read: those known are good for" in _used(api, key),
                SECONDS,
                "it is said",
            )
            answer(asked(api, key, "POST", "/freshness"), 200)
            problem(asked(api, key), 503)
            assert asked(api, key[:-1] + ("a" if key[-1] != "a" else "b")).status_code == 401
            new = asked(api, f"wtc_{'z' * 8}_{'x' * 43}", "POST", "/freshness")
            problem(new, 503)
            assert new.headers["retry-after"] == "1"
        finally:
            durable.start()
        until(lambda: "The API keys can be read again" in _used(api, key), SECONDS, "it is said")
        answer(asked(api, key), 200)


def _used(api: Program, key: str) -> str:
    """The log after one more request."""
    asked(api, key, "POST", "/freshness")
    return api.log


def test_tokens_of_an_issuer_are_accepted_beside_keys(
    serve: Serve, fresh_database: str, issuer: Issuer
) -> None:
    key = created(fresh_database, "read")
    settings = {"oidc_issuer": issuer.url, "oidc_audience": issuer.audience}
    with serve(fresh_database, ready=True, authentication="keys", **settings) as api:
        answer(asked(api, key), 200)
        for _ in range(IN_A_ROW):
            answer(asked(api, issuer.token()), 200)
        problem(asked(api, issuer.token(), "POST", "/freshness"), 403)
        answer(asked(api, issuer.token(scope="watcher:admin"), "POST", "/freshness"), 200)
        problem(asked(api, issuer.token(aud="another")), 401)
    assert len(issuer.asked) <= 2 * 2, issuer.asked


def test_no_secret_is_ever_logged(serve: Serve, fresh_database: str, issuer: Issuer) -> None:
    """All that a run at the least level says, of good requests and of bad ones."""
    made = watcher_key(fresh_database, "create", "--name", "x", "--scope", "write", key_pepper=PEPPER)
    key, token = made.stdout.strip(), issuer.token()
    other = issuer.token(aud="another")
    settings = {"oidc_issuer": issuer.url, "oidc_audience": issuer.audience, "key_pepper": PEPPER}
    with serve(fresh_database, ready=True, authentication="keys", log_level="debug", **settings) as api:
        for bearer in (key, f"{key}x", key.upper(), token, f"{token}x", other):
            for method, path in (
                ("GET", "/pipeline"),
                ("POST", "/freshness"),
                ("GET", f"/pipeline?key={bearer}"),
            ):
                asked(api, bearer, method, path)
            headers = bearing(bearer) | {"Content-Type": "application/json"}
            with api.client() as client:
                client.post("/pipeline", headers=headers, content=b'{"name": ')
                client.post("/pipeline", headers=headers | {"X-Api-Key": bearer}, json={"name": 7})
            _broken_off(api, bearer)
        assert "Bearer" not in asked(api, f"{key}x").text
    text = f"{api.log}{made.stderr}".lower()
    assert identity(key) in made.stderr
    assert "watcher listens on" in text
    secrets = [key.split("_", 2)[2], PEPPER, *token.split(".")[1:], *other.split(".")[1:]]
    assert [secret for secret in secrets if secret.lower() in text] == []


def _broken_off(api: Program, bearer: str) -> None:
    """A request whose body never comes, and one that is no HTTP."""
    for text in (
        f"POST /pipeline HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\nContent-Length: 99\r\n\r\n{{",
        f"NONSENSE {bearer}\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", api.port), timeout=30) as connection:
            connection.sendall(text.encode())


def test_keys_are_made_listed_and_revoked_on_the_command_line(fresh_database: str) -> None:
    made = watcher_key(
        fresh_database, "create", "--name", "a [b]load[/b]", "--scope", "admin", "--expires", "90d"
    )
    key = made.stdout.strip()
    assert f"Key {identity(key)} may admin until 20" in made.stderr
    assert key not in made.stderr
    shown = watcher_key(fresh_database, "list").stdout
    assert identity(key) in shown
    assert "a [b]load[/b]" in shown
    assert key.split("_", 2)[2] not in shown
    (listed_key,) = listed(fresh_database)
    assert (listed_key["id"], listed_key["scope"], listed_key["state"]) == (identity(key), "admin", "usable")

    for arguments, code, said in (
        (("revoke", "nobody"), 1, "There is no key nobody."),
        (("create", "--name", "x", "--scope", "all"), 2, "--scope"),
        (("create", "--name", "x", "--scope", "read", "--expires", "soon"), 2, "an instant is needed"),
        (
            ("create", "--name", "x", "--scope", "read", "--expires", "2020-01-01"),
            1,
            "must lie in the future",
        ),
        (("create", "--name", " ", "--scope", "read"), 1, "must not be blank"),
    ):
        refused = watcher_key(fresh_database, *arguments)
        assert (refused.exit_code, said in refused.stderr) == (code, True), refused.stderr
    assert len(listed(fresh_database)) == 1

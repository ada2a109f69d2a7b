"""Who passes the gate: a scope for each route, a challenge for everybody else."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from watcher.container import Container, closing
from watcher.domain import callers
from watcher.domain.callers import Caller, CredentialsRefused, ScopeInsufficient
from watcher.domain.health import Signs
from watcher.entrypoints.http import gate
from watcher.entrypoints.http.app import create_app, routers_of, routes_of
from watcher.entrypoints.http.gate import Gate, scope_of
from watcher.settings import MEMORY, Settings

READ, WRITE, ADMIN = callers.Scope
SECRET = "db.internal.example:5432 does not answer."  # noqa: S105 (no password)
WITHOUT_KEY = {"/", "/health/live", "/health/ready"}
TRIGGERS = {"/freshness", "/timeliness", "/log_cleanup", "/celery/monitor-queue"}


@dataclass
class Named:
    """Callers whose tokens are their scopes; `slow` ones are only found."""

    asked: list[str] = field(default_factory=list)

    def known(self, token: str) -> Caller | None:
        return Caller(f"key:{token}", callers.Scope(token)) if token in set(callers.Scope) else None

    async def find(self, token: str) -> Caller:
        self.asked.append(token)
        if token.startswith("slow "):
            return Caller("oidc:slow", callers.Scope(token.removeprefix("slow ")))
        if token == "nothing":  # noqa: S105 (no password)
            return Caller("oidc:nobody", None)
        raise CredentialsRefused("it is not known")

    async def keep(self) -> None:
        """Nothing grows old."""

    async def close(self) -> None:
        """Nothing is open."""


class Away:
    """Signs of a store that does not answer."""

    async def read(self, now: datetime) -> Signs:  # noqa: ARG002
        return Signs(away=SECRET)


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Speaks with the whole application over a store in memory."""
    settings = Settings(database_url=SecretStr(MEMORY), authentication="keys")
    container = Container(settings=settings)
    named = Named()
    container.callers.override(named)
    async with closing(container):
        transport = httpx.ASGITransport(create_app(container))
        async with httpx.AsyncClient(transport=transport, base_url="http://watcher") as client:
            yield client


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def routes() -> list[APIRoute]:
    container = Container(settings=Settings(database_url=SecretStr(MEMORY)))
    return routes_of(routers_of(container.watcher()))


def test_a_scope_includes_those_before_it() -> None:
    held = {scope: [needed for needed in callers.Scope if scope.includes(needed)] for scope in callers.Scope}
    assert held == {READ: [READ], WRITE: [READ, WRITE], ADMIN: [READ, WRITE, ADMIN]}


def test_a_caller_without_scope_may_do_nothing() -> None:
    with pytest.raises(ScopeInsufficient, match="no scope of Watcher's"):
        Caller("oidc:nobody", None).require(READ)


def test_what_reads_needs_read_what_pipelines_send_write_and_what_sets_off_work_admin() -> None:
    found = routes()
    assert len(found) > 35
    for route in found:
        (method,) = tuple(route.methods or ())
        needed = READ if method == "GET" else WRITE
        expected = None if route.path in WITHOUT_KEY else ADMIN if route.path in TRIGGERS else needed
        assert scope_of(route) is expected, (method, route.path)


def test_a_route_that_does_not_say_what_it_needs_is_found_at_the_start() -> None:
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> None:
        """Without `openapi_extra`."""

    found = [route for route in router.routes if isinstance(route, APIRoute)]
    with pytest.raises(TypeError, match="/forgotten does not say"):
        gate.install(FastAPI(), found, None)


async def test_without_a_key_there_is_a_challenge(client: httpx.AsyncClient) -> None:
    answer = await client.get("/pipeline")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="watcher"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "credentials-missing",
        "title": "Credentials missing",
        "status": 401,
        "detail": "This needs a key: send it as `Authorization: Bearer <key>`.",
    }


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer ", "Bearer", "bearer  wrong", f"Bearer {'x' * 8_193}", "Bearer a b"]
)
async def test_a_token_that_is_not_good_is_refused(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.get("/pipeline", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="watcher", error="invalid_token"'
    assert answer.json()["type"] == "credentials-refused"
    assert "wrong" not in answer.text


@pytest.mark.parametrize("header", ["Basic cmVhZDpyZWFk", "read", "", "Digest read"])
async def test_other_schemes_are_no_credentials(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.get("/pipeline", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["type"]) == (401, "credentials-missing")


async def test_what_is_not_ascii_or_sent_twice_is_refused(client: httpx.AsyncClient) -> None:
    for headers in (
        [(b"Authorization", b"Bearer r\xc3\xa9ad")],
        [(b"Authorization", b"Bearer read"), (b"Authorization", b"Bearer admin")],
    ):
        answer = await client.get("/pipeline", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (401, "credentials-refused")


async def test_the_scheme_is_read_in_any_spelling(client: httpx.AsyncClient) -> None:
    assert (await client.get("/pipeline", headers={"Authorization": "bEARER read"})).status_code == 200


@pytest.mark.parametrize("path", sorted(WITHOUT_KEY | {"/docs", "/openapi.json"}))
async def test_health_and_the_description_need_no_key(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200
    assert (await client.get(path, headers=bearing("wrong"))).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/pipeline", "read", 200),
        ("GET", "/pipeline/1", "read", 404),
        ("GET", "/pipeline/1", "slow read", 404),
        ("POST", "/pipeline", "read", 403),
        ("POST", "/pipeline", "write", 422),
        ("POST", "/pipeline", "nothing", 403),
        ("PATCH", "/pipeline", "read", 403),
        ("PATCH", "/pipeline", "admin", 422),
        ("POST", "/end_pipeline_execution", "read", 403),
        ("POST", "/end_pipeline_execution", "write", 422),
        ("POST", "/freshness", "write", 403),
        ("POST", "/freshness", "admin", 200),
        ("POST", "/log_cleanup", "write", 403),
        ("POST", "/log_cleanup", "admin", 422),
        ("POST", "/freshness%0A", "write", 404),
        ("POST", "/log_cleanup%0A", "admin", 404),
        ("POST", "/pipeline%0A", "write", 404),
        ("GET", "/nowhere", "read", 404),
        ("DELETE", "/pipeline", "read", 405),
        ("POST", "/", "read", 405),
    ],
)
async def test_a_scope_opens_what_needs_it(
    client: httpx.AsyncClient, method: str, path: str, token: str, status: int
) -> None:
    answer = await client.request(method, path, json={}, headers=bearing(token))
    assert answer.status_code == status, answer.text
    if status == 403:
        needed = "admin" if token == "write" else "write"  # noqa: S105
        expected = f'Bearer realm="watcher", error="insufficient_scope", scope="{needed}"'
        assert answer.headers["www-authenticate"] == expected
        assert answer.json()["type"] == "scope-insufficient"


@pytest.mark.parametrize("path", ["/nowhere", "/pipeline/", "/pipeline//", "/docs/", "/health/ready/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "HEAD", "TRACE"])
async def test_what_no_route_has_takes_a_key(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await client.request(method, path)).status_code == 401


@pytest.mark.parametrize("path", sorted(WITHOUT_KEY | {"/docs", "/openapi.json"}))
async def test_what_is_open_needs_no_key_by_whatever_method(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.head(path)).status_code == 200
    for method in ("POST", "OPTIONS", "DELETE"):
        refused = await client.request(method, path)
        assert refused.status_code == 405
        assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize(("path", "status"), [("/pipeline", 200), ("/pipeline/1", 404), ("/freshness", 405)])
async def test_a_head_takes_the_key_of_the_get(client: httpx.AsyncClient, path: str, status: int) -> None:
    assert (await client.head(path)).status_code == 401
    assert (await client.head(path, headers=bearing("nothing"))).status_code == 403
    assert (await client.head(path, headers=bearing("read"))).status_code == status


async def test_strangers_are_told_how_each_part_is_and_no_more(client: httpx.AsyncClient) -> None:
    whole = (await client.get("/health/ready", headers=bearing("read"))).json()
    assert any(part["detail"] for part in whole["parts"].values())
    for headers in ({}, bearing("wrong"), bearing("nothing"), {"Authorization": "Basic x"}):
        short = (await client.get("/health/ready", headers=headers)).json()
        assert short["parts"] == {
            name: {"state": part["state"], "detail": None, "at": None}
            for name, part in whole["parts"].items()
        }
        assert short.keys() <= {"status", "parts", "impaired"}
    for token in ("slow read", "write", "admin"):
        told = (await client.get("/health/ready", headers=bearing(token))).json()
        assert told["parts"] == whole["parts"]


async def test_strangers_are_not_told_why_a_part_is_missing() -> None:
    container = Container(settings=Settings(database_url=SecretStr(MEMORY), authentication="keys"))
    container.callers.override(Named())
    container.vitals.override(Away())
    transport = httpx.ASGITransport(create_app(container))
    async with httpx.AsyncClient(transport=transport, base_url="http://watcher") as client:
        short, whole = [
            await client.get("/health/ready", headers=headers) for headers in ({}, bearing("read"))
        ]

    assert (short.status_code, whole.status_code) == (503, 503)
    assert whole.json()["detail"] == whole.json()["parts"]["database"]["detail"] == SECRET
    assert SECRET not in short.text
    assert short.json()["detail"] == "Not as it should be: database, migrations, beat, sweep."
    assert short.json()["parts"]["database"] == {"state": "failed", "detail": None, "at": None}


async def test_a_known_bearer_is_not_looked_for_again() -> None:
    named, seen = Named(), []

    async def app(connection: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        seen.append(gate.caller_of(connection))

    async def nothing() -> dict[str, object]:
        return {"type": "http.request"}

    async def told(_: object) -> None:
        """Nobody listens."""

    door = Gate(app, routes(), named)
    for token in (b"write", b"slow write"):
        headers = [(b"authorization", b"Bearer " + token)]
        request = {"type": "http", "method": "POST", "path": "/pipeline", "headers": headers}
        await door(request, nothing, told)
    await door({"type": "http", "method": "GET", "path": "/", "headers": []}, nothing, told)
    assert seen == [Caller("key:write", WRITE), Caller("oidc:slow", WRITE), None]
    assert named.asked == ["slow write"]


async def test_the_document_says_who_may_do_what(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    paths = document["paths"]
    assert paths["/pipeline"]["get"]["security"] == [{"bearer": ["read"]}]
    assert paths["/pipeline"]["post"]["security"] == [{"bearer": ["write"]}]
    assert paths["/freshness"]["post"]["security"] == [{"bearer": ["admin"]}]
    for path, operations in paths.items():
        for operation in operations.values():
            refusals = {"401", "403"} & operation["responses"].keys()
            assert refusals == (set() if path in WITHOUT_KEY else {"401", "403"}), path
            optional = path == "/health/ready"
            assert (operation["security"] == []) == (path in WITHOUT_KEY and not optional)
    assert paths["/health/ready"]["get"]["security"] == [{}, {"bearer": ["read"]}]


def test_where_everybody_may_do_everything_the_document_says_nothing_of_keys() -> None:
    container = Container(settings=Settings(database_url=SecretStr(MEMORY)))
    document = create_app(container).openapi()
    assert "securitySchemes" not in document["components"]
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "security" not in operation
            assert not {"401", "403"} & operation["responses"].keys()

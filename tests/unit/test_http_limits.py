"""The application without a server: what it does when there is too much to do, and when something breaks."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import httpx
import pytest
from dependency_injector import providers
from pydantic import SecretStr
from starlette.types import Message, Receive, Send
from starlette.types import Scope as Connection

from watcher.container import Container
from watcher.domain.callers import Caller, Scope
from watcher.domain.health import Signs
from watcher.entrypoints.http.app import create_app
from watcher.entrypoints.http.crowd import AtMost, Crowd, ServerIsBusy
from watcher.entrypoints.http.problems import BadRequest
from watcher.entrypoints.http.rate_limited import caller_of
from watcher.entrypoints.http.request_bodies import LEAST_ROOM, Body, ContentIsNotGzip, Room, Unpacking
from watcher.settings import MEMORY, Settings

LIMIT = 3


class Broken:
    """Vitals that cannot be read for a reason nobody foresaw."""

    async def read(self, now: datetime) -> Signs:
        raise RuntimeError(f"the secret of the house, at {now}")


@pytest.fixture
def container() -> Container:
    return Container(settings=Settings(database_url=SecretStr(MEMORY), request_limit=LIMIT))


@asynccontextmanager
async def asking(container: Container) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(container), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://watcher") as client:
        yield client


async def test_what_breaks_inside_stays_inside(container: Container) -> None:
    container.vitals.override(providers.Object(Broken()))
    async with asking(container) as client:
        answer = await client.get("/health/ready")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json() == {
        "type": "internal-server-error",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "Something went wrong inside Watcher; its log says more.",
    }


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/pipeline"), ("GET", "/pipeline"), ("GET", "/nothing")]
)
async def test_a_crowd_has_a_limit(container: Container, method: str, path: str) -> None:
    async with asking(container) as client:
        app = client._transport.app  # type: ignore[attr-defined]
        crowd = next(each.kwargs["crowd"] for each in app.user_middleware if "crowd" in each.kwargs)
        with crowd, crowd, crowd:
            refused = await client.request(method, path, content=b"{}")
            assert (await client.get("/health/live")).status_code == 200
        served = await client.request(method, path, content=b"{}")

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "server-is-busy"
    assert served.status_code != 503


async def test_requests_are_of_the_crowd_as_long_as_they_are_worked_on() -> None:
    crowd = Crowd(2)
    with crowd:
        with crowd, pytest.raises(ServerIsBusy), crowd:
            pass
        crowd.require_room()
    with pytest.raises(RuntimeError), crowd:
        raise RuntimeError
    with crowd, crowd, pytest.raises(ServerIsBusy):
        crowd.require_room()


async def test_who_does_not_read_an_answer_takes_nobodys_place() -> None:
    begun, reading = asyncio.Event(), asyncio.Event()

    async def app(scope: Connection, receive: Receive, send: Send) -> None:  # noqa: ARG001
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def unread(_: Message) -> None:
        begun.set()
        await reading.wait()

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    crowd = Crowd(1)
    asked = asyncio.create_task(AtMost(app, crowd)({"type": "http", "path": "/pipeline"}, nothing, unread))
    await begun.wait()
    crowd.require_room()
    reading.set()
    await asked
    with crowd, pytest.raises(ServerIsBusy):
        crowd.require_room()


async def test_who_is_slow_to_send_a_body_takes_nobodys_place(container: Container) -> None:
    sending = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"name": "slow",'
        await sending.wait()
        yield b' "pipeline_type_name": "load"}'

    async with asking(container) as client:
        posts = [asyncio.create_task(client.post("/pipeline", content=slow())) for _ in range(LIMIT + 2)]
        await asyncio.sleep(0.05)
        assert (await client.get("/pipeline")).status_code == 200
        sending.set()
        assert {(await post).status_code for post in posts} == {200, 201}


async def test_a_process_holds_so_much_of_bodies_and_no_more() -> None:
    room = Room(LEAST_ROOM)
    bodies = [Body(room) for _ in range(3)]
    for body in bodies[:2]:
        assert await body.read(scope(), received(b"{}")) == b"{}"
    room.take(16 * LEAST_ROOM - 5)
    with pytest.raises(ServerIsBusy):
        await bodies[2].read(scope(), received(b"{}"))
    for body in bodies:
        body.release()
        body.release()
    room.take(5)
    with pytest.raises(ServerIsBusy):
        room.take(1)


async def test_a_bomb_is_never_held_beyond_the_limit() -> None:
    room = Room(1_000)
    body = Body(room)
    with pytest.raises(BadRequest) as refusal:
        await body.read(scope(("content-encoding", "gzip")), received(gzip.compress(b" " * 500_000)))
    assert refusal.value.status == 413
    assert len(body._content) == 1_001


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_a_gzip_may_come_in_any_parts(size: int) -> None:
    plain = b"watcher " * 500
    packed = gzip.compress(plain[:100]) + gzip.compress(plain[100:])
    unpacking = Unpacking()

    found = b"".join(unpacking.part(packed[at : at + size], 10_000) for at in range(0, len(packed), size))

    unpacking.require_whole()
    assert found == plain


def test_a_gzip_has_not_too_many_members() -> None:
    with pytest.raises(ContentIsNotGzip):
        Unpacking().part(gzip.compress(b"") * 101, 10)


@pytest.mark.parametrize(
    ("client", "headers", "caller"),
    [
        (("10.0.0.1", 5), (), "address:10.0.0.1"),
        (("10.0.0.1", 5), (("authorization", "Bearer wtc_ab12_secret_x"),), "address:10.0.0.1"),
        (("2001:db8:1:2:3:4:5:6", 5), (), "address:2001:db8:1:2::"),
        (("::ffff:10.0.0.1", 5), (), "address:10.0.0.1"),
        (("fe80::1%eth0", 5), (), "address:fe80::"),
        (("testclient", 5), (), "address:testclient"),
        (None, (), "local"),
    ],
)
def test_a_stranger_is_an_address_whatever_he_says(
    client: tuple[str, int] | None, headers: Sequence[tuple[str, str]], caller: str
) -> None:
    assert caller_of(scope(*headers) | {"client": client}) == caller


def test_a_caller_is_who_the_gate_says() -> None:
    known = {"watcher.caller": Caller("key:ab12", Scope.READ), "client": ("10.0.0.1", 5)}
    assert caller_of(scope() | known) == "key:ab12"


def scope(*headers: tuple[str, str]) -> dict[str, object]:
    return {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in headers]}


def received(content: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": content}

    return receive

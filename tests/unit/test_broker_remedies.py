"""What a broker that cannot be used is said to be, and what to do about it."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from socket import gaierror

import pytest
from amqp.exceptions import AccessRefused
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from watcher import bus
from watcher.adapters.bus.application import application
from watcher.adapters.bus.clockwork import Clockwork
from watcher.adapters.bus.connection import answering, redis
from watcher.adapters.bus.remedies import unavailable
from watcher.domain.jobs import JOBS
from watcher.domain.queues import BrokerUnavailable
from watcher.settings import Settings

REFUSED = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
UNKNOWN = gaierror(-2, "Name or service not known")


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def asked(url: str) -> BrokerUnavailable:
    async def ask() -> None:
        client = redis(url)
        try:
            async with answering():
                await client.ping()
        finally:
            await client.aclose()

    with pytest.raises(BrokerUnavailable) as caught:
        asyncio.run(ask())
    return caught.value


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_wrong_password_is_told_apart_without_a_word_of_it() -> None:
    async def run() -> BrokerUnavailable:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1_000):
                writer.write(REFUSED * 3)
            writer.close()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await asyncio.to_thread(asked, f"redis://:hidden-word@127.0.0.1:{port}/0")

    found = asyncio.run(run())
    assert found.reason == "it is there and refuses user or password"
    assert "hidden-word" not in f"{found} {found.advice}"
    assert "WATCHER_BROKER_URL" in (found.advice or "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_that_nothing_listens_on_is_told_apart(host: str) -> None:
    assert asked(f"redis://{host}:{closed_port()}/0").reason == "nothing listens there"


def test_a_host_that_nobody_knows_is_told_apart() -> None:
    found = unavailable(
        RedisConnectionError("Error -2 connecting to nowhere:6379. Name or service not known.")
    )
    assert found.reason == "no machine is known by the name of its host"
    assert "nowhere" not in f"{found} {found.advice}"


def test_a_server_that_says_nothing_is_told_apart(silent: int) -> None:
    assert asked(f"redis://127.0.0.1:{silent}/0").reason == "nothing answered in time"


def test_a_socket_that_is_not_there_is_told_apart() -> None:
    assert asked("redis+socket:///nowhere/redis.sock").reason == "there is no such socket"


def test_brokers_of_other_kinds_are_told_in_the_same_words() -> None:
    async def ask() -> None:
        queues = bus.queues(
            Settings.model_validate({"broker_url": f"amqp://x:y@127.0.0.1:{closed_port()}//"})
        )
        await queues.backlog(datetime.now(UTC))

    with pytest.raises(BrokerUnavailable, match="nothing listens there"):
        asyncio.run(ask())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (lambda: AccessRefused("no"), "it is there and refuses user or password"),
        (lambda: OSError("Multiple exceptions: [Errno 111] Connect call failed"), "nothing listens there"),
        (lambda: UNKNOWN, "no machine is known by the name of its host"),
        (lambda: ZeroDivisionError("of nobody's"), "ZeroDivisionError"),
    ],
)
def test_what_the_driver_raises_is_put_in_words(error: Callable[[], Exception], reason: str) -> None:
    found = unavailable(error())
    assert (found.reason, bool(found.advice)) == (reason, True)


def test_a_beat_that_tries_again_names_what_it_misses_and_the_setting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = application(f"amqp://x:hidden-word@127.0.0.1:{closed_port()}//", JOBS, {}, impatient=False)
    app.conf.broker_connection_max_retries = 1
    with pytest.raises(OperationalError):
        Clockwork(app=app, lazy=True)._ensure_connected()
    (said, *_) = caplog.messages
    assert said.startswith("The broker is not available: nothing listens there. It is tried again in ")
    assert "WATCHER_BROKER_URL" in said
    assert "hidden-word" not in caplog.text

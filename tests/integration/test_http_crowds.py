"""Two thousand connections at once: each is answered, or refused and told when to come back; none hangs."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.integration.conftest import Serve
from tests.integration.programs import Program
from tests.integration.wire import answer

CROWD = 2_000
SECONDS = 120.0
BODY = b'{"name": "orders", "pipeline_type_name": "load"}'
REQUEST = b"POST /pipeline HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
BROKEN = 0
"""Stands for the status of a connection that was closed without an answer."""


@pytest.fixture(scope="module")
def usual(serve: Serve, database: str) -> Iterator[Program]:
    with serve(database, workers="2") as program:
        yield program


@pytest.fixture(scope="module")
def small(serve: Serve, database: str) -> Iterator[Program]:
    with serve(database, workers="2", connection_limit="100", request_limit="10") as program:
        yield program


async def test_two_thousand_connections_are_answered_or_refused(usual: Program) -> None:
    statuses = await _crowd(usual, CROWD)

    assert set(statuses) <= {200, 201, 503}
    assert statuses[200] + statuses[201] > 0
    _require_well(usual)


async def test_a_server_that_may_do_little_refuses_most_of_them_and_works_on(small: Program) -> None:
    statuses = await _crowd(small, CROWD)

    assert set(statuses) <= {200, 201, 503, BROKEN}
    assert statuses[200] + statuses[201] > 0
    assert statuses[503] > 0
    _require_well(small)


def _require_well(program: Program) -> None:
    with program.client() as client:
        assert answer(client.get("/health/ready"), 200)["status"] == "ok"
        assert client.post("/pipeline", content=BODY).status_code == 200
    assert "Traceback" not in program.log


async def _crowd(program: Program, size: int) -> Counter[int]:
    """The statuses that so many clients see who connect first, and then ask all at once."""
    here = asyncio.Barrier(size)
    async with asyncio.timeout(SECONDS):
        seen = Counter(await asyncio.gather(*(_asked(program, here) for _ in range(size))))
    assert seen.total() == size
    return seen


async def _asked(program: Program, here: asyncio.Barrier) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    await here.wait()
    try:
        writer.write(REQUEST)
        received = await reader.read(100_000)
        while part := await reader.read(100_000):
            received += part
    except ConnectionError:
        return BROKEN
    finally:
        writer.close()
    if not received:
        return BROKEN
    status = int(received.split()[1])
    assert status != 503 or b"\r\nretry-after: " in received.lower()
    return status

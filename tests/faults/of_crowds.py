"""Clients that are too many, too slow or too loud. The others are served meanwhile."""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from tests.faults.crowd import Answer, Connection, crowd
from tests.faults.fault import Fault, Scene
from tests.faults.load import Asked
from tests.faults.system import Stage
from tests.server import fetch

CROWD = 2_000
SLOW = 400
HEAD_SECONDS, BODY_SECONDS = 10.0, 15.0
SLOW_SECONDS = 20.0
DRIP_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
LONGEST_SECONDS = 15.0
"""Of a client's request beside a crowd: however many wait, one statement serves hundreds."""

GROWTH = 400 << 20
"""Bytes by which both processes together may have grown while they are sent what is too large."""

LARGE = 64 << 20
REFUSALS = {"announced 64 MiB": 413, "streamed 64 MiB": 413, "100,000 levels": 422, "1 MiB of headers": 431}
LIMITS = {"WATCHER_REQUEST_LIMIT": "100", "WATCHER_CONNECTION_LIMIT": "300"}
PATH = "/start_pipeline_execution"
STARTED = "SELECT e.external_id, e.id FROM pipeline_execution AS e WHERE e.pipeline_id = $1"


@contextmanager
def beside(work: Coroutine[Any, Any, None]) -> Iterator[None]:
    """The work is done by a thread of its own, and over with the block, which raises what it raised."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(asyncio.run, work)
        yield
        future.result()


@contextmanager
def _many(scene: Scene, *, limited: bool) -> Iterator[None]:
    """All connect; when all have, all ask at once; who is refused asks again, until all were served. With `limited`
    some have to be refused.
    """
    pipeline = _pipeline(scene)
    answers: list[Answer] = []
    acknowledged: dict[str, int] = {}
    began = time.monotonic()

    async def one(number: int, connected: asyncio.Barrier) -> None:
        connection = await Connection.to(scene.system.port)
        await connected.wait()
        name = f"crowd {number}"
        while True:
            answer = await connection.posts(PATH, {"pipeline_id": pipeline, "external_id": name})
            answers.append(answer)
            if answer.status in (200, 201):
                acknowledged[name] = answer.content()["id"]
                break
            await asyncio.sleep(0.5)
            if answer.status is None:
                await connection.close()
                connection = await Connection.to(scene.system.port)
        await connection.close()

    async def all_of_them() -> None:
        connected = asyncio.Barrier(CROWD)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(one(number, connected) for number in range(CROWD)))

    with beside(all_of_them()):
        pass
    _noted(scene, answers, time.monotonic() - began)
    if limited:
        scene.demand(any(answer.status == 503 for answer in answers), "nobody was refused")
    scene.demand(len(acknowledged) == CROWD, f"{len(acknowledged)} of {CROWD} were served in the end")
    stored = asyncio.run(fetch(scene.system.dsn, STARTED, pipeline))
    scene.demand(
        sorted(map(str, stored)) == sorted(map(str, acknowledged.items())),
        f"{len(stored)} runs of the crowd are on record, {len(acknowledged)} were acknowledged",
    )
    _others_were_served(scene, began)
    yield


def _pipeline(scene: Scene) -> int:
    with scene.system.api.client() as client:
        body = {"name": "crowd", "pipeline_type_name": "load"}
        return int(client.post("/pipeline", json=body).raise_for_status().json()["id"])


def _noted(scene: Scene, answers: list[Answer], seconds: float) -> None:
    seen = Counter(answer.status for answer in answers)
    words = ", ".join(f"{count:,} x {status or 'no answer'}" for status, count in seen.most_common())
    longest = max(answer.seconds for answer in answers)
    scene.noted.append(f"the {CROWD:,}: {words}, slowest {longest:.1f} s, all served within {seconds:.1f} s")
    scene.demand(set(seen) <= {200, 201, 503, None}, f"answers to the crowd: {seen}")
    scene.demand(
        not any(answer.status == 503 and not answer.hinted for answer in answers), "503 without Retry-After"
    )


def _others_were_served(scene: Scene, began: float) -> None:
    """By the load's own clients, while all this went on."""
    meanwhile = [each for each in scene.load.asked if each.at > began]
    scene.demand(any(each.served for each in meanwhile), "nobody else was served")
    slowest = max((each.seconds for each in meanwhile), default=0.0)
    scene.demand(slowest < LONGEST_SECONDS, f"another client waited {slowest:.1f} s")
    before = [each for each in scene.load.asked if each.over <= began]
    scene.noted.append(f"others waited {_waited(meanwhile)}, and {_waited(before)} before")


def _waited(asked: Sequence[Asked]) -> str:
    """By half of those who were served, and by all but one of a hundred."""
    seconds = sorted(each.seconds for each in asked if each.served) or [0.0]
    half, most = (1_000 * seconds[int(part * len(seconds))] for part in (0.5, 0.99))
    return f"{half:.0f} ms ({most:.0f} ms at the 99th percentile)"


@contextmanager
def _slow(scene: Scene) -> Iterator[None]:
    """Half of them send their headers, the others their bodies, a byte a second; none comes to an end."""
    began = time.monotonic()
    told: list[tuple[str, Answer]] = []

    async def one(number: int) -> None:
        connection = await Connection.to(scene.system.port)
        kind = "headers" if number % 2 else "body"
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n"
        await connection.sends(head if number % 2 else f"{head}Content-Length: 100000\r\n\r\n")
        answer = asyncio.create_task(connection.answer())
        while time.monotonic() - began < SLOW_SECONDS and not answer.done():
            await asyncio.wait([answer], timeout=DRIP_SECONDS)
            if not answer.done():
                await connection.sends("x: y\r\n" if number % 2 else " ")
        if answer.done():
            told.append((kind, await answer))
        answer.cancel()
        await asyncio.wait([answer])
        await connection.close()

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(SLOW)))

    with beside(all_of_them()):
        yield
    for kind, seconds in (("headers", HEAD_SECONDS), ("body", BODY_SECONDS)):
        answers = [answer for which, answer in told if which == kind]
        statuses = Counter(answer.status for answer in answers)
        longest = max((answer.seconds for answer in answers), default=0.0)
        words = ", ".join(f"{count} x {status or 'cut off'}" for status, count in statuses.items())
        scene.noted.append(f"slow {kind}: {words}, within {longest:.1f} s")
        scene.demand(
            set(statuses) <= {408, None} and statuses[408] > 0 and statuses.total() == SLOW // 2,
            f"slow {kind} of {SLOW // 2} clients: {statuses}",
        )
        scene.demand(longest < 2 * seconds, f"slow {kind} was borne for {longest:.1f} s")
    _others_were_served(scene, began)


@contextmanager
def _large(scene: Scene) -> Iterator[None]:
    """Each is refused, or its connection is; none is read to the end."""
    began, before = time.monotonic(), scene.system.memory()
    answers: list[tuple[str, Answer]] = []
    deep = b'{"pipeline_id": 1, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    port = scene.system.port

    async def all_of_them() -> None:
        for _ in range(3):
            found = await asyncio.gather(
                crowd(port, 8, lambda each: each.announces(PATH, LARGE)),
                crowd(port, 8, lambda each: each.streams(PATH, LARGE)),
                crowd(port, 8, lambda each: each.posts_bytes(PATH, deep)),
                crowd(port, 8, lambda each: each.has_headers(PATH, 1 << 20)),
            )
            answers.extend(
                (kind, each) for kind, group in zip(REFUSALS, found, strict=True) for each in group
            )

    with beside(all_of_them()):
        yield
    grown = scene.system.memory() - before
    seen = Counter((kind, answer.status) for kind, answer in answers)
    scene.noted += [
        f"{kind}: {count} x {status or 'cut off'}" for (kind, status), count in sorted(seen.items(), key=str)
    ]
    scene.noted.append(f"the API grew by {grown / 1e6:.0f} MB")
    for kind, status in REFUSALS.items():
        scene.demand(
            {each for which, each in seen if which == kind} <= {status, None} and seen[kind, status] > 0,
            f"{kind} is not answered {status}: {seen}",
        )
    scene.demand(grown < GROWTH, f"the API grew by {grown:,} bytes")
    _others_were_served(scene, began)


def too_few_files() -> str | None:
    """Why so many connections cannot be held here, if they cannot; the limit is raised to what is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CROWD
    if hard != resource.RLIM_INFINITY and hard < wanted:
        return f"a process may open {hard} files only"
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return None


FAULTS = (
    Fault(
        "crowd",
        f"{CROWD:,} connections are opened, and then all start a run at once",
        partial(_many, limited=False),
        seconds=1,
        obstacle=too_few_files,
    ),
    Fault(
        "crowd-limited",
        "the same, where a process works on 100 requests and serves 300 connections at a time",
        partial(_many, limited=True),
        seconds=1,
        stage=Stage(settings=LIMITS),
        obstacle=too_few_files,
    ),
    Fault(
        "slowloris",
        f"{SLOW} connections send headers, or bodies, of which a byte or a line comes every second; "
        f"a head may take {HEAD_SECONDS:.0f} s, a body {BODY_SECONDS:.0f} s",
        _slow,
        stage=Stage(settings={"WATCHER_BODY_TIMEOUT": f"{BODY_SECONDS}"}),
        seconds=SLOW_SECONDS,
        unnoticed=True,
    ),
    Fault(
        "oversized",
        "96 requests of 64 MiB, of 100,000 levels, or with 1 MiB of headers",
        _large,
        seconds=1,
        unnoticed=True,
    ),
)

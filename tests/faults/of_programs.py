"""Processes of Watcher that are killed by SIGKILL, in their work."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psutil

from tests.faults.fault import Fault, Scene
from tests.integration.programs import resume, suspended, until
from tests.server import fetch

TIMES = 3
AT_WORK = "SELECT message, attempts FROM job_attempt"


@contextmanager
def tasks_killed(scene: Scene) -> Iterator[None]:
    """The processes that do the work, in the middle of a job; their parent makes new ones."""
    left: set[tuple[object, ...]] = set()
    for _ in range(TIMES):
        tree = _caught_at_work(scene, left)
        for each in tree[1:]:
            each.kill()
        tree[0].resume()
    scene.noted.append(f"{len(left)} jobs interrupted")
    yield


@contextmanager
def _worker_killed(scene: Scene) -> Iterator[None]:
    """Parent and all, in the middle of a job; a new one begins at the end."""
    left: set[tuple[object, ...]] = set()
    for each in _caught_at_work(scene, left):
        each.kill()
    scene.system.worker.process.wait()
    scene.noted.append(f"{len(left)} jobs interrupted")
    try:
        yield
    finally:
        scene.system.begin("worker", "worker", "--concurrency", "2")


def _caught_at_work(scene: Scene, left: set[tuple[object, ...]]) -> list[psutil.Process]:
    """The worker's processes, stopped in the middle of a job that is added to those which were `left` so."""
    found: list[psutil.Process] = []

    def caught() -> bool:
        tree = suspended(psutil.Process(scene.system.worker.process.pid))
        if begun := set(asyncio.run(fetch(scene.system.dsn, AT_WORK))) - left:
            left.update(begun)
            found[:] = tree
            return True
        resume(tree)
        return False

    until(caught, 60, "a worker at work")
    return found


@contextmanager
def _api_worker_killed(scene: Scene) -> Iterator[None]:
    """One of the two processes that serve, and its successor, and so on."""
    for _ in range(TIMES):
        before = set(scene.system.api.children())
        next(iter(before)).kill()
        until(partial(_has_others, scene, before), 30, "a new process")
        scene.lasts()
    yield


def _has_others(scene: Scene, before: set[psutil.Process]) -> bool:
    return bool(set(scene.system.api.children()) - before)


@contextmanager
def _api_killed(scene: Scene) -> Iterator[None]:
    api = scene.system.api
    for each in api.tree():
        each.kill()
    api.process.wait()
    try:
        yield
    finally:
        scene.system.begin("api", "api", "--workers", "2")
        scene.system.api.await_ready()


FAULTS = (
    Fault(
        "task-killed",
        f"the processes of a worker are killed (SIGKILL) in the middle of a job, {TIMES} times",
        tasks_killed,
        seconds=1,
        unnoticed=True,
    ),
    Fault(
        "worker-killed",
        "the only worker is killed as a whole in the middle of a job, and a new one started 5 s later",
        _worker_killed,
        seconds=5,
        unnoticed=True,
    ),
    Fault(
        "api-worker-killed",
        f"one of the two processes of the API is killed, {TIMES} times in a row",
        _api_worker_killed,
        seconds=1.5,
    ),
    Fault("api-killed", "the API is killed as a whole, and started again 2 s later", _api_killed, seconds=2),
)

"""A worker that is out of memory: the kernel kills its processes, and then its main one, by a limit of their own."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.faults import memory
from tests.faults.fault import Fault, Scene
from tests.faults.of_programs import tasks_killed
from tests.faults.system import READY_SECONDS
from tests.integration.programs import Program, until
from tests.server import execute, fetch

STALE = 50_000
HEADROOM = 32 << 20
"""Bytes beyond what the worker holds: less than it takes to report so many stale pipelines."""

SETTLING_SECONDS = 2.0
DONE = re.compile(r"ForkPoolWorker-(\d) .* succeeded in ")
PATIENCE_SECONDS = 120.0
LOST = "Worker exited prematurely: signal 9 (SIGKILL)"
"""What Celery says where a process died in the middle of a job."""

DECLARED = f"""
INSERT INTO pipeline (
    pipeline_type_id, created_at, last_target_insert, freshness_number, freshness_datepart, name, name_key, declaration
)
SELECT t.id, now() - INTERVAL '1 day', now() - INTERVAL '5 hours', 1, 'hour', s.name,
    sha256(convert_to(s.name, 'UTF8')), sha256('')
FROM generate_series(1, {STALE}) AS n
CROSS JOIN LATERAL (SELECT 'stale ' || n || clock_timestamp()) AS s (name)
CROSS JOIN (SELECT k.id FROM pipeline_type AS k ORDER BY k.id LIMIT 1) AS t
"""  # noqa: S608 (a constant)
SPELLS = "SELECT count(*), count(DISTINCT l.pipeline_id) FROM freshness_pipeline_log AS l"


@dataclass(slots=True)
class Supervisor:
    """Begins the worker within the group, and anew when its main process has died, as an engine of containers does: with
    that, all its processes are gone.
    """

    scene: Scene
    group: memory.Group
    restarts: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        self.scene.system.begin("worker", "worker", "--concurrency", "2")
        self.group.enter(self.scene.system.worker.process.pid)

    @contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(0.1):
            if self.scene.system.worker.process.poll() is not None:
                for pid in self.group.members():
                    with suppress(psutil.NoSuchProcess):
                        psutil.Process(pid).kill()
                until(lambda: not self.group.members(), 10, "an empty group")
                self.restarts += 1
                self.begin()


@contextmanager
def _out_of_memory(scene: Scene) -> Iterator[None]:
    """Everything goes stale at once, and the worker may not have the memory to say so; then it may."""
    if obstacle := memory.obstacle():
        scene.noted.append(f"killed, no memory limit to be had here: {obstacle}")
        with tasks_killed(scene):
            yield
        return
    system = scene.system
    assert system.worker.stopped() == 0, system.worker.log
    with memory.group() as group:
        supervisor = Supervisor(scene, group)
        supervisor.begin()
        with supervisor.watching():
            until(lambda: _all_have_worked(system.worker), PATIENCE_SECONDS, "each process has done a job")
            threading.Event().wait(SETTLING_SECONDS)
            group.limit(group.anonymous() + HEADROOM)
            _kills_a_process(scene, group)
            _kills_the_worker(scene, group, supervisor)
            yield
            scene.noted.append(
                f"the kernel killed {group.kills()} processes, and the worker was begun anew {supervisor.restarts} times"
            )
            _check_is_asked_for(scene)
            until(lambda: 2 * STALE in _spells(scene), PATIENCE_SECONDS, "all that is stale is on record")
            scene.demand(_spells(scene) == (2 * STALE,) * 2, f"spells on record: {_spells(scene)}")


def _kills_a_process(scene: Scene, group: memory.Group) -> None:
    """One that works; the main process lives, and makes another."""
    main = scene.system.worker.process.pid
    scene.demand(group.kills() == 0, "something was killed before there was a reason")
    asyncio.run(execute(scene.system.dsn, DECLARED))  # what a tick finds from here on is too much for it, too
    _check_is_asked_for(scene)
    until(lambda: group.kills() > 0, PATIENCE_SECONDS, "the kernel kills a process of the worker")
    scene.demand(scene.system.worker.process.pid == main, "the whole worker died of one process")
    until(
        lambda: LOST in scene.system.worker.log, PATIENCE_SECONDS, "a job that was broken off by the kernel"
    )


def _kills_the_worker(scene: Scene, group: memory.Group, supervisor: Supervisor) -> None:
    """The main process is made the one that the kernel prefers."""
    Path(f"/proc/{scene.system.worker.process.pid}/oom_score_adj").write_text("1000")
    before = group.kills()
    group.limit(group.anonymous() + HEADROOM // 2)
    asyncio.run(execute(scene.system.dsn, DECLARED))
    _check_is_asked_for(scene)
    until(lambda: supervisor.restarts > 0, PATIENCE_SECONDS, "the kernel kills the worker's main process")
    group.limit(None)
    scene.demand(group.kills() > before, "it was not the kernel that killed the worker")
    until(lambda: " ready." in scene.system.worker.log, READY_SECONDS, "the worker is ready again")


def _all_have_worked(worker: Program) -> bool:
    """What a process needs for its first job, and from then on, it has."""
    return {*DONE.findall(worker.log)} >= {"1", "2"}


def _check_is_asked_for(scene: Scene) -> None:
    with scene.system.api.client() as client:
        client.post("/freshness").raise_for_status()


def _spells(scene: Scene) -> tuple[object, ...]:
    return asyncio.run(fetch(scene.system.dsn, SPELLS))[0]


FAULTS = (
    Fault(
        "out-of-memory",
        f"{STALE:,} pipelines go stale at once, and a worker's cgroup has {HEADROOM >> 20} MiB beyond what it needs otherwise: the kernel's out-of-memory killer kills processes in the middle of the job, then the main process, "
        "which a supervisor begins anew; then the limit is lifted",
        _out_of_memory,
        seconds=1,
        unnoticed=True,
    ),
)

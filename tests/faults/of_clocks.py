"""Clocks that jump while programs run, and back. Another worker and another beat have the right time all along."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.faults.clocks import obstacle
from tests.faults.fault import Fault, Scene
from tests.faults.system import Stage

WRONG = ("api", "worker", "beat")
HOUR = 3_600


@contextmanager
def _jumped(scene: Scene, *, seconds: int) -> Iterator[None]:
    system = scene.system
    system.begin("right-worker", "worker", "--concurrency", "1")
    system.begin("right-beat", "beat")
    system.jump(seconds)
    try:
        yield
    finally:
        system.jump(0)


FAULTS = tuple(
    Fault(
        name,
        f"the clocks of the API, a worker and a beat jump {words}, and back 12 s later (by a library that is loaded before libc); "
        "another worker and another beat keep the right time",
        partial(_jumped, seconds=seconds),
        seconds=12,
        stage=Stage(clocks=frozenset(WRONG)),
        obstacle=obstacle,
        unnoticed=True,
    )
    for name, words, seconds in (
        ("clock-ahead", "an hour ahead", HOUR),
        ("clock-behind", "an hour back", -HOUR),
    )
)

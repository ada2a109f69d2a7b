"""Faults of Redis. None of them is the clients' business."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.fault import Fault, Scene
from tests.faults.system import Stage


@contextmanager
def _absent(scene: Scene) -> Iterator[None]:
    try:
        yield
    finally:
        scene.system.broker.start()


@contextmanager
def _killed(scene: Scene) -> Iterator[None]:
    """It comes back with nothing of what it held."""
    scene.system.broker.kill()
    scene.system.broker.lose()
    with _absent(scene):
        yield


@contextmanager
def _paused(scene: Scene) -> Iterator[None]:
    scene.system.broker.freeze()
    try:
        yield
    finally:
        scene.system.broker.thaw()


FAULTS = (
    Fault(
        "redis-absent",
        "Redis is not there when API, worker and beat begin, nor in the 8 s after",
        _absent,
        stage=Stage(redis=False),
        unnoticed=True,
    ),
    Fault("redis-killed", "Redis is killed for 10 s, with all that it held", _killed, 10, unnoticed=True),
    Fault(
        "redis-paused",
        "Redis is stopped (SIGSTOP) for 15 s: it takes connections, and says nothing",
        _paused,
        15,
        unnoticed=True,
    ),
)

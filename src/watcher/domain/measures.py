"""What is counted for whoever watches Watcher from outside."""

from dataclasses import dataclass
from typing import Protocol


class Measures(Protocol):
    """Counts of this process. None of these methods waits or fails."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is the template of its path."""
        ...

    def started(self, runs: int) -> None:
        """So many executions began to be on record."""
        ...

    def ended(self, succeeded: int, failed: int) -> None:
        """So many executions got their outcome."""
        ...


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Connections of a process: in use, and idle; and who waits for one."""

    busy: int
    idle: int
    waiting: int


class Pools(Protocol):
    """The connections of this process."""

    def use(self) -> PoolUse:
        """As it is at this moment; never waits."""
        ...


class Exposition(Protocol):
    """All that is counted, as a text for whoever collects it."""

    async def written(self) -> bytes:
        """The numbers of all processes of this server, and those of the whole of Watcher as far as they can be had."""
        ...

"""Work that is put together only when it is done: so a job may announce others through the bus that runs it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Later:
    """Does what `made` gives, which is asked each time."""

    made: Callable[[], Callable[..., Awaitable[object]]]

    async def __call__(self, **parameters: int) -> object:
        return await self.made()(**parameters)

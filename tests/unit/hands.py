"""Time that passes by hand, for those who sleep by it."""

import asyncio

TURNS = 10


class Hands:
    """`seconds` is what the clock shows; `sleep` ends when that was moved on far enough."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def seconds(self) -> float:
        return self.now

    async def sleep(self, length: float) -> None:
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + length, sleeper))
        await sleeper

    async def move(self, length: float) -> None:
        """Time passes, and everybody wakes who should, when they should."""
        end = self.now + length
        await settled()
        while due := [(until, sleeper) for until, sleeper in self._sleepers if until <= end]:
            until, sleeper = min(due, key=lambda each: each[0])
            self._sleepers.remove((until, sleeper))
            self.now = max(self.now, until)
            if not sleeper.done():
                sleeper.set_result(None)
            await settled()
        self.now = end


async def settled() -> None:
    """Whatever can go on now has gone on."""
    for _ in range(TURNS):
        await asyncio.sleep(0)

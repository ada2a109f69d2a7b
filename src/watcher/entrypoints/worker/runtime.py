"""One event loop and one object graph in each process of a worker."""

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from watcher.bus import Background
from watcher.container import Container, working_off

Answer = TypeVar("Answer")
START_SECONDS = 30.0
STOP_SECONDS = 10.0
"""For what was broken off to end: PostgreSQL is told to stop the statement."""


class Runtime:
    """Runs coroutines of one graph, from the thread that Celery calls its tasks in. Begins when first used.

    That is after the fork: neither loop nor connections are shared with another process.
    """

    def __init__(self, container: Callable[[], Container]) -> None:
        self._container = container
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._background: Background | None = None

    def run(self, use: Callable[[Background], Coroutine[Any, Any, Answer]]) -> Answer:
        """What the coroutine answers. Whatever ends the waiting for it, a soft limit say, breaks it off first."""
        loop, background = self._started()
        ended = threading.Event()

        async def used() -> Answer:
            try:
                return await use(background)
            finally:
                ended.set()

        future = asyncio.run_coroutine_threadsafe(used(), loop)
        try:
            return future.result()
        except BaseException:
            if future.cancel():
                ended.wait(STOP_SECONDS)
            raise

    def close(self) -> None:
        """Closes all connections, and ends the thread."""
        if self._loop is not None and self._stop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STOP_SECONDS)
            self._loop = None

    def _started(self) -> tuple[asyncio.AbstractEventLoop, Background]:
        if self._loop is None:
            ready: Future[tuple[asyncio.AbstractEventLoop, Background]] = Future()
            self._thread = threading.Thread(
                target=asyncio.run, args=(self._live(ready),), name="watcher-loop", daemon=True
            )
            self._thread.start()
            self._loop, self._background = ready.result(START_SECONDS)
        assert self._background is not None
        return self._loop, self._background

    async def _live(self, ready: Future[tuple[asyncio.AbstractEventLoop, Background]]) -> None:
        self._stop = asyncio.Event()
        try:
            async with working_off(self._container()) as background:
                gc.collect()
                gc.freeze()  # what start-up made is here to stay: the collector need not look at it again
                ready.set_result((asyncio.get_running_loop(), background))
                await self._stop.wait()
        except BaseException as error:
            with suppress(Exception):
                ready.set_exception(error)
            raise

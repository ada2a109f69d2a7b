"""What a program that begins would lack, asked by a process of its own, which neither holds it up nor leaves anything."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from watcher.settings import Settings

Question: TypeAlias = Callable[[Settings], Coroutine[Any, Any, Sequence[str]]]

SECONDS = 1.0
"""For what is asked to answer."""

MOST_SECONDS = 5.0
"""For the process that asks, on a machine that has much else to do."""


async def of_the_broker(settings: Settings) -> Sequence[str]:
    """What stands between this machine and the broker; empty without one."""
    if settings.broker_url is None:
        return []
    from watcher import bus

    return await bus.probes(settings).obstacles()


async def of_the_database(settings: Settings) -> Sequence[str]:
    """What stands between this machine and a database that is ready."""
    from watcher.container import Container

    return await Container(settings=settings, program="start").probes().obstacles()


def lacking(settings: Settings, question: Question, what: str) -> Sequence[str]:
    """What `what` is lacking by the answer to the question, or that it does not answer; a sentence each."""
    context = get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_ask, args=(there, settings, question), daemon=True)
    process.start()
    there.close()
    try:
        found = here.recv() if here.poll(MOST_SECONDS) else None
    except EOFError:  # it ended without an answer, and has said why
        found = []
    finally:
        process.kill()
        process.join()
    return [f"The {what} has not answered within {SECONDS:.0f} s."] if found is None else found


def _ask(answer: Connection, settings: Settings, question: Question) -> None:
    async def ask() -> None:
        try:
            async with asyncio.timeout(SECONDS):
                found = await question(settings)
        except TimeoutError:
            found = None
        answer.send(found)  # and not when the loop has ended, which waits for its threads

    asyncio.run(ask())

"""Works at the same time, on the event loop."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

Answer = TypeVar("Answer")


async def at_once(*works: Awaitable[Answer]) -> Sequence[Answer]:
    """The answers, in order. When all works are over it raises what the first of those raised that did."""
    answers = await asyncio.gather(*works, return_exceptions=True)
    found: list[Answer] = []
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        found.append(answer)
    return found

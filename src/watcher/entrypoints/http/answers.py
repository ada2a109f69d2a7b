"""Answers on the wire: domain values as JSON, by orjson."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import orjson
from fastapi import Request
from starlette.responses import Response

from watcher.domain.execution import Execution
from watcher.domain.page import Slice

T = TypeVar("T", bound=object)

JSON = b"application/json"
NO_CONTENT = Response(status_code=204)


def encoded(content: object) -> bytes:
    """JSON; instants are ISO 8601 in UTC with `Z`."""
    return orjson.dumps(content, option=orjson.OPT_UTC_Z)


class Answer(Response):
    """A JSON response, made with as little work as the hot routes can do with."""

    def __init__(self, body: bytes, status_code: int = 200) -> None:
        self.status_code = status_code
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-type", JSON), (b"content-length", b"%d" % len(body))]


SLICE, LARGE = 100, 1_000
"""So many items of a long list are encoded in one go; after so many bytes it is the turn of others."""


async def gently(content: object) -> Answer:
    """An answer that may be large, encoded in parts with a turn for others in between; the encoder itself gives none."""
    parts = []
    for part in _object_parts(content):
        parts.append(part)
        if len(part) > LARGE:
            await asyncio.sleep(0)
    return Answer(b"".join(parts))


def _object_parts(content: object) -> Iterator[bytes]:
    mark = b"{"
    for name in _names(content):
        yield b'%s"%s":' % (mark, name.encode())
        value = getattr(content, name)
        if isinstance(value, list) and (len(value) > SLICE or any(map(_is_long, value))):
            yield from _list_parts(value)
        else:
            yield encoded(value)
        mark = b","
    yield b"}"


def _list_parts(items: Sequence[object]) -> Iterator[bytes]:
    mark = b"["
    for begin in range(0, len(items), SLICE):
        some = items[begin : begin + SLICE]
        if any(map(_is_long, some)):
            for item in some:
                yield mark
                yield from _object_parts(item) if _is_long(item) else (encoded(item),)
                mark = b","
        else:
            yield mark + encoded(some)[1:-1]
            mark = b","
    yield b"]"


def _is_long(content: object) -> bool:
    """Whether it has a long list."""
    values = (getattr(content, name) for name in _names(content))
    return any(isinstance(value, list) and len(value) > SLICE for value in values)


def _names(content: object) -> Sequence[str]:
    return tuple(getattr(type(content), "__dataclass_fields__", ()))


@dataclass(frozen=True, slots=True)
class IdAnswer:
    id: int


def paged(request: Request, rows: Slice[T], last_id: int | str | None) -> Response:
    """A page of a list, with a `Link` to the next where there is one."""
    answer = Answer(encoded(rows.items))
    if rows.more and last_id is not None:
        following = request.url.include_query_params(after=last_id)
        answer.headers["Link"] = f'<{following}>; rel="next"'
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionTree(Execution):
    """An execution and, nested, all executions below it."""

    child_executions: Sequence["ExecutionTree"] = ()


def tree(executions: Sequence[Execution]) -> bytes:
    """Nested JSON of a root and all below it, given parents before children: `child_executions` in order.

    Written node by node, as no encoder that recurses gets to the bottom of a deep tree.
    """
    children: dict[int, list[Execution]] = {execution.id: [] for execution in executions}
    root, *descendants = executions
    for execution in descendants:
        if execution.parent_id is not None:
            children[execution.parent_id].append(execution)
    return b"".join(_nested(root, children))


def _nested(root: Execution, children: dict[int, list[Execution]]) -> Iterator[bytes]:
    yield _opened(root)
    open_lists = [iter(children[root.id])]
    first = True
    while open_lists:
        child = next(open_lists[-1], None)
        if child is None:
            open_lists.pop()
            yield b"]}"
            first = False
        else:
            yield _opened(child) if first else b"," + _opened(child)
            open_lists.append(iter(children[child.id]))
            first = True


def _opened(execution: Execution) -> bytes:
    return encoded(execution)[:-1] + b',"child_executions":['

"""Answers on the wire: domain values as JSON, by orjson."""

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

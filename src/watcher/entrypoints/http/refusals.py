"""What a connection is told last, where the application is not asked."""

from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from watcher.entrypoints.http.crowd import ServerIsBusy
from watcher.entrypoints.http.problems import (
    RETRY_AFTER_SECONDS,
    ProblemAnswer,
    ProblemFields,
    plain_problem,
    problem_of,
)
from watcher.entrypoints.http.secured import PLAIN

TOO_MANY = problem_of(ServerIsBusy("it has as many connections as it may"))
NO_UPGRADE = plain_problem(
    400, "A request with a body cannot ask for another protocol: send it again without `Upgrade`."
)
NO_HTTP = plain_problem(400, "This is not a request as of HTTP/1.1.")
TOO_SLOW = plain_problem(408, "The request did not arrive in time.")
CLOSING = {"Connection": "close"}
CLOSING_FOR_NOW = CLOSING | {"Retry-After": str(RETRY_AFTER_SECONDS)}


def refusal(problem: ProblemFields, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The whole answer, after which the connection is closed."""
    answer = ProblemAnswer(problem, CLOSING_FOR_NOW if problem is TOO_MANY else CLOSING)
    lines = [*default_headers, *answer.raw_headers, *PLAIN]
    head = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
    return STATUS_LINE[answer.status_code] + head + b"\r\n" + bytes(answer.body)

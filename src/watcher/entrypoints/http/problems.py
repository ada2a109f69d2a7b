"""Errors on the wire: RFC 9457 problem details, made in one place."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal, TypedDict, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from watcher.domain.callers import CredentialsMissing, ScopeInsufficient
from watcher.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    InvalidValue,
    NotFound,
    Unauthenticated,
    Unavailable,
    WatcherError,
)
from watcher.entrypoints.http.answers import encoded

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1
RETRY_AFTER: Mapping[str, Any] = {
    "description": "Seconds to wait before another try.",
    "schema": {"type": "integer", "minimum": 1},
}
MOST_ERRORS = 20
MOST_LISTED = 1_000
STATUSES: Mapping[type[WatcherError], int] = {
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
    Unavailable: 503,
}


class FieldError(BaseModel):
    """What is wrong in which place of a request."""

    loc: list[str | int] = Field(description="Where: `body`, `query` or `path`, then the way to the field.")
    msg: str = Field(description="A sentence for people.")
    type: str = Field(description="A stable name of the rule that was broken.")


class Problem(BaseModel):
    """Problem details as of RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A stable slug, e.g. `execution-already-ended`.")
    title: str = Field(description="The slug in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="A sentence about this occurrence.")
    errors: list[FieldError] | None = Field(
        default=None, description="Validation failures, the first 20 of them."
    )


class ProblemFields(TypedDict, total=False):
    """The fields of a problem, before they are encoded."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]]


class ProblemAnswer(Response):
    """A problem as a response."""

    def __init__(self, problem: ProblemFields, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(encoded(problem), problem["status"], headers, MEDIA_TYPE)


class BadRequest(Exception):
    """A request that is refused before its content is looked at: 413, 415."""

    def __init__(
        self, status: Literal[413, 415], detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def problem_of(
    error: ValidationError | WatcherError, place: Sequence[str | int] = ("body",)
) -> ProblemFields:
    """The problem that says what pydantic or the domain refused. `place` is where in the request it lies."""
    if isinstance(error, ValidationError):
        if error.error_count() > MOST_LISTED:
            return problem_of_too_many(error.error_count(), place)
        failures = error.errors(include_url=False, include_context=False, include_input=False)
        return problem_of_validation(cast("Any", failures), place)
    status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
    problem = ProblemFields(type=error.slug(), title=error.title(), status=status, detail=str(error))
    if isinstance(error, InvalidValue):
        way = [int(step) if step.isdecimal() else step for step in error.field.split(".")]
        problem["errors"] = [{"loc": [*place, *way], "msg": error.rule, "type": error.slug()}]
    elif isinstance(error, Invalid):
        problem["errors"] = [{"loc": [*place], "msg": str(error), "type": error.slug()}]
    return problem


def problem_of_too_many(count: int, place: Sequence[str | int]) -> ProblemFields:
    """More failures than it is worth to write out only to cut them off: a million take a gigabyte."""
    message = f"{count:,} things are wrong with this"
    return problem_of_validation([{"loc": (), "msg": message, "type": "too_many_errors"}], place)


def problem_of_validation(failures: Sequence[Mapping[str, Any]], place: Sequence[str | int]) -> ProblemFields:
    """The problem that lists what pydantic found, in its words; of very many only the first."""
    errors = [
        {"loc": [*place, *failure["loc"]], "msg": failure["msg"], "type": failure["type"]}
        for failure in failures[:MOST_ERRORS]
    ]
    sentences = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors[:3])
    more = f"; and {len(failures) - 3:,} more" if len(failures) > 3 else ""
    return ProblemFields(
        type="invalid-request",
        title="Invalid request",
        status=422,
        detail=f"{sentences}{more}.",
        errors=errors,
    )


def plain_problem(status: int, detail: str | None = None) -> ProblemFields:
    """A problem that HTTP itself knows a name for."""
    phrase = HTTPStatus(status).phrase
    slug = phrase.lower().replace(" ", "-")
    return ProblemFields(type=slug, title=phrase, status=status, detail=detail or f"{phrase}.")


def answer_to(error: Exception, place: Sequence[str | int] = ("body",)) -> ProblemAnswer:
    """The response to an error of the domain, of validation or of reading the body; raises any other again.

    `place` is where in the request lies what the domain refused.
    """
    match error:
        case Unavailable():
            return ProblemAnswer(problem_of(error), {"Retry-After": str(RETRY_AFTER_SECONDS)})
        case Unauthenticated() | Forbidden():
            return ProblemAnswer(problem_of(error), {"WWW-Authenticate": _challenge(error)})
        case WatcherError() | ValidationError():
            return ProblemAnswer(problem_of(error, place))
        case BadRequest():
            return ProblemAnswer(plain_problem(error.status, error.detail), error.headers)
    raise error


def _challenge(error: WatcherError) -> str:
    """What RFC 6750 says that a client be told."""
    match error:
        case CredentialsMissing():
            return 'Bearer realm="watcher"'
        case ScopeInsufficient():
            return f'Bearer realm="watcher", error="insufficient_scope", scope="{error.needed}"'
        case _:
            return 'Bearer realm="watcher", error="invalid_token"'


def _allowed(path: str, routes: Iterable[APIRoute]) -> str:
    """The methods of a path, of which the router that found the wrong method names only some."""
    fitting = [route for route in routes if route.include_in_schema and route.path_regex.match(path)]
    exact = [route for route in fitting if route.path == path]
    methods = {method for route in exact or fitting for method in route.methods or ()}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def install(app: FastAPI, routes: Sequence[APIRoute]) -> None:
    """Makes every error of the application a problem."""

    async def refused(_: Request, error: Exception) -> Response:
        return answer_to(error, ("query",))  # the routes with a body answer for themselves, see `JsonLane`

    async def invalid(_: Request, error: Exception) -> Response:
        failures = error.errors() if isinstance(error, RequestValidationError) else ()
        return ProblemAnswer(problem_of_validation(failures, []))

    async def http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (
            allowed := _allowed(request.url.path, routes)
        ):
            headers["Allow"] = allowed
        return ProblemAnswer(plain_problem(error.status_code), headers)

    async def unexpected(_: Request, __: Exception) -> Response:
        return ProblemAnswer(plain_problem(500, "Something went wrong inside Watcher; its log says more."))

    app.add_exception_handler(WatcherError, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def documented(*statuses: int, existing: object = None) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these problems, for its OpenAPI document.

    `existing` is the model of a 200 that a creating route gives when there was nothing to create.
    """
    responses = _documented((*statuses, 429, 503))
    if existing is not None:
        responses[200] = {"model": existing, "description": "It existed already"}
    return responses


def _documented(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        | ({"headers": {"Retry-After": RETRY_AFTER}} if status in (429, 503) else {})
        for status in statuses
    }


PROBLEMS_OF_PROBES = _documented([503])
BODY_PROBLEMS = (408, 413, 415, 422)
PROBLEMS_OF_PATCH = documented(404, 409, *BODY_PROBLEMS)

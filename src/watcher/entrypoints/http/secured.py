"""Headers of every answer that keep browsers from making more of it than it is."""

from collections.abc import Awaitable, Mapping
from typing import TypeAlias

from starlette.types import Message, Scope, Send

Header: TypeAlias = tuple[bytes, bytes]

POLICY, CACHING = b"content-security-policy", b"cache-control"
ALWAYS: list[Header] = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
NOTHING: Header = (POLICY, b"default-src 'none'; frame-ancestors 'none'")
UNKEPT: Header = (CACHING, b"no-store")
PLAIN: list[Header] = [*ALWAYS, UNKEPT, NOTHING]
FOREIGN = (
    b"default-src 'none'; script-src 'unsafe-inline' https:; style-src 'unsafe-inline' https:; "
    b"img-src data: https:; font-src https:; connect-src 'self'; worker-src blob:; frame-ancestors 'none'"
)
DOCUMENTATION: Header = (POLICY, FOREIGN)
POLICIES: Mapping[str, Header] = {"/docs": DOCUMENTATION, "/redoc": DOCUMENTATION}
"""Of pages that load what they show from elsewhere."""


def secured(scope: Scope, send: Send) -> Send:
    """`send` with these headers in the answer, where the answer does not bring its own."""
    policy = POLICIES.get(scope["path"].removeprefix(scope.get("root_path", "")), NOTHING)

    def sending(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            message["headers"] = headers + _missing(headers, policy)
        return send(message)

    return sending


def _missing(headers: list[Header], policy: Header) -> list[Header]:
    names = {name for name, _ in headers}
    if policy is NOTHING and not names & {POLICY, CACHING}:
        return PLAIN
    own = [header for header in (UNKEPT, policy) if header[0] not in names]
    return [*ALWAYS, *own]

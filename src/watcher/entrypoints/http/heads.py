"""What the head of a request must be like, beyond its grammar, so that nobody on the way reads another request in it."""

from collections.abc import Sequence

import httptools

from watcher.entrypoints.http.problems import ProblemFields, plain_problem

VERSIONS = ("1.1", "1.0")
SCHEMES = (b"http", b"https")

NO_VERSION = plain_problem(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
NO_TARGET = plain_problem(
    400, "The target of a request must be a path, or an http URL: this is no proxy, and there are no tunnels."
)
NO_HOST = plain_problem(400, "A request must have the header field `Host`, and only once.")
NO_CODING = plain_problem(400, "The transfer coding of a body can be `chunked`, and no other.")


class Refused(Exception):
    """Ends the parsing of a request that is not taken."""

    def __init__(self, problem: ProblemFields) -> None:
        super().__init__(problem["detail"])
        self.problem = problem


def require_sound(version: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Names of headers are in lower case. Raises `Refused`."""
    if version not in VERSIONS:
        raise Refused(NO_VERSION)
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding" and value.strip(b" \t").lower() != b"chunked":
            raise Refused(NO_CODING)
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise Refused(NO_HOST)


def origin_form(method: bytes, target: bytes) -> bytes:
    """The path and the query of what is asked for, or `*`. Raises `Refused`.

    Whoever decides anything by the path, decides by that.
    """
    if method == b"CONNECT":
        raise Refused(NO_TARGET)
    if target.startswith(b"/") or target == b"*":
        return target
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        raise Refused(NO_TARGET) from None
    if url.schema is None or url.schema.lower() not in SCHEMES or not url.host:
        raise Refused(NO_TARGET)
    path: bytes = url.path or b"/"
    return path if url.query is None else path + b"?" + url.query

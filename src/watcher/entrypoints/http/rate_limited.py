"""Refuses callers who ask more often than they may, before anything else is done for them."""

from collections.abc import Awaitable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watcher.domain.rates import Rate, Rates, Standing
from watcher.entrypoints.http import gate
from watcher.entrypoints.http.crowd import is_probe
from watcher.entrypoints.http.problems import ProblemAnswer, plain_problem

PREFIX = 64
"""Bits of an IPv6 address that are one customer's: the others he may choose."""


class RateLimited:
    """Lets requests within the rate through to `app`, and tells every caller how it stands."""

    def __init__(self, app: ASGIApp, rates: Rates, rate: Rate) -> None:
        self._app = app
        self._rates = rates
        self._policy = f'"caller";q={rate.burst};w={max(round(rate.window), 1)}'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_probe(scope):
            await self._app(scope, receive, send)
            return
        standing = self._rates.take(caller_of(scope))
        telling = self._telling(standing, send)
        if standing.admitted:
            await self._app(scope, receive, telling)
            return
        wait = standing.retry_after_seconds
        problem = plain_problem(429, f"More requests than are allowed; the next one is in {wait:,} s.")
        await ProblemAnswer(problem, {"Retry-After": str(wait)})(scope, receive, telling)

    def _telling(self, standing: Standing, send: Send) -> Send:
        """`send` with the header fields of draft-ietf-httpapi-ratelimit-headers-10 in the answer."""
        state = f'"caller";r={standing.remaining};t={standing.reset_seconds}'
        told = [(b"ratelimit-policy", self._policy.encode()), (b"ratelimit", state.encode())]

        def sending(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *told]
            return send(message)

        return sending


def caller_of(scope: Scope) -> str:
    """Who asks, as far as the gate knows; else the address."""
    if (caller := gate.caller_of(scope)) is not None:
        return caller.id
    client = scope.get("client")
    return f"address:{_customer(client[0])}" if client else "local"


@lru_cache(10_000)
def _customer(host: str) -> str:
    """The address, or of an IPv6 address the network that one customer has."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or IPv6Address(int(address) >> PREFIX << PREFIX))

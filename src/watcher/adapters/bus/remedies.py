"""What went wrong with a broker, in words that never repeat its URL, and what to do about it."""

import re
from collections.abc import Iterator, Sequence
from socket import gaierror

from amqp.exceptions import AccessRefused
from redis.exceptions import AuthenticationError, BusyLoadingError, MaxConnectionsError, NoPermissionError
from redis.exceptions import TimeoutError as RedisTimeout

from watcher.domain.queues import BrokerUnavailable

IN_THE_URL = "WATCHER_BROKER_URL"
SERVED = "Requests are served without it."
BY_ERROR: Sequence[tuple[tuple[type[BaseException], ...], str, str]] = (
    (
        (AuthenticationError, AccessRefused),
        "it is there and refuses user or password",
        f"Mend them in {IN_THE_URL} (/ is written %2F there, @ %40, : %3A, ? %3F, # %23, % %25).",
    ),
    (
        (NoPermissionError,),
        "it is there and does not let this user do what is needed",
        "Let the user have all commands and keys of its database (ACL SETUSER ... ~* &* +@all).",
    ),
    (
        (BusyLoadingError,),
        "it is starting, and reads what it had kept",
        "Wait, and see the broker's log if it stays so.",
    ),
    ((MaxConnectionsError,), "it takes no more connections", "Raise its maxclients."),
    (
        (gaierror,),
        "no machine is known by the name of its host",
        f"Mend the host in {IN_THE_URL} (a / in a password is written %2F there), or see that this machine can resolve it.",
    ),
    (
        (ConnectionRefusedError,),
        "nothing listens there",
        f"Start the broker, or mend host and port in {IN_THE_URL}.",
    ),
    ((FileNotFoundError,), "there is no such socket", f"Start the broker, or mend the path in {IN_THE_URL}."),
    (
        (RedisTimeout, TimeoutError),
        "nothing answered in time",
        f"See that host and port in {IN_THE_URL} are right, that no firewall is in between, and that it is not overloaded.",
    ),
)
BY_NUMBER = {
    -2: gaierror,
    -3: gaierror,
    -5: gaierror,
    111: ConnectionRefusedError,
    61: ConnectionRefusedError,
}
NUMBER = re.compile(r"(?:\[Errno |^Error )(-?\d+)\b")
"""Where errors of several addresses became one, or a text, only that has the number."""

OTHERWISE = f"See that the broker runs, and that {IN_THE_URL} names it and has its password."


def unavailable(error: BaseException) -> BrokerUnavailable:
    """What the error means, in words; by its class alone where it is none of those that are known."""
    for each in _causes(error):
        for kinds, said, advice in BY_ERROR:
            if isinstance(each, kinds) or _numbered(each) in kinds:
                return BrokerUnavailable(said, f"{advice} {SERVED}")
    return BrokerUnavailable(type(error).__name__, f"{OTHERWISE} {SERVED}")


def _numbered(error: BaseException) -> type[BaseException] | None:
    found = NUMBER.search(str(error))
    return None if found is None else BY_NUMBER.get(int(found[1]))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those below it that it was made of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

"""What to do where PostgreSQL cannot be used: advice for whoever runs Watcher, by what went wrong."""

import re
from collections.abc import Iterator, Sequence
from socket import gaierror

import asyncpg

IN_THE_URL = "WATCHER_DATABASE_URL"
BY_ERROR: Sequence[tuple[type[BaseException], str]] = (
    (
        asyncpg.InvalidPasswordError,
        (
            f"The server is there and refuses user or password. Mend them in {IN_THE_URL} (/ is written %2F there, @ %40, : %3A, "
            "? %3F, # %23, % %25), or set the password anew: ALTER ROLE ... PASSWORD '...';"
        ),
    ),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        (
            f"The server is there and does not let this user in from here. See that {IN_THE_URL} names a role with LOGIN, and "
            "that pg_hba.conf has a line for it, this database and this machine."
        ),
    ),
    (
        asyncpg.InvalidCatalogNameError,
        (
            f"The server is there and has no such database. Create it by `CREATE DATABASE {{name}}` and run `watcher migrate`, "
            f"or mend the name in {IN_THE_URL}."
        ),
    ),
    (
        asyncpg.InsufficientPrivilegeError,
        (
            "The role lacks a right. To connect it takes GRANT CONNECT ON DATABASE; to serve, GRANT SELECT, INSERT, UPDATE, "
            "DELETE ON ALL TABLES and GRANT USAGE ON ALL SEQUENCES IN SCHEMA public; what migrating takes, `watcher migrate` says."
        ),
    ),
    (
        asyncpg.TooManyConnectionsError,
        "All connections are taken. Raise max_connections, lower WATCHER_POOL_SIZE, or put a PgBouncer in between.",
    ),
    (
        asyncpg.CannotConnectNowError,
        "It is starting, stopping or recovering: wait, and see PostgreSQL's log if it stays so.",
    ),
    (
        asyncpg.ReadOnlySQLTransactionError,
        f"It takes no writes: a replica, perhaps. {IN_THE_URL} has to name the primary.",
    ),
    (
        gaierror,
        (
            f"No machine is known by the host's name. Mend the host in {IN_THE_URL} (a / in a password is written %2F there), or "
            "see that this machine can resolve it."
        ),
    ),
    (
        ConnectionRefusedError,
        (
            f"Nothing listens there. Start PostgreSQL, or mend host and port in {IN_THE_URL}; it listens where its "
            "listen_addresses and port say."
        ),
    ),
    (FileNotFoundError, f"There is no such socket. Start PostgreSQL, or mend the directory in {IN_THE_URL}."),
    (
        TimeoutError,
        (
            f"Nothing answered in time. See that host and port in {IN_THE_URL} are right, that no firewall is in between, and "
            "that the server is not overloaded."
        ),
    ),
)
QUOTED = re.compile(r'"((?:[^"]|"")+)"')


def remedy(error: BaseException) -> str | None:
    """Advice about the first thing that went wrong about which there is any."""
    for cause in _causes(error):
        for kind, advice in BY_ERROR:
            if isinstance(cause, kind):
                named = QUOTED.search(str(cause))
                return advice.replace("{name}", named[0] if named else "...")
    return None


def cause(error: BaseException) -> BaseException:
    """What the driver said, below what others made of it."""
    found = [each for each in _causes(error) if isinstance(each, asyncpg.PostgresError | OSError)]
    return found[-1] if found else error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = getattr(error, "orig", None) or error.__cause__

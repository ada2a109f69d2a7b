"""What to do where PostgreSQL cannot be used: advice for whoever runs Watcher, by what went wrong."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from socket import gaierror
from urllib.parse import unquote, urlsplit

import asyncpg


@dataclass(frozen=True, slots=True)
class Way:
    """The URL that was used, the setting that has it, and what is to be found there."""

    dsn: str
    setting: str = "WATCHER_DATABASE_URL"
    server: str = "PostgreSQL"

    def creation(self, name: str) -> str:
        """The statement that makes the database for the role of the URL; `name` is quoted where it has to be."""
        role = urlsplit(self.dsn).username
        quoted = "..." if role is None else '"' + unquote(role).replace('"', '""') + '"'
        return f"CREATE DATABASE {name} OWNER {quoted} TEMPLATE template0 ENCODING 'UTF8'"


BY_ERROR: Sequence[tuple[type[BaseException], str]] = (
    (
        asyncpg.InvalidPasswordError,
        (
            "The server is there and refuses user or password. Mend them in {url} (/ is written %2F there, @ %40, : %3A, "
            "? %3F, # %23, % %25), or set the password anew: ALTER ROLE ... PASSWORD '...';"
        ),
    ),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        (
            "The server is there and does not let this user in from here. See that {url} names a role with LOGIN, and "
            "that pg_hba.conf has a line for it, this database and this machine."
        ),
    ),
    (
        asyncpg.InvalidCatalogNameError,
        (
            "The server is there and has no such database. Create it by `{create}` and run `watcher migrate`, "
            "or mend the name in {url}."
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
        "It takes no writes: a replica, perhaps. {url} has to name the primary.",
    ),
    (
        gaierror,
        (
            "No machine is known by the host's name. Mend the host in {url} (a / in a password is written %2F there), or "
            "see that this machine can resolve it."
        ),
    ),
    (
        ConnectionRefusedError,
        (
            "Nothing listens there. Start {server}, or mend host and port in {url}; it listens where its "
            "configuration says."
        ),
    ),
    (FileNotFoundError, "There is no such socket. Start {server}, or mend the directory in {url}."),
    (
        TimeoutError,
        (
            "Nothing answered in time. See that host and port in {url} are right, that no firewall is in between, and "
            "that the server is not overloaded."
        ),
    ),
)
QUOTED = re.compile(r'"((?:[^"]|"")+)"')


def remedy(error: BaseException, way: Way) -> str | None:
    """Advice about the first thing that went wrong about which there is any."""
    for cause in _causes(error):
        for kind, advice in BY_ERROR:
            if isinstance(cause, kind):
                named = QUOTED.search(str(cause))
                told = advice.replace("{url}", way.setting).replace("{server}", way.server)
                return told.replace("{create}", way.creation(named[0] if named else "..."))
    return None


def of_encoding(way: Way) -> str:
    """Advice about a database of another encoding."""
    return (
        f"That of a database cannot be changed. Make another, by `{way.creation('watcher_utf8')}`, and name it in "
        f"{way.setting}."
    )


def cause(error: BaseException) -> BaseException:
    """What the driver said, below what others made of it."""
    found = [each for each in _causes(error) if isinstance(each, asyncpg.PostgresError | OSError)]
    return found[-1] if found else error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = getattr(error, "orig", None) or error.__cause__

"""Where the migrations lie, which is the newest, and whether a database has it."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import load
from watcher.domain.errors import StoreUnavailable, Unavailable
from watcher.domain.health import Signs
from watcher.domain.schedule import DISBELIEVED_AHEAD

SQL = load("schema")
PACKAGED = Path(str(files("watcher"))) / "migrations"
CHECKOUT = Path(str(files("watcher"))).parents[1] / "migrations"


def migrations() -> Path:
    """The directory of migrations: inside the installed package, or beside the sources of a checkout."""
    return PACKAGED if PACKAGED.is_dir() else CHECKOUT


@cache
def newest() -> str:
    """The revision that this program needs, e.g. `0002`."""
    return max(path.name.split("_")[0] for path in migrations().glob("versions/[0-9]*.py"))


async def revision(database: Database) -> str | None:
    """The revision of the database; None where it was never migrated. Raises `StoreUnavailable`."""
    known = await database.row(SQL["version_table"])
    if known is None or not known["present"]:
        return None
    row = await database.row(SQL["revision"])
    return None if row is None else str(row["version_num"])


def outdated(found: str | None) -> str | None:
    """What is wrong with a database at this revision; None where nothing is."""
    if found is None:
        return f"The database is empty, this program needs revision {newest()}: run `watcher migrate`."
    if found < newest():
        return f"The database is at {found}, this program needs {newest()}: run `watcher migrate`."
    if found > newest():
        return f"The database is at {found}, made by a newer Watcher than this, which knows {newest()}."
    return None


def _advice(found: str | None) -> str:
    """What to do about a database at this revision."""
    if found is not None and found > newest():
        return "Run the newer Watcher that made it, or name another database in WATCHER_DATABASE_URL."
    return "Run `watcher migrate` for this database; nothing that is in it is lost."


class PostgresProbes:
    """`Probes` of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def obstacles(self) -> Sequence[str]:
        try:
            found = outdated(await revision(self._database))
        except Unavailable as error:
            return [str(error)]
        return [] if found is None else [found]


class PostgresVitals:
    """`Vitals` of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, now: datetime) -> Signs:
        try:
            found = await revision(self._database)
            wrong = outdated(found)
            if wrong is not None:
                return Signs(outdated=wrong, advice=_advice(found), revision=found)
            row = await self._database.row(SQL["signs"], believed=now + DISBELIEVED_AHEAD)
        except StoreUnavailable as error:
            return Signs(away=str(error), advice=error.advice)
        except Unavailable as error:
            return Signs(away=str(error))
        return Signs(revision=found, **dict(row or {}))

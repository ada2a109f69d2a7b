"""Where the migrations lie, which is the newest, and whether a database has it."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import load
from watcher.domain.errors import Unavailable

SQL = load("schema")
PACKAGED = Path(str(files("watcher"))) / "migrations"
CHECKOUT = Path(str(files("watcher"))).parents[1] / "migrations"


def migrations() -> Path:
    """The directory of migrations: inside the installed package, or beside the sources of a checkout."""
    return PACKAGED if PACKAGED.is_dir() else CHECKOUT


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


class PostgresProbes:
    """`Probes` of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def obstacles(self) -> Sequence[str]:
        try:
            found = await revision(self._database)
        except Unavailable as error:
            return [str(error)]
        if found is None:
            return [f"The database is empty, this program needs revision {newest()}: run `watcher migrate`."]
        if found < newest():
            return [f"The database is at {found}, this program needs {newest()}: run `watcher migrate`."]
        if found > newest():
            return [f"The database is at {found}, made by a newer Watcher than this, which knows {newest()}."]
        return []

"""The database behind the API: what it is filled with before a run, and what is counted beside one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

SQL = Path(__file__).parent / "sql"
SETTLED = ("VACUUM (ANALYZE) pipeline", "VACUUM (ANALYZE) pipeline_execution", "CHECKPOINT")


def sql(name: str) -> str:
    return (SQL / f"{name}.sql").read_text()


@dataclass(frozen=True, slots=True)
class Database:
    """One database of the server. Every call is a connection of its own, for none may linger in a run."""

    dsn: str

    @property
    def name(self) -> str:
        return urlsplit(self.dsn).path.lstrip("/")

    @property
    def sockets(self) -> str:
        return parse_qs(urlsplit(self.dsn).query)["host"][0]

    def sibling(self, name: str) -> Database:
        """Another database of the same server."""
        return Database(urlsplit(self.dsn)._replace(path=f"/{name}").geturl())

    def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        async def fetched() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.dsn)
            try:
                return list(await connection.fetch(query, *arguments))
            finally:
                await connection.close()

        return asyncio.run(fetched())

    def number(self, query: str, *arguments: object) -> int:
        (row,) = self.rows(query, *arguments)
        return int(row[0])

    def execute(self, statements: Sequence[str]) -> None:
        for statement in statements:
            self.rows(statement)

    def refill(self, running: int, pipelines: int) -> None:
        """The same state before every run: so many running executions over the first so many pipelines.

        Vacuumed, analysed and check-pointed, so that no run pays for what the one before it left behind.
        """
        self.execute(["TRUNCATE pipeline_execution, pipeline_execution_closure RESTART IDENTITY CASCADE"])
        self.rows(sql("running"), running, pipelines)
        self.execute(SETTLED)

    def grow(self, size: int, running: int) -> None:
        """A history of so many executions, of which the last are running."""
        self.rows(sql("history"), size, running)
        self.rows("SELECT setval('pipeline_execution_id_seq', $1::BIGINT)", size)
        self.execute(SETTLED)

    def shrink(self, size: int, running: int) -> None:
        """Back to what `grow` made."""
        self.rows("DELETE FROM pipeline_execution WHERE id > $1::BIGINT", size)
        self.rows(sql("reopen"), size, running)
        self.execute(SETTLED)

    def executions(self) -> int:
        return self.number("SELECT count(*) FROM pipeline_execution")

    def ended(self) -> int:
        return self.number("SELECT count(*) FROM pipeline_execution WHERE completed_successfully")


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts what reaches one database, watched from another so as not to count itself."""

    watched: Database
    admin: Database

    def install(self) -> None:
        self.admin.execute(["CREATE EXTENSION IF NOT EXISTS pg_stat_statements"])

    def reset(self) -> None:
        self.admin.rows("SELECT pg_stat_statements_reset()")

    def statements(self) -> int:
        """The statements since the reset; those inside functions and triggers are no round trips."""
        return self._total("calls")

    def queries(self) -> int:
        """Those of the statements that read or write, and do not only begin, set or end something."""
        return self._total(
            "calls", "AND s.query !~ '^(BEGIN|SET|COMMIT|ROLLBACK|SELECT pg_advisory_unlock_all)'"
        )

    def statement_wal(self) -> int:
        """The bytes that these statements wrote to the write-ahead log."""
        return self._total("wal_bytes")

    def wal_position(self) -> int:
        """Bytes of write-ahead log so far, of the whole server."""
        return self.admin.number("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")

    def tuples_written(self) -> int:
        """To the tables of declarations, as far as reported: a session that works reports once a second.

        Those of executions are left out, because what idle sessions wrote to them is reported much later.
        """
        return self.watched.number(
            "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables "
            "WHERE relname IN ('pipeline', 'pipeline_type')"
        )

    def _total(self, column: str, more: str = "") -> int:
        return self.admin.number(
            f"SELECT COALESCE(sum(s.{column}), 0) FROM pg_stat_statements AS s "  # noqa: S608 (a literal)
            f"INNER JOIN pg_database AS d ON d.oid = s.dbid WHERE s.toplevel AND d.datname = $1 {more}",
            self.watched.name,
        )

"""The target: a DuckDB file with the flights as loaded and a mart of delays derived from them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from examples.nycflights.watcher_client import Outcome

SQL = {path.stem: path.read_text() for path in Path(__file__).with_name("sql").glob("*.sql")}
HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,"
    "carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour"
)


class LoadRefused(Exception):
    """DuckDB's parser or a constraint refused the rows; nothing of the day was written."""


@dataclass(frozen=True, slots=True)
class CarrierDelay:
    """A carrier over all days of the mart; delays in minutes, the share of departed flights over 15."""

    carrier: str
    flights: int
    cancelled: int
    mean_departure_delay: float
    share_delayed: float


@dataclass(frozen=True, slots=True)
class Warehouse:
    connection: duckdb.DuckDBPyConnection

    def load(self, day: date, file: Path) -> Outcome:
        """Make the day in `flights` equal to the file, or change nothing.

        A flight that upstream no longer lists is marked withdrawn: reports may have quoted it.
        """
        with self._transaction():
            self.connection.execute(SQL["stage_flights"], {"file": str(file)})
            rows = self._staged_rows(day, file)
            changes = self._changes("merge_flights", day)
        return Outcome(
            inserts=changes["INSERT"],
            updates=changes["UPDATE"],
            soft_deletes=changes["WITHDRAW"],
            total_rows=rows,
            metadata={"table": "flights", "file": file.name},
        )

    def build_delay_mart(self, day: date) -> Outcome:
        """Its rows are the flights that were flown: those which the means are taken over."""
        with self._transaction():
            changes = self._changes("merge_delay_mart", day)
            carriers = self._count("SELECT count(*) FROM delay_mart WHERE flight_date = $day", day)
            flown = self._count(SQL["flown"], day)
        return Outcome(
            inserts=changes["INSERT"],
            updates=changes["UPDATE"],
            total_rows=flown,
            metadata={"table": "delay_mart", "carriers": carriers, "rows_removed": changes["DELETE"]},
        )

    def worst_carriers(self, how_many: int) -> list[CarrierDelay]:
        rows = self.connection.execute(SQL["worst_carriers"], {"how_many": how_many}).fetchall()
        return [CarrierDelay(*row) for row in rows]

    def _staged_rows(self, day: date, file: Path) -> int:
        """What the parser lets pass: columns in another order, a last line cut short, another day's rows."""
        with file.open("rb") as content:
            header = content.readline().decode(errors="replace").rstrip("\r\n")
            content.seek(-1, 2)
            complete = content.read() == b"\n"
        if header != HEADER:
            raise LoadRefused(f"{file.name}: the header is not the agreed one, but: {header[:200]}")
        if not complete:
            raise LoadRefused(f"{file.name}: cut short, its last line has no end")
        strangers = self._count("SELECT count(*) FROM staged_flights WHERE flight_date <> $day", day)
        if strangers:
            raise LoadRefused(f"{file.name}: {strangers} rows are not of {day}")
        return self._count("SELECT count(*) FROM staged_flights WHERE flight_date = $day", day)

    def _changes(self, statement: str, day: date) -> Counter[str]:
        return Counter(
            action for (action,) in self.connection.execute(SQL[statement], {"day": day}).fetchall()
        )

    def _count(self, query: str, day: date) -> int:
        [(count,)] = self.connection.execute(query, {"day": day}).fetchall()
        return int(count)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.connection.begin()
        try:
            yield
            self.connection.commit()
        except BaseException as error:
            self.connection.rollback()
            if isinstance(error, duckdb.Error):
                raise LoadRefused(_gist(error)) from error
            if error.__cause__ and not isinstance(error.__cause__, Exception):
                # Ctrl-C or SIGTERM in the middle of a query: DuckDB hands it on as a RuntimeError.
                raise error.__cause__ from None
            raise


@contextmanager
def opened(file: Path) -> Iterator[Warehouse]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(file) as connection:
        connection.execute(SQL["schema"])
        yield Warehouse(connection)


def _gist(error: duckdb.Error) -> str:
    """DuckDB's message without the list of parser settings and remedies which follows it."""
    lines: list[str] = []
    for line in str(error).splitlines():
        if not line.strip() or line.startswith("Possible"):
            break
        lines.append(line)
    return "\n".join(lines)

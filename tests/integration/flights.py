"""An installation of the flights example, and what it should come to, computed from the source."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean

import duckdb
import httpx
import pytest

from examples.nycflights import dataset, etl, warehouse
from examples.nycflights.answers import ExecutionRow, ExecutionTree
from examples.nycflights.landing import Landing
from examples.nycflights.watcher_client import connected
from tests.plain import PLAIN

FIRST = etl.FIRST_DAY
SECOND, THIRD, FOURTH = (FIRST + timedelta(days=n) for n in (1, 2, 3))
STEPS = [pipeline.name for pipeline in etl.PIPELINES[1:]]

MartRow = tuple[date, str, int, int, float | None, float | None, float | None]


@dataclass(frozen=True)
class Site:
    """One installation of the ETL: its directory, its landing files, the Watcher it reports to."""

    url: str
    workdir: Path
    landing: Landing
    flights: dataset.Flights

    def deliver(self, *days: date) -> None:
        for day in days:
            self.landing.land(day, self.flights.csv(day))

    def run(self, days: int | None = None) -> list[etl.DayLoaded | etl.DayFailed]:
        with connected(self.url) as watcher, warehouse.opened(self.workdir / "flights.duckdb") as target:
            return list(etl.DailyEtl(watcher, self.landing, target, self.workdir).run(days=days))

    def watermark(self) -> str | None:
        with connected(self.url) as watcher:
            return next(row["watermark"] for row in watcher.pipelines() if row["name"] == etl.DAY.name)

    def trees(self, pipeline: str = etl.DAY.name) -> list[ExecutionTree]:
        """Every execution of a pipeline in the order of their starts, with its children."""
        with connected(self.url) as watcher:
            pipeline_id = next(row["id"] for row in watcher.pipelines() if row["name"] == pipeline)
        rows = self.get("/pipeline_execution", pipeline_id=pipeline_id).json()
        return [self.get(f"/pipeline_execution/{row['id']}").json() for row in reversed(rows)]

    def get(self, path: str, **filters: int | str) -> httpx.Response:
        return httpx.get(
            f"{self.url}{path}", params=filters, trust_env=False, verify=PLAIN
        ).raise_for_status()

    def names(self) -> dict[int, str]:
        return {row["id"]: row["name"] for row in self.get("/pipeline").json()}

    def rows(self, table: str) -> list[tuple[object, ...]]:
        with closing(duckdb.connect(self.workdir / "flights.duckdb", read_only=True)) as connection:
            return connection.table(table).order("ALL").fetchall()


def identity(execution: ExecutionRow) -> int:
    return execution["id"]


def end_of(execution: ExecutionRow) -> tuple[bool | None, dict[str, object]]:
    return execution["completed_successfully"], execution["execution_metadata"] or {}


def wind_back(site: Site, day: date) -> None:
    body = {"name": etl.DAY.name, "watermark": day.isoformat()}
    httpx.patch(f"{site.url}/pipeline", json=body, trust_env=False).raise_for_status()


def source_rows(flights: dataset.Flights, days: list[date]) -> Iterator[dict[str, str]]:
    for day in days:
        yield from csv.DictReader(io.StringIO(flights.csv(day).decode()))


def mean(delays: list[int]) -> float | None:
    return fmean(delays) if delays else None


def expected_mart(flights: dataset.Flights, days: list[date]) -> list[MartRow]:
    """The mart once more, by another road: no SQL, only the CSV."""
    groups: dict[tuple[date, str], list[dict[str, str]]] = defaultdict(list)
    for day in days:
        for row in source_rows(flights, [day]):
            groups[day, row["carrier"]].append(row)
    mart: list[MartRow] = []
    for (day, carrier), rows in sorted(groups.items()):
        departures = [int(row["dep_delay"]) for row in rows if row["dep_delay"] != "NA"]
        arrivals = [int(row["arr_delay"]) for row in rows if row["arr_delay"] != "NA"]
        cancelled = sum(row["dep_time"] == "NA" for row in rows)
        late = [int(delay > 15) for delay in departures]
        mart.append((day, carrier, len(rows), cancelled, mean(departures), mean(arrivals), mean(late)))
    return mart


def assert_mart(site: Site, days: list[date]) -> None:
    expected = expected_mart(site.flights, days)
    actual = site.rows("delay_mart")
    assert len(actual) == len(expected)
    for row, wanted in zip(actual, expected, strict=True):
        assert row == pytest.approx(wanted)

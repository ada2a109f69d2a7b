"""The pipeline: one day at a time, from the watermark which Watcher keeps, each step an execution."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from examples.nycflights.landing import Landing, SourceMissing, write_whole
from examples.nycflights.warehouse import LoadRefused, Warehouse
from examples.nycflights.watcher_client import (
    Address,
    Outcome,
    Pipeline,
    RegisteredPipeline,
    RunningExecution,
    Threshold,
    Watcher,
)

DAILY, TEN_MINUTES = Threshold(1, "day"), Threshold(10, "minute")
DAY = Pipeline("nycflights.day", "orchestration", DAILY, TEN_MINUTES)

LANDING = Address("nycflights/landing", "CSV directory", "files")
EXTRACTED = Address("nycflights/extracted", "CSV directory", "files")
FLIGHTS_TABLE = Address("flights.main.flights", "DuckDB table", "database")
MART_TABLE = Address("flights.main.delay_mart", "DuckDB table", "database")

EXTRACT = Pipeline("nycflights.extract", "extraction", DAILY, TEN_MINUTES, (LANDING,), (EXTRACTED,))
LOAD = Pipeline("nycflights.load", "loading", DAILY, TEN_MINUTES, (EXTRACTED,), (FLIGHTS_TABLE,))
DELAY_MART = Pipeline(
    "nycflights.delay_mart", "transformation", DAILY, TEN_MINUTES, (FLIGHTS_TABLE,), (MART_TABLE,)
)
PIPELINES = (DAY, EXTRACT, LOAD, DELAY_MART)

FIRST_DAY = date(2013, 1, 1)


class PipelineInactive(Exception):
    """Someone has switched the pipeline off in Watcher; to run it all the same would be to overrule them."""


class StepFailed(Exception):
    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step, self.reason = step, reason


@dataclass(frozen=True, slots=True)
class DayLoaded:
    day: date
    extract: Outcome
    load: Outcome
    mart: Outcome
    seconds: float


@dataclass(frozen=True, slots=True)
class DayFailed:
    day: date
    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class Registered:
    """The four pipelines as Watcher knows them, and the run that is about to use them."""

    run_id: str
    day: RegisteredPipeline
    extract: RegisteredPipeline
    load: RegisteredPipeline
    delay_mart: RegisteredPipeline


@dataclass(frozen=True, slots=True)
class DailyEtl:
    watcher: Watcher
    landing: Landing
    warehouse: Warehouse
    workdir: Path

    def run(self, *, first: date = FIRST_DAY, days: int | None = None) -> Iterator[DayLoaded | DayFailed]:
        """The days after the watermark, or from `first` when there is none; stops at the first failure.

        Without `days`, up to the newest day of the source. With it, that many days are demanded, and one
        which the source does not have is a failure.
        """
        newest = self.landing.newest() or first
        registered = self._registered(newest)
        watermark = registered.day.watermark
        day = date.fromisoformat(watermark) + timedelta(days=1) if watermark else first
        last = newest if days is None else day + timedelta(days=days - 1)
        while day <= last:
            outcome = self._day(registered, day, watermark)
            yield outcome
            if isinstance(outcome, DayFailed):
                return
            watermark, day = day.isoformat(), day + timedelta(days=1)

    def _registered(self, newest: date) -> Registered:
        day = self.watcher.register(DAY, next_watermark=newest.isoformat())
        steps = [self.watcher.register(step) for step in (EXTRACT, LOAD, DELAY_MART)]
        for pipeline in (day, *steps):
            if not pipeline.active:
                raise PipelineInactive(f"{pipeline.name} is switched off in Watcher")
        return Registered(uuid.uuid4().hex[:12], day, *steps)

    def _day(self, registered: Registered, day: date, watermark: str | None) -> DayLoaded | DayFailed:
        """Only the parent carries the watermark: a day counts when all of its steps have succeeded."""
        started = time.monotonic()
        try:
            with self.watcher.execution(
                registered.day,
                external_id=f"{registered.run_id}:{day}:day",
                watermark=watermark,
                next_watermark=day.isoformat(),
            ) as parent:
                step = _Step(self.watcher, registered.run_id, day, parent)
                extract = step.run(registered.extract, lambda: self._extract(day))
                load = step.run(registered.load, lambda: self.warehouse.load(day, self._extracted(day)))
                mart = step.run(registered.delay_mart, lambda: self.warehouse.build_delay_mart(day))
                parent.outcome = _whole(extract, load, mart)
        except StepFailed as failure:
            return DayFailed(day, failure.step, failure.reason)
        return DayLoaded(day, extract, load, mart, time.monotonic() - started)

    def _extracted(self, day: date) -> Path:
        return self.workdir / "extracted" / f"flights-{day}.csv"

    def _extract(self, day: date) -> Outcome:
        """Keep the day as delivered: what was loaded can still be shown when the source has changed."""
        source = self.landing.file(day)
        content = source.read_bytes()
        rows = max(len(content.splitlines()) - 1, 0)
        if rows == 0:
            raise SourceMissing(f"source file {source.name} has no rows")
        target = self._extracted(day)
        write_whole(target, content)
        return Outcome(total_rows=rows, metadata={"file": target.name, "bytes": len(content)})


@dataclass(frozen=True, slots=True)
class _Step:
    watcher: Watcher
    run_id: str
    day: date
    parent: RunningExecution

    def run(self, pipeline: RegisteredPipeline, work: Callable[[], Outcome]) -> Outcome:
        external_id = f"{self.run_id}:{self.day}:{pipeline.name.rpartition('.')[2]}"
        try:
            with self.watcher.execution(pipeline, external_id, parent=self.parent) as execution:
                execution.outcome = work()
        except (SourceMissing, LoadRefused, OSError) as error:
            raise StepFailed(pipeline.name, str(error)) from error
        return execution.outcome


def _whole(extract: Outcome, load: Outcome, mart: Outcome) -> Outcome:
    """The parent's counts: the rows of the day, and every row that was changed in either table."""
    return Outcome(
        inserts=(load.inserts or 0) + (mart.inserts or 0),
        updates=(load.updates or 0) + (mart.updates or 0),
        soft_deletes=load.soft_deletes,
        total_rows=extract.total_rows,
        metadata={"carriers": mart.metadata["carriers"]},
    )

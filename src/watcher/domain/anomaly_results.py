"""Verdicts on record, and how they come about: after each successful end, once for each rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from watcher.domain.anomaly import Bucket, MetricField, Standing
from watcher.domain.anomaly_incident import AnomalyIncident
from watcher.domain.clock import Clock
from watcher.domain.errors import NotFound
from watcher.domain.jobs import Job, Jobs
from watcher.domain.page import Page, Slice

BATCH = 100
"""Runs that are judged in one transaction."""


@dataclass(unsafe_hash=True)
class AnomalyNotFlagged(NotFound):
    pipeline_id: int
    pipeline_execution_id: int

    def __str__(self) -> str:
        return (
            f"Execution {self.pipeline_execution_id} of pipeline {self.pipeline_id} "
            "is not flagged for any of these metrics."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyDetectionResult:
    """A verdict on record, see `Verdict`. `unflagged_at` says when somebody took the flag back."""

    id: int
    pipeline_execution_id: int
    rule_id: int
    pipeline_id: int
    metric_field: MetricField
    start_date: datetime
    standing: Standing
    value: float
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    score: float | None = None
    bucket: Bucket | None = None
    history_size: int = 0
    missing: int = 0
    sentence: str
    judged_at: datetime
    unflagged_at: datetime | None = None

    @property
    def flagged(self) -> bool:
        return self.standing is Standing.ANOMALOUS and self.unflagged_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFilter:
    """Those that meet every given condition. `flagged` ones are anomalous and nobody unflagged them."""

    pipeline_id: int | None = None
    pipeline_execution_id: int | None = None
    flagged: bool | None = None

    def admits(self, result: AnomalyDetectionResult) -> bool:
        return (
            self.pipeline_id in (None, result.pipeline_id)
            and self.pipeline_execution_id in (None, result.pipeline_execution_id)
            and self.flagged in (None, result.flagged)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """Those that meet every given condition. `open` ones last."""

    pipeline_id: int | None = None
    open: bool | None = None

    def admits(self, incident: AnomalyIncident) -> bool:
        return self.pipeline_id in (None, incident.pipeline_id) and self.open in (
            None,
            incident.ended_at is None,
        )


@dataclass(frozen=True, slots=True)
class AnomaliesJudged:
    """What one transaction of judging came to: how many runs it took up, and the incidents it opened or ended."""

    taken: int
    opened: Sequence[AnomalyIncident] = ()
    ended: Sequence[AnomalyIncident] = ()


class AnomalyResults(Protocol):
    """The verdicts on record. Every method is one transaction."""

    async def judge(self, limit: int, now: datetime) -> AnomaliesJudged:
        """Judges up to `limit` of the runs that are still to be judged, those first that are so the longest.

        Each run is judged once by each rule that was active when it ended and still is, by the rule `judge` on
        what began before it. The runs of one pipeline are judged one after the other, by one judge at a time;
        of inactive pipelines not at all. Nothing is `taken` when nothing is left; then the incidents of inactive
        pipelines are `ended`. Raises `StoreBusy` when what is left is being judged by others.
        """
        ...

    async def unflag(
        self,
        pipeline_id: int,
        pipeline_execution_id: int,
        metric_fields: Sequence[MetricField],
        now: datetime,
    ) -> int:
        """Takes the flags of a run back; how many there were. It counts in baselines again."""
        ...

    async def page(self, wanted: ResultFilter, page: Page) -> Slice[AnomalyDetectionResult]:
        """Newest first, by descending id."""
        ...

    async def incidents(self, wanted: IncidentFilter, page: Page) -> Slice[AnomalyIncident]:
        """Newest first, by descending id."""
        ...


@dataclass(frozen=True, slots=True)
class DetectAnomalies:
    """The job that judges what has ended, and announces what it found. Harmless to repeat and to run anywhere at once."""

    anomaly_results: AnomalyResults
    jobs: Jobs
    clock: Clock

    async def __call__(self) -> int:
        """How many runs it took up, until nothing was left."""
        total = 0
        while taken := await self.step():
            total += taken
        return total

    async def step(self) -> int:
        """One transaction's worth of it, for those who have other work to do in between; 0 when nothing is left."""
        judged = await self.anomaly_results.judge(BATCH, self.clock.now())
        if judged.opened or judged.ended:
            self.jobs.announce(Job.SEND_ALERTS)
        return judged.taken


@dataclass(frozen=True, slots=True)
class UnflagAnomaly:
    """Says that a flagged run was all right."""

    anomaly_results: AnomalyResults
    clock: Clock

    async def __call__(
        self, pipeline_id: int, pipeline_execution_id: int, metric_fields: Sequence[MetricField]
    ) -> int:
        """How many flags were taken back. Raises `AnomalyNotFlagged`."""
        unflagged = await self.anomaly_results.unflag(
            pipeline_id, pipeline_execution_id, metric_fields, self.clock.now()
        )
        if not unflagged:
            raise AnomalyNotFlagged(pipeline_id, pipeline_execution_id)
        return unflagged

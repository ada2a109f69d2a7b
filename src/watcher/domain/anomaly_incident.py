"""Incidents: consecutive flagged runs of one rule, about which people are told once."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from watcher.domain.anomaly import MetricField, Standing, Verdict

AHEAD = timedelta(minutes=5)
"""A run that begins so much after the instant of judging has a wrong start."""


class IncidentEnding(StrEnum):
    """Why an incident is over.

    `OVERTAKEN`: the run was judged late, when a later one had been judged already, so it never lasted.
    `DEACTIVATED`: the rule is not active any more; `INACTIVE`: the pipeline is not.
    """

    RECOVERED = "recovered"
    OVERTAKEN = "overtaken"
    UNFLAGGED = "unflagged"
    DEACTIVATED = "deactivated"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyIncident:
    """An incident on record. First and last are by `start_date`; `ended_at` is None while it lasts.

    `runs` are the flagged runs in it that nobody unflagged, `sentence` is what was said of the run that opened it.
    """

    id: int
    rule_id: int
    pipeline_id: int
    metric_field: MetricField
    opened_at: datetime
    first_execution_id: int
    first_start: datetime
    last_execution_id: int
    last_start: datetime
    runs: int
    sentence: str
    ended_at: datetime | None = None
    ending: IncidentEnding | None = None

    def over(self, ending: IncidentEnding, now: datetime) -> "AnomalyIncident":
        return replace(self, ended_at=max(now, self.opened_at), ending=ending)

    def without(self, runs: int, now: datetime) -> "AnomalyIncident":
        """The incident after so many of its runs were unflagged: over when none is left."""
        left = replace(self, runs=max(0, self.runs - runs))
        if left.runs == 0 and left.ended_at is None:
            return left.over(IncidentEnding.UNFLAGGED, now)
        return left


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A run that a rule has judged just now."""

    rule_id: int
    pipeline_id: int
    metric_field: MetricField
    execution_id: int
    start_date: datetime
    verdict: Verdict
    value: float


@dataclass(slots=True)
class Course:
    """What becomes of one rule's incidents while runs are judged one after the other.

    `judged_to` is the start of the latest run judged so far, learning aside, `lasting` the open incident. Only a run
    that begins no earlier opens or ends one. One that was judged late adds to the open incident if it lies within
    it; else it is an incident of its own that is over already. A run that begins in the future has a wrong start: it
    is taken as it comes, and makes no other late. `new` counts the ids that are still to be given, downwards from -1.
    """

    judged_to: datetime | None = None
    lasting: AnomalyIncident | None = None

    def takes(self, judged: Judged, now: datetime, new: int) -> AnomalyIncident | None:
        """The incident that was changed or opened by this run; None where it changed nothing."""
        if judged.verdict.standing is Standing.LEARNING:
            return None
        present = now + AHEAD
        late = self.judged_to is not None and judged.start_date < self.judged_to <= present
        if not late and judged.start_date <= present:
            self.judged_to = judged.start_date
        if judged.verdict.anomalous:
            return self._flagged(judged, now, new, late=late)
        if late or self.lasting is None:
            return None
        over = self.lasting.over(IncidentEnding.RECOVERED, now)
        self.lasting = None
        return over

    def _flagged(self, judged: Judged, now: datetime, new: int, *, late: bool) -> AnomalyIncident:
        lasting = self.lasting
        if lasting is not None and (not late or judged.start_date >= lasting.first_start):
            lasting = replace(lasting, runs=lasting.runs + 1)
            if judged.start_date >= lasting.last_start:
                lasting = replace(
                    lasting, last_execution_id=judged.execution_id, last_start=judged.start_date
                )
            self.lasting = lasting
            return lasting
        opened = AnomalyIncident(
            id=new,
            rule_id=judged.rule_id,
            pipeline_id=judged.pipeline_id,
            metric_field=judged.metric_field,
            opened_at=now,
            first_execution_id=judged.execution_id,
            first_start=judged.start_date,
            last_execution_id=judged.execution_id,
            last_start=judged.start_date,
            runs=1,
            sentence=judged.verdict.sentence,
        )
        if late:
            return opened.over(IncidentEnding.OVERTAKEN, now)
        self.lasting = opened
        return opened

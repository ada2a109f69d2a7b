"""Incidents: consecutive flagged runs of one rule, about which people are told once."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from watcher.domain.anomaly import MetricField, Standing, Verdict

AHEAD = timedelta(minutes=5)
"""A run that begins so much after the instant of judging has a wrong start."""


class IncidentEnding(StrEnum):
    """Why an incident is over.

    `OVERTAKEN`: it never lasted, for its first run was judged late, between others that look right.
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

    `runs` are the flagged runs in it that nobody unflagged, `sentence` is what was said of the first.
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

    def spans(self, start_date: datetime) -> bool:
        return self.runs > 0 and self.first_start <= start_date <= self.last_start

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


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A run with a verdict, and its incident if it is flagged; neither what was only learnt from nor unflagged."""

    start_date: datetime
    execution_id: int
    incident_id: int | None = field(default=None, compare=False)


@dataclass(slots=True)
class Course:
    """What becomes of one rule's incidents while runs are judged one after the other.

    `judged_to` is the start of the latest run judged so far, learning aside, `lasting` the open incident. Only a run
    that begins no earlier opens or ends one. A flagged run that was judged late belongs to the incident in whose
    time it lies, else to that of the run just before it or just after it: consecutive flagged runs are one incident
    in whatever order they are judged. Else it is an incident of its own that is over already. A run that begins in
    the future has a wrong start: it is taken as it comes, and makes no other late.

    `marks`, ascending, and `over` are what is known of the runs around those that are late, and of their incidents.
    `new` counts the ids that are still to be given, downwards from -1.
    """

    judged_to: datetime | None = None
    lasting: AnomalyIncident | None = None
    marks: list[Mark] = field(default_factory=list)
    over: dict[int, AnomalyIncident] = field(default_factory=dict)

    def knows(self, marks: Iterable[Mark], incidents: Iterable[AnomalyIncident]) -> None:
        """Takes in the open incident, and what is around the runs that are late, each as often as it comes."""
        self.marks = sorted({*self.marks, *marks})
        for each in incidents:
            self._keep(each)

    def late(self, start_date: datetime, now: datetime) -> bool:
        """Whether a run that begins later was judged before one of this start."""
        return self.judged_to is not None and start_date < self.judged_to <= now + AHEAD

    def takes(self, judged: Judged, now: datetime, new: int) -> AnomalyIncident | None:
        """The incident that was changed or opened by this run; None where it changed nothing."""
        if judged.verdict.standing is Standing.LEARNING:
            return None
        late = self.late(judged.start_date, now)
        if not late and judged.start_date <= now + AHEAD:
            self.judged_to = judged.start_date
        mark = Mark(judged.start_date, judged.execution_id)
        if judged.verdict.anomalous:
            incident = self._keep(self._flagged(mark, judged, now, new, late=late))
            insort(self.marks, replace(mark, incident_id=incident.id))
            return incident
        insort(self.marks, mark)
        if late or self.lasting is None:
            return None
        return self._keep(self.lasting.over(IncidentEnding.RECOVERED, now))

    def _flagged(self, mark: Mark, judged: Judged, now: datetime, new: int, *, late: bool) -> AnomalyIncident:
        joined = self._around(mark) if late else self.lasting
        if joined is None:
            opened = _opened(judged, now, new)
            return opened.over(IncidentEnding.OVERTAKEN, now) if late else opened
        joined = replace(joined, runs=joined.runs + 1)
        if late and mark.start_date < joined.first_start:
            return replace(
                joined,
                first_execution_id=mark.execution_id,
                first_start=mark.start_date,
                sentence=judged.verdict.sentence,
            )
        if joined.last_start <= mark.start_date <= now + AHEAD:
            return replace(joined, last_execution_id=mark.execution_id, last_start=mark.start_date)
        return joined

    def _around(self, mark: Mark) -> AnomalyIncident | None:
        """The incident that a late run belongs to."""
        lasting = self.lasting
        if lasting is not None and mark.start_date >= lasting.first_start:
            return lasting
        spanning = [each for each in self.over.values() if each.spans(mark.start_date)]
        if spanning:
            return min(spanning, key=lambda each: each.id)
        place = bisect_left(self.marks, mark)
        for beside in (*self.marks[max(0, place - 1) : place], *self.marks[place : place + 1]):
            if lasting is not None and beside.incident_id == lasting.id:
                return lasting
            if beside.incident_id in self.over:
                return self.over[beside.incident_id]
        return None

    def _keep(self, incident: AnomalyIncident) -> AnomalyIncident:
        if incident.ended_at is None:
            self.lasting = incident
            return incident
        if self.lasting is not None and self.lasting.id == incident.id:
            self.lasting = None
        self.over[incident.id] = incident
        return incident


def _opened(judged: Judged, now: datetime, new: int) -> AnomalyIncident:
    return AnomalyIncident(
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

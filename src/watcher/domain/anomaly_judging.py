"""Judging many runs at once: from what was read of them to verdicts and incidents, without any I/O."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import lt
from typing import cast

from watcher.domain.anomaly import AnomalyRule, MetricField, Observation, Verdict
from watcher.domain.anomaly_incident import AnomalyIncident, Course, Judged
from watcher.domain.anomaly_judge import judge, judged
from watcher.domain.anomaly_points import Past, sized
from watcher.domain.anomaly_rules import AnomalyDetectionRule
from watcher.domain.anomaly_sample import Cuts, anchors, cut, recent_limit, weeks_back
from watcher.domain.anomaly_times import Times, timed


@dataclass(frozen=True, slots=True)
class Run:
    """A successful run: when it began, and its metrics as far as they were counted."""

    id: int
    pipeline_id: int
    start_date: datetime
    metrics: Mapping[MetricField, float | None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that is to be judged, and the rules to judge it by: those that were active when it ended and still are."""

    run: Run
    rules: Sequence[AnomalyDetectionRule]


@dataclass(frozen=True, slots=True)
class Look:
    """Which earlier runs are asked for to judge one by some rules: what `sampled` needs, for all of them.

    The `recent` latest; of those older than `weeks` only the first `least`. And, unless fewer than `gate` runs came
    before, for each of the `days` before a stretch. With `metric_field`, only runs that have that metric.
    """

    pipeline_id: int
    start_date: datetime
    recent: int
    least: int
    weeks: int
    gate: int
    days: int
    metric_field: MetricField | None = None

    @classmethod
    def of(cls, run: Run, rules: Sequence[AnomalyDetectionRule], metric: MetricField | None = None) -> "Look":
        asked = [rule.rule() for rule in rules]
        limits = [recent_limit(rule) for rule in asked]
        return cls(
            run.pipeline_id,
            run.start_date,
            max(limits) + 1,
            max(rule.minimum_executions for rule in asked),
            max(weeks_back(rule).days for rule in asked) // 7,
            min(limits) + 1,
            max(len(anchors(run.start_date, rule)) for rule in asked),
            metric,
        )


@dataclass(frozen=True, slots=True)
class Earlier:
    """Successful runs of one pipeline by column, ascending by their start, then by their id."""

    ids: Sequence[int] = ()
    starts: Sequence[datetime] = ()
    metrics: Mapping[MetricField, Sequence[float | None]] = field(default_factory=dict)
    in_order: bool = field(init=False, compare=False)
    """Whether no two began at the same instant."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "in_order", all(map(lt, self.starts, self.starts[1:])))

    def lacks(self, metric: MetricField) -> bool:
        """Whether some do not have the metric, so that these are not all that a rule for it asks for."""
        return None in self.metrics.get(metric, ())


@dataclass(slots=True)
class History:
    """What a rule knows of the earlier runs of its pipeline: those that have its metric, by column and in order.

    `sizes` are the values on the metric's scale, `empty` where some are without rows; see `Past`.
    """

    earlier: Earlier
    values: Sequence[float]
    flags: list[bool]
    sizes: Sequence[float]
    empty: bool

    @classmethod
    def known(cls, earlier: Earlier, metric: MetricField, flagged: Collection[int]) -> "History":
        """Raises `ArithmeticError` or `ValueError` for values that cannot be reckoned with."""
        values = earlier.metrics.get(metric, ())
        if None in values:
            there = [index for index, value in enumerate(values) if value is not None]
            earlier = Earlier([earlier.ids[each] for each in there], [earlier.starts[each] for each in there])
            values = [values[each] for each in there]
        known = cast("Sequence[float]", values)
        flags = [each in flagged for each in earlier.ids] if flagged else [False] * len(earlier.ids)
        return cls(earlier, known, flags, *sized(metric, known))

    @property
    def runs(self) -> list[Observation]:
        return list(map(Observation, self.earlier.starts, self.values, self.flags))

    def past(self, cuts: Cuts) -> Past:
        return Past(self.earlier.starts, self.values, self.sizes, self.flags, self.empty, cuts)

    def flag(self, identity: int) -> None:
        """Later runs take this one for anomalous."""
        if identity in self.earlier.ids:
            self.flags[self.earlier.ids.index(identity)] = True


@dataclass(slots=True)
class Moment:
    """The start of a run, and what the rules share that judge it by the same runs: all that follows from starts."""

    start_date: datetime
    _cuts: dict[tuple[int, timedelta, int], Cuts] = field(default_factory=dict)
    _times: dict[tuple[int, timedelta, int], Times] = field(default_factory=dict)

    def judged(self, rule: AnomalyRule, value: float, history: History) -> Verdict:
        starts = history.earlier.starts
        asked = id(starts), weeks_back(rule), rule.minimum_executions
        if asked not in self._cuts:
            self._cuts[asked] = cut(
                self.start_date,
                rule,
                len(starts),
                lambda instant, most: bisect_left(starts, instant, hi=most),
            )
        past = history.past(self._cuts[asked])
        if not history.earlier.in_order:
            return judge(rule, self.start_date, value, past.sample())
        if asked not in self._times and len(past) >= rule.minimum_executions:
            self._times[asked] = timed(self.start_date, starts, past.latest().cuts)
        return judged(rule, self.start_date, value, past, self._times.get(asked))


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be written for one verdict; `incident_id` below 0 is that of an incident to be opened."""

    judged: Judged
    incident_id: int | None


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A run of which a rule could make nothing, because its numbers were beyond those that can be reckoned with."""

    execution_id: int
    rule_id: int
    reason: str

    def __str__(self) -> str:
        return f"Execution {self.execution_id} could not be judged by rule {self.rule_id}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Source:
    """What the history of a rule is made of: the runs that were read, and which of them it flagged."""

    earlier: Earlier
    flagged: Collection[int] = frozenset()


@dataclass(slots=True)
class Judging:
    """The judging of some runs. `sources` and `courses` are by the id of the rule."""

    sources: Mapping[int, Source]
    courses: Mapping[int, Course]
    now: datetime
    entries: list[Entry] = field(default_factory=list)
    unjudged: list[Unjudged] = field(default_factory=list)
    """One such run must not keep those behind it from being judged."""
    incidents: dict[int, AnomalyIncident] = field(default_factory=dict)
    _histories: dict[int, History] = field(default_factory=dict)
    _new: int = -1

    def proceeds(self, waiting: Sequence[Waiting]) -> Iterator[None]:
        """Judges one run after the other; each step is some milliseconds.

        Pipeline by pipeline, so that few histories are there at a time, in the order of starts.
        """
        by_pipeline = sorted(waiting, key=lambda one: (one.run.pipeline_id, *place(one.run)))
        for _, of_pipeline in groupby(by_pipeline, key=lambda one: one.run.pipeline_id):
            self._histories = {}
            for each in of_pipeline:
                moment = Moment(each.run.start_date)
                for rule in each.rules:
                    self._judge(each.run, rule, moment)
                yield

    def _history(self, rule: AnomalyDetectionRule) -> History:
        history = self._histories.get(rule.id)
        if history is None:
            source = self.sources[rule.id]
            history = History.known(source.earlier, rule.metric_field, source.flagged)
            self._histories[rule.id] = history
        return history

    def _judge(self, run: Run, rule: AnomalyDetectionRule, moment: Moment) -> None:
        value = run.metrics[rule.metric_field]
        if value is None:
            return
        try:
            history = self._history(rule)
            verdict = moment.judged(rule.rule(), value, history)
        except (ArithmeticError, ValueError) as error:
            self.unjudged.append(Unjudged(run.id, rule.id, f"{type(error).__name__}: {error}"))
            return
        judged = Judged(
            rule_id=rule.id,
            pipeline_id=run.pipeline_id,
            metric_field=rule.metric_field,
            execution_id=run.id,
            start_date=run.start_date,
            verdict=verdict,
            value=value,
        )
        incident = self.courses[rule.id].takes(judged, self.now, self._new)
        if incident is not None:
            self.incidents[incident.id] = incident
            self._new -= incident.id == self._new
        if verdict.anomalous:
            history.flag(run.id)
        self.entries.append(
            Entry(judged, incident.id if incident is not None and verdict.anomalous else None)
        )


def place(run: Run) -> tuple[datetime, int]:
    return run.start_date, run.id

"""Alerts, in dictionaries."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from watcher.adapters.memory.deliveries import MemoryDeliveries
from watcher.adapters.memory.error_rates import MemoryErrorRates
from watcher.adapters.memory.late_runs import MemoryLateRuns
from watcher.adapters.memory.pipelines import MemoryPipelines
from watcher.adapters.memory.queue_spells import MemoryQueueSpells
from watcher.adapters.memory.stale_spells import MemoryStaleSpells
from watcher.adapters.memory.watching import Watching
from watcher.domain.alert_channels import Channel, Severity
from watcher.domain.alert_sentences import AlertKind
from watcher.domain.alerts import (
    LINES,
    RECENT,
    Alert,
    AlertFilter,
    News,
    Spell,
    Told,
    first_severity,
    goes_on,
    routed,
    sentence,
    told_from,
)
from watcher.domain.anomaly_incident import AnomalyIncident
from watcher.domain.deliveries import DeliveryState
from watcher.domain.freshness import StaleSpell
from watcher.domain.page import Page, Slice
from watcher.domain.queues import QueueSpell, QueueState
from watcher.domain.timeliness import LateRun


@dataclass(frozen=True, slots=True)
class Row:
    """An alert as it is kept."""

    id: int
    kind: AlertKind
    spell: Spell
    end_learned_at: datetime | None
    opened_in: int | None = None
    ended_in: tuple[int, ...] = ()
    settled: bool = False


class MemoryAlerts:
    """`Alerts` in dictionaries. `_logs` has, by kind, what is on record, and when each spell was found."""

    def __init__(
        self,
        *,
        pipelines: MemoryPipelines,
        stale_spells: MemoryStaleSpells,
        late_runs: MemoryLateRuns,
        watching: Watching,
        queue_spells: MemoryQueueSpells,
        error_rates: MemoryErrorRates,
        deliveries: MemoryDeliveries,
    ) -> None:
        self._pipelines, self._deliveries = pipelines, deliveries
        self._logs: Mapping[AlertKind, Callable[[], Iterable[tuple[datetime, Spell]]]] = {
            AlertKind.FRESHNESS: lambda: map(_stale, stale_spells.all()),
            AlertKind.TIMELINESS: lambda: map(_late, late_runs.all()),
            AlertKind.ANOMALY: lambda: map(_odd, watching.incidents.values()),
            AlertKind.QUEUE: lambda: map(_piled_up, queue_spells.rows, [*queue_spells.rows[1:], None]),
            AlertKind.ERRORS: error_rates.told,
        }
        self._rows: dict[int, Row] = {}
        self._known: dict[tuple[AlertKind, int], int] = {}
        self._ids = count(1)
        self._activated_at: datetime | None = None

    async def compose(self, now: datetime, channels: Sequence[Channel]) -> int:
        self._activated_at = min(self._activated_at or now, now)
        for kind in AlertKind:
            self._collect(kind, now, told_from(now, self._activated_at))
        written = self._tell_beginnings(now, channels) + self._tell_ends(now, channels)
        self._settle(now)
        return written

    def _collect(self, kind: AlertKind, now: datetime, since: datetime) -> None:
        logged = {spell.id: (found_at, spell) for found_at, spell in self._logs[kind]()}
        for row in list(self._rows.values()):
            if row.kind is kind and row.spell.ended_at is None:
                _, spell = logged.get(row.spell.id, (now, replace(row.spell, ended_at=now)))
                if spell.ended_at is not None:
                    over = replace(spell, severity=row.spell.severity)
                    self._rows[row.id] = replace(
                        row, spell=over, end_learned_at=now, settled=goes_on(over.facts)
                    )
        for found_at, spell in logged.values():
            lately = spell.ended_at is None or found_at >= since
            if lately and (kind, spell.id) not in self._known:
                learned_at = None if spell.ended_at is None else now
                row = Row(next(self._ids), kind, replace(spell, severity=first_severity(spell)), learned_at)
                self._rows[row.id] = row
                self._known[kind, spell.id] = row.id

    def _tell_beginnings(self, now: datetime, channels: Sequence[Channel]) -> int:
        groups: defaultdict[tuple[AlertKind, Severity], list[Row]] = defaultdict(list)
        for row in self._rows.values():
            if row.opened_in is None:
                groups[row.kind, row.spell.severity].append(row)
        for (kind, severity), rows in sorted(groups.items()):
            news = News(kind, severity, ending=False, count=len(rows), first=self._told(rows))
            message_id = self._deliveries.write(news, now, routed(severity, channels))
            for row in rows:
                over = row.spell.ended_at is not None
                self._rows[row.id] = replace(row, opened_in=message_id, settled=over)
        return len(groups)

    def _tell_ends(self, now: datetime, channels: Sequence[Channel]) -> int:
        names = {channel.name for channel in channels}
        groups: defaultdict[tuple[AlertKind, tuple[str, ...]], list[Row]] = defaultdict(list)
        for row in self._unsettled():
            if row.end_learned_at is not None and row.end_learned_at >= now - RECENT:
                ready = tuple(sorted(self._untold(row) & names))
                if ready:
                    groups[row.kind, ready].append(row)
        for (kind, ready), rows in sorted(groups.items()):
            news = News(kind, Severity.INFO, ending=True, count=len(rows), first=self._told(rows))
            message_id = self._deliveries.write(news, now, ready)
            for row in rows:
                self._rows[row.id] = replace(row, ended_in=(*row.ended_in, message_id))
        return len(groups)

    def _settle(self, now: datetime) -> None:
        for row in self._unsettled():
            opening = self._deliveries.of([] if row.opened_in is None else [row.opened_in])
            under_way = any(each.state in (DeliveryState.PENDING, DeliveryState.FAILED) for each in opening)
            late = row.end_learned_at is not None and row.end_learned_at < now - RECENT
            if late or not (under_way or self._untold(row)):
                self._rows[row.id] = replace(row, settled=True)

    def _unsettled(self) -> Sequence[Row]:
        return [row for row in self._rows.values() if row.spell.ended_at is not None and not row.settled]

    def _untold(self, row: Row) -> set[str]:
        """The channels that heard of the beginning and not of the end."""
        opening = self._deliveries.of([] if row.opened_in is None else [row.opened_in])
        heard = {each.channel for each in opening if each.state is DeliveryState.DELIVERED}
        return heard - {each.channel for each in self._deliveries.of(row.ended_in)}

    def _told(self, rows: Sequence[Row]) -> Sequence[Told]:
        return [
            Told(self._name(row.spell), row.spell.facts, row.spell.opened_at, row.spell.ended_at)
            for row in rows[:LINES]
        ]

    def _name(self, spell: Spell) -> str | None:
        return None if spell.pipeline_id is None else self._pipelines.known(spell.pipeline_id).name

    async def page(self, wanted: AlertFilter, page: Page) -> Slice[Alert]:
        rows = [
            alert
            for alert in map(self._alert, reversed(self._rows.values()))
            if wanted.admits(alert) and (page.after is None or alert.id < page.after)
        ]
        return Slice.cut(rows, page.limit)

    def _alert(self, row: Row) -> Alert:
        opening = self._deliveries.of([] if row.opened_in is None else [row.opened_in])
        ending = self._deliveries.of(row.ended_in)
        name = self._name(row.spell)
        return Alert(
            id=row.id,
            kind=row.kind,
            spell_id=row.spell.id,
            pipeline_id=row.spell.pipeline_id,
            pipeline_name=name,
            opened_at=row.spell.opened_at,
            ended_at=row.spell.ended_at,
            severity=row.spell.severity,
            sentence=sentence(row.kind, name, row.spell.facts),
            opening_message_id=row.opened_in,
            opening_delivered_at=min((d.delivered_at for d in opening if d.delivered_at), default=None),
            ending_message_ids=list(row.ended_in),
            ending_delivered_at=min((d.delivered_at for d in ending if d.delivered_at), default=None),
        )

    def lasting(self, kind: AlertKind) -> set[int]:
        """The spells that alerts say last, by their ids."""
        return {
            row.spell.id for row in self._rows.values() if row.kind is kind and row.spell.ended_at is None
        }

    def ended_before(self, before: datetime) -> list[int]:
        return [
            row.id
            for row in self._rows.values()
            if row.spell.ended_at is not None and row.spell.ended_at < before
        ]

    def forget(self, identities: Collection[int]) -> None:
        for row in [self._rows.pop(identity) for identity in identities]:
            del self._known[row.kind, row.spell.id]

    def told_in(self, but: Collection[int] = ()) -> set[int | None]:
        """The messages that began an alert on record, leaving out some of these."""
        return {row.opened_in for row in self._rows.values() if row.id not in but}


def _stale(spell: StaleSpell) -> tuple[datetime, Spell]:
    facts = {
        "last_change": None if spell.last_change is None else spell.last_change.isoformat(),
        "due_at": spell.due_at.isoformat(),
        "number": spell.threshold_number,
        "datepart": spell.threshold_datepart.value,
        "own": spell.threshold_own,
        "ending": spell.ending,
    }
    return spell.detected_at, Spell(
        id=spell.id,
        pipeline_id=spell.pipeline_id,
        opened_at=spell.detected_at,
        ended_at=spell.ended_at,
        severity=Severity.WARNING,
        facts=facts,
    )


def _late(run: LateRun) -> tuple[datetime, Spell]:
    facts = {
        "run": run.pipeline_execution_id,
        "start_date": run.start_date.isoformat(),
        "due_at": run.due_at.isoformat(),
        "number": run.threshold_number,
        "datepart": run.threshold_datepart.value,
        "own": run.threshold_own,
        "succeeded": run.completed_successfully,
        "in_time": None if run.end_date is None else run.end_date <= run.due_at,
    }
    return run.detected_at, Spell(
        id=run.id,
        pipeline_id=run.pipeline_id,
        opened_at=run.due_at,
        ended_at=run.end_date,
        severity=Severity.WARNING,
        facts=facts,
    )


def _odd(incident: AnomalyIncident) -> tuple[datetime, Spell]:
    facts = {
        "metric": incident.metric_field.value,
        "run": incident.first_execution_id,
        "start_date": incident.first_start.isoformat(),
        "sentence": incident.sentence,
        "runs": incident.runs,
        "ending": incident.ending,
    }
    return incident.opened_at, Spell(
        id=incident.id,
        pipeline_id=incident.pipeline_id,
        opened_at=incident.opened_at,
        ended_at=incident.ended_at,
        severity=Severity.WARNING,
        facts=facts,
    )


def _piled_up(spell: QueueSpell, later: QueueSpell | None) -> tuple[datetime, Spell]:
    follows = spell.ended_at is not None and later is not None and later.opened_at <= spell.ended_at
    then = later if follows else None
    facts = {
        "state": spell.state.value,
        "pending": spell.pending,
        "opened_at": spell.opened_at.isoformat(),
        "next": None if spell.ended_at is None else QueueState.OK.value if then is None else then.state.value,
        "goes_on": then is not None and then.state is QueueState.CRITICAL and then.ended_at is None,
    }
    return spell.opened_at, Spell(
        id=spell.id,
        pipeline_id=None,
        opened_at=spell.opened_at,
        ended_at=spell.ended_at,
        severity=Severity(spell.state),
        facts=facts,
    )

"""What is old goes, in dictionaries."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from watcher.adapters.memory.alerts import MemoryAlerts
from watcher.adapters.memory.deliveries import MemoryDeliveries
from watcher.adapters.memory.error_rates import MemoryErrorRates
from watcher.adapters.memory.executions import MemoryExecutions, place
from watcher.adapters.memory.keys import MemoryKeys
from watcher.adapters.memory.late_runs import MemoryLateRuns
from watcher.adapters.memory.queue_spells import MemoryQueueSpells
from watcher.adapters.memory.stale_spells import MemoryStaleSpells
from watcher.adapters.memory.watching import Watching
from watcher.domain.alert_sentences import AlertKind
from watcher.domain.execution import Execution
from watcher.domain.retention import Aged, Batch, Forgotten, OldTree, Place, gathered, is_old

Id = TypeVar("Id")


class Log(Protocol):
    def ended_before(self, before: datetime) -> Sequence[int]: ...

    def forget(self, identities: Sequence[int]) -> None: ...


@dataclass(frozen=True, slots=True)
class Rows(Generic[Id]):
    """Which rows of a kind are old at an instant, and how they go."""

    old: Callable[[datetime], Sequence[Id]]
    drop: Callable[[Sequence[Id]], None]

    def forget(self, before: datetime, limit: int) -> int:
        gone = self.old(before)[:limit]
        self.drop(gone)
        return len(gone)


class MemoryRetention:
    """`Retention` in dictionaries."""

    def __init__(
        self,
        *,
        executions: MemoryExecutions,
        late_runs: MemoryLateRuns,
        stale_spells: MemoryStaleSpells,
        watching: Watching,
        alerts: MemoryAlerts,
        deliveries: MemoryDeliveries,
        queue_spells: MemoryQueueSpells,
        error_rates: MemoryErrorRates,
        keys: MemoryKeys,
    ) -> None:
        self._watching = watching
        self._executions = executions
        self._late_runs = late_runs
        self._alerts, self._deliveries = alerts, deliveries
        self._kinds: Mapping[Aged, Rows[int] | Rows[str]] = {
            Aged.FRESHNESS_PIPELINE_LOGS: self._spells(AlertKind.FRESHNESS, stale_spells),
            Aged.ALERTS: Rows(alerts.ended_before, alerts.forget),
            Aged.ALERT_MESSAGES: Rows(self._messages, deliveries.forget),
            Aged.QUEUE_SPELLS: self._spells(AlertKind.QUEUE, queue_spells),
            Aged.ERROR_SPELLS: self._spells(AlertKind.ERRORS, error_rates),
            Aged.API_KEYS: Rows(keys.over_before, keys.forget),
        }

    async def forget(self, before: datetime, limit: int, after: Place | None = None) -> Batch:
        batch, runs = await self._batch(before, limit, after)
        identities = {run.id for run in runs}
        self._late_runs.forget(identities)
        self._watching.forget(identities)
        self._executions.forget(identities)
        return batch

    async def forgettable(self, before: datetime, limit: int, after: Place | None = None) -> Batch:
        return (await self._batch(before, limit, after))[0]

    async def forget_rows(self, kind: Aged, before: datetime, limit: int) -> int:
        return self._kinds[kind].forget(before, limit)

    async def forgettable_rows(self, kind: Aged, before: datetime) -> int:
        if kind is Aged.ALERT_MESSAGES:
            return len(self._messages(before, but=self._alerts.ended_before(before)))
        return len(self._kinds[kind].old(before))

    def _messages(self, before: datetime, but: Collection[int] = ()) -> Sequence[int]:
        """Those from before an instant that no alert began with, leaving out some alerts."""
        needed = self._alerts.told_in(but)
        return [
            identity
            for identity, written in self._deliveries.messages.items()
            if written.created_at < before and identity not in needed
        ]

    def _spells(self, kind: AlertKind, log: Log) -> Rows[int]:
        """Those of a log that are over, by the alerts of them, too."""

        def old(before: datetime) -> Sequence[int]:
            lasting = self._alerts.lasting(kind)
            return [identity for identity in log.ended_before(before) if identity not in lasting]

        return Rows(old, log.forget)

    async def _batch(
        self, before: datetime, limit: int, after: Place | None
    ) -> tuple[Batch, Sequence[Execution]]:
        places = sorted(place(run) for run in self._executions.all())
        reached = [each for each in places if each[0] < before and (after is None or each > after)][:limit]
        trees = {each: await self._executions.tree(each[1]) for each in reached}
        old = [
            OldTree(each, len(tree))
            for each, tree in trees.items()
            if tree[0].parent_id is None and is_old(tree, before)
        ]
        taken = gathered(old, limit)
        runs = [run for tree in taken for run in trees[tree.place]]
        forgotten = Forgotten(
            total_pipeline_executions_deleted=len(runs),
            total_timeliness_pipeline_execution_logs_deleted=self._late_runs.about({run.id for run in runs}),
            total_anomaly_detection_results_deleted=sum(len(self._watching.of(run.id)) for run in runs),
            total_pipeline_execution_closure_parent_deleted=sum(_depths(runs)),
        )
        if len(taken) < len(old):
            return Batch(forgotten, taken[-1].place), runs
        return Batch(forgotten, reached[-1] if len(reached) == limit else None), runs


def _depths(runs: Sequence[Execution]) -> Sequence[int]:
    """How many ancestors each has, given parents before their children."""
    depths: dict[int, int] = {}
    for run in runs:
        depths[run.id] = 0 if run.parent_id is None else depths[run.parent_id] + 1
    return list(depths.values())

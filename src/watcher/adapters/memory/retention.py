"""What is old goes, in dictionaries."""

from collections.abc import Sequence
from datetime import datetime

from watcher.adapters.memory.alerts import MemoryAlerts
from watcher.adapters.memory.deliveries import MemoryDeliveries
from watcher.adapters.memory.executions import MemoryExecutions, place
from watcher.adapters.memory.late_runs import MemoryLateRuns
from watcher.adapters.memory.queue_spells import MemoryQueueSpells
from watcher.adapters.memory.stale_spells import MemoryStaleSpells
from watcher.adapters.memory.watching import Watching
from watcher.domain.execution import Execution
from watcher.domain.retention import Batch, Forgotten, OldTree, Place, gathered, is_old


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
    ) -> None:
        self._watching = watching
        self._executions = executions
        self._late_runs = late_runs
        self._stale_spells = stale_spells
        self._queue_spells = queue_spells
        self._alerts, self._deliveries = alerts, deliveries

    async def forget(self, before: datetime, limit: int, after: Place | None = None) -> Batch:
        batch, runs = await self._batch(before, limit, after)
        identities = {run.id for run in runs}
        self._late_runs.forget(identities)
        self._watching.forget(identities)
        self._executions.forget(identities)
        return batch

    async def forgettable(self, before: datetime, limit: int, after: Place | None = None) -> Batch:
        return (await self._batch(before, limit, after))[0]

    async def forget_spells(self, before: datetime, limit: int) -> int:
        return len(self._stale_spells.forget(before, limit))

    async def forgettable_spells(self, before: datetime) -> int:
        return len(self._stale_spells.ended_before(before))

    async def forget_alerts(self, before: datetime, limit: int) -> int:
        gone = self._alerts.ended_before(before)[:limit]
        self._alerts.forget(gone)
        return len(gone)

    async def forgettable_alerts(self, before: datetime) -> int:
        return len(self._alerts.ended_before(before))

    async def forget_messages(self, before: datetime, limit: int) -> int:
        gone = self._messages(before, self._alerts.told_in())[:limit]
        self._deliveries.forget(gone)
        return len(gone)

    async def forgettable_messages(self, before: datetime) -> int:
        going = {row.id for row in self._alerts.ended_before(before)}
        return len(self._messages(before, self._alerts.told_in(but=going)))

    async def forget_queue_spells(self, before: datetime, limit: int) -> int:
        return self._queue_spells.forget(before, limit)

    async def forgettable_queue_spells(self, before: datetime) -> int:
        return self._queue_spells.ended_before(before)

    def _messages(self, before: datetime, needed: set[int | None]) -> Sequence[int]:
        return [
            identity
            for identity, written in self._deliveries.messages.items()
            if written.created_at < before and identity not in needed
        ]

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

"""The late runs, in dictionaries."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

from watcher.adapters.memory.executions import MemoryExecutions
from watcher.adapters.memory.pipelines import MemoryPipelines
from watcher.domain.execution import Execution
from watcher.domain.page import Page, Slice
from watcher.domain.timeliness import Late, LateRun, LateRunFilter, TimelinessChecked, judged


class MemoryLateRuns:
    """`LateRuns` in dictionaries."""

    def __init__(self, executions: MemoryExecutions, pipelines: MemoryPipelines) -> None:
        self._executions, self._pipelines = executions, pipelines
        self._rows: dict[int, LateRun] = {}
        self._known: set[int] = set()
        self._ids = count(1)
        self._checked_to: datetime | None = None

    async def check(self, now: datetime, since: datetime) -> TimelinessChecked:
        ended = self._ended()
        found = []
        for execution in self._executions.all():
            lately = execution.end_date is None or execution.end_date >= since
            if lately and execution.id not in self._known:
                pipeline = self._pipelines.known(execution.pipeline_id)
                late = judged(execution, pipeline, self._pipelines.type_of(pipeline), now)
                if late is not None:
                    found.append(self._found(execution, late, now))
        return TimelinessChecked(found, ended)

    def _ended(self) -> list[LateRun]:
        ended = []
        for run in self._rows.values():
            execution = self._executions.known(run.pipeline_execution_id)
            if run.end_date is None and execution.end_date is not None:
                over = replace(
                    self._named(run),
                    end_date=execution.end_date,
                    completed_successfully=execution.completed_successfully,
                )
                ended.append(over)
        self._rows.update({run.id: run for run in ended})
        return ended

    def _found(self, execution: Execution, late: Late, now: datetime) -> LateRun:
        run = LateRun(
            id=next(self._ids),
            pipeline_execution_id=execution.id,
            pipeline_id=execution.pipeline_id,
            pipeline_name=self._pipelines.known(execution.pipeline_id).name,
            start_date=execution.start_date,
            due_at=late.due_at,
            detected_at=now,
            threshold_number=late.threshold.span.number,
            threshold_datepart=late.threshold.span.datepart,
            threshold_own=late.threshold.own,
            end_date=execution.end_date,
            completed_successfully=execution.completed_successfully,
        )
        self._rows[run.id] = run
        self._known.add(execution.id)
        return run

    async def checked_to(self) -> datetime | None:
        return self._checked_to

    async def note_checked(self, to: datetime) -> None:
        self._checked_to = to

    def about(self, executions: Collection[int]) -> int:
        """How many there are of these executions."""
        return len(self._known.intersection(executions))

    def forget(self, executions: Collection[int]) -> None:
        """Those of these executions."""
        self._known.difference_update(executions)
        self._rows = {
            run.id: run for run in self._rows.values() if run.pipeline_execution_id not in executions
        }

    def all(self) -> Sequence[LateRun]:
        return list(self._rows.values())

    async def page(self, wanted: LateRunFilter, page: Page) -> Slice[LateRun]:
        rows = [
            self._named(row)
            for row in reversed(self._rows.values())
            if wanted.admits(row) and (page.after is None or row.id < page.after)
        ]
        return Slice.cut(rows, page.limit)

    def _named(self, run: LateRun) -> LateRun:
        return replace(run, pipeline_name=self._pipelines.known(run.pipeline_id).name)

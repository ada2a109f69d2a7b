"""The executions, in dictionaries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

from watcher.adapters.memory.pipelines import MemoryPipelines
from watcher.adapters.memory.watching import Watching
from watcher.domain.errors import WatcherError
from watcher.domain.execution import (
    End,
    Execution,
    ExecutionNotFound,
    ParentExecutionNotFound,
    Record,
    Start,
)
from watcher.domain.executions import Ended, ExecutionFilter, Started
from watcher.domain.page import CursorUnknown, Page, Slice
from watcher.domain.pipeline import PipelineNotFound


class MemoryExecutions:
    """`Executions` in dictionaries."""

    def __init__(self, pipelines: MemoryPipelines, watching: Watching) -> None:
        self._pipelines, self._watching = pipelines, watching
        self._rows: dict[int, Execution] = {}
        self._children: defaultdict[int, list[int]] = defaultdict(list)
        self._by_external_id: dict[tuple[int, str], int] = {}
        self._ids = count(1)

    async def start(self, starts: Sequence[Start]) -> list[Started | WatcherError]:
        return [self._start(start) for start in starts]

    def _start(self, start: Start) -> Started | WatcherError:
        if start.pipeline_id not in self._pipelines:
            return PipelineNotFound(start.pipeline_id)
        if start.parent_id is not None and start.parent_id not in self._rows:
            return ParentExecutionNotFound(start.parent_id)
        known = self._by_external_id.get((start.pipeline_id, start.external_id or ""))
        if start.external_id is not None and known is not None:
            return Started(known, repeated=True)
        identity = next(self._ids)
        self._rows[identity] = Execution.begun(identity, start)
        if start.parent_id is not None:
            self._children[start.parent_id].append(identity)
        if start.external_id is not None:
            self._by_external_id[start.pipeline_id, start.external_id] = identity
        return Started(identity)

    async def end(self, ends: Sequence[End]) -> list[Ended | WatcherError]:
        return [self._end(end) for end in ends]

    def _end(self, end: End) -> Ended | WatcherError:
        execution = self._rows.get(end.id)
        if execution is None:
            return ExecutionNotFound(end.id)
        try:
            ended = execution.ended(end.outcome)
        except WatcherError as refusal:
            return refusal
        if ended is execution:
            return Ended(end.id, repeated=True)
        self._rows[end.id] = ended
        if not ended.completed_successfully:
            return Ended(end.id)
        self._pipelines.advance(ended)
        return Ended(end.id, watched=self._watching.ended(end.id, ended.pipeline_id))

    async def record(self, records: Sequence[Record]) -> list[Started | WatcherError]:
        turns = sorted(range(len(records)), key=lambda index: records[index].outcome.end_date)
        verdicts = {index: self._record(records[index]) for index in turns}
        for index, verdict in verdicts.items():
            if isinstance(verdict, Started) and verdict.repeated:
                ended = self._end(End(verdict.id, records[index].outcome))
                verdicts[index] = _recorded(verdict, ended)
        return [verdicts[index] for index in range(len(records))]

    def _record(self, record: Record) -> Started | WatcherError:
        verdict = self._start(record.start)
        if isinstance(verdict, Started) and not verdict.repeated:
            return _recorded(verdict, self._end(End(verdict.id, record.outcome)))
        return verdict

    def known(self, identity: int) -> Execution:
        """Raises `ExecutionNotFound`."""
        if identity not in self._rows:
            raise ExecutionNotFound(identity)
        return self._rows[identity]

    async def tree(self, identity: int) -> Sequence[Execution]:
        if identity not in self._rows:
            raise ExecutionNotFound(identity)
        found, level = [], [identity]
        while level:
            found += [self._flagged(self._rows[each]) for each in level]
            level = sorted(child for each in level for child in self._children[each])
        return found

    def all(self) -> Iterable[Execution]:
        """Every execution, by ascending id."""
        return self._rows.values()

    def last_of(self, pipeline_id: int) -> Execution | None:
        """The run of the pipeline that started last."""
        runs = [run for run in self._rows.values() if run.pipeline_id == pipeline_id]
        return max(runs, key=place, default=None)

    def forget(self, identities: Iterable[int]) -> None:
        """Whole trees."""
        for identity in identities:
            run = self._rows.pop(identity)
            self._children.pop(identity, None)
            if run.external_id is not None:
                del self._by_external_id[run.pipeline_id, run.external_id]

    async def page(self, wanted: ExecutionFilter, page: Page) -> Slice[Execution]:
        if page.after is not None and page.after not in self._rows:
            raise CursorUnknown(page.after)
        end = None if page.after is None else place(self._rows[page.after])
        rows = [row for row in self._rows.values() if wanted.admits(row)]
        rows = [row for row in sorted(rows, key=place, reverse=True) if end is None or place(row) < end]
        return Slice.cut([self._flagged(row) for row in rows[: page.limit + 1]], page.limit)

    def _flagged(self, execution: Execution) -> Execution:
        return replace(execution, anomaly_flags=self._watching.flags(execution.id))


def _recorded(begun: Started, ended: Ended | WatcherError) -> Started | WatcherError:
    """What became of a run that is over: it was begun, or known, and then ended."""
    return replace(begun, watched=ended.watched) if isinstance(ended, Ended) else ended


def place(execution: Execution) -> tuple[datetime, int]:
    return execution.start_date, execution.id

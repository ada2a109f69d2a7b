"""Executions that are counted on their way to a store."""

from collections.abc import Sequence

from watcher.domain.errors import WatcherError
from watcher.domain.execution import End, Execution, Record, Start
from watcher.domain.executions import Ended, ExecutionFilter, Executions, Started
from watcher.domain.measures import Measures
from watcher.domain.page import Page, Slice


class MeasuredExecutions:
    """`Executions` of another; what is repeated or refused is not counted."""

    def __init__(self, executions: Executions, measures: Measures) -> None:
        self._executions, self._measures = executions, measures

    async def start(self, starts: Sequence[Start]) -> list[Started | WatcherError]:
        verdicts = await self._executions.start(starts)
        self._measures.started(sum(map(_new, verdicts)))
        return verdicts

    async def end(self, ends: Sequence[End]) -> list[Ended | WatcherError]:
        verdicts = await self._executions.end(ends)
        self._count_ends(
            [end.outcome.completed_successfully for end, v in zip(ends, verdicts, strict=True) if _new(v)]
        )
        return verdicts

    async def record(self, records: Sequence[Record]) -> list[Started | WatcherError]:
        verdicts = await self._executions.record(records)
        self._measures.started(sum(map(_new, verdicts)))
        self._count_ends(
            [
                each.outcome.completed_successfully
                for each, v in zip(records, verdicts, strict=True)
                if _new(v)
            ]
        )
        return verdicts

    async def tree(self, identity: int) -> Sequence[Execution]:
        return await self._executions.tree(identity)

    async def page(self, wanted: ExecutionFilter, page: Page) -> Slice[Execution]:
        return await self._executions.page(wanted, page)

    def _count_ends(self, successes: Sequence[bool]) -> None:
        self._measures.ended(sum(successes), len(successes) - sum(successes))


def _new(verdict: Started | Ended | WatcherError) -> bool:
    return not isinstance(verdict, WatcherError) and not verdict.repeated

"""The daily report, computed from the runs in memory whenever it is asked for."""

from collections import defaultdict

from watcher.adapters.memory.executions import MemoryExecutions
from watcher.adapters.memory.pipelines import MemoryPipelines
from watcher.domain.execution import Execution
from watcher.domain.page import Slice
from watcher.domain.report import DayKey, DayTotals, PipelineDay, ReportFilter
from watcher.domain.text import name_key


class MemoryDailyReport:
    """`DailyReport` without anything kept."""

    def __init__(self, executions: MemoryExecutions, pipelines: MemoryPipelines) -> None:
        self._executions = executions
        self._pipelines = pipelines

    async def page(self, wanted: ReportFilter, limit: int, after: DayKey | None = None) -> Slice[PipelineDay]:
        days: defaultdict[DayKey, list[Execution]] = defaultdict(list)
        for run in self._executions.all():
            days[DayKey(run.start_date.date(), run.pipeline_id)].append(run)
        keys = sorted(days, key=_place)
        rows = [
            self._day(key, days[key])
            for key in keys
            if (after is None or _place(key) > _place(after)) and self._admits(wanted, key)
        ]
        return Slice.cut(rows, limit)

    def _day(self, key: DayKey, runs: list[Execution]) -> PipelineDay:
        pipeline = self._pipelines.known(key.pipeline_id)
        return PipelineDay.of(key, pipeline.name, self._pipelines.type_of(pipeline).name, DayTotals.of(runs))

    def _admits(self, wanted: ReportFilter, key: DayKey) -> bool:
        pipeline = self._pipelines.known(key.pipeline_id)
        kind = self._pipelines.type_of(pipeline)
        return (
            wanted.pipeline_id in (None, key.pipeline_id)
            and (wanted.pipeline_name is None or name_key(wanted.pipeline_name) == pipeline.key())
            and wanted.admits_name(pipeline.name)
            and (wanted.pipeline_type is None or name_key(wanted.pipeline_type) == kind.key())
            and (wanted.day_from is None or key.day >= wanted.day_from)
            and (wanted.day_to is None or key.day <= wanted.day_to)
        )

    async def certain(self) -> int:
        return 0

    async def refresh(self, known_to: int) -> bool:  # noqa: ARG002
        return False


def _place(key: DayKey) -> tuple[int, int]:
    return -key.day.toordinal(), key.pipeline_id

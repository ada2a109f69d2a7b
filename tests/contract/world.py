"""A Watcher to put questions to, whatever store is behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypedDict, Unpack

from watcher.adapters.memory.jobs import MemoryJobs
from watcher.adapters.memory.notifier import MemoryNotifier
from watcher.container import Container
from watcher.domain.address import Address, AddressDeclaration, Addresses, AddressFilter
from watcher.domain.address_type import AddressType, AddressTypes
from watcher.domain.anomaly import AnomalyRule, MetricField
from watcher.domain.anomaly_incident import AnomalyIncident
from watcher.domain.anomaly_results import AnomalyDetectionResult, IncidentFilter, ResultFilter
from watcher.domain.document import Document
from watcher.domain.errors import WatcherError
from watcher.domain.execution import End, Execution, Outcome, Record, Start
from watcher.domain.executions import Ended, Executions, Started
from watcher.domain.freshness import SpellFilter, StaleSpell
from watcher.domain.lineage import LineageDeclaration, LineageDeclared
from watcher.domain.page import Page
from watcher.domain.pipeline import Pipeline, PipelineDeclaration, Pipelines
from watcher.domain.pipeline_type import PipelineType, PipelineTypes
from watcher.domain.span import Datepart
from watcher.domain.timeliness import LateRun, LateRunFilter
from watcher.domain.watcher import Watcher

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLES = (
    "api_key",
    "job_tick",
    "job_attempt",
    "queue_spell",
    "error_slot",
    "error_spell",
    "anomaly_pending",
    "anomaly_detection_result",
    "anomaly_incident",
    "anomaly_detection_rule",
    "alert",
    "alert_message",
    "pipeline_day",
    "freshness_pipeline_log",
    "timeliness_pipeline_execution_log",
    "address_lineage_pending",
    "address_lineage_reach",
    "address_lineage_closure",
    "address_lineage",
    "lineage_declaration",
    "address",
    "address_type",
    "pipeline_execution_closure",
    "pipeline_execution",
    "pipeline",
    "pipeline_type",
)
EMPTYING = (
    "UPDATE lineage_upkeep SET pruned_before = NULL",
    "UPDATE report_upkeep SET known_to = 0",
    "UPDATE alert_upkeep SET activated_at = NULL",
    "UPDATE timeliness_upkeep SET checked_to = NULL",
    *(f"DELETE FROM {table}" for table in TABLES),  # noqa: S608, names of our own
)
"""What empties the record, a hundred times faster than TRUNCATE does. First it waits for who maintains the closure."""

NOBODY = 2**62
"""An id that nothing has."""


def at(seconds: float) -> datetime:
    """An instant so many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


class StoppedClock:
    """A clock that moves only by hand."""

    def __init__(self) -> None:
        self.instant = NOON

    def now(self) -> datetime:
        return self.instant


class Declaring(TypedDict, total=False):
    pipeline_type_name: str
    next_watermark: str | None
    pipeline_metadata: Document | None
    freshness_number: int | None
    freshness_datepart: Datepart | None
    timeliness_number: int | None
    timeliness_datepart: Datepart | None


class Placing(TypedDict, total=False):
    address_type_name: str
    address_type_group_name: str
    database_name: str | None
    schema_name: str | None
    table_name: str | None
    primary_key: str | None
    address_metadata: Document | None


class Starting(TypedDict, total=False):
    watermark: str | None
    next_watermark: str | None
    parent_id: int | None
    external_id: str | None


class Asking(TypedDict, total=False):
    metric_field: MetricField
    z_threshold: float
    lookback_days: int
    minimum_executions: int
    active: bool


class Counting(TypedDict, total=False):
    inserts: int | None
    updates: int | None
    soft_deletes: int | None
    total_rows: int | None
    execution_metadata: Document | None


def declaration(name: str = "orders", **fields: Unpack[Declaring]) -> PipelineDeclaration:
    fields.setdefault("pipeline_type_name", "load")
    return PipelineDeclaration(name=name, **fields)


def placed(name: str = "shop.sales.orders", **fields: Unpack[Placing]) -> AddressDeclaration:
    fields.setdefault("address_type_name", "postgres")
    fields.setdefault("address_type_group_name", "database")
    return AddressDeclaration(name=name, **fields)


def started(pipeline_id: int, seconds: float = 0, **fields: Unpack[Starting]) -> Start:
    return Start(pipeline_id=pipeline_id, start_date=at(seconds), **fields)


def succeeded(seconds: float = 60, **counts: Unpack[Counting]) -> Outcome:
    return Outcome(end_date=at(seconds), completed_successfully=True, **counts)


def failed(seconds: float = 60, **counts: Unpack[Counting]) -> Outcome:
    return Outcome(end_date=at(seconds), completed_successfully=False, **counts)


@dataclass(frozen=True, slots=True)
class World:
    """The ports as the container wires them, over the store `store`; `dsn` is that of its database, if any."""

    store: str
    dsn: str
    container: Container
    clock: StoppedClock

    @property
    def watcher(self) -> Watcher:
        return self.container.watcher()

    @property
    def pipeline_types(self) -> PipelineTypes:
        return self.container.pipeline_types()

    @property
    def pipelines(self) -> Pipelines:
        return self.container.pipelines()

    @property
    def address_types(self) -> AddressTypes:
        return self.container.address_types()

    @property
    def addresses(self) -> Addresses:
        return self.container.addresses()

    @property
    def executions(self) -> Executions:
        return self.container.executions()

    @property
    def jobs(self) -> MemoryJobs:
        """What was announced; nobody does it."""
        jobs = self.container.jobs()
        assert isinstance(jobs, MemoryJobs)
        return jobs

    @property
    def notifier(self) -> MemoryNotifier:
        """Where messages arrive, once it is given channels."""
        notifier = self.container.notifier()
        assert isinstance(notifier, MemoryNotifier)
        return notifier

    async def pipeline(self, name: str = "orders", **fields: Unpack[Declaring]) -> int:
        """The id of the pipeline as declared."""
        (declared,) = await self.pipelines.declare([declaration(name, **fields)], self.clock.now())
        return declared.id

    async def address(self, name: str = "shop.sales.orders", **fields: Unpack[Placing]) -> int:
        """The id of the address as declared."""
        return (await self.addresses.declare(placed(name, **fields), self.clock.now())).id

    async def lineage(
        self, pipeline_id: int, sources: Iterable[str] = (), targets: Iterable[str] = ()
    ) -> LineageDeclared:
        """The answer to a declaration of addresses by name."""
        declared = LineageDeclaration(
            pipeline_id=pipeline_id,
            sources=[placed(name) for name in sources],
            targets=[placed(name) for name in targets],
        )
        return await self.watcher.declare_lineage(declared)

    async def start(self, pipeline_id: int, seconds: float = 0, **fields: Unpack[Starting]) -> int:
        """The id of the run that began."""
        (verdict,) = await self.executions.start([started(pipeline_id, seconds, **fields)])
        assert isinstance(verdict, Started)
        return verdict.id

    async def end(self, identity: int, outcome: Outcome) -> Ended | WatcherError:
        """The verdict on one ending."""
        (verdict,) = await self.executions.end([End(identity, outcome)])
        return verdict

    async def execution(self, identity: int) -> Execution:
        return (await self.executions.tree(identity))[0]

    async def all_pipelines(self) -> list[Pipeline]:
        return list((await self.pipelines.page(Page())).items)

    async def all_pipeline_types(self) -> list[PipelineType]:
        return list((await self.pipeline_types.page(Page())).items)

    async def all_stale_spells(self) -> list[StaleSpell]:
        return list((await self.container.stale_spells().page(SpellFilter(), Page())).items)

    async def all_late_runs(self) -> list[LateRun]:
        return list((await self.container.late_runs().page(LateRunFilter(), Page())).items)

    async def rule(self, pipeline_id: int, **asked: Unpack[Asking]) -> int:
        """The id of the rule as declared, by default for the total of rows, with a verdict from five runs on."""
        asked.setdefault("metric_field", MetricField.TOTAL_ROWS)
        asked.setdefault("minimum_executions", 5)
        return (await self.watcher.declare_anomaly_rule(AnomalyRule(pipeline_id=pipeline_id, **asked))).id

    async def ran(self, pipeline_id: int, seconds: float, **counts: Unpack[Counting]) -> int:
        """The id of a run of a minute that began so many seconds after noon and succeeded."""
        (verdict,) = await self.executions.record(
            [Record(started(pipeline_id, seconds), succeeded(seconds + 60, **counts))]
        )
        assert isinstance(verdict, Started)
        return verdict.id

    async def verdicts(
        self, *, pipeline_id: int | None = None, run: int | None = None, flagged: bool | None = None
    ) -> list[AnomalyDetectionResult]:
        """Those on record, in the order in which they were written."""
        wanted = ResultFilter(pipeline_id=pipeline_id, pipeline_execution_id=run, flagged=flagged)
        return list((await self.container.anomaly_results().page(wanted, Page(10_000))).items)[::-1]

    async def incidents(self, *, open: bool | None = None) -> list[AnomalyIncident]:
        """Those on record, the oldest first."""
        found = await self.container.anomaly_results().incidents(IncidentFilter(open=open), Page(10_000))
        return list(found.items)[::-1]

    async def all_addresses(self) -> list[Address]:
        return list((await self.addresses.page(AddressFilter(), Page())).items)

    async def all_address_types(self) -> list[AddressType]:
        return list((await self.address_types.page(Page())).items)

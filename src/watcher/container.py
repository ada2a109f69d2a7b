"""The object graph: which adapter stands behind which port."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

from dependency_injector import containers, providers
from dependency_injector.providers import Provider

from watcher.adapters.apprise_notifier import AppriseNotifier
from watcher.adapters.at_once import at_once
from watcher.adapters.coalesced import CoalescedExecutions, CoalescedLineage, CoalescedPipelines
from watcher.adapters.in_process_jobs import InProcessJobs
from watcher.adapters.later import Later
from watcher.adapters.memory.addresses import MemoryAddresses, MemoryAddressTypes
from watcher.adapters.memory.alerts import MemoryAlerts
from watcher.adapters.memory.closure import MemoryClosure
from watcher.adapters.memory.daily_report import MemoryDailyReport
from watcher.adapters.memory.deliveries import MemoryDeliveries
from watcher.adapters.memory.edges import MemoryEdges
from watcher.adapters.memory.executions import MemoryExecutions
from watcher.adapters.memory.late_runs import MemoryLateRuns
from watcher.adapters.memory.lineage import MemoryLineage
from watcher.adapters.memory.lineage_graph import MemoryLineageGraph
from watcher.adapters.memory.pipelines import MemoryPipelines, MemoryPipelineTypes
from watcher.adapters.memory.probes import MemoryProbes
from watcher.adapters.memory.retention import MemoryRetention
from watcher.adapters.memory.stale_spells import MemoryStaleSpells
from watcher.adapters.postgres.address_types import PostgresAddressTypes
from watcher.adapters.postgres.addresses import PostgresAddresses
from watcher.adapters.postgres.alerts import PostgresAlerts
from watcher.adapters.postgres.closure import PostgresClosure
from watcher.adapters.postgres.daily_report import PostgresDailyReport
from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.deliveries import PostgresDeliveries
from watcher.adapters.postgres.executions import PostgresExecutions
from watcher.adapters.postgres.late_runs import PostgresLateRuns
from watcher.adapters.postgres.lineage import PostgresLineage
from watcher.adapters.postgres.lineage_graph import PostgresLineageGraph
from watcher.adapters.postgres.pipeline_types import PostgresPipelineTypes
from watcher.adapters.postgres.pipelines import PostgresPipelines
from watcher.adapters.postgres.retention import PostgresRetention
from watcher.adapters.postgres.schema import PostgresProbes
from watcher.adapters.postgres.stale_spells import PostgresStaleSpells
from watcher.adapters.system_clock import SystemClock
from watcher.domain.address import Addresses, ChangeAddress, DeclareAddress
from watcher.domain.address_type import AddressTypes, ChangeAddressType, DeclareAddressType
from watcher.domain.alerts import Alerts
from watcher.domain.clock import Clock
from watcher.domain.closure import REACH_LIMIT, Closure, MaintainClosure, RebuildClosure
from watcher.domain.deliveries import Deliveries, Notifier, SendAlerts, TryChannels
from watcher.domain.executions import EndExecution, Executions, StartExecution
from watcher.domain.freshness import CheckFreshness, StaleSpells
from watcher.domain.health import Probes
from watcher.domain.jobs import Job, Jobs
from watcher.domain.lineage import DeclareLineage, Lineage, PruneLineage
from watcher.domain.lineage_graph import LineageGraph
from watcher.domain.pipeline import ChangePipeline, DeclarePipeline, Pipelines
from watcher.domain.pipeline_type import ChangePipelineType, DeclarePipelineType, PipelineTypes
from watcher.domain.report import DailyReport, RefreshDailyReport
from watcher.domain.retention import CleanUp, Retention
from watcher.domain.timeliness import CheckTimeliness, LateRuns
from watcher.settings import MEMORY, Settings


@dataclass(frozen=True, slots=True)
class Watcher:
    """All that Watcher can do: its use cases, and the ports behind them for plain reads and lists."""

    declare_pipeline_type: DeclarePipelineType
    change_pipeline_type: ChangePipelineType
    declare_pipeline: DeclarePipeline
    change_pipeline: ChangePipeline
    declare_address_type: DeclareAddressType
    change_address_type: ChangeAddressType
    declare_address: DeclareAddress
    change_address: ChangeAddress
    start_execution: StartExecution
    end_execution: EndExecution
    declare_lineage: DeclareLineage
    maintain_closure: MaintainClosure
    rebuild_closure: RebuildClosure
    prune_lineage: PruneLineage
    check_freshness: CheckFreshness
    check_timeliness: CheckTimeliness
    clean_up: CleanUp
    send_alerts: SendAlerts
    try_channels: TryChannels
    refresh_daily_report: RefreshDailyReport
    pipeline_types: PipelineTypes
    pipelines: Pipelines
    address_types: AddressTypes
    addresses: Addresses
    executions: Executions
    lineage: Lineage
    lineage_graph: LineageGraph
    closure: Closure
    stale_spells: StaleSpells
    late_runs: LateRuns
    alerts: Alerts
    deliveries: Deliveries
    jobs: Jobs
    daily_report: DailyReport
    retention: Retention
    probes: Probes


def dsn(settings: Settings) -> str:
    """The database of the settings, where `memory://` is the store in memory. Raises `ValueError` without one."""
    if settings.database_url is None:
        raise ValueError("WATCHER_DATABASE_URL is not set")
    return settings.database_url.get_secret_value()


def _store(settings: Settings) -> str:
    return "memory" if dsn(settings) == MEMORY else "postgres"


class Container(containers.DeclarativeContainer):
    """One graph for each process and store. `settings` has to be given; anything may be overridden."""

    settings: Provider[Settings] = providers.Dependency(instance_of=Settings)
    store: Provider[str] = providers.Callable(_store, settings)
    clock: Provider[Clock] = providers.Singleton(SystemClock)
    reach_limit: Provider[int] = providers.Object(REACH_LIMIT)

    database = providers.Singleton(
        Database,
        providers.Callable(dsn, settings),
        pool_size=settings.provided.pool_size,
        processes=settings.provided.workers,
        timeout=settings.provided.database_timeout,
    )
    memory_pipeline_types = providers.Singleton(MemoryPipelineTypes)
    memory_pipelines = providers.Singleton(MemoryPipelines, memory_pipeline_types)
    memory_address_types = providers.Singleton(MemoryAddressTypes)
    memory_addresses = providers.Singleton(MemoryAddresses, memory_address_types)
    memory_executions = providers.Singleton(MemoryExecutions, memory_pipelines)
    memory_stale_spells = providers.Singleton(MemoryStaleSpells, memory_pipelines)
    memory_late_runs = providers.Singleton(MemoryLateRuns, memory_executions, memory_pipelines)
    memory_deliveries = providers.Singleton(MemoryDeliveries)
    memory_alerts = providers.Singleton(
        MemoryAlerts, memory_pipelines, memory_stale_spells, memory_late_runs, memory_deliveries
    )
    memory_edges = providers.Singleton(MemoryEdges)
    memory_closure = providers.Singleton(MemoryClosure, memory_edges, reach_limit)

    pipeline_types: Provider[PipelineTypes] = providers.Selector(
        store,
        memory=memory_pipeline_types,
        postgres=providers.Singleton(PostgresPipelineTypes, database),
    )
    pipelines: Provider[Pipelines] = providers.Selector(
        store,
        memory=memory_pipelines,
        postgres=providers.Singleton(CoalescedPipelines, providers.Singleton(PostgresPipelines, database)),
    )
    address_types: Provider[AddressTypes] = providers.Selector(
        store,
        memory=memory_address_types,
        postgres=providers.Singleton(PostgresAddressTypes, database),
    )
    addresses: Provider[Addresses] = providers.Selector(
        store,
        memory=memory_addresses,
        postgres=providers.Singleton(PostgresAddresses, database),
    )
    executions: Provider[Executions] = providers.Selector(
        store,
        memory=memory_executions,
        postgres=providers.Singleton(CoalescedExecutions, providers.Singleton(PostgresExecutions, database)),
    )
    lineage: Provider[Lineage] = providers.Selector(
        store,
        memory=providers.Singleton(
            MemoryLineage, memory_edges, memory_pipelines, memory_addresses, memory_address_types
        ),
        postgres=providers.Singleton(CoalescedLineage, providers.Singleton(PostgresLineage, database)),
    )
    lineage_graph: Provider[LineageGraph] = providers.Selector(
        store,
        memory=providers.Singleton(
            MemoryLineageGraph,
            memory_edges,
            memory_closure,
            memory_addresses,
            memory_pipelines,
            memory_executions,
        ),
        postgres=providers.Singleton(PostgresLineageGraph, database),
    )
    closure: Provider[Closure] = providers.Selector(
        store,
        memory=memory_closure,
        postgres=providers.Singleton(PostgresClosure, database, reach_limit),
    )
    daily_report: Provider[DailyReport] = providers.Selector(
        store,
        memory=providers.Singleton(MemoryDailyReport, memory_executions, memory_pipelines),
        postgres=providers.Singleton(PostgresDailyReport, database),
    )
    retention: Provider[Retention] = providers.Selector(
        store,
        memory=providers.Singleton(
            MemoryRetention,
            memory_executions,
            memory_late_runs,
            memory_stale_spells,
            memory_alerts,
            memory_deliveries,
        ),
        postgres=providers.Singleton(PostgresRetention, database),
    )
    stale_spells: Provider[StaleSpells] = providers.Selector(
        store,
        memory=memory_stale_spells,
        postgres=providers.Singleton(PostgresStaleSpells, database),
    )
    late_runs: Provider[LateRuns] = providers.Selector(
        store,
        memory=memory_late_runs,
        postgres=providers.Singleton(PostgresLateRuns, database),
    )
    alerts: Provider[Alerts] = providers.Selector(
        store,
        memory=memory_alerts,
        postgres=providers.Singleton(PostgresAlerts, database),
    )
    deliveries: Provider[Deliveries] = providers.Selector(
        store,
        memory=memory_deliveries,
        postgres=providers.Singleton(PostgresDeliveries, database),
    )
    notifier: Provider[Notifier] = providers.Singleton(
        AppriseNotifier, settings.provided.channels.call(), settings.provided.alert_timeout
    )
    chance: Provider[Callable[[], float]] = providers.Object(random.random)
    probes: Provider[Probes] = providers.Selector(
        store,
        memory=providers.Singleton(MemoryProbes),
        postgres=providers.Singleton(PostgresProbes, database),
    )
    # What it does is given below: some of that announces more of it.
    jobs = providers.Singleton(InProcessJobs)
    maintain_closure = providers.Singleton(MaintainClosure, closure)
    prune_lineage = providers.Singleton(
        PruneLineage, lineage, clock, retention_days=settings.provided.lineage_retention_days
    )
    refresh_daily_report = providers.Singleton(RefreshDailyReport, daily_report)
    check_freshness = providers.Singleton(CheckFreshness, stale_spells, jobs, clock)
    check_timeliness = providers.Singleton(CheckTimeliness, late_runs, jobs, clock)
    send_alerts = providers.Singleton(
        SendAlerts, alerts, deliveries, notifier, clock, chance, providers.Object(at_once)
    )
    jobs.add_args(
        providers.Dict(
            {
                Job.MAINTAIN_CLOSURE: maintain_closure.provided.step,
                Job.PRUNE_LINEAGE: prune_lineage,
                Job.CHECK_FRESHNESS: providers.Singleton(Later, check_freshness.provider),
                Job.CHECK_TIMELINESS: providers.Singleton(Later, check_timeliness.provider),
                Job.REFRESH_DAILY_REPORT: refresh_daily_report,
                Job.SEND_ALERTS: send_alerts,
            }
        ),
    )
    watcher: Provider[Watcher] = providers.Singleton(
        Watcher,
        declare_pipeline_type=providers.Singleton(DeclarePipelineType, pipeline_types, clock),
        change_pipeline_type=providers.Singleton(ChangePipelineType, pipeline_types, clock),
        declare_pipeline=providers.Singleton(DeclarePipeline, pipelines, clock),
        change_pipeline=providers.Singleton(ChangePipeline, pipelines, clock),
        declare_address_type=providers.Singleton(DeclareAddressType, address_types, clock),
        change_address_type=providers.Singleton(ChangeAddressType, address_types, clock),
        declare_address=providers.Singleton(DeclareAddress, addresses, clock),
        change_address=providers.Singleton(ChangeAddress, addresses, clock),
        start_execution=providers.Singleton(StartExecution, executions, clock),
        end_execution=providers.Singleton(EndExecution, executions),
        declare_lineage=providers.Singleton(DeclareLineage, lineage, jobs, clock),
        maintain_closure=maintain_closure,
        rebuild_closure=providers.Singleton(RebuildClosure, closure),
        prune_lineage=prune_lineage,
        check_freshness=check_freshness,
        check_timeliness=check_timeliness,
        clean_up=providers.Singleton(CleanUp, retention, clock),
        send_alerts=send_alerts,
        try_channels=providers.Singleton(TryChannels, notifier),
        refresh_daily_report=refresh_daily_report,
        pipeline_types=pipeline_types,
        pipelines=pipelines,
        address_types=address_types,
        addresses=addresses,
        executions=executions,
        lineage=lineage,
        lineage_graph=lineage_graph,
        closure=closure,
        stale_spells=stale_spells,
        late_runs=late_runs,
        alerts=alerts,
        deliveries=deliveries,
        jobs=jobs,
        daily_report=daily_report,
        retention=retention,
        probes=probes,
    )


@asynccontextmanager
async def working(container: Container) -> AsyncIterator[Watcher]:
    """The graph's `Watcher`, with its background work done in this process; at the end everything is closed."""
    async with closing(container) as watcher:
        jobs = container.jobs()
        async with jobs.sweeping() if isinstance(jobs, InProcessJobs) else nullcontext():
            yield watcher


@asynccontextmanager
async def closing(container: Container) -> AsyncIterator[Watcher]:
    """The graph's `Watcher`, which connects at its first call; at the end its connections are closed."""
    try:
        yield container.watcher()
    finally:
        jobs = container.jobs()
        if isinstance(jobs, InProcessJobs):
            await jobs.close()
        if container.store() == "postgres":
            await container.database().close()

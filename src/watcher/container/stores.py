"""Which adapter stands behind which port."""

import random
from collections.abc import Callable

from dependency_injector import providers
from dependency_injector.providers import Provider

from watcher import bus
from watcher.adapters.apprise_notifier import AppriseNotifier
from watcher.adapters.coalesced import CoalescedExecutions, CoalescedLineage, CoalescedPipelines
from watcher.adapters.cron import CronSchedule
from watcher.adapters.in_process_jobs import InProcessQueues
from watcher.adapters.measured import MeasuredExecutions
from watcher.adapters.memory.attempts import MemoryAttempts
from watcher.adapters.memory.durations import MemoryDurations
from watcher.adapters.memory.probes import MemoryProbes
from watcher.adapters.postgres.address_types import PostgresAddressTypes
from watcher.adapters.postgres.addresses import PostgresAddresses
from watcher.adapters.postgres.alerts import PostgresAlerts
from watcher.adapters.postgres.anomaly_results import PostgresAnomalyResults
from watcher.adapters.postgres.anomaly_rules import PostgresAnomalyRules
from watcher.adapters.postgres.attempts import PostgresAttempts
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
from watcher.adapters.postgres.queue_spells import PostgresQueueSpells
from watcher.adapters.postgres.retention import PostgresRetention
from watcher.adapters.postgres.schema import PostgresProbes, PostgresVitals
from watcher.adapters.postgres.stale_spells import PostgresStaleSpells
from watcher.adapters.postgres.ticks import PostgresTicks
from watcher.adapters.system_clock import SystemClock
from watcher.container.memory_stores import MemoryStores
from watcher.container.meters import Meters
from watcher.domain.address import Addresses
from watcher.domain.address_type import AddressTypes
from watcher.domain.alerts import Alerts
from watcher.domain.anomaly_results import AnomalyResults
from watcher.domain.anomaly_rules import AnomalyRules
from watcher.domain.attempts import Attempts
from watcher.domain.clock import Clock
from watcher.domain.closure import Closure
from watcher.domain.deliveries import Deliveries, Notifier
from watcher.domain.durations import Durations
from watcher.domain.executions import Executions
from watcher.domain.freshness import StaleSpells
from watcher.domain.health import Probes, Vitals
from watcher.domain.lineage import Lineage
from watcher.domain.lineage_graph import LineageGraph
from watcher.domain.pipeline import Pipelines
from watcher.domain.pipeline_type import PipelineTypes
from watcher.domain.queues import Queues, QueueSpells
from watcher.domain.report import DailyReport
from watcher.domain.retention import Retention
from watcher.domain.schedule import Schedule, Ticks
from watcher.domain.timeliness import LateRuns
from watcher.settings import MEMORY, Settings


def dsn(settings: Settings) -> str:
    """The database of the settings, where `memory://` is the store in memory. Raises `ValueError` without one."""
    if settings.database_url is None:
        raise ValueError("WATCHER_DATABASE_URL is not set")
    return settings.database_url.get_secret_value()


def _way(settings: Settings) -> str:
    """How to get to that database."""
    return dsn(settings) if settings.pooler_url is None else settings.pooler_url.get_secret_value()


def _pooled(settings: Settings) -> bool:
    return settings.pooler_url is not None


def _replica(settings: Settings) -> str | None:
    return None if settings.replica_url is None else settings.replica_url.get_secret_value()


def _store(settings: Settings) -> str:
    return "memory" if dsn(settings) == MEMORY else "postgres"


def _task_bus(settings: Settings) -> str:
    """Who does the work: a store in memory is known to this process alone."""
    return "in_process" if settings.broker_url is None or _store(settings) == "memory" else "celery"


class Stores(MemoryStores):
    """The ports, and for each the adapter that the settings choose."""

    settings = MemoryStores.settings
    program: Provider[str] = providers.Object("embedded")  # what its connections are named after
    store: Provider[str] = providers.Callable(_store, settings)
    task_bus: Provider[str] = providers.Callable(_task_bus, settings)
    clock: Provider[Clock] = providers.Singleton(SystemClock)

    database = providers.Singleton(
        Database,
        providers.Callable(_way, settings),
        pooled=providers.Callable(_pooled, settings),
        replica=providers.Callable(_replica, settings),
        pool_size=settings.provided.pool_size,
        processes=settings.provided.workers,
        timeout=settings.provided.database_timeout,
        program=program,
    )

    pipeline_types: Provider[PipelineTypes] = providers.Selector(
        store,
        memory=MemoryStores.memory_pipeline_types,
        postgres=providers.Singleton(PostgresPipelineTypes, database),
    )
    pipelines: Provider[Pipelines] = providers.Selector(
        store,
        memory=MemoryStores.memory_pipelines,
        postgres=providers.Singleton(
            CoalescedPipelines,
            providers.Singleton(PostgresPipelines, database, settings.provided.auto_anomaly_rules),
        ),
    )
    address_types: Provider[AddressTypes] = providers.Selector(
        store,
        memory=MemoryStores.memory_address_types,
        postgres=providers.Singleton(PostgresAddressTypes, database),
    )
    addresses: Provider[Addresses] = providers.Selector(
        store,
        memory=MemoryStores.memory_addresses,
        postgres=providers.Singleton(PostgresAddresses, database),
    )
    stored_executions: Provider[Executions] = providers.Selector(
        store,
        memory=MemoryStores.memory_executions,
        postgres=providers.Singleton(CoalescedExecutions, providers.Singleton(PostgresExecutions, database)),
    )
    executions: Provider[Executions] = providers.Selector(
        Meters.measuring,
        off=stored_executions,
        on=providers.Singleton(MeasuredExecutions, stored_executions, Meters.measures),
    )
    lineage: Provider[Lineage] = providers.Selector(
        store,
        memory=MemoryStores.memory_lineage,
        postgres=providers.Singleton(CoalescedLineage, providers.Singleton(PostgresLineage, database)),
    )
    lineage_graph: Provider[LineageGraph] = providers.Selector(
        store,
        memory=MemoryStores.memory_lineage_graph,
        postgres=providers.Singleton(PostgresLineageGraph, database),
    )
    closure: Provider[Closure] = providers.Selector(
        store,
        memory=MemoryStores.memory_closure,
        postgres=providers.Singleton(PostgresClosure, database, MemoryStores.reach_limit),
    )
    daily_report: Provider[DailyReport] = providers.Selector(
        store,
        memory=MemoryStores.memory_daily_report,
        postgres=providers.Singleton(PostgresDailyReport, database),
    )
    retention: Provider[Retention] = providers.Selector(
        store,
        memory=MemoryStores.memory_retention,
        postgres=providers.Singleton(PostgresRetention, database),
    )
    stale_spells: Provider[StaleSpells] = providers.Selector(
        store,
        memory=MemoryStores.memory_stale_spells,
        postgres=providers.Singleton(PostgresStaleSpells, database),
    )
    late_runs: Provider[LateRuns] = providers.Selector(
        store,
        memory=MemoryStores.memory_late_runs,
        postgres=providers.Singleton(PostgresLateRuns, database),
    )
    anomaly_rules: Provider[AnomalyRules] = providers.Selector(
        store,
        memory=MemoryStores.memory_anomaly_rules,
        postgres=providers.Singleton(PostgresAnomalyRules, database),
    )
    anomaly_results: Provider[AnomalyResults] = providers.Selector(
        store,
        memory=MemoryStores.memory_anomaly_results,
        postgres=providers.Singleton(PostgresAnomalyResults, database),
    )
    alerts: Provider[Alerts] = providers.Selector(
        store,
        memory=MemoryStores.memory_alerts,
        postgres=providers.Singleton(PostgresAlerts, database),
    )
    deliveries: Provider[Deliveries] = providers.Selector(
        store,
        memory=MemoryStores.memory_deliveries,
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
    vitals: Provider[Vitals] = providers.Selector(
        store,
        memory=MemoryStores.memory_vitals,
        postgres=providers.Singleton(PostgresVitals, database),
    )
    schedule: Provider[Schedule] = providers.Singleton(CronSchedule, settings.provided.schedule)
    ticks: Provider[Ticks] = providers.Selector(
        store,
        memory=MemoryStores.memory_ticks,
        postgres=providers.Singleton(PostgresTicks, database),
    )
    attempts: Provider[Attempts] = providers.Selector(
        store,
        memory=providers.Singleton(MemoryAttempts),
        postgres=providers.Singleton(PostgresAttempts, database),
    )
    queue_spells: Provider[QueueSpells] = providers.Selector(
        store,
        memory=MemoryStores.memory_queue_spells,
        postgres=providers.Singleton(PostgresQueueSpells, database),
    )
    durations: Provider[Durations] = providers.Selector(
        task_bus,
        in_process=providers.Singleton(MemoryDurations),
        celery=providers.Singleton(bus.durations, settings),
    )
    queues: Provider[Queues] = providers.Selector(
        task_bus,
        in_process=providers.Singleton(InProcessQueues),
        celery=providers.Singleton(bus.queues, settings),
    )
    broker: Provider[Probes] = providers.Selector(
        task_bus,
        in_process=providers.Singleton(MemoryProbes),
        celery=providers.Singleton(bus.probes, settings),
    )

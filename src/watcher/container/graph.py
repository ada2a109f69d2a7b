"""The object graph: which adapter stands behind which port."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext

from dependency_injector import providers
from dependency_injector.providers import Provider

from watcher import bus
from watcher.adapters.in_process_jobs import InProcessJobs
from watcher.adapters.memory.rates import MemoryRates
from watcher.adapters.shared_rates import SharedRates
from watcher.beside import beside
from watcher.container.exams import Exams
from watcher.container.identity import Identity
from watcher.container.stores import Stores
from watcher.container.tasks import Tasks
from watcher.domain.address import ChangeAddress, DeclareAddress
from watcher.domain.address_type import ChangeAddressType, DeclareAddressType
from watcher.domain.anomaly_results import UnflagAnomaly
from watcher.domain.anomaly_rules import ChangeAnomalyRule, DeclareAnomalyRule
from watcher.domain.closure import RebuildClosure
from watcher.domain.deliveries import TryChannels
from watcher.domain.executions import EndExecution, RecordExecutions, StartExecution
from watcher.domain.health import JudgeReadiness
from watcher.domain.lineage import DeclareLineage
from watcher.domain.pipeline import ChangePipeline, DeclarePipeline
from watcher.domain.pipeline_type import ChangePipelineType, DeclarePipelineType
from watcher.domain.rates import Debts, Rate, Rates
from watcher.domain.retention import CleanUp
from watcher.domain.watcher import Watcher


class Container(Exams):
    """One graph for each process and store. `settings` has to be given; anything may be overridden."""

    watcher: Provider[Watcher] = providers.Singleton(
        Watcher,
        declare_pipeline_type=providers.Singleton(DeclarePipelineType, Stores.pipeline_types, Stores.clock),
        change_pipeline_type=providers.Singleton(ChangePipelineType, Stores.pipeline_types, Stores.clock),
        declare_pipeline=providers.Singleton(DeclarePipeline, Stores.pipelines, Stores.clock),
        change_pipeline=providers.Singleton(ChangePipeline, Stores.pipelines, Stores.clock),
        declare_address_type=providers.Singleton(DeclareAddressType, Stores.address_types, Stores.clock),
        change_address_type=providers.Singleton(ChangeAddressType, Stores.address_types, Stores.clock),
        declare_address=providers.Singleton(DeclareAddress, Stores.addresses, Stores.clock),
        change_address=providers.Singleton(ChangeAddress, Stores.addresses, Stores.clock),
        start_execution=providers.Singleton(StartExecution, Stores.executions, Stores.clock),
        end_execution=providers.Singleton(EndExecution, Stores.executions, Tasks.jobs),
        record_executions=providers.Singleton(RecordExecutions, Stores.executions, Tasks.jobs),
        declare_lineage=providers.Singleton(DeclareLineage, Stores.lineage, Tasks.jobs, Stores.clock),
        maintain_closure=Tasks.maintain_closure,
        rebuild_closure=providers.Singleton(RebuildClosure, Stores.closure),
        prune_lineage=Tasks.prune_lineage,
        check_freshness=Tasks.check_freshness,
        check_timeliness=Tasks.check_timeliness,
        declare_anomaly_rule=providers.Singleton(DeclareAnomalyRule, Stores.anomaly_rules, Stores.clock),
        change_anomaly_rule=providers.Singleton(ChangeAnomalyRule, Stores.anomaly_rules, Stores.clock),
        detect_anomalies=Tasks.detect_anomalies,
        unflag_anomaly=providers.Singleton(UnflagAnomaly, Stores.anomaly_results, Stores.clock),
        clean_up=providers.Singleton(CleanUp, Stores.retention, Stores.clock),
        send_alerts=Tasks.send_alerts,
        try_channels=providers.Singleton(TryChannels, Stores.notifier),
        refresh_daily_report=Tasks.refresh_daily_report,
        create_key=Identity.create_key,
        revoke_key=Identity.revoke_key,
        pipeline_types=Stores.pipeline_types,
        pipelines=Stores.pipelines,
        address_types=Stores.address_types,
        addresses=Stores.addresses,
        executions=Stores.executions,
        lineage=Stores.lineage,
        lineage_graph=Stores.lineage_graph,
        closure=Stores.closure,
        stale_spells=Stores.stale_spells,
        late_runs=Stores.late_runs,
        anomaly_rules=Stores.anomaly_rules,
        anomaly_results=Stores.anomaly_results,
        alerts=Stores.alerts,
        deliveries=Stores.deliveries,
        jobs=Tasks.jobs,
        daily_report=Stores.daily_report,
        retention=Stores.retention,
        keys=Identity.keys,
        probes=Stores.probes,
        vitals=Stores.vitals,
        judge_readiness=providers.Singleton(
            JudgeReadiness, Stores.schedule, Stores.clock, Stores.task_bus, Stores.clock.provided.now.call()
        ),
        monitor_queues=Tasks.monitor_queues,
        broker=Stores.broker,
    )
    # Of callers over HTTP; asked for only where `WATCHER_RATE_LIMIT` is set.
    seconds: Provider[Callable[[], float]] = providers.Object(time.monotonic)
    rate: Provider[Rate] = providers.Singleton(
        Rate, Stores.settings.provided.rate_limit, Stores.settings.provided.rate_burst
    )
    rates: Provider[Rates] = providers.Singleton(MemoryRates, rate, seconds)
    debts: Provider[Debts | None] = providers.Selector(
        Stores.task_bus,
        in_process=providers.Object(None),
        celery=providers.Singleton(bus.debts, Stores.settings),
    )
    shared_rates = providers.Factory(SharedRates, rates, debts, rate)


@asynccontextmanager
async def working(container: Container) -> AsyncIterator[Watcher]:
    """The graph's `Watcher`, with its background work done in this process unless a bus is there for that.

    At the end everything is closed.
    """
    async with closing(container) as watcher:
        jobs = container.jobs()
        async with (
            jobs.sweeping() if isinstance(jobs, InProcessJobs) else nullcontext(),
            container.exposition().sampling() if container.settings().metrics else nullcontext(),
            container.tally_keeper().flushing(),
        ):
            yield watcher


@asynccontextmanager
async def recognizing(container: Container) -> AsyncIterator[None]:
    """Who calls is known without asking anybody, as far as that can be, while the block runs."""
    if container.settings().authentication == "none":
        yield
        return
    callers = container.callers()
    try:
        async with beside(callers.keep()):
            yield
    finally:
        await callers.close()


@asynccontextmanager
async def limiting(container: Container) -> AsyncIterator[None]:
    """What callers ask of this process is counted together with what they ask of others, where there is a Redis."""
    debts = container.debts() if container.settings().rate_limit else None
    if debts is None:
        yield
        return
    try:
        async with container.shared_rates().exchanging():
            yield
    finally:
        await bus.closed(debts)


@asynccontextmanager
async def working_off(container: Container) -> AsyncIterator[bus.Background]:
    """What a worker needs of the graph; at the end everything is closed."""
    async with closing(container), container.tally_keeper().flushing():
        yield container.background()


@asynccontextmanager
async def closing(container: Container) -> AsyncIterator[Watcher]:
    """The graph's `Watcher`, which connects at its first call; at the end its connections are closed."""
    try:
        yield container.watcher()
    finally:
        jobs = container.jobs()
        if isinstance(jobs, InProcessJobs):
            await jobs.close()
        if container.task_bus() == "celery":
            await bus.closed(jobs, container.queues(), container.durations(), container.broker())
        if container.store() == "postgres":
            await container.database().close()

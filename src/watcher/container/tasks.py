"""What is done in the background, and who does it."""

from datetime import timedelta
from typing import Any

from dependency_injector import providers
from dependency_injector.providers import Provider

from watcher import bus
from watcher.adapters.at_once import at_once
from watcher.adapters.in_process_jobs import InProcessJobs
from watcher.adapters.later import Later
from watcher.adapters.postgres.error_rates import PostgresErrorRates
from watcher.adapters.tally import Tally, TallyKeeper
from watcher.container.stores import Stores
from watcher.domain.anomaly_results import DetectAnomalies
from watcher.domain.closure import MaintainClosure
from watcher.domain.deliveries import SendAlerts
from watcher.domain.delivery import PerformJob
from watcher.domain.error_rates import CheckErrors, ErrorLimits, ErrorRates, Tallies
from watcher.domain.freshness import CheckFreshness
from watcher.domain.jobs import JOBS, Job, Jobs, Stepwise, Whole, Work
from watcher.domain.lineage import PruneLineage
from watcher.domain.queues import Limits, MonitorQueues
from watcher.domain.report import RefreshDailyReport
from watcher.domain.timeliness import CheckTimeliness
from watcher.settings import Settings


def _later(work: type[Work], step: Provider[Any]) -> Provider[Work]:
    """The work of what itself announces work, and so cannot be put together before who does that."""
    return providers.Singleton(work, providers.Singleton(Later, step.provider))


def _error_limits(settings: Settings) -> ErrorLimits:
    return ErrorLimits(timedelta(minutes=settings.error_window), settings.error_least, settings.error_share)


class Tasks(Stores):
    """The jobs, and the bus that the settings choose."""

    tally: Provider[Tallies] = providers.Singleton(Tally)
    error_rates: Provider[ErrorRates] = providers.Selector(
        Stores.store,
        memory=Stores.memory_error_rates,
        postgres=providers.Singleton(PostgresErrorRates, Stores.database),
    )
    error_limits = providers.Singleton(_error_limits, Stores.settings)
    # What it does is given below: some of that announces more.
    in_process_jobs = providers.Singleton(
        InProcessJobs,
        schedule=Stores.schedule,
        ticks=Stores.ticks,
        durations=Stores.durations,
        clock=Stores.clock,
        queues=Stores.queues,
        tally=tally,
    )
    jobs: Provider[Jobs] = providers.Selector(
        Stores.task_bus, in_process=in_process_jobs, celery=providers.Singleton(bus.jobs, Stores.settings)
    )
    maintain_closure = providers.Singleton(MaintainClosure, Stores.closure)
    prune_lineage = providers.Singleton(
        PruneLineage,
        Stores.lineage,
        Stores.clock,
        retention_days=Stores.settings.provided.lineage_retention_days,
    )
    refresh_daily_report = providers.Singleton(RefreshDailyReport, Stores.daily_report)
    check_freshness = providers.Singleton(CheckFreshness, Stores.stale_spells, jobs, Stores.clock)
    check_timeliness = providers.Singleton(CheckTimeliness, Stores.late_runs, jobs, Stores.clock)
    detect_anomalies = providers.Singleton(DetectAnomalies, Stores.anomaly_results, jobs, Stores.clock)
    send_alerts = providers.Singleton(
        SendAlerts,
        Stores.alerts,
        Stores.deliveries,
        Stores.notifier,
        Stores.clock,
        Stores.chance,
        providers.Object(at_once),
    )
    monitor_queues = providers.Singleton(
        MonitorQueues,
        Stores.queues,
        Stores.durations,
        Stores.queue_spells,
        jobs,
        Stores.clock,
        providers.Singleton(
            Limits, Stores.settings.provided.queue_warning, Stores.settings.provided.queue_critical
        ),
    )
    check_errors = providers.Singleton(CheckErrors, error_rates, jobs, Stores.clock, error_limits)
    tally_keeper = providers.Singleton(
        TallyKeeper, tally, error_rates, jobs, Stores.clock, window=error_limits.provided.window
    )
    work: Provider[dict[Job, Work]] = providers.Dict(
        {
            Job.MAINTAIN_CLOSURE: providers.Singleton(Stepwise, maintain_closure.provided.step),
            Job.PRUNE_LINEAGE: providers.Singleton(Whole, prune_lineage),
            Job.CHECK_FRESHNESS: _later(Whole, check_freshness),
            Job.CHECK_TIMELINESS: _later(Whole, check_timeliness),
            Job.REFRESH_DAILY_REPORT: providers.Singleton(Whole, refresh_daily_report),
            Job.MONITOR_QUEUES: _later(Whole, monitor_queues),
            Job.DETECT_ANOMALIES: _later(Stepwise, detect_anomalies.provided.step),
            Job.SEND_ALERTS: providers.Singleton(Whole, send_alerts),
            Job.CHECK_ERRORS: _later(Whole, check_errors),
        }
    )
    in_process_jobs.add_args(work)
    background: Provider[bus.Background] = providers.Singleton(
        bus.Background,
        providers.Singleton(
            PerformJob,
            work=work,
            schedule=Stores.schedule,
            ticks=Stores.ticks,
            attempts=Stores.attempts,
            jobs=jobs,
            clock=Stores.clock,
            terms=providers.Object(JOBS),
        ),
        Stores.durations,
        Stores.clock,
        tally,
    )

"""All that Watcher can do, in one place: what entrypoints and embedding programs get."""

from dataclasses import dataclass

from watcher.domain.address import Addresses, ChangeAddress, DeclareAddress
from watcher.domain.address_type import AddressTypes, ChangeAddressType, DeclareAddressType
from watcher.domain.alerts import Alerts
from watcher.domain.anomaly_results import AnomalyResults, DetectAnomalies, UnflagAnomaly
from watcher.domain.anomaly_rules import AnomalyRules, ChangeAnomalyRule, DeclareAnomalyRule
from watcher.domain.closure import Closure, MaintainClosure, RebuildClosure
from watcher.domain.deliveries import Deliveries, SendAlerts, TryChannels
from watcher.domain.executions import EndExecution, Executions, RecordExecutions, StartExecution
from watcher.domain.freshness import CheckFreshness, StaleSpells
from watcher.domain.health import JudgeReadiness, Probes, Vitals
from watcher.domain.jobs import Jobs
from watcher.domain.keys import CreateKey, Keys, RevokeKey
from watcher.domain.lineage import DeclareLineage, Lineage, PruneLineage
from watcher.domain.lineage_graph import LineageGraph
from watcher.domain.pipeline import ChangePipeline, DeclarePipeline, Pipelines
from watcher.domain.pipeline_type import ChangePipelineType, DeclarePipelineType, PipelineTypes
from watcher.domain.queues import MonitorQueues
from watcher.domain.report import DailyReport, RefreshDailyReport
from watcher.domain.retention import CleanUp, Retention
from watcher.domain.timeliness import CheckTimeliness, LateRuns


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
    record_executions: RecordExecutions
    declare_lineage: DeclareLineage
    maintain_closure: MaintainClosure
    rebuild_closure: RebuildClosure
    prune_lineage: PruneLineage
    check_freshness: CheckFreshness
    check_timeliness: CheckTimeliness
    declare_anomaly_rule: DeclareAnomalyRule
    change_anomaly_rule: ChangeAnomalyRule
    detect_anomalies: DetectAnomalies
    unflag_anomaly: UnflagAnomaly
    clean_up: CleanUp
    send_alerts: SendAlerts
    try_channels: TryChannels
    refresh_daily_report: RefreshDailyReport
    create_key: CreateKey
    revoke_key: RevokeKey
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
    anomaly_rules: AnomalyRules
    anomaly_results: AnomalyResults
    alerts: Alerts
    deliveries: Deliveries
    jobs: Jobs
    daily_report: DailyReport
    retention: Retention
    keys: Keys
    probes: Probes
    vitals: Vitals
    judge_readiness: JudgeReadiness
    monitor_queues: MonitorQueues
    broker: Probes

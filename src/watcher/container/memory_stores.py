"""The parts of the store in memory, which know of each other."""

from dependency_injector import providers
from dependency_injector.providers import Provider

from watcher.adapters.memory.addresses import MemoryAddresses, MemoryAddressTypes
from watcher.adapters.memory.alerts import MemoryAlerts
from watcher.adapters.memory.anomaly_results import MemoryAnomalyResults
from watcher.adapters.memory.anomaly_rules import MemoryAnomalyRules
from watcher.adapters.memory.closure import MemoryClosure
from watcher.adapters.memory.daily_report import MemoryDailyReport
from watcher.adapters.memory.deliveries import MemoryDeliveries
from watcher.adapters.memory.edges import MemoryEdges
from watcher.adapters.memory.error_rates import MemoryErrorRates
from watcher.adapters.memory.executions import MemoryExecutions
from watcher.adapters.memory.keys import MemoryKeys
from watcher.adapters.memory.late_runs import MemoryLateRuns
from watcher.adapters.memory.lineage import MemoryLineage
from watcher.adapters.memory.lineage_graph import MemoryLineageGraph
from watcher.adapters.memory.pipelines import MemoryPipelines, MemoryPipelineTypes
from watcher.adapters.memory.queue_spells import MemoryQueueSpells
from watcher.adapters.memory.retention import MemoryRetention
from watcher.adapters.memory.stale_spells import MemoryStaleSpells
from watcher.adapters.memory.ticks import MemoryTicks
from watcher.adapters.memory.vitals import MemoryVitals
from watcher.adapters.memory.watching import Watching
from watcher.container.meters import Meters
from watcher.domain.closure import REACH_LIMIT


class MemoryStores(Meters):
    """What is asked for only where the store is in memory."""

    settings = Meters.settings
    reach_limit: Provider[int] = providers.Object(REACH_LIMIT)

    memory_pipeline_types = providers.Singleton(MemoryPipelineTypes)
    memory_watching = providers.Singleton(Watching, Meters.settings.provided.auto_anomaly_rules)
    memory_pipelines = providers.Singleton(MemoryPipelines, memory_pipeline_types, memory_watching)
    memory_address_types = providers.Singleton(MemoryAddressTypes)
    memory_addresses = providers.Singleton(MemoryAddresses, memory_address_types)
    memory_executions = providers.Singleton(MemoryExecutions, memory_pipelines, memory_watching)
    memory_stale_spells = providers.Singleton(MemoryStaleSpells, memory_pipelines)
    memory_late_runs = providers.Singleton(MemoryLateRuns, memory_executions, memory_pipelines)
    memory_deliveries = providers.Singleton(MemoryDeliveries)
    memory_queue_spells = providers.Singleton(MemoryQueueSpells)
    memory_error_rates = providers.Singleton(MemoryErrorRates)
    memory_keys = providers.Singleton(MemoryKeys)
    memory_alerts = providers.Singleton(
        MemoryAlerts,
        pipelines=memory_pipelines,
        stale_spells=memory_stale_spells,
        late_runs=memory_late_runs,
        watching=memory_watching,
        queue_spells=memory_queue_spells,
        error_rates=memory_error_rates,
        deliveries=memory_deliveries,
    )
    memory_ticks = providers.Singleton(MemoryTicks)
    memory_edges = providers.Singleton(MemoryEdges)
    memory_closure = providers.Singleton(MemoryClosure, memory_edges, reach_limit)
    memory_lineage = providers.Singleton(
        MemoryLineage,
        memory_edges,
        memory_pipelines,
        memory_addresses,
        memory_address_types,
    )
    memory_lineage_graph = providers.Singleton(
        MemoryLineageGraph,
        memory_edges,
        memory_closure,
        memory_addresses,
        memory_pipelines,
        memory_executions,
    )
    memory_retention = providers.Singleton(
        MemoryRetention,
        executions=memory_executions,
        late_runs=memory_late_runs,
        stale_spells=memory_stale_spells,
        watching=memory_watching,
        alerts=memory_alerts,
        deliveries=memory_deliveries,
        queue_spells=memory_queue_spells,
        error_rates=memory_error_rates,
        keys=memory_keys,
    )
    memory_daily_report = providers.Singleton(MemoryDailyReport, memory_executions, memory_pipelines)
    memory_anomaly_rules = providers.Singleton(MemoryAnomalyRules, memory_watching, memory_pipelines)
    memory_anomaly_results = providers.Singleton(
        MemoryAnomalyResults,
        memory_watching,
        memory_executions,
        memory_pipelines,
    )
    memory_vitals = providers.Singleton(MemoryVitals, memory_ticks, memory_late_runs)

"""What looks at Watcher from outside: exams for a person, and numbers for Prometheus."""

from typing import TYPE_CHECKING, Any

from dependency_injector import providers
from dependency_injector.providers import Provider

from watcher import bus
from watcher.adapters.memory.exams import NoExams, NoPools
from watcher.adapters.postgres.exams import PostgresExams
from watcher.container.identity import Identity
from watcher.container.stores import Stores
from watcher.domain.diagnosis_broker import BrokerExams
from watcher.domain.diagnosis_database import DatabaseExams
from watcher.domain.measures import Measures, Pools

if TYPE_CHECKING:
    from watcher.adapters.prometheus.exposition import PrometheusExposition


def _exposition(measures: Measures, **ports: Any) -> "PrometheusExposition":
    from watcher.adapters.prometheus.exposition import PrometheusExposition  # noqa: PLC0415 (only where it is on)
    from watcher.adapters.prometheus.measures import PrometheusMeasures  # noqa: PLC0415

    assert isinstance(measures, PrometheusMeasures)
    return PrometheusExposition(measures, **ports)


class Exams(Identity):
    """Nothing of it is made where nobody asks."""

    database_exams: Provider[DatabaseExams] = providers.Selector(
        Stores.store,
        memory=providers.Singleton(NoExams, "The store is in memory: there is no database."),
        postgres=providers.Singleton(PostgresExams, Stores.database, Stores.clock),
    )
    broker_exams: Provider[BrokerExams] = providers.Selector(
        Stores.task_bus,
        in_process=providers.Singleton(NoExams),
        celery=providers.Singleton(bus.exams, Stores.settings, Stores.clock),
    )
    pools: Provider[Pools] = providers.Selector(
        Stores.store, memory=providers.Singleton(NoPools), postgres=Stores.database.provided.connections
    )
    exposition = providers.Singleton(
        _exposition,
        Stores.measures,
        pools=pools,
        queues=Stores.queues,
        durations=Stores.durations,
        vitals=Stores.vitals,
        exams=database_exams,
        clock=Stores.clock,
        bus=Stores.task_bus,
    )

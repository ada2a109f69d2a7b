"""What counts, where the settings ask for it; else nothing of it is even imported."""

from dependency_injector import containers, providers
from dependency_injector.providers import Provider

from watcher.domain.measures import Measures
from watcher.settings import Settings


def _measures() -> Measures:
    from watcher.adapters.prometheus.measures import PrometheusMeasures  # noqa: PLC0415 (only where it is asked for)

    return PrometheusMeasures()


class Meters(containers.DeclarativeContainer):
    """The settings, and what they have counted."""

    settings: Provider[Settings] = providers.Dependency(instance_of=Settings)
    measuring: Provider[str] = providers.Callable(
        lambda settings: "on" if settings.metrics else "off", settings
    )
    measures: Provider[Measures] = providers.Singleton(_measures)

"""What a process counts, in the library's files or in memory."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)


class PrometheusMeasures:
    """`Measures` of the library, in a registry of their own: several graphs may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "watcher_http_request_duration_seconds",
            "Requests, by the template of their path and the class of their status.",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._started = Counter(
            "watcher_executions_started", "Executions that began to be on record.", registry=self.registry
        )
        ended = Counter(
            "watcher_executions_ended",
            "Executions that got their outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self._succeeded, self._failed = ended.labels("succeeded"), ended.labels("failed")
        self._observers: dict[tuple[str, str, int], Callable[[float], None]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        key = method, route, status // 100
        observe = self._observers.get(key)
        if observe is None:
            observe = self._requests.labels(method, route, f"{key[2]}xx").observe
            self._observers[key] = observe
        observe(seconds)

    def started(self, runs: int) -> None:
        if runs:
            self._started.inc(runs)

    def ended(self, succeeded: int, failed: int) -> None:
        if succeeded:
            self._succeeded.inc(succeeded)
        if failed:
            self._failed.inc(failed)

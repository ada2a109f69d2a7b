"""A small Watcher client: declare pipelines, record executions, read them back."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import httpx

from examples.nycflights.answers import ExecutionRow, ExecutionTree, Level, PipelineRow

RETRY_PAUSES = (0.2, 0.5, 1.0, 2.0)
RETRIED_STATUSES = frozenset({429, 502, 503, 504})
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
ERROR_LENGTH = 2_000

Filters = Mapping[str, str | int]


class WatcherError(Exception):
    """Watcher did not take a request."""


class WatcherUnreachable(WatcherError):
    """No answer, however often asked."""


class WatcherRefused(WatcherError):
    """An answer, and it was no."""


@dataclass(frozen=True, slots=True)
class Threshold:
    number: int
    datepart: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where data lies: a directory, a table."""

    name: str
    type_name: str
    group_name: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the ETL declares: how old its target may become, how long an execution may take, what goes in and out."""

    name: str
    type_name: str
    freshness: Threshold
    timeliness: Threshold
    reads: Sequence[Address] = ()
    writes: Sequence[Address] = ()


@dataclass(frozen=True, slots=True)
class RegisteredPipeline:
    id: int
    name: str
    active: bool
    watermark: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an execution did. None means that the figure does not apply, zero that nothing changed."""

    inserts: int | None = None
    updates: int | None = None
    soft_deletes: int | None = None
    total_rows: int | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class RunningExecution:
    """Handed to the body of a `with`, which leaves its outcome here."""

    id: int
    outcome: Outcome = Outcome()


@dataclass(frozen=True, slots=True)
class AnomalyRule:
    """Which metric of a pipeline's runs Watcher is to judge: by the runs of how many days, and from how many on."""

    metric_field: str
    lookback_days: int
    minimum_executions: int


def _present() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Watcher:
    """`now` dates the starts and ends of executions; who replays the past hands in another clock."""

    http: httpx.Client
    now: Callable[[], datetime] = _present

    def register(self, pipeline: Pipeline, next_watermark: str | None = None) -> RegisteredPipeline:
        """Declare the pipeline, and what it reads and writes while Watcher wants to know.

        Watcher answers with the watermark only to whoever brings the next one.
        """
        body: dict[str, object] = {
            "name": pipeline.name,
            "pipeline_type_name": pipeline.type_name,
            "freshness_number": pipeline.freshness.number,
            "freshness_datepart": pipeline.freshness.datepart,
            "timeliness_number": pipeline.timeliness.number,
            "timeliness_datepart": pipeline.timeliness.datepart,
        }
        if next_watermark is not None:
            body["next_watermark"] = next_watermark
        row = self._request("POST", "/pipeline", body=body).json()
        if row["load_lineage"] and (pipeline.reads or pipeline.writes):
            self._declare_lineage(row["id"], pipeline)
        return RegisteredPipeline(row["id"], pipeline.name, row["active"], row["watermark"])

    def _declare_lineage(self, pipeline_id: int, pipeline: Pipeline) -> None:
        body = {
            "pipeline_id": pipeline_id,
            "source_addresses": [_declared(address) for address in pipeline.reads],
            "target_addresses": [_declared(address) for address in pipeline.writes],
        }
        self._request("POST", "/address_lineage", body=body)

    def watch(self, pipeline: RegisteredPipeline, rule: AnomalyRule) -> None:
        """Declare the rule; the same declaration again changes nothing."""
        body = {
            "pipeline_id": pipeline.id,
            "metric_field": rule.metric_field,
            "lookback_days": rule.lookback_days,
            "minimum_executions": rule.minimum_executions,
        }
        self._request("POST", "/anomaly_detection_rule", body=body)

    @contextmanager
    def muted(self, pipelines: Sequence[RegisteredPipeline]) -> Iterator[None]:
        """Nobody is told that these are stale or late while the body brings in what happened long ago."""
        try:
            self._mute(pipelines, mute=True)
            yield
        finally:
            self._mute(pipelines, mute=False)

    def _mute(self, pipelines: Sequence[RegisteredPipeline], *, mute: bool) -> None:
        for pipeline in pipelines:
            body = {"id": pipeline.id, "mute_freshness_check": mute, "mute_timeliness_check": mute}
            self._request("PATCH", "/pipeline", body=body)

    def set_off(self, check: str, **bounds: int) -> None:
        """Have `freshness` or `timeliness` checked now, and not only when the next five minutes have passed."""
        self._request("POST", f"/{check}", body=bounds)

    @contextmanager
    def execution(
        self,
        pipeline: RegisteredPipeline,
        external_id: str,
        *,
        parent: RunningExecution | None = None,
        watermark: str | None = None,
        next_watermark: str | None = None,
    ) -> Iterator[RunningExecution]:
        """Record the body as one execution: whatever it raises ends the execution as failed and goes on."""
        running = RunningExecution(
            self._start(
                pipeline_id=pipeline.id,
                external_id=external_id,
                parent_id=parent.id if parent else None,
                watermark=watermark,
                next_watermark=next_watermark,
            )
        )
        try:
            yield running
        except BaseException as error:
            self._end(running.id, Outcome(metadata={"error": _reason(error)}), succeeded=False)
            raise
        self._end(running.id, running.outcome, succeeded=True)

    def _start(self, **facts: object) -> int:
        body = {key: value for key, value in facts.items() if value is not None}
        body["start_date"] = self.now().isoformat()
        return cast("int", self._request("POST", "/start_pipeline_execution", body=body).json()["id"])

    def _end(self, execution_id: int, outcome: Outcome, *, succeeded: bool) -> None:
        counts = {
            "inserts": outcome.inserts,
            "updates": outcome.updates,
            "soft_deletes": outcome.soft_deletes,
            "total_rows": outcome.total_rows,
        }
        body: dict[str, object] = {key: count for key, count in counts.items() if count is not None}
        body |= {"id": execution_id, "end_date": self.now().isoformat(), "completed_successfully": succeeded}
        if outcome.metadata:
            body["execution_metadata"] = dict(outcome.metadata)
        self._request("POST", "/end_pipeline_execution", body=body)

    def pipelines(self) -> list[PipelineRow]:
        return cast("list[PipelineRow]", list(self.pages("/pipeline", {})))

    def executions(self, pipeline_id: int, status: str) -> list[ExecutionRow]:
        """All executions of a pipeline in one state (running, succeeded, failed), newest first."""
        filters: Filters = {"pipeline_id": pipeline_id, "status": status, "limit": 500}
        return cast("list[ExecutionRow]", list(self.pages("/pipeline_execution", filters)))

    def newest_execution(self, pipeline_id: int) -> ExecutionTree | None:
        """The last execution of a pipeline with everything that ran below it."""
        filters: Filters = {"pipeline_id": pipeline_id, "limit": 1}
        rows = self._request("GET", "/pipeline_execution", params=filters).json()
        if not rows:
            return None
        return cast("ExecutionTree", self._request("GET", f"/pipeline_execution/{rows[0]['id']}").json())

    def impact(self, address: Address) -> list[Level]:
        """All that lies downstream of an address by its distance; nothing when Watcher does not know it."""
        found = self._request("GET", "/address", params={"name": address.name}).json()
        if not found:
            return []
        return cast("list[Level]", self._request("GET", f"/address/{found[0]['id']}/impact").json()["levels"])

    def pages(self, path: str, filters: Filters) -> Iterator[object]:
        """All rows of a list, in Watcher's order."""
        response = self._request("GET", path, params=filters)
        yield from response.json()
        while following := response.links.get("next"):
            response = self._request("GET", str(response.url.join(following["url"])))
            yield from response.json()

    def _request(
        self, method: str, path: str, *, body: object = None, params: Filters | None = None
    ) -> httpx.Response:
        """Ask again when an answer got lost: declaring, starting by external id and ending are repeatable."""
        for pause in (*RETRY_PAUSES, None):
            try:
                response = self.http.request(method, path, json=body, params=params)
            except httpx.TransportError as error:
                if pause is None:
                    reason = str(error) or type(error).__name__
                    raise WatcherUnreachable(f"Watcher at {self.http.base_url}: {reason}") from error
            else:
                if pause is None or response.status_code not in RETRIED_STATUSES:
                    return _accepted(response)
            time.sleep(pause)
        raise AssertionError("the last pause is None")


@contextmanager
def connected(
    url: str, api_key: str | None = None, now: Callable[[], datetime] = _present
) -> Iterator[Watcher]:
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    # A proxy named in the environment cannot reach a Watcher on this machine's loopback.
    through_proxy = httpx.URL(url).host not in LOOPBACK
    with httpx.Client(base_url=url, headers=headers, timeout=10, trust_env=through_proxy) as http:
        yield Watcher(http, now)


def _declared(address: Address) -> dict[str, str]:
    return {
        "name": address.name,
        "address_type_name": address.type_name,
        "address_type_group_name": address.group_name,
    }


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.text[:200]
    request = response.request
    raise WatcherRefused(f"{request.method} {request.url.path}: {response.status_code} {detail}")


def _reason(error: BaseException) -> str:
    """A message fit for JSON and PostgreSQL: a parser quotes the bad bytes, and they may be anything."""
    said = str(error)
    text = said if said and isinstance(error, Exception) else f"{type(error).__name__} {said}".rstrip()
    return (
        text[:ERROR_LENGTH].replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    )

"""Clients whose runs are judged, and clients whose pipelines go stale and whose runs are late, without pause."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

from tests.integration.test_http_checks import HOURLY, TIMELY, ago
from tests.plain import PLAIN

PACE_SECONDS = 0.02
DECLARING_SECONDS = 0.15
RULES = ("total_rows", "duration_seconds")
OUTRAGEOUS = 25
"""Each such run has a hundred times the rows of the others."""

FAILING = 9
"""Each such run fails."""

KEPT_WAITING = 8
"""So many pipelines later a late run ends, and its pipeline is fresh again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: when it began, how long it took, and its status; none where nobody answered."""

    at: float
    seconds: float
    status: int | None
    hinted: bool


@dataclass(slots=True)
class WatchedLoad:
    """So many threads of either kind, from `begin` to `stop`. `ended` are the acknowledged successes, by id."""

    url: str
    runners: int = 4
    declarers: int = 2
    asked: list[Asked] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    stale: dict[int, bool] = field(default_factory=dict)
    """The pipelines that went stale, and whether a run came to their rescue."""

    _going: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        works: list[tuple[Callable[[Client, int], Iterator[float]], int]] = [
            *((self._runs, number) for number in range(self.runners)),
            *((self._goes_stale, number) for number in range(self.declarers)),
        ]
        self._threads = [threading.Thread(target=self._lives, args=work) for work in works]
        self._going.set()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._going.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a request has no end"

    def pause(self) -> None:
        """From now on no request begins."""
        self._going.clear()

    def resume(self) -> None:
        self._going.set()

    def _lives(self, life: Callable[["Client", int], Iterator[float]], number: int) -> None:
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False, verify=PLAIN) as http:
            client = Client(http, self.asked, self._going, self._stopping)
            for seconds in life(client, number):
                if self._stopping.wait(seconds):
                    return

    def _runs(self, client: "Client", number: int) -> Iterator[float]:
        """Runs of a pipeline that is watched by rules, one after the other."""
        dawn = datetime.now(UTC) - timedelta(days=20)
        pipeline = client.id_of("/pipeline", {"name": f"runs {number}", "pipeline_type_name": "load"})
        for metric in RULES:
            rule = {"pipeline_id": pipeline, "metric_field": metric, "minimum_executions": 5}
            client.id_of("/anomaly_detection_rule", rule)
        for turn in range(1_000_000):
            begin = dawn + timedelta(minutes=turn)
            body = {"pipeline_id": pipeline, "external_id": str(turn), "start_date": begin.isoformat()}
            identity = client.id_of("/start_pipeline_execution", body)
            succeeds = turn % FAILING != FAILING - 1
            end = {
                "id": identity,
                "end_date": (begin + timedelta(seconds=60 + turn % 3)).isoformat(),
                "completed_successfully": succeeds,
                "total_rows": (1_000 + turn % 7) * (100 if turn % OUTRAGEOUS == OUTRAGEOUS - 1 else 1),
            }
            if client.insists("POST", "/end_pipeline_execution", end) is not None:
                (self.ended if succeeds else self.failed).add(identity)
            yield PACE_SECONDS

    def _goes_stale(self, client: "Client", number: int) -> Iterator[float]:
        """Pipelines that go stale with a run that is late; and a little later it ends, and they are fresh again."""
        begun: list[tuple[int, int]] = []
        for turn in range(1_000_000):
            pipeline = self.declare_stale(client, f"stale {number}/{turn}")
            if turn % 3 == 0 and pipeline:
                body = {"pipeline_id": pipeline, "external_id": "late", "start_date": ago(hours=2)}
                run = client.id_of("/start_pipeline_execution", body)
                begun.append((pipeline, run))
            if len(begun) > KEPT_WAITING:
                self._rescued(client, *begun.pop(0))
            if turn % 5 == 4:
                client.insists("POST", "/freshness")
                client.insists("POST", "/timeliness", {})
            yield DECLARING_SECONDS

    def declare_stale(self, client: "Client", name: str) -> int:
        """The id of a pipeline whose target has not changed for two hours, and was to within one; 0 if it came to nothing."""
        body = {"name": name, "pipeline_type_name": "load"} | HOURLY | TIMELY
        pipeline = client.id_of("/pipeline", body)
        change = {"id": pipeline, "last_target_insert": ago(hours=2)}
        if not pipeline or client.insists("PATCH", "/pipeline", change) is None:
            return 0
        self.stale.setdefault(pipeline, False)
        return pipeline

    def _rescued(self, client: "Client", pipeline: int, run: int) -> None:
        self.stale[pipeline] = True
        end = {"id": run, "end_date": ago(seconds=0), "completed_successfully": True, "inserts": 1}
        client.insists("POST", "/end_pipeline_execution", end)

    @contextmanager
    def one_more(self) -> Iterator["Client"]:
        """A client beside the threads, whom nobody stops."""
        going = threading.Event()
        going.set()
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False, verify=PLAIN) as http:
            yield Client(http, self.asked, going, threading.Event())


@dataclass(frozen=True, slots=True)
class Client:
    """Repeats each request until it is acknowledged or the load stops."""

    http: httpx.Client
    asked: list[Asked]
    going: threading.Event
    stopping: threading.Event

    def id_of(self, path: str, body: Mapping[str, object]) -> int:
        """That of the answer; 0 when there was none."""
        response = self.insists("POST", path, body)
        return 0 if response is None else int(response.json()["id"])

    def insists(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> httpx.Response | None:
        while True:
            self.going.wait()
            if self.stopping.is_set():
                return None
            response = self._asks(method, path, body)
            if response is not None and response.is_success:
                return response
            if response is not None and response.is_client_error:
                return None
            time.sleep(PACE_SECONDS)

    def _asks(self, method: str, path: str, body: Mapping[str, object] | None) -> httpx.Response | None:
        began = time.monotonic()
        try:
            response = self.http.request(method, path, json=body)
        except httpx.TransportError:
            self.asked.append(Asked(began, time.monotonic() - began, None, hinted=False))
            return None
        hinted = "retry-after" in response.headers
        self.asked.append(Asked(began, time.monotonic() - began, response.status_code, hinted=hinted))
        return response


def slowest(asked: Sequence[Asked], *windows: tuple[float, float]) -> float:
    """The longest time that a request took which began within one of the windows, or at any time without any."""
    return max(
        (
            each.seconds
            for each in asked
            if not windows or any(begin <= each.at <= end for begin, end in windows)
        ),
        default=0.0,
    )

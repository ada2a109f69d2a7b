"""Clients that write without pause, and remember what the server answered."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Self

import httpx

from tests.plain import PLAIN

DAWN = datetime(2026, 1, 1, tzinfo=UTC)
PAUSE_SECONDS = 0.02
SERVED = range(200, 300)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a client: when it began, how long it took, its status or what broke the connection instead."""

    client: int
    at: float
    seconds: float
    status: int | None
    broken: str = ""
    hinted: bool = False

    @property
    def served(self) -> bool:
        return self.status in SERVED

    @property
    def over(self) -> float:
        return self.at + self.seconds


@dataclass(slots=True)
class Load:
    """From the beginning to the end of the block: threads that record runs, each with a pipeline and a connection of
    its own; with `watched` those are judged, too; and so many threads that declare pipelines, and that start runs
    without an `external_id`, which they do not repeat.
    """

    url: str
    threads: int = 4
    watched: bool = False
    declaring: int = 0
    nameless: int = 0
    pause_seconds: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    started: dict[str, int] = field(default_factory=dict)
    """By `external_id`."""

    ended: dict[int, tuple[int, int]] = field(default_factory=dict)
    """The pipeline and its turn by run."""

    marked: dict[str, int] = field(default_factory=dict)
    """Runs without an `external_id`, by their next watermark."""

    declared: dict[str, int] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        pipelines = [self._pipeline(number) for number in range(self.threads + self.nameless)]
        lives = [
            *(partial(self._runs, pipeline) for pipeline in pipelines[: self.threads]),
            *(partial(self._starts_nameless, pipeline) for pipeline in pipelines[self.threads :]),
            *(partial(self._declares, number) for number in range(self.declaring)),
        ]
        self._running = [threading.Thread(target=self._lives, args=each) for each in enumerate(lives)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._running:
            thread.join(90)
            assert not thread.is_alive(), "a request has no end"

    @property
    def clients(self) -> range:
        return range(len(self._running))

    @property
    def statuses(self) -> Counter[int]:
        return Counter(each.status for each in list(self.asked) if each.status is not None)

    @property
    def broken(self) -> Counter[str]:
        return Counter(each.broken for each in list(self.asked) if each.broken)

    @property
    def unhinted(self) -> int:
        return sum(each.status == 503 and not each.hinted for each in self.asked)

    def slowest(self, *statuses: int) -> float:
        """Seconds, of the requests with one of these statuses; of all where none is named."""
        return max(
            (each.seconds for each in self.asked if not statuses or each.status in statuses), default=0.0
        )

    def acknowledged(self) -> int:
        return len(self.ended)

    def _pipeline(self, number: int) -> int:
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False, verify=PLAIN) as client:
            body = {"name": f"load {number}", "pipeline_type_name": "load"}
            identity = int(client.post("/pipeline", json=body).raise_for_status().json()["id"])
            if self.watched:
                rule = {"pipeline_id": identity, "metric_field": "total_rows", "minimum_executions": 5}
                client.post("/anomaly_detection_rule", json=rule).raise_for_status()
        return identity

    def _lives(self, number: int, life: Callable[["Client"], Iterator[None]]) -> None:
        with httpx.Client(base_url=self.url, timeout=60, trust_env=False, verify=PLAIN) as http:
            for _ in life(Client(number, http, self.asked, self._stopping)):
                if self._stopping.wait(self.pause_seconds):
                    return

    def _runs(self, pipeline: int, client: "Client") -> Iterator[None]:
        for turn in range(1, 1_000_000):
            self._run(client, pipeline, turn)
            yield

    def _run(self, client: "Client", pipeline: int, turn: int) -> None:
        """One start and one end, each repeated until it is acknowledged or the load stops."""
        name = f"{pipeline}/{turn}"
        begin = (DAWN + timedelta(minutes=turn)).isoformat()
        body = {"pipeline_id": pipeline, "external_id": name, "start_date": begin, "next_watermark": turn}
        started = client.insists("/start_pipeline_execution", body)
        if started is None:
            return
        identity = int(started.json()["id"])
        self.started[name] = identity
        end = {
            "id": identity,
            "end_date": begin,
            "completed_successfully": True,
            "inserts": turn,
            "total_rows": turn,
        }
        if client.insists("/end_pipeline_execution", end) is not None:
            self.ended[identity] = pipeline, turn

    def _starts_nameless(self, pipeline: int, client: "Client") -> Iterator[None]:
        """Runs that nothing but their next watermark tells apart, and that are not sent twice."""
        for turn in range(1, 1_000_000):
            mark = f"{pipeline}-{turn}"
            answer = client.asks(
                "/start_pipeline_execution", {"pipeline_id": pipeline, "next_watermark": mark}
            )
            if answer is not None and answer.is_success:
                self.marked[mark] = int(answer.json()["id"])
            else:
                time.sleep(PAUSE_SECONDS)
            yield

    def _declares(self, number: int, client: "Client") -> Iterator[None]:
        for turn in range(1, 1_000_000):
            name = f"declared {number}/{turn}"
            answer = client.insists("/pipeline", {"name": name, "pipeline_type_name": "load"})
            if answer is not None:
                self.declared[name] = int(answer.json()["id"])
            yield


@dataclass(frozen=True, slots=True)
class Client:
    number: int
    http: httpx.Client
    asked: list[Asked]
    stopping: threading.Event

    def insists(self, path: str, body: dict[str, object]) -> httpx.Response | None:
        """Asks until it is served; None when the load stops before."""
        while True:
            response = self.asks(path, body)
            if response is not None and response.is_success:
                return response
            if self.stopping.wait(PAUSE_SECONDS):
                return None

    def asks(self, path: str, body: dict[str, object]) -> httpx.Response | None:
        """The answer; None where there is none."""
        begin = time.monotonic()
        try:
            response = self.http.post(path, json=body)
        except httpx.TransportError as error:
            seconds = time.monotonic() - begin
            self.asked.append(Asked(self.number, begin, seconds, None, type(error).__name__))
            return None
        self.asked.append(
            Asked(
                self.number,
                begin,
                time.monotonic() - begin,
                response.status_code,
                hinted="retry-after" in response.headers,
            )
        )
        return response

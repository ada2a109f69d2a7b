"""Clients that start and end executions without pause, and remember what the server acknowledged."""

import asyncio
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import httpx

from tests.integration.programs import Program
from tests.server import fetch

DAWN = datetime(2026, 1, 1, tzinfo=UTC)
PAUSE_SECONDS = 0.02


@dataclass(slots=True)
class Load:
    """So many threads, each with a pipeline and a connection of its own, from `start` to `stop`."""

    api: Program
    threads: int = 4
    statuses: Counter[int] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    started: dict[str, int] = field(default_factory=dict)
    ended: dict[int, tuple[int, int]] = field(default_factory=dict)
    slowest: dict[int, float] = field(default_factory=dict)
    unhinted: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        pipelines = [self._pipeline(number) for number in range(self.threads)]
        self._running = [threading.Thread(target=self._work, args=(each,)) for each in pipelines]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._running:
            thread.join(60)
            assert not thread.is_alive(), "a request has no end"

    def acknowledged(self) -> int:
        return len(self.ended)

    def _pipeline(self, number: int) -> int:
        body = {"name": f"load {number}", "pipeline_type_name": "load"}
        return int(httpx.post(f"{self.api.url}/pipeline", json=body, trust_env=False).json()["id"])

    def _work(self, pipeline: int) -> None:
        turn = 0
        with self.api.client(30) as client:
            while not self._stopping.is_set():
                turn += 1
                self._run(client, pipeline, turn)

    def _run(self, client: httpx.Client, pipeline: int, turn: int) -> None:
        """One start and one end, each repeated until it is acknowledged or the load stops."""
        name = f"{pipeline}/{turn}"
        begin = (DAWN + timedelta(minutes=turn)).isoformat()
        body = {"pipeline_id": pipeline, "external_id": name, "start_date": begin, "next_watermark": turn}
        started = self._insisted(client, "/start_pipeline_execution", body)
        if started is None:
            return
        identity = int(started.json()["id"])
        with self._lock:
            self.started[name] = identity
        end = {"id": identity, "end_date": begin, "completed_successfully": True, "inserts": turn}
        if self._insisted(client, "/end_pipeline_execution", end) is not None:
            with self._lock:
                self.ended[identity] = pipeline, turn

    def _insisted(self, client: httpx.Client, path: str, body: dict[str, object]) -> httpx.Response | None:
        while True:
            response = self._asked(client, path, body)
            if response is not None and response.is_success:
                return response
            if self._stopping.is_set():
                return None
            time.sleep(PAUSE_SECONDS)

    def _asked(self, client: httpx.Client, path: str, body: dict[str, object]) -> httpx.Response | None:
        begin = time.monotonic()
        try:
            response = client.post(path, json=body)
        except httpx.TransportError as error:
            with self._lock:
                self.broken[type(error).__name__] += 1
            return None
        seconds = time.monotonic() - begin
        with self._lock:
            status = response.status_code
            self.statuses[status] += 1
            self.slowest[status] = max(seconds, self.slowest.get(status, 0))
            self.unhinted += status == 503 and "retry-after" not in response.headers
        return response

    def check(self, dsn: str) -> None:
        """What was acknowledged is in the database, and each watermark is that of the last success."""
        assert self.started
        rows = asyncio.run(
            fetch(dsn, "SELECT external_id, id, end_date IS NOT NULL, inserts FROM pipeline_execution")
        )
        known = {str(name): (identity, ended, inserts) for name, identity, ended, inserts in rows}
        assert {name: known[name][0] for name in self.started} == self.started
        by_id = {identity: (ended, inserts) for identity, ended, inserts in known.values()}
        assert {identity: by_id[identity] for identity in self.ended} == {
            identity: (True, turn) for identity, (_, turn) in self.ended.items()
        }
        self._check_watermarks(dsn)

    def _check_watermarks(self, dsn: str) -> None:
        query = """
            SELECT p.id, p.watermark, max(e.next_watermark::INTEGER)::TEXT
            FROM pipeline AS p
            INNER JOIN pipeline_execution AS e ON e.pipeline_id = p.id AND e.completed_successfully
            GROUP BY p.id
        """
        reached = {
            pipeline: (watermark, last) for pipeline, watermark, last in asyncio.run(fetch(dsn, query))
        }
        for pipeline, turn in self.ended.values():
            watermark, last = reached[pipeline]
            assert watermark == last
            assert int(str(last)) >= turn

"""Clients that declare lineage without pause, and remember what the server acknowledged."""

import asyncio
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

import httpx

from tests.integration.programs import Program
from tests.integration.wire import Json, answer, depths, edges, table
from tests.server import fetch

PAUSE_SECONDS = 0.02
EDGES = """
SELECT p.name, array_agg(DISTINCT s.name), array_agg(DISTINCT t.name), count(*)
FROM address_lineage AS e
INNER JOIN pipeline AS p ON p.id = e.pipeline_id
INNER JOIN address AS s ON s.id = e.source_address_id
INNER JOIN address AS t ON t.id = e.target_address_id
WHERE e.valid_to IS NULL AND p.name LIKE $1
GROUP BY p.name
"""


@dataclass(slots=True)
class LineageLoad:
    """So many threads, each with pipelines of its own, from `start` to `stop`.

    In turn n a pipeline reads `shared` and two addresses of the turn, and writes two of the turn: six edges,
    every time others. With `asking`, each answer is followed by the question for what was declared.
    """

    api: Program
    name: str
    threads: int = 4
    asking: bool = True
    statuses: Counter[int] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    declared: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._running = [
            threading.Thread(target=self._work, args=(f"{self.name} {number}",))
            for number in range(self.threads)
        ]
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
        return self.declared.total()

    def _work(self, name: str) -> None:
        with self.api.client(30) as client:
            body = {"name": name, "pipeline_type_name": "load"}
            pipeline = client.post("/pipeline", json=body).json()["id"]
            turn = 0
            while not self._stopping.is_set():
                turn += 1
                if not self._insisted(client, {"pipeline_id": pipeline} | _declaration(name, turn)):
                    return
                with self._lock:
                    self.declared[name] = turn
                if self.asking:
                    self._ask(client, name, turn)

    def _ask(self, client: httpx.Client, name: str, turn: int) -> None:
        """Read your writes: whatever else goes on, and whatever the closure knows."""
        query: dict[str, str] = {"name": f"{name}/t{turn}", "direction": "upstream"}
        response = client.get("/address_lineage", params=query)
        with self._lock:
            self.statuses[response.status_code] += 1
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return
        graph = answer(response, 200)
        sources, target = ["shared", f"{name}/a{turn}", f"{name}/b{turn}"], query["name"]
        if edges(graph) != {(source, target): [name] for source in sources}:
            self.wrong.append(f"{name}, turn {turn}: {depths(graph)}")

    def _insisted(self, client: httpx.Client, body: Json) -> bool:
        while not self._stopping.is_set():
            try:
                response = client.post("/address_lineage", json=body)
            except httpx.TransportError as error:
                with self._lock:
                    self.broken[type(error).__name__] += 1
            else:
                with self._lock:
                    self.statuses[response.status_code] += 1
                if response.is_success:
                    return True
            time.sleep(PAUSE_SECONDS)
        return False

    def check(self, dsn: str) -> None:
        """Each pipeline owns what it was last told was declared, or one turn more; and that whole."""
        assert self.declared
        assert not self.wrong, self.wrong[:5]
        rows = asyncio.run(fetch(dsn, EDGES, f"{self.name} %"))
        found = {str(name): (sources, targets, count) for name, sources, targets, count in rows}
        for name, turn in self.declared.items():
            assert found[name] in [_stored(name, turn), _stored(name, turn + 1)], (name, turn, found[name])


def _declaration(name: str, turn: int) -> Json:
    return {
        "source_addresses": [table("shared"), table(f"{name}/a{turn}"), table(f"{name}/b{turn}")],
        "target_addresses": [table(f"{name}/t{turn}"), table(f"{name}/u{turn}")],
    }


def _stored(name: str, turn: int) -> tuple[list[str], list[str], int]:
    sources = sorted([f"{name}/a{turn}", f"{name}/b{turn}", "shared"])
    return sources, [f"{name}/t{turn}", f"{name}/u{turn}"], 6

"""The protocol in short: requests that succeed, and what a refusal has to look like."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx

from tests.server import Standing, fetch

Json: TypeAlias = dict[str, Any]

NOBODY = 2**62
"""An id that nothing has."""

START = "2026-03-01T12:00:00Z"
END = "2026-03-01T12:01:00Z"

FINGERPRINT = """
SELECT (SELECT md5(COALESCE(string_agg(t::TEXT, '|' ORDER BY t.id), '')) FROM pipeline_type AS t),
    (SELECT md5(COALESCE(string_agg(p::TEXT, '|' ORDER BY p.id), '')) FROM pipeline AS p),
    (SELECT md5(COALESCE(string_agg(e::TEXT, '|' ORDER BY e.id), '')) FROM pipeline_execution AS e),
    (SELECT count(*) FROM pipeline_execution_closure),
    (SELECT md5(COALESCE(string_agg(t::TEXT, '|' ORDER BY t.id), '')) FROM address_type AS t),
    (SELECT md5(COALESCE(string_agg(a::TEXT, '|' ORDER BY a.id), '')) FROM address AS a),
    (SELECT md5(COALESCE(string_agg(d::TEXT, '|' ORDER BY d.id), '')) FROM lineage_declaration AS d),
    (SELECT md5(COALESCE(string_agg(l::TEXT, '|' ORDER BY l.id), '')) FROM address_lineage AS l)
"""


@dataclass(frozen=True, slots=True)
class Wire:
    """A client, and the database behind the server that it speaks to."""

    client: httpx.Client
    dsn: str
    standing: Standing | None = None
    """A connection to the database, where there is one already."""

    def post(self, path: str, body: object) -> httpx.Response:
        return self.client.post(path, json=body)

    def patch(self, path: str, body: object) -> httpx.Response:
        return self.client.patch(path, json=body)

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON of what is there."""
        return answer(self.client.get(path, params=query), 200)

    def declare(self, name: str = "orders", **fields: object) -> Json:
        response = self.post("/pipeline", {"name": name, "pipeline_type_name": "load"} | fields)
        assert response.status_code in (200, 201), response.text
        declared: Json = json_of(response)
        return declared

    def pipeline(self, name: str = "orders", **fields: object) -> int:
        """The id of the pipeline as declared."""
        return int(self.declare(name, **fields)["id"])

    def address(self, name: str = "shop.sales.orders", **fields: object) -> int:
        """The id of the address as declared."""
        response = self.post("/address", table(name, **fields))
        assert response.status_code in (200, 201), response.text
        return int(json_of(response)["id"])

    def declare_lineage(
        self, pipeline_id: int, sources: Iterable[str | Json], targets: Iterable[str | Json]
    ) -> httpx.Response:
        """Addresses by their bodies, or tables by their names."""
        body = {
            "pipeline_id": pipeline_id,
            "source_addresses": [table(each) if isinstance(each, str) else each for each in sources],
            "target_addresses": [table(each) if isinstance(each, str) else each for each in targets],
        }
        return self.post("/address_lineage", body)

    def flows(self, pipeline: str, sources: Iterable[str], targets: Iterable[str]) -> int:
        """The id of the pipeline that from now on reads and writes these tables."""
        identity = self.pipeline(pipeline)
        response = self.declare_lineage(identity, sources, targets)
        assert response.status_code in (200, 201), response.text
        return identity

    def around(self, name: str, direction: str = "both", **query: str | int) -> Json:
        """The graph around an address."""
        found: Json = self.get("/address_lineage", name=name, direction=direction, **query)
        return found

    def start(self, pipeline_id: int, **fields: object) -> int:
        """The id of the run that began."""
        body = {"pipeline_id": pipeline_id, "start_date": START} | fields
        return int(answer(self.post("/start_pipeline_execution", body), 201)["id"])

    def end(self, identity: int, **fields: object) -> httpx.Response:
        body = {"id": identity, "end_date": END, "completed_successfully": True} | fields
        return self.post("/end_pipeline_execution", body)

    def execution(self, identity: int) -> Json:
        found: Json = self.get(f"/pipeline_execution/{identity}")
        return found

    def fingerprint(self) -> tuple[object, ...]:
        """Differs when anything in the database does."""
        if self.standing is not None:
            (row,) = self.standing.fetch(FINGERPRINT)
        else:
            (row,) = asyncio.run(fetch(self.dsn, FINGERPRINT))
        return row


def table(name: str, **fields: object) -> Json:
    """The body of an address."""
    return {"name": name, "address_type_name": "postgres", "address_type_group_name": "database"} | fields


def depths(graph: Json) -> dict[str, int]:
    """How far each address of a graph is."""
    return {node["name"]: node["depth"] for node in graph["nodes"]}


def edges(graph: Json) -> dict[tuple[str, str], list[str]]:
    """The names of the pipelines by those of the addresses that they connect."""
    names = {node["id"]: node["name"] for node in graph["nodes"]}
    assert len(names) == len(graph["nodes"])
    found = {
        (names[edge["source"]], names[edge["target"]]): [owner["name"] for owner in edge["pipelines"]]
        for edge in graph["edges"]
    }
    assert len(found) == len(graph["edges"])
    return found


def answer(response: httpx.Response, status: int) -> Any:
    """The JSON of a response that has this status."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:500]}"
    return json_of(response)


def json_of(response: httpx.Response) -> Any:
    assert response.headers["content-type"] == "application/json"
    return response.json()


def problem(response: httpx.Response, status: int, slug: str | None = None) -> Json:
    """The problem of a refusal, which has the shape that every problem has."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:500]}"
    assert response.headers["content-type"] == "application/problem+json"
    found: Json = response.json()
    check_problem(found, status)
    if slug is not None:
        assert found["type"] == slug
    return found


def check_problem(found: Mapping[str, Any], status: int) -> None:
    """RFC 9457, and `errors` where it is about the content of a request."""
    assert found["status"] == status
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", found["type"])
    assert found["title"]
    assert found["detail"].endswith("."), found["detail"]
    if status == 422:
        assert found["errors"], found
        for error in found["errors"]:
            assert error.keys() == {"loc", "msg", "type"}
            assert error["loc"][0] in ("body", "query", "path")
            assert error["msg"]
            assert error["type"]

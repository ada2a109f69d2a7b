"""Routes of lineage."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from watcher.domain.errors import InvalidValue
from watcher.domain.lineage import Outcome, PipelineLineage
from watcher.domain.lineage_graph import (
    DEPTH_DEFAULT,
    DEPTH_LIMIT,
    NODES_DEFAULT,
    NODES_LIMIT,
    PATHS_DEFAULT,
    PATHS_LIMIT,
    Direction,
    Graph,
    Impact,
    Paths,
    Route,
    Surroundings,
)
from watcher.domain.text import ADDRESS_NAME_LIMIT, Reference
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import Answer, encoded, gently
from watcher.entrypoints.http.bodies.fields import BIGINT, NO_NUL, Instant
from watcher.entrypoints.http.bodies.lineage import LineageBody
from watcher.entrypoints.http.gate import READ, WRITE
from watcher.entrypoints.http.parameters import Id, OptionalId
from watcher.entrypoints.http.problems import BODY_PROBLEMS, documented

Depth = Annotated[
    int,
    Query(
        ge=1, le=DEPTH_LIMIT, description="Most edges to go; `truncated` says whether there is more beyond."
    ),
]
Nodes = Annotated[
    int,
    Query(
        ge=1,
        le=NODES_LIMIT,
        description="Most addresses, the nearest first; `truncated` says whether there are more.",
    ),
]
AsOf = Annotated[
    Instant | None,
    Query(description="A past instant to answer for; names, types and runs are those of today."),
]
Name = Annotated[
    str | None,
    Query(
        max_length=ADDRESS_NAME_LIMIT,
        pattern=NO_NUL,
        description="Which address, in any spelling; or else `address_id`.",
    ),
]


@dataclass(frozen=True, slots=True)
class LineageAnswer:
    pipeline_id: int
    lineage_relationships_created: int
    message: str


def declaring_router(watcher: Watcher) -> APIRouter:
    """What pipelines tell."""
    routes = APIRouter(tags=["Lineage"])

    @routes.post(
        "/address_lineage",
        openapi_extra=WRITE,
        status_code=201,
        response_model=LineageAnswer,
        responses=documented(404, *BODY_PROBLEMS, existing=LineageAnswer),
    )
    async def declare_lineage(body: LineageBody) -> Response:
        """Replaces what a pipeline reads and writes: afterwards every source feeds every target, and nothing else.

        Addresses and their types are created or updated on the way. 200 when there was nothing to do: the
        declaration is the last one over again, or the pipeline's `load_lineage` is false.
        """
        declared = await watcher.declare_lineage(body.declaration())
        answer = LineageAnswer(declared.pipeline_id, declared.created, declared.message)
        return Answer(encoded(answer), 201 if declared.outcome is Outcome.REPLACED else 200)

    return routes


def graph_router(watcher: Watcher) -> APIRouter:
    """What people ask about the graph."""
    routes = APIRouter(tags=["Lineage"])

    @routes.get("/address_lineage", openapi_extra=READ, response_model=Graph, responses=documented(404, 422))
    async def get_lineage(
        *,
        address_id: OptionalId = None,
        name: Name = None,
        direction: Direction = Direction.BOTH,
        depth: Depth = DEPTH_DEFAULT,
        limit: Nodes = NODES_DEFAULT,
        as_of: AsOf = None,
    ) -> Response:
        """What lies upstream or downstream of an address, and every edge between two of those, with its pipelines.

        At most 100,000 edges, an edge counted once for each pipeline shown, and at most 100 pipelines of an edge.
        """
        question = Surroundings(
            start=_reference(address_id, name), direction=direction, depth=depth, limit=limit, as_of=as_of
        )
        return await gently(await watcher.lineage_graph.around(question))

    @routes.get(
        "/address_lineage/path", openapi_extra=READ, response_model=Paths, responses=documented(404, 422)
    )
    async def get_paths(
        *,
        start: Annotated[int, Query(alias="from", ge=-BIGINT - 1, le=BIGINT, description="An address id.")],
        goal: Annotated[int, Query(alias="to", ge=-BIGINT - 1, le=BIGINT, description="An address id.")],
        limit: Annotated[int, Query(ge=1, le=PATHS_LIMIT, description="Most paths.")] = PATHS_DEFAULT,
        as_of: AsOf = None,
    ) -> Response:
        """The shortest paths downstream from one address to another, of at most 1,000 edges.

        Where there is a way at least one whole path is shown, and 100,000 addresses in all paths at most. Of very many
        addresses and edges on the shortest paths, some are shown. `truncated` when anything is left out, or when
        the search ended before it found a way.
        """
        question = Route(start=start, goal=goal, limit=limit, as_of=as_of)
        return await gently(await watcher.lineage_graph.between(question))

    return routes


def effects_router(watcher: Watcher) -> APIRouter:
    """What people ask about one address or pipeline."""
    routes = APIRouter(tags=["Lineage"])

    @routes.get(
        "/address/{id}/impact", openapi_extra=READ, response_model=Impact, responses=documented(404, 422)
    )
    async def get_impact(
        id: Id, *, depth: Depth = DEPTH_LIMIT, limit: Nodes = NODES_DEFAULT, as_of: AsOf = None
    ) -> Response:
        """Everything downstream of an address by its distance, and the pipelines that write it."""
        question = Surroundings(
            start=id, direction=Direction.DOWNSTREAM, depth=depth, limit=limit, as_of=as_of
        )
        graph = await watcher.lineage_graph.around(question)
        return await gently(
            await asyncio.to_thread(Impact.of, graph) if graph.is_large() else Impact.of(graph)
        )

    @routes.get(
        "/pipeline/{id}/lineage",
        openapi_extra=READ,
        response_model=PipelineLineage,
        responses=documented(404, 422),
    )
    async def get_pipeline_lineage(id: Id, *, as_of: AsOf = None) -> Response:
        """What a pipeline reads and what it writes, as it declared last."""
        return Answer(encoded(await watcher.lineage.of_pipeline(id, as_of)))

    return routes


def _reference(address_id: int | None, name: str | None) -> Reference:
    if address_id is not None and name is None:
        return address_id
    if name is not None and address_id is None:
        return name
    raise InvalidValue("address_id", "or 'name' must be given, and only one of them")

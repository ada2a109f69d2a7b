"""Questions about the graph of lineage, answered from dictionaries."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from watcher.adapters.memory.addresses import MemoryAddresses
from watcher.adapters.memory.closure import MemoryClosure
from watcher.adapters.memory.edges import MemoryEdges
from watcher.adapters.memory.executions import MemoryExecutions
from watcher.adapters.memory.pipelines import MemoryPipelines
from watcher.domain.executions import Status
from watcher.domain.lineage_graph import (
    EDGES_SHOWN,
    Edge,
    Graph,
    LastRun,
    Node,
    Owner,
    Paths,
    Route,
    Surroundings,
)
from watcher.domain.lineage_paths import Search
from watcher.domain.lineage_walks import (
    Depths,
    Pair,
    Pairs,
    Walk,
    nearest,
    owned_by,
    shown_pairs,
    walked,
    walks,
)


class MemorySteps:
    """`Steps` in dictionaries."""

    def __init__(self, edges: MemoryEdges, as_of: datetime | None) -> None:
        self._edges = edges
        self._as_of = as_of

    async def walked(self, walk: Walk) -> Depths:
        neighbours = self._edges.neighbours(walk.direction, walk.as_of)
        return walked(walk, lambda each: neighbours.get(each, ()))

    async def pairs(self, sources: Sequence[int], targets: Sequence[int], limit: int) -> Pairs:
        befores, afters = set(sources), set(targets)
        owners: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        for edge in self._edges.standing(self._as_of):
            if edge.source in befores and edge.target in afters:
                owners[edge.source, edge.target].add(edge.pipeline_id)
        return shown_pairs((owned_by(*each) for each in sorted(owners.items())), limit)


class MemoryLineageGraph:
    """`LineageGraph` in dictionaries."""

    def __init__(
        self,
        edges: MemoryEdges,
        closure: MemoryClosure,
        addresses: MemoryAddresses,
        pipelines: MemoryPipelines,
        executions: MemoryExecutions,
    ) -> None:
        self._edges = edges
        self._closure = closure
        self._addresses = addresses
        self._pipelines = pipelines
        self._executions = executions

    async def around(self, question: Surroundings) -> Graph:
        start = self._addresses.known(question.start).id
        self._edges.check_kept(question.as_of)
        steps = MemorySteps(self._edges, question.as_of)
        sides = [await self._walked(steps, walk) for walk in walks(question, start)]
        depths, more = nearest(sides, question.depth, question.limit)
        ids = list(depths)
        pairs, cut = await steps.pairs(ids, ids, EDGES_SHOWN)
        truncated = more or cut or any(pair.more for pair in pairs)
        return Graph(self._nodes(depths), self._shown(pairs), truncated)

    async def between(self, question: Route) -> Paths:
        start, goal = self._addresses.known(question.start).id, self._addresses.known(question.goal).id
        self._edges.check_kept(question.as_of)
        steps = MemorySteps(self._edges, question.as_of)
        found = await Search(steps, start, goal, question.as_of).found(question.limit)
        if found.length is None:
            return Paths(None, (), (), (), found.truncated)
        nodes, edges = self._nodes(found.places), self._shown(found.pairs)
        return Paths(found.length, found.paths, nodes, edges, found.truncated)

    async def _walked(self, steps: MemorySteps, walk: Walk) -> Depths:
        (start,) = walk.starts
        kept = self._closure.reach(start, walk.direction) if walk.as_of is None else None
        if kept is None:
            return await steps.walked(walk)
        return {start: 0} | {each: depth for each, depth in kept.items() if depth <= walk.depth}

    def _shown(self, pairs: Sequence[Pair]) -> Sequence[Edge]:
        owners = {each: self._owner(each) for pair in pairs for each in pair.pipelines}
        return [Edge(pair.source, pair.target, [owners[each] for each in pair.pipelines]) for pair in pairs]

    def _nodes(self, depths: Depths) -> Sequence[Node]:
        return [self._node(identity, depth) for identity, depth in depths.items()]

    def _node(self, identity: int, depth: int) -> Node:
        address = self._addresses.known(identity)
        kind = self._addresses.type_of(address)
        return Node(
            id=address.id,
            name=address.name,
            type=kind.name,
            group=kind.group_name,
            metadata=address.address_metadata,
            depth=depth,
        )

    def _owner(self, identity: int) -> Owner:
        pipeline = self._pipelines.known(identity)
        return Owner(
            id=pipeline.id,
            name=pipeline.name,
            type=self._pipelines.type_of(pipeline).name,
            active=pipeline.active,
            last_run=self._last_run(identity),
        )

    def _last_run(self, pipeline_id: int) -> LastRun | None:
        run = self._executions.last_of(pipeline_id)
        if run is None:
            return None
        return LastRun(id=run.id, state=Status.of(run), start_date=run.start_date, end_date=run.end_date)

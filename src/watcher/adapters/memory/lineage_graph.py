"""Questions about the graph of lineage, answered from dictionaries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from watcher.adapters.memory.addresses import MemoryAddresses
from watcher.adapters.memory.closure import MemoryClosure
from watcher.adapters.memory.edges import MemoryEdges
from watcher.adapters.memory.executions import MemoryExecutions
from watcher.adapters.memory.pipelines import MemoryPipelines
from watcher.domain.executions import Status
from watcher.domain.lineage_graph import (
    EDGES_SHOWN,
    NODES_LIMIT,
    Depths,
    Edge,
    Graph,
    LastRun,
    Node,
    Owner,
    Paths,
    Route,
    Surroundings,
    Walk,
    nearest,
    on_the_way,
    spelled_out,
    walked,
)


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
        depths, more = nearest([self._walked(walk) for walk in question.walks(start)], question.limit)
        edges = self._between(depths, question.as_of)
        shown = edges[:EDGES_SHOWN]
        return Graph(self._nodes(depths), shown, more or len(edges) > len(shown))

    async def between(self, question: Route) -> Paths:
        start, goal = self._addresses.known(question.start).id, self._addresses.known(question.goal).id
        self._edges.check_kept(question.as_of)
        there = question.there(start, goal)
        down = self._walked(there)
        if goal not in down:
            return Paths(None, (), (), (), there.cut_short(down))
        up = self._walked(question.back(start, goal, down[goal]))
        depths, cut = nearest([on_the_way(down, up, goal)], NODES_LIMIT)
        edges = [edge for edge in self._between(depths, question.as_of) if _leads(depths, edge)]
        pairs = [(edge.source, edge.target) for edge in edges]
        paths, more = spelled_out(depths, pairs, start, goal, question.limit)
        return Paths(down[goal], paths, self._nodes(depths), edges, cut or more)

    def _walked(self, walk: Walk) -> Depths:
        kept = self._closure.reach(walk.start, walk.direction) if walk.as_of is None else None
        if kept is not None:
            return {walk.start: 0} | {each: depth for each, depth in kept.items() if depth <= walk.depth}
        neighbours = self._edges.neighbours(walk.direction, walk.as_of)
        return walked(walk, lambda each: neighbours.get(each, ()))

    def _between(self, depths: Mapping[int, int], as_of: datetime | None) -> Sequence[Edge]:
        owners: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        for edge in self._edges.standing(as_of):
            if edge.source in depths and edge.target in depths:
                owners[edge.source, edge.target].add(edge.pipeline_id)
        return [
            Edge(*pair, [self._owner(each) for each in sorted(pipelines)])
            for pair, pipelines in sorted(owners.items())
        ]

    def _nodes(self, depths: Mapping[int, int]) -> Sequence[Node]:
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


def _leads(depths: Mapping[int, int], edge: Edge) -> bool:
    return depths[edge.target] == depths[edge.source] + 1

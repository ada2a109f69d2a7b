"""Lineage as sets of pairs, and what networkx says about them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

import networkx as nx

from tests.contract.reaches import directed, reach_of
from watcher.domain.lineage_graph import Direction, Graph, Impact, Paths, Route, Surroundings

Pairs = frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Declared:
    """What a pipeline declared last: the names, and the ids behind them."""

    sources: Mapping[str, int] = field(default_factory=dict)
    targets: Mapping[str, int] = field(default_factory=dict)
    declared_at: datetime | None = None

    @property
    def pairs(self) -> Pairs:
        return frozenset((s, t) for s in self.sources.values() for t in self.targets.values())

    def same(self, other: "Declared") -> bool:
        return (self.sources, self.targets) == (other.sources, other.targets)

    def ids(self) -> tuple[list[int], list[int]]:
        return sorted(self.sources.values()), sorted(self.targets.values())


@dataclass(frozen=True, slots=True)
class Model:
    """What every pipeline declared, at one instant."""

    declared: Mapping[int, Declared] = field(default_factory=dict)

    def last(self, pipeline_id: int) -> Declared:
        return self.declared.get(pipeline_id, Declared())

    def replaced(self, pipeline_id: int, declared: Declared) -> "Model":
        return self if self.last(pipeline_id).same(declared) else self.put(pipeline_id, declared)

    def put(self, pipeline_id: int, declared: Declared) -> "Model":
        return Model({**self.declared, pipeline_id: declared})

    def pairs(self) -> Pairs:
        return frozenset().union(*(each.pairs for each in self.declared.values()))

    def owners(self) -> dict[tuple[int, int], list[int]]:
        owners: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for pipeline_id, declared in sorted(self.declared.items()):
            for pair in declared.pairs:
                owners[pair].append(pipeline_id)
        return owners

    def depths(self, start: int, direction: Direction, depth: int) -> list[tuple[int, int]]:
        """Addresses with their depth, by depth and id."""
        least = {start: 0}
        for way in direction.single():
            for each, length in reach_of(directed(self.pairs(), way), start).items():
                if length <= depth:
                    least[each] = min(length, least.get(each, length))
        return sorted(least.items(), key=lambda item: (item[1], item[0]))

    def check_graph(self, answer: Graph, question: Surroundings, start: int) -> None:
        beyond = self.depths(start, question.direction, question.depth + 1)
        expected = self.depths(start, question.direction, question.depth)
        assert [(node.id, node.depth) for node in answer.nodes] == expected[: question.limit]
        assert answer.truncated == (len(beyond) > len(answer.nodes))
        shown = {each for each, _ in expected[: question.limit]}
        edges = [(edge.source, edge.target, [owner.id for owner in edge.pipelines]) for edge in answer.edges]
        owners = self.owners()
        assert edges == [(*pair, owners[pair]) for pair in sorted(owners) if shown.issuperset(pair)]

    def check_impact(self, impact: Impact, start: int) -> None:
        graph = directed(self.pairs())
        graph.add_node(start)
        layers = list(nx.bfs_layers(graph, start))
        assert (impact.address.id, impact.truncated) == (start, False)
        told = [(level.depth, [each.id for each in level.addresses]) for level in impact.levels]
        assert told == [(depth, sorted(layer)) for depth, layer in enumerate(layers) if depth]
        affected = {each for layer in layers for each in layer}
        writers = {each: set[int]() for each in affected}
        for (source, target), pipelines in self.owners().items():
            if source in affected:
                writers[target].update(pipelines)
        for level in impact.levels:
            for address in level.addresses:
                assert [owner.id for owner in address.pipelines] == sorted(writers[address.id])

    def check_paths(self, paths: Paths, question: Route, start: int, goal: int) -> None:
        graph = directed(self.pairs())
        graph.add_nodes_from((start, goal))
        if not nx.has_path(graph, start, goal):
            assert paths == Paths(None, (), (), (), truncated=False)
            return
        expected = sorted(map(list, nx.all_shortest_paths(graph, start, goal)))
        assert list(paths.paths) == expected[: question.limit]
        assert (paths.length, paths.truncated) == (len(expected[0]) - 1, len(expected) > question.limit)
        assert {node.id: node.depth for node in paths.nodes} == {
            each: depth for path in expected for depth, each in enumerate(path)
        }
        steps = {step for path in expected for step in pairwise(path)}
        assert {(edge.source, edge.target) for edge in paths.edges} == steps

"""Edges of which some lie beyond a small limit, and whether the closure is what they say."""

from tests.contract.reaches import kept_reaches, true_reaches
from tests.contract.world import World
from watcher.domain.lineage_graph import Surroundings

REACH_LIMIT = 3


async def pairs(world: World) -> set[tuple[int, int]]:
    """The edges, as the graph shows them."""
    graphs = [
        await world.watcher.lineage_graph.around(Surroundings(start=address.id))
        for address in await world.all_addresses()
    ]
    return {(edge.source, edge.target) for graph in graphs for edge in graph.edges}


async def assert_whole(world: World) -> None:
    verified = await world.watcher.closure.verify()
    assert (verified.pending, verified.wrong) == (0, [])
    assert await kept_reaches(world) == true_reaches(await pairs(world), REACH_LIMIT)


async def fan(world: World, targets: str) -> int:
    """A pipeline that writes each of the targets from `hub`."""
    pipeline_id = await world.pipeline("fan")
    await world.lineage(pipeline_id, ["hub"], list(targets))
    return pipeline_id


async def chain_beyond(world: World, length: int = 12) -> int:
    """A chain of addresses most of which reach more than is kept; how many entries a rebuild notes of it."""
    for step in range(length - 1):
        await world.lineage(await world.pipeline(f"link {step}"), [f"chain {step}"], [f"chain {step + 1}"])
    return 2 * length

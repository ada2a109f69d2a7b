"""A store in memory is always ready."""

from collections.abc import Sequence


class MemoryProbes:
    """`Probes` of a store that is always there."""

    async def obstacles(self) -> Sequence[str]:
        return []

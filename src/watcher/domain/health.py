"""Whether Watcher can do its work now."""

from collections.abc import Sequence
from typing import Protocol


class Probes(Protocol):
    """What has to be there for Watcher to serve requests."""

    async def obstacles(self) -> Sequence[str]:
        """What stands in the way at this moment, a sentence each; empty when ready."""
        ...

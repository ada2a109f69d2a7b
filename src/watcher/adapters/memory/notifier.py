"""Messages that are only kept, for those who look at them there."""

from collections.abc import Sequence

from watcher.domain.alert_channels import Channel
from watcher.domain.deliveries import Message


class MemoryNotifier:
    """`Notifier` whose channels are lists. `down` says by its name why a channel takes nothing just now."""

    def __init__(self, channels: Sequence[Channel] = ()) -> None:
        self.channels = channels
        self.down: dict[str, str] = {}
        self.arrived: list[tuple[str, Message]] = []

    async def send(self, channel: str, message: Message) -> str | None:
        if channel not in self.down:
            self.arrived.append((channel, message))
        return self.down.get(channel)

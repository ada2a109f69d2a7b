"""The spells of too much being pending, in a list."""

from dataclasses import replace
from datetime import datetime

from watcher.domain.queues import QueuesChecked, QueueSpell, QueueState


class MemoryQueueSpells:
    """`QueueSpells` in a list."""

    def __init__(self) -> None:
        self.rows: list[QueueSpell] = []

    async def record(self, state: QueueState, pending: int, now: datetime) -> QueuesChecked:
        opened, ended = None, None
        last = self.rows[-1] if self.rows and self.rows[-1].ended_at is None else None
        if last is not None and last.state is not state:
            ended = self.rows[-1] = replace(last, ended_at=max(now, last.opened_at))
        if state is not QueueState.OK and (last is None or ended is not None):
            opened = QueueSpell(id=len(self.rows) + 1, state=state, pending=pending, opened_at=now)
            self.rows.append(opened)
        return QueuesChecked(opened, ended)

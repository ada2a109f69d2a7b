"""The spells of too much being pending, in a list."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from itertools import count

from watcher.domain.queues import QueuesChecked, QueueSpell, QueueState


class MemoryQueueSpells:
    """`QueueSpells` in a list."""

    def __init__(self) -> None:
        self.rows: list[QueueSpell] = []
        self._ids = count(1)

    async def record(self, state: QueueState, pending: int, now: datetime) -> QueuesChecked:
        opened, ended = None, None
        last = self.rows[-1] if self.rows and self.rows[-1].ended_at is None else None
        if last is not None and last.state is not state:
            ended = self.rows[-1] = replace(last, ended_at=max(now, last.opened_at))
        if state is not QueueState.OK and (last is None or ended is not None):
            opened = QueueSpell(id=next(self._ids), state=state, pending=pending, opened_at=now)
            self.rows.append(opened)
        return QueuesChecked(opened, ended)

    def ended_before(self, before: datetime) -> list[int]:
        return [spell.id for spell in self.rows if spell.ended_at is not None and spell.ended_at < before]

    def forget(self, identities: Collection[int]) -> None:
        self.rows[:] = [spell for spell in self.rows if spell.id not in identities]

"""The queues of any broker of Celery's: how many messages there are is all that they have in common."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from celery import Celery

from watcher.adapters.bus.remedies import unavailable
from watcher.domain.queues import Backlog, BrokerUnavailable, Queue

SECONDS = 5.0


class DeclaredQueues:
    """`Queues` and `Probes` by declaring the queues, which changes nothing where they exist.

    Tasks, ages and workers cannot be told this way: there is taken to be a worker.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app

    async def backlog(self, now: datetime) -> Backlog:  # noqa: ARG002 (no message can be looked at)
        return Backlog(
            queues=await self._lengths(),
            tasks={},
            looked_at=0,
            in_progress=0,
            oldest_seconds=None,
            workers=1,
        )

    async def obstacles(self) -> Sequence[str]:
        try:
            await self._lengths()
        except BrokerUnavailable as error:
            return [str(error)]
        return []

    async def _lengths(self) -> Mapping[str, int]:
        try:
            async with asyncio.timeout(SECONDS):
                return await asyncio.to_thread(self._declared)
        except Exception as error:
            raise unavailable(error) from error

    def _declared(self) -> Mapping[str, int]:
        with self._app.connection_for_read() as connection:
            channel = connection.default_channel
            return {each.value: self._length(channel, each) for each in Queue}

    def _length(self, channel: Any, queue: Queue) -> int:
        known = self._app.amqp.queues[queue.value]
        declared = channel.queue_declare(
            queue=known.name,
            durable=known.durable,
            exclusive=known.exclusive,
            auto_delete=known.auto_delete,
            arguments=known.queue_arguments,
        )
        return int(declared.message_count)

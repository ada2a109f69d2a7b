"""Whose turn it is on a connection: requests that were sent one behind the other are answered one after the other."""

from asyncio import Transport
from collections.abc import Sized

from uvicorn.protocols.http.flow_control import FlowControl


class Turns(FlowControl):
    """Nothing is read while requests that have arrived wait for their turn."""

    def __init__(self, transport: Transport, queue: Sized) -> None:
        super().__init__(transport)
        self._queue = queue

    def resume_reading(self) -> None:
        if not self._queue:
            super().resume_reading()

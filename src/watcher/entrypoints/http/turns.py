"""Whose turn it is on a connection: requests that were sent one behind the other are answered one after the other."""

from asyncio import Transport
from collections.abc import Callable, Sized

from uvicorn.protocols.http.flow_control import FlowControl


class Turns(FlowControl):
    """Nothing is read while requests that have arrived wait for their turn, or `go_on` says that there is more of them."""

    def __init__(self, transport: Transport, queue: Sized, go_on: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._queue = queue
        self._go_on = go_on

    def resume_reading(self) -> None:
        if not self._queue and not self._go_on():
            super().resume_reading()

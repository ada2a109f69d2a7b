"""Logfire, without its hand on `os._exit`: there it would wait for an endpoint that is dead."""

import os

_exit = os._exit
import logfire  # noqa: E402

os._exit = _exit

__all__ = ["logfire"]

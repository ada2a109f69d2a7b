"""Announcements as messages of Celery, sent by a thread of their own: who announces waits for nothing."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from time import monotonic, sleep
from typing import TypeAlias

from celery import Celery
from kombu import Connection

from watcher import traced
from watcher.adapters.bus.application import EXPIRY_SECONDS, task_name
from watcher.adapters.bus.remedies import unavailable
from watcher.domain.jobs import Job
from watcher.domain.queues import Queue

log = logging.getLogger(__name__)

WINDOW_SECONDS = 0.5
"""From an announcement to its message: equal ones in between are one."""

MOST_WAITING = 1_000
"""Announcements of different content that wait for a broker which is not there."""

REST_SECONDS = 1.0
CLOSING_SECONDS = 3.0

Announcement: TypeAlias = tuple[Job, tuple[tuple[str, int], ...]]
"""A job and its parameters by name."""


class CeleryJobs:
    """`Jobs` that are sent to a broker. While that is away, what is announced waits; what is too much is dropped."""

    def __init__(self, application: Callable[[], Celery]) -> None:
        self._application = application
        # The trace of the first of the equal ones that is recorded goes on in the worker.
        self._waiting: dict[Announcement, Context | None] = {}
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._gone_since: float | None = None
        self._dropped = 0

    def announce(self, job: Job, **parameters: int) -> None:
        announcement = job, tuple(sorted(parameters.items()))
        with self._lock:
            if announcement not in self._waiting and len(self._waiting) >= MOST_WAITING:
                self._dropped += 1
                return
            self._waiting[announcement] = self._waiting.get(announcement) or traced.context()
            if self._thread is None and not self._closed and not self._begun():
                del self._waiting[announcement]
                self._dropped += 1
                return
        if not self._news.is_set():
            self._news.set()

    def close(self) -> None:
        """Sends what waits, if that can be done soon; what cannot is found by a sweep."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._news.set()
        if thread is not None:
            thread.join(CLOSING_SECONDS)

    def _begun(self) -> bool:
        """Whether there is a thread that sends, from now on. One that cannot be had now may be had next time."""
        thread = threading.Thread(target=self._run, name="watcher-announcing", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            if self._gone_since is None:
                self._gone_since = monotonic()
                log.warning("Announcements are dropped, as no thread can be begun to send them: %s", error)
            return False
        self._thread = thread
        return True

    def _run(self) -> None:
        app = self._application()
        while not self._closed or self._waiting:
            self._news.wait()
            if not self._closed:
                sleep(WINDOW_SECONDS)
            self._news.clear()
            if not self._sent(app):
                if self._closed:
                    break
                sleep(REST_SECONDS)
                self._news.set()
        self._disconnected()

    def _sent(self, app: Celery) -> bool:
        """Whether nothing waits any more. What is announced meanwhile is a message of its own."""
        while True:
            with self._lock:
                if not self._waiting:
                    return True
                announcement = next(iter(self._waiting))
                context = self._waiting.pop(announcement)
            try:
                (context or Context()).run(self._send, app, announcement)
            except Exception as error:  # noqa: BLE001 (every transport has exceptions of its own)
                self._kept_waiting(announcement, context, error)
                return False
            self._back()

    def _send(self, app: Celery, announcement: Announcement) -> None:
        job, parameters = announcement
        if self._connection is None:
            self._connection = app.connection_for_write()
        app.send_task(
            task_name(job),
            kwargs=dict(parameters),
            queue=Queue.TRIGGERED.value,
            connection=self._connection,
            retry=False,
            expires=EXPIRY_SECONDS,
        )

    def _kept_waiting(self, announcement: Announcement, context: Context | None, error: Exception) -> None:
        self._disconnected()
        with self._lock:
            self._waiting[announcement] = context or self._waiting.get(announcement)
        if self._gone_since is None:
            self._gone_since = monotonic()
            log.warning(
                "Announcements wait for the broker, which is not available: %s", unavailable(error).reason
            )

    def _back(self) -> None:
        if self._gone_since is not None:
            seconds = monotonic() - self._gone_since
            dropped, self._dropped, self._gone_since = self._dropped, 0, None
            log.warning(
                "The broker is available again, after %.1f s; %d announcements were dropped", seconds, dropped
            )

    def _disconnected(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is of no use any more, whatever it has to say about that
                connection.release()

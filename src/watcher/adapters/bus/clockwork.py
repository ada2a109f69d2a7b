"""When a beat sends what, by a clock that may be set anew while it runs."""

import logging
from datetime import datetime, timedelta
from typing import Any

from celery.beat import Scheduler

from watcher.adapters.bus.pulse import Pulse
from watcher.adapters.bus.remedies import unavailable

log = logging.getLogger(__name__)

SET_BACK = timedelta(minutes=1)
"""A clock that is further behind what it said before was set back."""


class Clockwork(Scheduler):
    """Celery's scheduler in memory, but for a clock that is set back: from then on it counts anew.

    Celery's own waits for the instant that follows the last, and would be silent until the clock has caught up.
    """

    _before: datetime | None = None

    def __init__(self, *arguments: Any, pulse: Pulse | None = None, **options: Any) -> None:
        self._pulse = pulse
        super().__init__(*arguments, **options)

    def tick(self, *arguments: Any, **options: Any) -> float:
        self._live()
        now = self.app.now()
        if self._before is not None and now < self._before - SET_BACK:
            for entry in self.schedule.values():
                entry.last_run_at = now
            self._heap = None
        self._before = now
        return float(super().tick(*arguments, **options))

    def _ensure_connected(self) -> Any:
        """As Celery's, which tries for ever while the broker is away: a beat that waits for that lives.

        Celery's own says only what the system said, and neither of what nor by which setting.
        """

        def trying(error: BaseException, seconds: float) -> None:
            self._live()
            away = unavailable(error)
            log.error("%s It is tried again in %.0f s. %s", away, seconds, away.advice)

        return self.connection.ensure_connection(trying, self.app.conf.broker_connection_max_retries)

    def _live(self) -> None:
        if self._pulse is not None:
            self._pulse.beat()

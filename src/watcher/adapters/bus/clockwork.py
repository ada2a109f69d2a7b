"""When a beat sends what, by a clock that may be set anew while it runs."""

from datetime import datetime, timedelta
from typing import Any

from celery.beat import Scheduler

SET_BACK = timedelta(minutes=1)
"""A clock that is further behind what it said before was set back."""


class Clockwork(Scheduler):
    """Celery's scheduler in memory, but for a clock that is set back: from then on it counts anew.

    Celery's own waits for the instant that follows the last, and would be silent until the clock has caught up.
    """

    _before: datetime | None = None

    def tick(self, *arguments: Any, **options: Any) -> float:
        now = self.app.now()
        if self._before is not None and now < self._before - SET_BACK:
            for entry in self.schedule.values():
                entry.last_run_at = now
            self._heap = None
        self._before = now
        return float(super().tick(*arguments, **options))

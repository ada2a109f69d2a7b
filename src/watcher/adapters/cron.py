"""The schedule as cron expressions, which Celery reads for beat as it does here."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from celery.schedules import crontab

from watcher.domain.jobs import Job

FURTHEST = timedelta(days=366 * 9)
"""Of 29 February the next one may be eight years away."""


class CronSchedule:
    """`Schedule` by an expression of five fields for each job. Raises `ValueError` for what is none."""

    def __init__(self, expressions: Mapping[Job, str]) -> None:
        self._crons = {job: crontab.from_string(expression) for job, expression in expressions.items()}

    def following(self, job: Job, after: datetime) -> datetime | None:
        cron = self._crons[job]
        began, delta, _ = cron.remaining_delta(after, tz=UTC)
        tick: datetime = began + delta
        return tick if tick - after < FURTHEST else None

    def latest(self, job: Job, at: datetime) -> datetime | None:
        """Looks back twice as far each time, and then forward: of what is rare only little is looked at."""
        back = timedelta(minutes=1)
        while (tick := self.following(job, at - back)) is None or tick > at:
            if back > FURTHEST:
                return None
            back *= 2
        while (following := self.following(job, tick)) is not None and following <= at:
            tick = following
        return tick

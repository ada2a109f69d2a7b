"""Background work: the broker, workers, and when each job is done."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, field_validator

from watcher.domain.jobs import JOBS, Job


class WorkSettings(BaseModel):
    """Who does background work, and when."""

    broker_url: Annotated[
        SecretStr | None,
        Field(
            description="Broker of background work, e.g. `redis://:password@host:6379/0`; without one the API does "
            "it itself."
        ),
    ] = None
    worker_concurrency: Annotated[
        int, Field(ge=1, le=256, description="Processes of one `watcher worker`: jobs it does at a time.")
    ] = 2
    schedule_maintain_closure: Annotated[
        str,
        Field(description="When the closure of lineage is brought up to date, as a cron expression in UTC."),
    ] = JOBS[Job.MAINTAIN_CLOSURE].schedule
    schedule_prune_lineage: Annotated[
        str, Field(description="When lineage beyond its retention is forgotten, as a cron expression in UTC.")
    ] = JOBS[Job.PRUNE_LINEAGE].schedule
    schedule_check_freshness: Annotated[
        str, Field(description="When stale data is looked for, as a cron expression in UTC.")
    ] = JOBS[Job.CHECK_FRESHNESS].schedule
    schedule_check_timeliness: Annotated[
        str, Field(description="When late runs are looked for, as a cron expression in UTC.")
    ] = JOBS[Job.CHECK_TIMELINESS].schedule
    schedule_refresh_daily_report: Annotated[
        str, Field(description="When the daily report is prepared, as a cron expression in UTC.")
    ] = JOBS[Job.REFRESH_DAILY_REPORT].schedule
    schedule_monitor_queues: Annotated[
        str,
        Field(description="When the queues of background work are looked at, as a cron expression in UTC."),
    ] = JOBS[Job.MONITOR_QUEUES].schedule
    schedule_detect_anomalies: Annotated[
        str,
        Field(description="When runs that wait to be judged are looked for, as a cron expression in UTC."),
    ] = JOBS[Job.DETECT_ANOMALIES].schedule
    schedule_send_alerts: Annotated[
        str, Field(description="When what is to be told is looked for, as a cron expression in UTC.")
    ] = JOBS[Job.SEND_ALERTS].schedule
    schedule_check_errors: Annotated[
        str,
        Field(
            description="When it is judged whether too much goes wrong, or no longer, as a cron expression in UTC."
        ),
    ] = JOBS[Job.CHECK_ERRORS].schedule

    @field_validator("broker_url")
    @classmethod
    def _is_a_broker(cls, url: SecretStr | None) -> SecretStr | None:
        """The message may not repeat the URL: there may be a password in it."""
        if url is None or not url.get_secret_value():
            return None
        scheme, separator, _ = url.get_secret_value().partition("://")
        if not separator or not scheme:
            raise ValueError("must look like redis://:password@host:6379/0")
        return url

    @field_validator(*(f"schedule_{job}" for job in Job))
    @classmethod
    def _is_a_schedule(cls, expression: str) -> str:
        """Read as Celery will read it; what is not set is not checked, and needs no Celery."""
        from celery.schedules import ParseException, crontab

        fields = " ".join(expression.split())
        try:
            crontab.from_string(fields)
        except (ValueError, ParseException) as error:
            reason = "five fields are needed" if len(fields.split()) != 5 else str(error).rstrip(".")
            raise ValueError(f"{expression!r} is not a cron expression: {reason}") from None
        return fields

    @property
    def schedule(self) -> Mapping[Job, str]:
        """The cron expression of each job."""
        return {job: getattr(self, f"schedule_{job}") for job in Job}

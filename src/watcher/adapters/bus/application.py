"""The Celery application, the same for who announces, who works and who keeps the time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import before_task_publish

from watcher.domain.jobs import Job, Terms
from watcher.domain.queues import Queue

SENT_AT = "watcher_sent_at"
"""The header with the time at which a message was sent, in seconds since 1970."""

PREFIX = "watcher."
VISIBILITY_MARGIN = 120
"""Seconds beyond the longest limit of a job, after which Redis takes its worker for dead."""

EXPIRY_SECONDS = 300
"""What lay in a queue for so long is left to the sweeps, which found its work before: queues stay short."""

CONFIGURATION: Mapping[str, Any] = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_acks_on_failure_or_timeout": True,
    "task_ignore_result": True,
    "task_default_queue": Queue.TRIGGERED.value,
    "task_serializer": "json",
    "accept_content": ["json"],
    "result_backend": None,
    "worker_prefetch_multiplier": 1,
    # Otherwise a broker that comes and goes loses the task that is running.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_enable_remote_control": False,
    "worker_soft_shutdown_timeout": 30.0,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_connection_timeout": 2.0,
    "broker_heartbeat": 30,
    "beat_scheduler": "watcher.adapters.bus.clockwork:Clockwork",
    "beat_max_loop_interval": 5,
    "timezone": "UTC",
    "enable_utc": True,
}
TRANSPORT: Mapping[str, Any] = {
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "retry_on_timeout": True,
    "unacked_restore_throttle": 1,
}
IMPATIENT = {"socket_timeout": 2, "socket_connect_timeout": 2, "retry_on_timeout": False, "max_retries": 0}


def application(
    broker_url: str, terms: Mapping[Job, Terms], schedule: Mapping[Job, str], *, impatient: bool = False
) -> Celery:
    """A Celery application on any broker, with a beat for the schedule. `impatient` ones give up at once."""
    app = Celery("watcher", broker=broker_url, set_as_current=False)
    visibility = max(each.hard_seconds for each in terms.values()) + VISIBILITY_MARGIN
    app.conf.update(CONFIGURATION)
    app.conf.update(
        broker_transport_options={
            **(TRANSPORT if broker_url.startswith(("redis", "rediss", "sentinel")) else {}),
            **(IMPATIENT if impatient else {}),
            "visibility_timeout": visibility,
        },
        visibility_timeout=visibility,
        beat_schedule={
            str(job): {
                "task": task_name(job),
                "schedule": crontab.from_string(expression),
                "options": {"queue": Queue.SCHEDULED.value, "expires": EXPIRY_SECONDS},
            }
            for job, expression in schedule.items()
        },
    )
    return app


def task_name(job: Job) -> str:
    """What the job is called in messages."""
    return PREFIX + job


@before_task_publish.connect
def _stamped(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """A retry keeps the time at which its message was first sent."""
    if headers is not None:
        headers.setdefault(SENT_AT, datetime.now(UTC).timestamp())

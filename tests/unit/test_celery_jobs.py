"""Announcing to a broker never fails, even where the process can have no more threads."""

import logging
import threading
from collections.abc import Callable

import pytest
from celery import Celery

from watcher.adapters.bus.celery_jobs import CeleryJobs
from watcher.domain.jobs import Job


def unreached() -> Celery:
    pytest.fail("nothing is to be sent")


def test_without_a_thread_announcements_are_dropped_and_the_first_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_more(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    jobs = CeleryJobs(unreached)
    monkeypatch.setattr(threading.Thread, "start", no_more)
    with caplog.at_level(logging.WARNING):
        for minutes in range(5, 8):
            jobs.announce(Job.CHECK_TIMELINESS, lookback_minutes=minutes)
    (record,) = caplog.records
    assert "no thread" in record.message
    jobs.close()


def test_a_thread_that_could_not_be_had_is_asked_for_again_and_says_what_was_dropped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start: Callable[[threading.Thread], None] = threading.Thread.start
    refusals = [RuntimeError("can't start new thread")] * 2

    def at_last(self: threading.Thread) -> None:
        if refusals:
            raise refusals.pop()
        start(self)

    monkeypatch.setattr(threading.Thread, "start", at_last)
    jobs = CeleryJobs(lambda: Celery("alone", broker="memory://"))
    with caplog.at_level(logging.WARNING):
        for minutes in range(5, 8):
            jobs.announce(Job.CHECK_TIMELINESS, lookback_minutes=minutes)
        jobs.close()
    assert "2 announcements were dropped" in caplog.records[-1].message

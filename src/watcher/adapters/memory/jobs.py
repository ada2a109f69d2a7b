"""Announcements that are only remembered, for those who do the work by hand."""

from watcher.domain.jobs import Job


class MemoryJobs:
    """`Jobs` that nobody does."""

    def __init__(self) -> None:
        self.announced: list[tuple[Job, dict[str, int]]] = []

    def announce(self, job: Job, **parameters: int) -> None:
        self.announced.append((job, parameters))

"""Background work inside a server: each call is a span, below the request that announced it if that is traced."""

from opentelemetry.trace import get_tracer

from watcher.domain.jobs import Job, Progress, Work
from watcher.traced import TRACED


class TracedWork:
    """`Work` of a job, as a span."""

    def __init__(self, job: Job, work: Work) -> None:
        self._job = job
        self._work = work
        self._tracer = get_tracer("watcher")

    async def __call__(self, **parameters: int) -> Progress:
        with self._tracer.start_as_current_span(f"run/{self._job}") as span:
            token = TRACED.set(span.is_recording())
            try:
                return await self._work(**parameters)
            finally:
                TRACED.reset(token)

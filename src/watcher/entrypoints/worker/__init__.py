"""The worker: Celery processes that do the jobs, and the beat that keeps their time."""

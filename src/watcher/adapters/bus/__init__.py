"""Celery, and Redis beside it, behind the ports of background work."""

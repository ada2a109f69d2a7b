"""Imports what Watcher imports when it runs, so that it lies there compiled: a container cannot write it later."""

import importlib
import pkgutil

import apprise

import watcher

AT_RUN_TIME = (
    "alembic.command",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.concurrency.prefork",
    "celery.worker.consumer",
    "celery.worker.strategy",
    "kombu.transport.redis",
    "logging.config",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)


def main() -> None:
    ours = [module.name for module in pkgutil.walk_packages(watcher.__path__, "watcher.")]
    for name in (*ours, *AT_RUN_TIME):
        if not name.endswith("__main__"):
            importlib.import_module(name)
    apprise.Apprise().add("json://localhost")  # which looks at every kind of channel there is


if __name__ == "__main__":
    main()

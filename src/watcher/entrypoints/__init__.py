"""The mains: HTTP and the command line."""

import os

# Logfire has a plugin for pydantic, which would import it, and what comes with it, into every program.
_DISABLED = os.environ.get("PYDANTIC_DISABLE_PLUGINS")
if _DISABLED not in ("__all__", "1", "true"):
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = ",".join(filter(None, (_DISABLED, "logfire-plugin")))

# Celery would heed these above WATCHER_BROKER_URL: meant for another application, they would lead messages astray.
for _name in (
    "CELERY_BROKER_URL",
    "CELERY_BROKER_READ_URL",
    "CELERY_BROKER_WRITE_URL",
    "CELERY_RESULT_BACKEND",
):
    os.environ.pop(_name, None)

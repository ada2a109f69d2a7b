"""Every setting, named once: the environment variable `WATCHER_<NAME>`, a line of `.env`, or a file of a secret.

Each module has those of a topic:

- `database`: where the database is
- `listening`: where the API listens
- `identity`: who may send requests
- `limits`: how much a server takes on, and for how long; processes and connections to the database, too
- `telemetry`: logs, metrics and traces
- `retention`: how long what is over is kept
- `work`: the broker, workers, and the schedule of each job
- `watching`: from when on failures and queues are too much; rules of new pipelines
- `alerts`: where alerts go
- `places`: where files are

What is empty is not set: a variable, a line of `.env`, or a file.
"""

import os
from pathlib import Path

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from watcher.settings.alerts import AlertSettings
from watcher.settings.database import MEMORY, DatabaseSettings
from watcher.settings.identity import IdentitySettings
from watcher.settings.limits import LimitSettings
from watcher.settings.listening import ListeningSettings
from watcher.settings.places import SECRETS, PlaceSettings
from watcher.settings.retention import RetentionSettings
from watcher.settings.secret_files import SecretFiles
from watcher.settings.telemetry import TelemetrySettings
from watcher.settings.watching import WatchingSettings
from watcher.settings.work import WorkSettings

__all__ = ["MEMORY", "Settings"]


class Settings(  # whose fields come in the order of its bases from the last to the first
    PlaceSettings,
    AlertSettings,
    WatchingSettings,
    WorkSettings,
    RetentionSettings,
    TelemetrySettings,
    LimitSettings,
    IdentitySettings,
    ListeningSettings,
    DatabaseSettings,
    BaseSettings,
):
    """What can be set from outside; `docs/settings.md` is the reference."""

    model_config = SettingsConfigDict(
        env_prefix="WATCHER_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Files come last: a variable, and a line of `.env`, stand above them."""
        directory = Path(os.environ.get("WATCHER_SECRETS_DIR") or SECRETS)
        if directory.is_dir():
            file_secret_settings = SecretFiles(settings_cls, secrets_dir=directory)
        return init_settings, env_settings, dotenv_settings, file_secret_settings

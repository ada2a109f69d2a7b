"""Where files are."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

SECRETS = Path("/run/secrets")
"""Where containers find files of secrets."""


class PlaceSettings(BaseModel):
    """Directories of this machine."""

    data_dir: Annotated[
        Path | None,
        Field(
            description="Where `watcher up` keeps its database; by default `watcher` under `$XDG_DATA_HOME` "
            "or `~/.local/share`, for root `/var/lib/watcher`."
        ),
    ] = None
    pg_bindir: Annotated[
        Path | None,
        Field(description="Directory of the PostgreSQL programs for `watcher up`, instead of the wheel's."),
    ] = None
    secrets_dir: Annotated[
        Path,
        Field(
            description="Where a file named as a variable, in small letters, holds its value, e.g. "
            "`watcher_database_url`; only a variable can set this."
        ),
    ] = SECRETS

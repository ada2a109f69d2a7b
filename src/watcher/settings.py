"""Every setting, named once. Each is the environment variable `WATCHER_<NAME>`, or a line of `.env`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from watcher.domain.anomaly import MetricField

SCHEMES = ("postgresql://", "postgres://")
MEMORY = "memory://"
"""The database URL of the store in memory, for embedding."""


class Settings(BaseSettings):
    """What can be set from outside; `docs/settings.md` is the reference."""

    model_config = SettingsConfigDict(env_prefix="WATCHER_", env_file=".env", extra="ignore", frozen=True)

    database_url: Annotated[
        SecretStr | None,
        Field(description="PostgreSQL to use, as `postgresql://user:password@host:port/database`."),
    ] = None
    host: Annotated[str, Field(description="Address the API listens on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535, description="Port the API listens on.")] = 8000
    workers: Annotated[int, Field(ge=1, le=256, description="Processes that serve the API.")] = 2
    pool_size: Annotated[
        int,
        Field(
            ge=0,
            le=1_000,
            description="Most database connections of one worker; 0 derives it from the number of workers "
            "and the database's `max_connections`.",
        ),
    ] = 0
    database_timeout: Annotated[
        float,
        Field(gt=0, le=3_600, description="Seconds to wait for a connection, and for a statement, at most."),
    ] = 10.0
    body_limit: Annotated[
        int, Field(ge=1_024, le=2**31, description="Largest request body, in bytes; beyond it: 413.")
    ] = 16 * 2**20
    graceful_timeout: Annotated[
        int, Field(ge=1, le=3_600, description="Seconds that requests under way get to finish at shutdown.")
    ] = 30
    log_level: Annotated[
        str,
        Field(
            pattern="^(debug|info|warning|error|critical)$",
            description="Least level of what is logged: debug, info, warning, error or critical.",
        ),
    ] = "info"
    lineage_retention_days: Annotated[
        int,
        Field(
            ge=1, le=36_500, description="Days for which lineage that is no more can be asked for by `as_of`."
        ),
    ] = 400
    retention_days: Annotated[
        int,
        Field(
            ge=90, le=36_500, description="Days for which `watcher cleanup` keeps executions, by their end."
        ),
    ] = 400
    auto_anomaly_rules: Annotated[
        tuple[MetricField, ...] | None,
        NoDecode,
        Field(
            description="Metrics for which each new pipeline gets an anomaly rule with the defaults, as "
            "`duration_seconds,total_rows`."
        ),
    ] = None
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

    @field_validator("auto_anomaly_rules", mode="before")
    @classmethod
    def _by_commas(cls, metrics: object) -> object:
        """Names between commas, each once; none in an empty text."""
        if not isinstance(metrics, str):
            return metrics
        return tuple(dict.fromkeys(name.strip() for name in metrics.split(",") if name.strip()))

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, url: SecretStr | None) -> SecretStr | None:
        """The message must not repeat the URL: there may be a password in it."""
        if url is not None and not url.get_secret_value().startswith((*SCHEMES, MEMORY)):
            raise ValueError("must look like postgresql://user:password@host:port/database")
        return url

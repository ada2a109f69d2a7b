"""Every setting, named once: the environment variable `WATCHER_<NAME>`, a line of `.env`, or a file of a secret."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from watcher.domain.alert_channels import BadChannels, Channel, channels, require_distinct
from watcher.domain.anomaly import MetricField
from watcher.domain.errors import InvalidValue
from watcher.domain.issuer import Issuer, scope_names
from watcher.domain.jobs import JOBS, Job

SCHEMES = ("postgresql://", "postgres://")
MEMORY = "memory://"
"""The database URL of the store in memory, for embedding."""

SECRETS = Path("/run/secrets")
"""Where containers find files of secrets."""


class Settings(BaseSettings):
    """What can be set from outside; `docs/settings.md` is the reference."""

    model_config = SettingsConfigDict(
        env_prefix="WATCHER_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    database_url: Annotated[
        SecretStr | None,
        Field(description="PostgreSQL to use, as `postgresql://user:password@host:port/database`."),
    ] = None
    pooler_url: Annotated[
        SecretStr | None,
        Field(
            description="The same database through PgBouncer in transaction mode, for all but `watcher migrate`."
        ),
    ] = None
    host: Annotated[str, Field(description="Address the API listens on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535, description="Port the API listens on.")] = 8000
    authentication: Annotated[
        Literal["none", "keys"],
        Field(description="Who may send requests: everybody (`none`), or who has a key (`keys`)."),
    ] = "none"
    insecure: Annotated[
        bool, Field(description="Whether others than this machine may be served without authentication.")
    ] = False
    key_pepper: Annotated[
        SecretStr | None,
        Field(
            min_length=16,
            description="A secret that goes into the digests of keys; keys made without it end.",
        ),
    ] = None
    oidc_issuer: Annotated[
        str | None, Field(description="An issuer whose tokens are accepted beside keys, by its URL.")
    ] = None
    oidc_audience: Annotated[
        str | None, Field(description="The audience that its tokens must be for.", min_length=1)
    ] = None
    oidc_jwks_url: Annotated[
        str | None, Field(description="Where its keys are, instead of where its document of discovery says.")
    ] = None
    oidc_algorithms: Annotated[
        str, Field(description="How its tokens may be signed, separated by commas.")
    ] = "RS256,ES256"
    oidc_scope_claim: Annotated[
        str,
        Field(min_length=1, description="The claim that says what a bearer may do; dots lead into objects."),
    ] = "scope"
    oidc_scopes: Annotated[str, Field(description="What that claim has for each scope.")] = (
        "read=watcher:read write=watcher:write admin=watcher:admin"
    )
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
    head_limit: Annotated[
        int,
        Field(
            ge=1_024,
            le=2**20,
            description="Largest request line and headers together, in bytes; beyond it: 431.",
        ),
    ] = 32 * 2**10
    head_timeout: Annotated[
        float,
        Field(
            gt=0,
            le=3_600,
            description="Seconds in which a client must have sent the head of a request; else 408.",
        ),
    ] = 10.0
    body_timeout: Annotated[
        float,
        Field(
            gt=0,
            le=3_600,
            description="Seconds in which a client must have sent the body of a request; else 408.",
        ),
    ] = 60.0
    request_limit: Annotated[
        int,
        Field(
            ge=1,
            le=100_000,
            description="Requests that one process works on at a time; beyond it: 503, at once.",
        ),
    ] = 1_000
    connection_limit: Annotated[
        int,
        Field(ge=1, le=100_000, description="Connections that one process serves at a time; beyond it: 503."),
    ] = 2_000
    rate_limit: Annotated[
        float,
        Field(
            ge=0,
            le=1_000_000,
            description="Requests per second that a caller may send in the long run; beyond it: 429. 0 is no limit.",
        ),
    ] = 0.0
    rate_burst: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="Requests that a caller who was quiet may send at once, where there is a limit.",
        ),
    ] = 100
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
    metrics: Annotated[
        bool,
        Field(description="Whether `GET /metrics` answers with numbers for Prometheus, and counts for it."),
    ] = False
    log_format: Annotated[
        Literal["text", "json"],
        Field(description="How is logged: `text`, or `json`, an object on each line."),
    ] = "text"
    logfire_token: Annotated[
        SecretStr | None,
        Field(
            validation_alias=AliasChoices("WATCHER_LOGFIRE_TOKEN", "LOGFIRE_TOKEN"),
            description="Token of a Logfire project, to send telemetry to; `LOGFIRE_TOKEN` does as well.",
        ),
    ] = None
    trace_rate: Annotated[
        float,
        Field(ge=0, le=1, description="Share of requests and of background jobs whose traces are recorded."),
    ] = 1.0
    ingestion_trace_rate: Annotated[
        float,
        Field(ge=0, le=1, description="The same of the requests by which pipelines declare and report."),
    ] = 0.01
    lineage_retention_days: Annotated[
        int,
        Field(
            ge=1, le=36_500, description="Days for which lineage that is no more can be asked for by `as_of`."
        ),
    ] = 400
    retention_days: Annotated[
        int,
        Field(
            ge=90,
            le=36_500,
            description="Days for which `watcher cleanup` keeps executions, and all else that is over, by their end.",
        ),
    ] = 400
    broker_url: Annotated[
        SecretStr | None,
        Field(
            description="Broker of background work, e.g. `redis://:password@host:6379/0`; without one the API does "
            "it itself."
        ),
    ] = None
    worker_concurrency: Annotated[
        int, Field(ge=1, le=256, description="Processes of one `watcher worker`: jobs it does at a time.")
    ] = 2
    schedule_maintain_closure: Annotated[
        str,
        Field(description="When the closure of lineage is brought up to date, as a cron expression in UTC."),
    ] = JOBS[Job.MAINTAIN_CLOSURE].schedule
    schedule_prune_lineage: Annotated[
        str, Field(description="When lineage beyond its retention is forgotten, as a cron expression in UTC.")
    ] = JOBS[Job.PRUNE_LINEAGE].schedule
    schedule_check_freshness: Annotated[
        str, Field(description="When stale data is looked for, as a cron expression in UTC.")
    ] = JOBS[Job.CHECK_FRESHNESS].schedule
    schedule_check_timeliness: Annotated[
        str, Field(description="When late runs are looked for, as a cron expression in UTC.")
    ] = JOBS[Job.CHECK_TIMELINESS].schedule
    schedule_refresh_daily_report: Annotated[
        str, Field(description="When the daily report is prepared, as a cron expression in UTC.")
    ] = JOBS[Job.REFRESH_DAILY_REPORT].schedule
    schedule_monitor_queues: Annotated[
        str,
        Field(description="When the queues of background work are looked at, as a cron expression in UTC."),
    ] = JOBS[Job.MONITOR_QUEUES].schedule
    schedule_detect_anomalies: Annotated[
        str,
        Field(description="When runs that wait to be judged are looked for, as a cron expression in UTC."),
    ] = JOBS[Job.DETECT_ANOMALIES].schedule
    schedule_send_alerts: Annotated[
        str, Field(description="When what is to be told is looked for, as a cron expression in UTC.")
    ] = JOBS[Job.SEND_ALERTS].schedule
    schedule_check_errors: Annotated[
        str,
        Field(
            description="When it is judged whether too much goes wrong, or no longer, as a cron expression in UTC."
        ),
    ] = JOBS[Job.CHECK_ERRORS].schedule
    error_window: Annotated[
        int,
        Field(ge=1, le=60, description="Minutes within which failures are counted, to tell of too many."),
    ] = 5
    error_least: Annotated[
        int,
        Field(
            ge=1,
            description="Requests answered with 5xx, or failed tasks, within the window that are too many...",
        ),
    ] = 20
    error_share: Annotated[
        float, Field(gt=0, le=1, description="...if they are at least this share of all of them.")
    ] = 0.05
    queue_warning: Annotated[
        int, Field(ge=1, description="Pending messages from which on the queues are in the state `warning`.")
    ] = 50
    queue_critical: Annotated[
        int, Field(ge=1, description="Pending messages from which on the queues are in the state `critical`.")
    ] = 100
    auto_anomaly_rules: Annotated[
        tuple[MetricField, ...] | None,
        NoDecode,
        Field(
            description="Metrics for which each new pipeline gets an anomaly rule with the defaults, as "
            "`duration_seconds,total_rows`."
        ),
    ] = None
    alert_schemes: Annotated[
        str,
        Field(
            description="Schemes that the URLs of channels may have, separated by commas; others are refused."
        ),
    ] = "slack,discord,msteams,workflows,gchat,pagerduty,opsgenie,tgram,mailto,mailtos,jsons"
    alert_channels: Annotated[
        SecretStr | None,
        Field(
            description="Where alerts go: `name=ops severity>=warning url=slack://...`, one or more, see alerts.md."
        ),
    ] = None
    alert_channels_file: Annotated[
        Path | None,
        Field(description="A file with more of `WATCHER_ALERT_CHANNELS`, where `#` begins a comment line."),
    ] = None
    alert_timeout: Annotated[
        float, Field(gt=0, le=60, description="Seconds that sending a message to a channel may take.")
    ] = 10.0
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
            file_secret_settings = SecretsSettingsSource(settings_cls, secrets_dir=directory)
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    @field_validator("auto_anomaly_rules", mode="before")
    @classmethod
    def _by_commas(cls, metrics: object) -> object:
        """Names between commas, each once; none in an empty text."""
        if not isinstance(metrics, str):
            return metrics
        return tuple(dict.fromkeys(name.strip() for name in metrics.split(",") if name.strip()))

    @field_validator("pooler_url")
    @classmethod
    def _is_a_pooler(cls, url: SecretStr | None) -> SecretStr | None:
        """Nor must this one's."""
        if url is not None and not url.get_secret_value().startswith(SCHEMES):
            raise ValueError("must look like postgresql://user:password@host:port/database")
        return url

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, url: SecretStr | None) -> SecretStr | None:
        """The message must not repeat the URL: there may be a password in it."""
        if url is not None and not url.get_secret_value().startswith((*SCHEMES, MEMORY)):
            raise ValueError("must look like postgresql://user:password@host:port/database")
        return url

    @field_validator("logfire_token")
    @classmethod
    def _is_a_token(cls, token: SecretStr | None) -> SecretStr | None:
        """An empty variable is none."""
        return token if token is not None and token.get_secret_value().strip() else None

    @field_validator("broker_url")
    @classmethod
    def _is_a_broker(cls, url: SecretStr | None) -> SecretStr | None:
        """Nor must this one."""
        if url is None or not url.get_secret_value():
            return None
        scheme, separator, _ = url.get_secret_value().partition("://")
        if not separator or not scheme:
            raise ValueError("must look like redis://:password@host:6379/0")
        return url

    @field_validator(*(f"schedule_{job}" for job in Job))
    @classmethod
    def _is_a_schedule(cls, expression: str) -> str:
        """Read as Celery will read it; what is not set is not checked, and needs no Celery."""
        from celery.schedules import ParseException, crontab

        fields = " ".join(expression.split())
        try:
            crontab.from_string(fields)
        except (ValueError, ParseException) as error:
            reason = "five fields are needed" if len(fields.split()) != 5 else str(error).rstrip(".")
            raise ValueError(f"{expression!r} is not a cron expression: {reason}") from None
        return fields

    @model_validator(mode="after")
    def _warns_before_it_is_critical(self) -> "Settings":
        if self.queue_warning > self.queue_critical:
            raise ValueError("WATCHER_QUEUE_WARNING must not be more than WATCHER_QUEUE_CRITICAL")
        return self

    @model_validator(mode="after")
    def _can_tell_who_asks(self) -> "Settings":
        try:
            issuer = self.issuer()
        except InvalidValue as error:
            raise ValueError(f"WATCHER_OIDC_{error.field.upper()} {error.rule}") from None
        if issuer is not None and self.authentication == "none":
            raise ValueError("WATCHER_OIDC_ISSUER needs WATCHER_AUTHENTICATION=keys")
        return self

    def issuer(self) -> Issuer | None:
        """Whose tokens are accepted. Raises `InvalidValue`."""
        if not self.oidc_issuer:
            return None
        if self.oidc_audience is None:
            raise InvalidValue("audience", "must be set where WATCHER_OIDC_ISSUER is")
        return Issuer(
            url=self.oidc_issuer,
            audience=self.oidc_audience,
            jwks_url=self.oidc_jwks_url,
            algorithms=_listed(self.oidc_algorithms),
            scope_claim=self.oidc_scope_claim,
            names=scope_names(self.oidc_scopes),
        )

    @property
    def schedule(self) -> Mapping[Job, str]:
        """The cron expression of each job."""
        return {job: getattr(self, f"schedule_{job}") for job in Job}

    @field_validator("alert_channels")
    @classmethod
    def _has_channels(cls, text: SecretStr | None, found: ValidationInfo) -> SecretStr | None:
        if text is not None:
            channels(text.get_secret_value(), _listed(found.data["alert_schemes"]))
        return text

    @field_validator("alert_channels_file")
    @classmethod
    def _is_a_file_of_channels(cls, path: Path | None, found: ValidationInfo) -> Path | None:
        if path is not None:
            _all(found.data.get("alert_channels"), path, found.data["alert_schemes"])
        return path

    def channels(self) -> Sequence[Channel]:
        """Where alerts go, by both settings. Raises `BadChannels`."""
        return _all(self.alert_channels, self.alert_channels_file, self.alert_schemes)


def _all(text: SecretStr | None, path: Path | None, schemes: str) -> Sequence[Channel]:
    allowed = _listed(schemes)
    found = [] if text is None else list(channels(text.get_secret_value(), allowed))
    if path is not None:
        try:
            found += channels(path.read_text(), allowed)
        except (OSError, UnicodeDecodeError) as error:
            raise BadChannels(f"the file cannot be read: {type(error).__name__}") from None
    require_distinct(found)
    return found


def _listed(schemes: str) -> Sequence[str]:
    return [scheme.strip() for scheme in schemes.split(",")]

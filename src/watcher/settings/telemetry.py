"""What a process tells of itself: logs, metrics and traces."""

from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, Field, SecretStr, field_validator


class TelemetrySettings(BaseModel):
    """Logs, metrics and traces."""

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

    @field_validator("logfire_token")
    @classmethod
    def _is_a_token(cls, token: SecretStr | None) -> SecretStr | None:
        """A blank one is none."""
        return token if token is not None and token.get_secret_value().strip() else None

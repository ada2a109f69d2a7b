"""Where the database is."""

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, field_validator

SCHEMES = ("postgresql://", "postgres://")
MEMORY = "memory://"
"""The database URL of the store in memory, for embedding."""


class DatabaseSettings(BaseModel):
    """The URLs of the database."""

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

    replica_url: Annotated[
        SecretStr | None,
        Field(
            description="A streaming replica of that database, from which lists, reports and lineage are read."
        ),
    ] = None

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, url: SecretStr | None) -> SecretStr | None:
        """The message may not repeat the URL: there may be a password in it."""
        if url is not None and not url.get_secret_value().startswith((*SCHEMES, MEMORY)):
            raise ValueError("must look like postgresql://user:password@host:port/database")
        return url

    @field_validator("pooler_url", "replica_url")
    @classmethod
    def _is_a_server(cls, url: SecretStr | None) -> SecretStr | None:
        """Nor may those of these."""
        if url is not None and not url.get_secret_value().startswith(SCHEMES):
            raise ValueError("must look like postgresql://user:password@host:port/database")
        return url

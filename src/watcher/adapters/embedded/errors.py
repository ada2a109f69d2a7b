"""The one error of this package."""


class EmbeddedPostgresError(RuntimeError):
    """The private PostgreSQL cannot be had; the message is a sentence for the person at the terminal."""

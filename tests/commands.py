"""Commands of the command line, run within the tests' own process."""

import re

from typer.testing import CliRunner

from watcher.entrypoints.cli import app


def said_by(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code, and all that was said, on one line and without colours."""
    plain = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    result = CliRunner().invoke(app, list(arguments), env=plain | environment)
    return result.exit_code, re.sub(r"\s+", " ", result.output)

"""Logs as lines of JSON, for machines that read them."""

import logging
import sys
from datetime import UTC, datetime

import orjson

from watcher.settings import Settings

log = logging.getLogger("watcher")


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message; the trace it belongs to and the exception, if any."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _encodable(record.getMessage()),
        }
        for name in ("trace_id", "span_id"):  # telemetry puts them there
            if value := getattr(record, name, None):
                line[name] = value
        if record.exc_info:
            line["exception"] = _encodable(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = _encodable(self.formatStack(record.stack_info))
        return orjson.dumps(line).decode()


def in_json(settings: Settings) -> bool:
    return settings.log_format == "json"


def begin(settings: Settings) -> None:
    """From now on what is logged goes to standard error as JSON, and so do warnings, if the settings say so.

    What HTTP clients ask for is not logged: an URL may have a secret.
    """
    for client in ("httpx", "httpcore"):
        logging.getLogger(client).setLevel(logging.WARNING)
    if in_json(settings):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines())
        logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
        logging.captureWarnings(capture=True)


def _encodable(text: str) -> str:
    """Without halves of surrogate pairs, which UTF-8 cannot say."""
    return text.encode(errors="backslashreplace").decode()

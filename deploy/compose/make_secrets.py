"""Makes the passwords of `compose.yaml`, once: `python make_secrets.py DIRECTORY`, which holds a directory for each reader.

What is there already is left as it is. Whoever runs this file owns the directories.
"""

import secrets
import sys
from pathlib import Path

DATABASE = "postgresql://watcher:{}@postgres:5432/watcher"
BROKER = "redis://:{}@redis:6379/0"


def main(directory: Path) -> None:
    database = kept(directory / "postgres" / "password", secrets.token_urlsafe(32))
    broker = kept(directory / "redis" / "password", secrets.token_urlsafe(32))
    kept(directory / "redis" / "redis.conf", f'requirepass "{broker}"')
    kept(directory / "watcher" / "watcher_database_url", DATABASE.format(database))
    kept(directory / "watcher" / "watcher_broker_url", BROKER.format(broker))


def kept(file: Path, text: str) -> str:
    """What is in the file, which is made with this text where it is not there. Never half of it."""
    if not file.exists():
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)  # of one that was broken off
        new.write_text(f"{text}\n")
        new.chmod(0o444)  # each is mounted where its one reader runs, as a user of its own, and nowhere else
        new.replace(file)
    return file.read_text().strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

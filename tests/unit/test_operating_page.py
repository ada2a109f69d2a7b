"""The page on operating says of each table what keeps it from growing for ever."""

import re
from pathlib import Path

from watcher.adapters.postgres.schema import migrations

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()


def test_every_table_has_its_line() -> None:
    columns = re.findall(r"^column (\w+)\.", (migrations() / "schema.txt").read_text(), re.MULTILINE)
    _, chapter = PAGE.split("## What keeps the database from growing for ever\n")
    rows = [line for line in chapter.split("\n## ")[0].splitlines() if line.startswith("| `")]
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(told) == sorted(set(columns))

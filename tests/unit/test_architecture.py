"""Arrows point inwards, and the domain stands by itself."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOMAIN = ROOT / "src" / "watcher" / "domain"


def imported(file: Path) -> Iterator[str]:
    """The modules that a file names in its imports, wherever they stand in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                yield "." * node.level + (node.module or "")


@pytest.mark.parametrize("file", sorted(DOMAIN.rglob("*.py")), ids=lambda path: path.stem)
def test_the_domain_imports_the_standard_library_and_itself(file: Path) -> None:
    foreign = [
        module
        for module in imported(file)
        if module.split(".")[0] not in sys.stdlib_module_names
        and not f"{module}.".startswith("watcher.domain.")
    ]
    assert foreign == []


@pytest.mark.parametrize("module", ["asyncio", "socket", "subprocess", "os", "time", "random"])
def test_the_domain_has_no_way_to_the_world(module: str) -> None:
    users = [
        file.stem
        for file in DOMAIN.rglob("*.py")
        if module in {name.split(".")[0] for name in imported(file)}
    ]
    assert users == []


@pytest.mark.parametrize("file", sorted(DOMAIN.rglob("*.py")), ids=lambda path: path.stem)
def test_the_domain_never_asks_the_wall_for_the_time(file: Path) -> None:
    asked = [
        node.lineno
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in {"now", "utcnow", "today"}
        and ast.unparse(node.value) in {"datetime", "date"}
    ]
    assert asked == []


def test_no_sql_asks_for_the_time() -> None:
    for file in sorted((ROOT / "src").rglob("*.sql")):
        text = file.read_text().lower()
        assert not [word for word in ("now()", "current_timestamp", "clock_timestamp") if word in text], file


def test_the_import_contracts_are_kept() -> None:
    checked = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr

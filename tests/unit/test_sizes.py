"""Files and functions are small enough to be read at once."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
SOURCE, TESTS = ROOT / "src", ROOT / "tests"
FILE_LINES, MEDIAN_LINES, BODY_LINES = 300, 90, 40

LONGER_FILES = {
    "closure.sql": "the statements of one upkeep, which share their parts; another file cannot include them",
    "executions.sql": "the hot statements of one port, which share their parts, too",
}
"""The bound does not hold for these, and why."""


def lines(file: Path) -> int:
    return len(file.read_text().splitlines())


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """The lines of each body, without its docstring, and without the functions in it, which are counted by themselves."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            within = {
                line
                for each in ast.walk(node)
                if each is not node and isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
                for line in range(
                    min([each.lineno, *(d.lineno for d in each.decorator_list)]), _end(each) + 1
                )
            }
            own = {line for each in body for line in range(each.lineno, _end(each) + 1)}
            yield node.name, len(own - within)


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


@pytest.mark.parametrize("root", [SOURCE, TESTS], ids=lambda root: root.name)
def test_no_file_is_longer_than_can_be_read_at_once(root: Path) -> None:
    found = {
        f"{file.relative_to(ROOT)}": lines(file)
        for file in root.rglob("*")
        if file.suffix in {".py", ".sql"} and file.name not in LONGER_FILES
    }
    assert {file: size for file, size in found.items() if size > FILE_LINES} == {}


def test_every_exception_is_still_one() -> None:
    longer = {file.name for file in SOURCE.rglob("*.sql") if lines(file) > FILE_LINES}
    assert longer == LONGER_FILES.keys()


def test_half_of_the_modules_are_short() -> None:
    assert median(lines(file) for file in SOURCE.rglob("*.py")) <= MEDIAN_LINES


def test_no_function_does_too_much() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {name} has {size} lines"
        for root in (SOURCE, TESTS)
        for file in sorted(root.rglob("*.py"))
        for name, size in functions(file)
        if size > BODY_LINES
    ]
    assert found == []

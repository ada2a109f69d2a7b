"""Whatever tests there are: each is run, and once."""

from pathlib import Path

import pytest

from tests.together import PARTS, SECONDS, SECONDS_OF_OTHERS, SECONDS_OF_STORES, SERVERS, STORES, parts

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("count", [0, 1, 2, 50, 200])
def test_every_file_is_in_one_part(count: int) -> None:
    files = [SERVERS / f"test_{name}.py" for name in [*SECONDS, *range(count)]]
    found = parts(files)
    assert len(found) == PARTS
    assert sorted(file for part in found for file in part) == sorted([*STORES, *map(str, files)])


def test_every_directory_with_tests_is_run() -> None:
    tested = {str(file.relative_to(ROOT).parent) for file in (ROOT / "tests").rglob("test_*.py")}
    assert tested == {*STORES, str(SERVERS)}


def test_the_files_that_take_long_are_there() -> None:
    assert [name for name in SECONDS if not (ROOT / SERVERS / f"test_{name}.py").exists()] == []


def test_files_that_share_a_large_database_are_in_one_part() -> None:
    about_sql = [
        SERVERS / f"test_{name}.py" for name in ("sql", "sql_lineage", "sql_watching", "openapi", "bus")
    ]
    assert sum(any("test_sql" in file for file in part) for part in parts(about_sql)) == 1


def test_no_part_takes_much_longer_than_another() -> None:
    files = [file.relative_to(ROOT) for file in (ROOT / SERVERS).glob("test_*.py")]
    taken = [sum(_taken(file) for file in part) for part in parts(files)]
    assert max(taken) - min(taken) < max(SECONDS.values()) / 2


def _taken(file: str) -> float:
    if file in STORES:
        return SECONDS_OF_STORES / len(STORES)
    name = Path(file).stem.removeprefix("test_")
    if name.startswith("sql_"):
        return 0  # "sql" stands for them
    return SECONDS.get(name, SECONDS_OF_OTHERS)

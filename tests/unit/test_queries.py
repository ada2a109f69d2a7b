"""SQL files are cut into statements with positional parameters."""

from pathlib import Path

import pytest

import watcher.adapters.postgres
from watcher.adapters.postgres.queries import Query, load

FILES = sorted(Path(watcher.adapters.postgres.__file__).parent.glob("sql/*.sql"))


def test_parameters_are_numbered_by_their_first_appearance() -> None:
    query = Query.parsed("find", "SELECT :b, :a, :b::TEXT[], x::TEXT, '10:30' FROM t WHERE c = :a_1")
    assert query.sql == "SELECT $1, $2, $1::TEXT[], x::TEXT, '10:30' FROM t WHERE c = $3"
    assert query.parameters == ("b", "a", "a_1")


def test_values_are_put_in_the_order_of_the_statement() -> None:
    query = Query.parsed("find", "SELECT :b, :a")
    assert query.arguments({"a": 1, "b": 2, "c": 3}) == [2, 1]


def test_a_missing_value_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="a"):
        Query.parsed("find", "SELECT :b, :a").arguments({"b": 2})


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_every_statement_is_whole(file: Path) -> None:
    statements = load(file.stem)
    assert statements
    for name, query in statements.items():
        assert query.name == name
        assert query.sql.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}
        assert "--" not in query.sql
        assert ";" not in query.sql


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_no_block_is_written_twice(file: Path) -> None:
    names = [line.split()[-1] for line in file.read_text().splitlines() if line.startswith("-- name: ")]
    assert len(names) == len(set(names))


def test_a_part_is_included_in_its_statements_and_is_none_itself() -> None:
    statements = load("executions")
    assert "nest" not in statements
    assert "INSERT INTO pipeline_execution_closure" in statements["start"].sql
    assert "INSERT INTO pipeline_execution_closure" in statements["record"].sql

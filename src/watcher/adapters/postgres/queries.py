"""SQL lives in `.sql` files: blocks that begin with `-- name:`, with `:named` parameters.

A line `-- include: part` stands for the block of that name in the same file, so that statements may share
a part; nothing is put together at run time.
"""

import re
from dataclasses import dataclass
from importlib.resources import files

NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
INCLUDE = re.compile(r"^ *-- include: (\w+)\n", re.MULTILINE)
COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)
PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Query:
    """One statement with positional parameters, and the names of those in their order."""

    name: str
    sql: str
    parameters: tuple[str, ...]

    @classmethod
    def parsed(cls, name: str, text: str) -> "Query":
        names = tuple(dict.fromkeys(PARAMETER.findall(text)))
        sql = PARAMETER.sub(lambda match: f"${names.index(match[1]) + 1}", text)
        return cls(name, sql, names)

    def arguments(self, values: dict[str, object]) -> list[object]:
        """The values in the statement's order. Raises `KeyError` for a name that is missing."""
        return [values[name] for name in self.parameters]


def load(module: str) -> dict[str, Query]:
    """The statements of `sql/<module>.sql` by name."""
    _, *parts = NAME.split((files(__package__) / "sql" / f"{module}.sql").read_text())
    blocks = dict(zip(parts[::2], parts[1::2], strict=True))
    return {
        name: Query.parsed(name, _statement(blocks, name)) for name in blocks if _stands_alone(blocks, name)
    }


def _statement(blocks: dict[str, str], name: str) -> str:
    text = INCLUDE.sub(lambda match: _statement(blocks, match[1]) + "\n", blocks[name])
    return COMMENT.sub("", text).strip().rstrip(";")


def _stands_alone(blocks: dict[str, str], name: str) -> bool:
    return not any(name in INCLUDE.findall(text) for text in blocks.values())

"""What a schema is made of, beside what the migrations make, and what the difference means."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from watcher.domain.diagnosis import Finding, failed, listed, ok, warning

Objects: TypeAlias = Mapping[str, str | None]
"""What stands behind each name, `index pipeline.pipeline_pk`, as PostgreSQL writes it; None where it cannot be had.

A column is all in its name, `column pipeline.id bigint not null`.
"""


def judged(objects: Objects, expected: Objects) -> Iterator[Finding]:
    """What the schema lacks of what the migrations make, what is not as they make it, and what of its tables was added."""
    ours = {_table(name) for name in expected}
    missing = sorted(expected.keys() - objects.keys())
    changed = sorted(
        name for name in expected.keys() & objects.keys() if _differ(objects[name], expected[name])
    )
    extra = sorted(name for name in objects.keys() - expected.keys() if _table(name) in ours)
    if missing:
        advice = "Somebody changed the schema by hand: make again what is missing, as the migrations do."
        yield failed("schema", f"missing: {listed(missing)}", advice)
    if changed:
        told = [f"{name} is {objects[name]} instead of {expected[name]}" for name in changed]
        advice = "Somebody changed the schema by hand: drop what is different, and make it again as the migrations do."
        yield failed("schema", f"different: {listed(told)}", advice)
    if extra:
        advice = "Watcher did not make this, and a migration may be in its way: drop it if it is not needed."
        yield warning("schema", f"added: {listed(extra)}", advice)
    if not missing and not changed and not extra:
        yield ok(
            "schema", f"{len(expected):,} columns, constraints and indexes are as the migrations make them"
        )


def _differ(found: str | None, wanted: str | None) -> bool:
    return found is not None and found != wanted


def _table(name: str) -> str:
    return name.split(" ")[1].partition(".")[0]

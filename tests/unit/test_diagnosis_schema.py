"""What a schema that is not as the migrations make it is said to be."""

import pytest

from watcher.domain.diagnosis import Verdict
from watcher.domain.diagnosis_schema import Objects, judged

OK, WARNING, FAILED = Verdict
EXPECTED: Objects = {"column a.x text": "", "index a.a_pk": "USING btree (x)"}


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        (EXPECTED, [(OK, "2 columns, constraints and indexes are as the migrations make them")]),
        (
            {"index a.a_pk": "USING hash (x)", "index a.b": ""},
            [
                (FAILED, "missing: column a.x text"),
                (FAILED, "different: index a.a_pk is USING hash (x) instead of USING btree (x)"),
                (WARNING, "added: index a.b"),
            ],
        ),
        (
            {**EXPECTED, "index b.b_pk": "", "index a.a_pk": None},
            [(OK, "2 columns, constraints and indexes are as the migrations make them")],
        ),
    ],
)
def test_what_is_missing_comes_first_and_what_cannot_be_had_is_no_difference(
    objects: Objects, told: list[tuple[Verdict, str]]
) -> None:
    assert [(each.verdict, each.detail) for each in judged(objects, EXPECTED)] == told

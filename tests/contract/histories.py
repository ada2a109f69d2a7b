"""What may happen in a history: small choices, so that repeats, ties and contradictions are likely."""

from typing import cast

import hypothesis.strategies as st

from tests.contract.world import at, declaration
from watcher.domain.execution import Outcome
from watcher.domain.pipeline import PipelineChanges, PipelineDeclaration
from watcher.domain.pipeline_type import PipelineTypeChanges, PipelineTypeDeclaration
from watcher.domain.span import Datepart
from watcher.domain.text import name_key

turns = st.integers(0, 6)
"""The number of a row on record, counted round and round; 6 is a row that does not exist."""

pipeline_names = st.sampled_from(["orders", "Orders ", "STRASSE", "straße", "refunds", "visits"])
type_names = st.sampled_from(["load", "LOAD", "export", "Größe"])
watermarks = st.sampled_from([None, None, "", "a", "b", "c"])
documents = st.sampled_from(
    [None, {}, {"a": 1, "b": [1e19, None]}, {"b": [1e19, None], "a": 1.0}, {"a": True, "b": []}]
)
spans = st.sampled_from([(None, None), (1, Datepart.DAY), (2, Datepart.DAY), (2, Datepart.QUARTER)])
seconds = st.sampled_from([-1, 0, 0, 0.5, 1, 1, 2, 60])
counts = st.sampled_from([None, 0, 1, 2**63 - 1])


@st.composite
def declarations(draw: st.DrawFn) -> PipelineDeclaration:
    number, datepart = draw(spans)
    return declaration(
        draw(pipeline_names),
        pipeline_type_name=draw(type_names),
        next_watermark=draw(watermarks),
        pipeline_metadata=draw(documents),
        freshness_number=number,
        freshness_datepart=datepart,
    )


lists_of_declarations = st.lists(declarations(), max_size=6, unique_by=lambda each: name_key(each.name))


@st.composite
def type_declarations(draw: st.DrawFn) -> PipelineTypeDeclaration:
    number, datepart = draw(spans)
    return PipelineTypeDeclaration(
        name=draw(type_names),
        timeliness_number=number,
        timeliness_datepart=datepart,
        mute_freshness_check=draw(st.booleans()),
    )


instants = st.none() | seconds.map(at)
changes = st.fixed_dictionaries(
    {},
    optional={
        "name": pipeline_names,
        "pipeline_type_id": turns,
        "watermark": watermarks,
        "next_watermark": watermarks,
        "pipeline_metadata": documents,
        "last_target_insert": instants,
        "freshness_number": st.sampled_from([None, 0, 1, 2]),
        "freshness_datepart": st.sampled_from([None, *Datepart]),
        "mute_timeliness_check": st.booleans(),
        "load_lineage": st.booleans(),
        "active": st.booleans(),
    },
).map(lambda fields: cast("PipelineChanges", fields))

type_changes = st.fixed_dictionaries(
    {},
    optional={
        "name": type_names,
        "freshness_number": st.sampled_from([None, 1, 2]),
        "freshness_datepart": st.sampled_from([None, Datepart.WEEK, Datepart.YEAR]),
        "mute_timeliness_check": st.booleans(),
    },
).map(lambda fields: cast("PipelineTypeChanges", fields))

starts = st.fixed_dictionaries(
    {
        "pipeline": turns,
        "seconds": seconds,
        "parent": st.none() | turns,
        "watermark": watermarks,
        "next_watermark": watermarks,
        "external_id": st.sampled_from([None, None, None, "x", "X", ""]),
    }
)

outcomes = st.builds(
    Outcome,
    end_date=seconds.map(at),
    completed_successfully=st.sampled_from([True, True, False]),
    inserts=counts,
    updates=counts,
    soft_deletes=st.none(),
    total_rows=counts,
    execution_metadata=documents,
)

records = st.tuples(starts, st.integers(0, 2), outcomes)
"""A start, and an outcome so many seconds after it."""

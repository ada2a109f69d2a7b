"""PostgreSQL and the domain end spans at the same instant."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import hypothesis.strategies as st
import pytest
from hypothesis import given

from tests.contract.twins import OwnLoop
from watcher.domain.clock import FIRST, LAST
from watcher.domain.span import NUMBER_LIMIT, Datepart, Span

END = """
SELECT CASE
    WHEN d.due <= '9999-12-31 23:59:59.999999+00' THEN (EXTRACT(EPOCH FROM d.due) * 1000000)::BIGINT
END
FROM (SELECT span_end($1, $2, $3::TEXT::DATEPART) AS due) AS d
"""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

dates = st.datetimes(FIRST.replace(tzinfo=None) + MICROSECOND, LAST.replace(tzinfo=None) - MICROSECOND)
edges = st.sampled_from(
    ["2024-01-31T23:59", "2024-02-29T00:00", "2026-03-29T01:30", "2026-10-25T00:30", "9999-11-30T00:00"]
)
instants = (dates | edges.map(datetime.fromisoformat)).map(lambda date: date.replace(tzinfo=UTC))
caps = st.sampled_from(
    [NUMBER_LIMIT, 90_000_000, 3_750_000, 535_000, 120_000, 119_999, 40_000, 10_000, 9_999]
)
spans = st.builds(Span, st.integers(1, 50) | caps | st.integers(1, NUMBER_LIMIT), st.sampled_from(Datepart))

Ended = Callable[[datetime, Span], int | None]


@pytest.fixture(params=["UTC", "Europe/Berlin", "America/New_York"])
def ended(request: pytest.FixtureRequest, database: str) -> Iterator[Ended]:
    """When spans end by PostgreSQL in a session of some time zone, in microseconds."""
    loop = OwnLoop()
    connection = loop.run(asyncpg.connect(database, server_settings={"timezone": request.param}))

    def asked(since: datetime, span: Span) -> int | None:
        end: int | None = loop.run(connection.fetchval(END, since, span.number, span.datepart))
        return end

    yield asked
    loop.run(connection.close())
    loop.close()


def test_postgres_and_the_domain_end_spans_at_the_same_instant(ended: Ended) -> None:
    @given(since=instants, span=spans)
    def same(since: datetime, span: Span) -> None:
        end = span.after(since)
        assert ended(since, span) == (None if end is None else (end - EPOCH) // MICROSECOND)

    same()

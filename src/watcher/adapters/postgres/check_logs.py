"""The logs of the checks, which are read alike."""

from collections.abc import Mapping, Sequence

import asyncpg

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import Query
from watcher.domain.freshness import SpellFilter
from watcher.domain.page import Page
from watcher.domain.timeliness import LateRunFilter


async def logged(
    database: Database, sql: Mapping[str, Query], wanted: SpellFilter | LateRunFilter, page: Page
) -> Sequence[asyncpg.Record]:
    """The rows of a page and one more, by that of the statements whose index narrows the wanted the most."""
    return await database.read(
        sql[_narrowest(wanted)],
        pipeline_id=wanted.pipeline_id,
        open=wanted.open,
        after=page.after,
        limit=page.limit + 1,
    )


def _narrowest(wanted: SpellFilter | LateRunFilter) -> str:
    if wanted.pipeline_id is not None:
        return "page_of_pipeline"
    return "page_of_open" if wanted.open else "page_of_all"

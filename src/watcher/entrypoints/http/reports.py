"""Routes of reports."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from watcher.domain.page import DEFAULT_LIMIT
from watcher.domain.report import DayKey, PipelineDay, ReportFilter
from watcher.domain.text import PIPELINE_NAME_LIMIT, TYPE_NAME_LIMIT
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import paged
from watcher.entrypoints.http.bodies.fields import NO_NUL
from watcher.entrypoints.http.parameters import Limit, OptionalId
from watcher.entrypoints.http.problems import documented
from watcher.entrypoints.http.scalars import IsoDay

Day = Annotated[date, IsoDay()]


def router(watcher: Watcher) -> APIRouter:
    routes = APIRouter(tags=["Reports"])

    @routes.get("/report/daily_pipeline", response_model=list[PipelineDay], responses=documented(422))
    async def get_daily_report(
        request: Request,
        *,
        pipeline_id: OptionalId = None,
        name: Annotated[
            str | None,
            Query(
                max_length=PIPELINE_NAME_LIMIT, pattern=NO_NUL, description="Only the pipeline of this name."
            ),
        ] = None,
        name_contains: Annotated[
            str | None,
            Query(
                min_length=1,
                max_length=PIPELINE_NAME_LIMIT,
                pattern=NO_NUL,
                description="Only pipelines with this in their name, in upper or lower case.",
            ),
        ] = None,
        pipeline_type: Annotated[
            str | None,
            Query(max_length=TYPE_NAME_LIMIT, pattern=NO_NUL, description="Only pipelines of this type."),
        ] = None,
        day_from: Annotated[Day | None, Query(description="The first day, UTC.")] = None,
        day_to: Annotated[Day | None, Query(description="The last day, UTC.")] = None,
        limit: Limit = DEFAULT_LIMIT,
        after: Annotated[
            str | None,
            Query(
                pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}_-?[0-9]{1,19}$",
                description="The day and the pipeline id of the last row of the page before: `2026-03-01_17`.",
            ),
        ] = None,
    ) -> Response:
        """What each pipeline's runs of each day came to, the last day first; true at the moment of asking."""
        wanted = ReportFilter(
            pipeline_id=pipeline_id,
            pipeline_name=name,
            name_contains=name_contains,
            pipeline_type=pipeline_type,
            day_from=day_from,
            day_to=day_to,
        )
        rows = await watcher.daily_report.page(wanted, limit, None if after is None else DayKey.read(after))
        return paged(request, rows, str(rows.items[-1].key) if rows.items else None)

    return routes

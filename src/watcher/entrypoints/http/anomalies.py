"""Routes of anomalies: the rules, what they found, and taking it back."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from watcher.domain.anomaly_incident import AnomalyIncident
from watcher.domain.anomaly_results import AnomalyDetectionResult, IncidentFilter, ResultFilter
from watcher.domain.anomaly_rules import AnomalyDetectionRule
from watcher.domain.page import DEFAULT_LIMIT, Page
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import NO_CONTENT, Answer, IdAnswer, encoded, paged
from watcher.entrypoints.http.bodies.anomalies import AnomalyRuleBody, AnomalyRulePatch, UnflagBody
from watcher.entrypoints.http.parameters import After, Id, Limit, OptionalId
from watcher.entrypoints.http.problems import BODY_PROBLEMS, documented

Flagged = Annotated[
    bool | None,
    Query(description="Only what is flagged and was not taken back (`true`), or only the rest (`false`)."),
]
Open = Annotated[
    bool | None, Query(description="Only what lasts still (`true`), or only what is over (`false`).")
]


def rule_router(watcher: Watcher) -> APIRouter:
    routes = APIRouter(tags=["Anomalies"])
    _declares_rules(routes, watcher)
    _lists_rules(routes, watcher)
    _changes_rules(routes, watcher)
    return routes


def _declares_rules(routes: APIRouter, watcher: Watcher) -> None:
    @routes.post(
        "/anomaly_detection_rule",
        status_code=201,
        response_model=IdAnswer,
        responses=documented(404, *BODY_PROBLEMS, existing=IdAnswer),
    )
    async def declare_anomaly_rule(body: AnomalyRuleBody) -> Response:
        """Gets or creates the rule for a metric of a pipeline; a changed declaration updates it.

        It judges the runs that end from then on.
        """
        declared = await watcher.declare_anomaly_rule(body.rule())
        return Answer(b'{"id":%d}' % declared.id, 201 if declared.created else 200)


def _lists_rules(routes: APIRouter, watcher: Watcher) -> None:
    @routes.get(
        "/anomaly_detection_rule", response_model=list[AnomalyDetectionRule], responses=documented(422)
    )
    async def list_anomaly_rules(
        request: Request,
        *,
        pipeline_id: OptionalId = None,
        limit: Limit = DEFAULT_LIMIT,
        after: After = None,
    ) -> Response:
        """Rules by ascending id."""
        rows = await watcher.anomaly_rules.page(Page(limit, after), pipeline_id)
        return paged(request, rows, rows.items[-1].id if rows.items else None)

    @routes.get(
        "/anomaly_detection_rule/{id}", response_model=AnomalyDetectionRule, responses=documented(404, 422)
    )
    async def get_anomaly_rule(id: Id) -> Response:
        return Answer(encoded(await watcher.anomaly_rules.get(id)))


def _changes_rules(routes: APIRouter, watcher: Watcher) -> None:
    @routes.patch(
        "/anomaly_detection_rule",
        response_model=AnomalyDetectionRule,
        responses=documented(404, *BODY_PROBLEMS),
    )
    async def change_anomaly_rule(body: AnomalyRulePatch) -> Response:
        """Changes the fields that the body names. A rule that is no longer active ends its incident."""
        return Answer(encoded(await watcher.change_anomaly_rule(*body.change())))


def result_router(watcher: Watcher) -> APIRouter:
    """What rules found."""
    routes = APIRouter(tags=["Anomalies"])
    _lists_results(routes, watcher)
    _lists_incidents(routes, watcher)
    _takes_back(routes, watcher)
    return routes


def _lists_results(routes: APIRouter, watcher: Watcher) -> None:
    @routes.get(
        "/anomaly_detection_result", response_model=list[AnomalyDetectionResult], responses=documented(422)
    )
    async def list_anomaly_results(
        request: Request,
        *,
        pipeline_id: OptionalId = None,
        pipeline_execution_id: OptionalId = None,
        flagged: Flagged = None,
        limit: Limit = DEFAULT_LIMIT,
        after: After = None,
    ) -> Response:
        """Verdicts, newest first by id, those of rules that are still learning too."""
        wanted = ResultFilter(
            pipeline_id=pipeline_id, pipeline_execution_id=pipeline_execution_id, flagged=flagged
        )
        rows = await watcher.anomaly_results.page(wanted, Page(limit, after))
        return paged(request, rows, rows.items[-1].id if rows.items else None)


def _lists_incidents(routes: APIRouter, watcher: Watcher) -> None:
    @routes.get("/anomaly_incident", response_model=list[AnomalyIncident], responses=documented(422))
    async def list_anomaly_incidents(
        request: Request,
        *,
        pipeline_id: OptionalId = None,
        open: Open = None,
        limit: Limit = DEFAULT_LIMIT,
        after: After = None,
    ) -> Response:
        """Incidents: consecutive flagged runs of a rule, newest first by id; an open one has no `ended_at`."""
        wanted = IncidentFilter(pipeline_id=pipeline_id, open=open)
        rows = await watcher.anomaly_results.incidents(wanted, Page(limit, after))
        return paged(request, rows, rows.items[-1].id if rows.items else None)


def _takes_back(routes: APIRouter, watcher: Watcher) -> None:
    @routes.post("/unflag_anomaly", status_code=204, responses=documented(404, *BODY_PROBLEMS))
    async def unflag_anomaly(body: UnflagBody) -> Response:
        """Says that a flagged run was all right: it counts in baselines again."""
        await watcher.unflag_anomaly(body.pipeline_id, body.pipeline_execution_id, body.metric_field)
        return NO_CONTENT

"""Routes of maintenance."""

from fastapi import APIRouter
from starlette.responses import Response

from watcher.domain.retention import Forgotten
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import Answer, encoded
from watcher.entrypoints.http.bodies.maintenance import CleanUpBody
from watcher.entrypoints.http.gate import ADMIN
from watcher.entrypoints.http.problems import BODY_PROBLEMS, documented


def router(watcher: Watcher) -> APIRouter:
    routes = APIRouter(tags=["Maintenance"])

    @routes.post(
        "/log_cleanup", openapi_extra=ADMIN, response_model=Forgotten, responses=documented(*BODY_PROBLEMS)
    )
    async def clean_up(body: CleanUpBody) -> Response:
        """Deletes executions that ended longer ago than `retention_days`, with all that is only about them.

        A tree of executions goes whole, once all of it is that old; nothing that runs is touched. Batch after
        batch is committed before the answer: where there is none, repeat the request to go on.
        """
        return Answer(encoded(await watcher.clean_up(body.retention_days, body.batch_size)))

    return routes

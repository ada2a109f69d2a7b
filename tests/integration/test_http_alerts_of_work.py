"""Anomalies and queues from end to end: what a real server judges, and what is on record, reaches a real receiver."""

import asyncio

from tests.integration.conftest import Serve
from tests.integration.programs import until
from tests.integration.receivers import WebServer, listening
from tests.integration.test_http_alerts import SCHEMES, begin_alerting, sender, until_rows
from tests.integration.test_http_anomalies import ran, watched
from tests.integration.wire import Wire
from tests.server import execute

DELIVERED = "SELECT FROM alert_delivery WHERE state = 'delivered'"
WARNING = """
INSERT INTO queue_spell (state, pending, opened_at)
VALUES ('warning', 60, CURRENT_TIMESTAMP - INTERVAL '3 minutes')
"""
WORSE = """
UPDATE queue_spell SET ended_at = CURRENT_TIMESTAMP - INTERVAL '2 minutes';
INSERT INTO queue_spell (state, pending, opened_at)
SELECT 'critical', 120, ended_at FROM queue_spell
"""
OVER = "UPDATE queue_spell SET ended_at = opened_at + INTERVAL '2 minutes' WHERE ended_at IS NULL"


def test_a_server_tells_what_judging_finds_and_that_it_looks_right_again(
    serve: Serve, fresh_database: str
) -> None:
    web = WebServer()
    channels = f"name=hook severity>=warning url={web.url()}"
    server = serve(fresh_database, workers="2", alert_channels=channels, alert_schemes=SCHEMES)
    with listening(web), server as api, api.client() as client:
        wire = Wire(client, fresh_database)
        pipeline_id = watched(wire)
        until_rows(fresh_database, "SELECT FROM alert_upkeep WHERE activated_at IS NOT NULL", 1)
        empty = ran(wire, pipeline_id, 0, total_rows=0)
        until(lambda: web.titles() == ["total_rows of orders looks wrong"], 20, "the anomaly is told")
        (incident,) = wire.get("/anomaly_incident", open="true")
        until_rows(fresh_database, DELIVERED, 1)
        ran(wire, pipeline_id, 1, total_rows=1_002)
        until(lambda: web.titles()[1:] == ["An anomaly of orders is over"], 20, "the recovery is told")
        (alert,) = wire.get("/alert", kind="anomaly", open="false")
    assert alert["spell_id"] == incident["id"]
    began, over = (body["message"].splitlines()[0] for _, body in web.posted)
    assert began == (
        f"- total_rows of orders looks wrong in run {empty}, begun 2026-03-02 06:00 UTC: {incident['sentence']}."
    )
    assert over.startswith(
        f"- total_rows of orders, flagged in 1 run since run {empty}, looks right again, after "
    )


def test_of_queues_that_fill_up_the_pager_hears_what_is_critical(fresh_database: str) -> None:
    web = WebServer()
    channels = f"name=ops url={web.url('ops')} name=pager severity>=critical url={web.url('pager')}"
    begin_alerting(fresh_database)
    with listening(web):
        for change in (WARNING, WORSE, OVER):
            asyncio.run(execute(fresh_database, change))
            with sender(fresh_database, channels):
                pass
    assert web.titles("ops") == [
        "The state of the queues is warning",
        "The state of the queues is critical",
        "The state of the queues is no longer critical",
    ]
    assert web.titles("pager") == web.titles("ops")[1:]
    assert web.posted[-1][1]["message"].splitlines()[0] == (
        "- the state of the queues went from critical to ok, after 2 minutes."
    )

"""A `watcher api` on a database that takes no writes, as a streaming replica is."""

from tests.integration.conftest import Serve
from tests.server import execute, name_of

QUESTIONS = (
    "/pipeline",
    "/pipeline/1",
    "/pipeline_execution",
    "/pipeline_execution/1",
    "/address",
    "/address_lineage?name=a",
    "/freshness_log",
    "/timeliness_log",
    "/anomaly_detection_result",
    "/alert",
    "/report/daily_pipeline",
)


async def test_questions_are_answered_and_writes_are_refused_for_now(
    fresh_database: str, serve: Serve
) -> None:
    with serve(fresh_database, workers="1") as api, api.client() as client:
        body = {"name": "read", "pipeline_type_name": "load"}
        assert client.post("/pipeline", json=body).json()["id"] == 1
        start = {"pipeline_id": 1, "start_date": "2026-01-01T00:00:00Z"}
        assert client.post("/start_pipeline_execution", json=start).json()["id"] == 1
        address = {"name": "a", "address_type_name": "t", "address_type_group_name": "g"}
        edges = {
            "pipeline_id": 1,
            "source_addresses": [address],
            "target_addresses": [address | {"name": "b"}],
        }
        assert client.post("/address_lineage", json=edges).is_success
    name = name_of(fresh_database)
    await execute(fresh_database, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with serve(fresh_database, workers="1") as replica, replica.client() as client:
        assert {question: client.get(question).status_code for question in QUESTIONS} == dict.fromkeys(
            QUESTIONS, 200
        )
        refused = client.post("/start_pipeline_execution", json=start)
        assert refused.status_code == 503
        assert "Retry-After" in refused.headers

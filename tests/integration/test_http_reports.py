"""The daily report over HTTP."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.wire import START, Json, Wire, problem

REPORT = "/report/daily_pipeline"
FIELDS = [
    "day", "pipeline_id", "pipeline_name", "pipeline_type_name", "executions", "running", "failures",
    "error_percentage", "inserts", "updates", "soft_deletes", "total_rows", "mean_duration_seconds",
    "p95_duration_seconds", "throughput",
]  # fmt: skip


def record(wire: Wire, pipeline_id: int, *days: str, **fields: object) -> None:
    """A run of a minute on each day."""
    runs = [
        {"pipeline_id": pipeline_id, "start_date": f"{day}T12:00:00Z", "end_date": f"{day}T12:01:00Z"}
        | {"completed_successfully": True}
        | fields
        for day in days
    ]
    assert wire.post("/pipeline_execution/bulk", {"executions": runs}).status_code == 200


def test_a_day_of_a_pipeline(wire: Wire) -> None:
    pipeline_id = wire.pipeline("Orders")
    record(wire, pipeline_id, "2026-03-01", inserts=5, total_rows=120)
    wire.end(wire.start(pipeline_id, start_date=START), completed_successfully=False)
    wire.start(pipeline_id)
    found: list[Json] = wire.get(REPORT)
    assert [list(row) for row in found] == [FIELDS]
    assert found[0] == {
        "day": "2026-03-01",
        "pipeline_id": pipeline_id,
        "pipeline_name": "Orders",
        "pipeline_type_name": "load",
        "executions": 3,
        "running": 1,
        "failures": 1,
        "error_percentage": 50.0,
        "inserts": 5,
        "updates": 0,
        "soft_deletes": 0,
        "total_rows": 120,
        "mean_duration_seconds": 60.0,
        "p95_duration_seconds": 60.0,
        "throughput": 2.0,
    }


def test_filters_choose_pipelines_and_days(wire: Wire) -> None:
    orders, visits = wire.pipeline("orders"), wire.pipeline("visits", pipeline_type_name="Export")
    for pipeline_id in (orders, visits):
        record(wire, pipeline_id, "2026-02-27", "2026-02-28", "2026-03-01")

    def days(**query: str | int) -> list[tuple[str, str]]:
        return [(row["pipeline_name"], row["day"]) for row in wire.get(REPORT, **query)]

    assert len(days()) == 6
    assert days(pipeline_id=orders, day_to="2026-02-27") == [("orders", "2026-02-27")]
    assert days(name="VISITS", day_from="2026-03-01") == [("visits", "2026-03-01")]
    assert days(name_contains="SIT", day_from="2026-03-01") == [("visits", "2026-03-01")]
    assert days(pipeline_type="export", day_from="2026-02-28", day_to="2026-02-28") == [
        ("visits", "2026-02-28")
    ]
    assert days(day_from="2026-03-02") == []


def test_links_lead_through_all_pages(wire: Wire) -> None:
    pipelines = [wire.pipeline(name) for name in ("a", "b", "c")]
    for pipeline_id in pipelines:
        record(wire, pipeline_id, "2026-02-28", "2026-03-01")
    answers: list[tuple[str, int]] = []
    query: dict[str, str] = {"limit": "4", "day_from": "2026-01-01"}
    while query:
        response = wire.client.get(REPORT, params=query)
        answers += [(row["day"], row["pipeline_id"]) for row in response.json()]
        following = response.links.get("next", {}).get("url", "")
        query = {name: values[0] for name, values in parse_qs(urlsplit(following).query).items()}
        assert not query or query["day_from"] == "2026-01-01"
    assert answers == [(day, each) for day in ("2026-03-01", "2026-02-28") for each in pipelines]


@pytest.mark.parametrize(
    "query",
    [
        {"day_from": "yesterday"},
        {"day_from": "20260301"},
        {"day_to": "0"},
        {"day_to": "2026-02-30"},
        {"after": "17"},
        {"after": "2026-02-30_1"},
        {"after": "2026-03-01_9223372036854775808"},
        {"pipeline_id": "9223372036854775808"},
        {"name": "a\x00"},
        {"name_contains": ""},
        {"name_contains": "a\x00"},
        {"limit": "0"},
    ],
)
def test_what_cannot_be_meant_is_refused(wire: Wire, query: dict[str, str]) -> None:
    problem(wire.client.get(REPORT, params=query), 422)


def test_counts_as_large_as_they_get(wire: Wire) -> None:
    pipeline_id = wire.pipeline()
    record(wire, pipeline_id, *["2026-03-01"] * 3, inserts=2**63 - 1, total_rows=2**63 - 1)
    (row,) = wire.get(REPORT)
    assert (row["inserts"], row["total_rows"]) == (2**63 - 1, 2**63 - 1)

"""Lists over HTTP: pages, the link to the next, filters."""

import httpx
import pytest

from tests.integration.wire import NOBODY, Json, Wire, answer, problem

LISTS = ["/pipeline", "/pipeline_type", "/pipeline_execution", "/address", "/address_type"]


@pytest.fixture
def many(wire: Wire) -> Wire:
    """Seven of everything; the executions start as they were made, the last two at once."""
    for number in range(7):
        pipeline = wire.pipeline(f"pipeline {number}", pipeline_type_name=f"type {number}")
        wire.start(pipeline, start_date=f"2026-03-01T12:00:0{min(number, 5)}Z")
        wire.address(f"address {number}", address_type_name=f"type {number}")
    return wire


def _pages(client: httpx.Client, path: str, **query: str | int) -> list[list[Json]]:
    """All pages of a list, by following its links to the end."""
    response = client.get(path, params=query)
    pages = [answer(response, 200)]
    while "next" in response.links:
        response = client.get(response.links["next"]["url"])
        pages.append(answer(response, 200))
    assert "link" not in response.headers
    return pages


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("limit", "sizes"), [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (6, [6, 1]), (10_000, [7])]
)
def test_the_links_lead_to_the_end(many: Wire, path: str, limit: int, sizes: list[int]) -> None:
    pages = _pages(many.client, path, limit=limit)

    assert [len(page) for page in pages] == sizes
    ids = [row["id"] for page in pages for row in page]
    assert ids == (list(range(7, 0, -1)) if path == "/pipeline_execution" else list(range(1, 8)))


@pytest.mark.parametrize("path", LISTS)
def test_a_list_of_all_fits_a_page_by_default(many: Wire, path: str) -> None:
    response = many.client.get(path)

    assert len(answer(response, 200)) == 7
    assert "link" not in response.headers


@pytest.mark.parametrize("path", LISTS)
def test_an_empty_list_is_a_list(wire: Wire, path: str) -> None:
    assert _pages(wire.client, path) == [[]]


def test_the_limits_are_documented(client: httpx.Client) -> None:
    paths = answer(client.get("/openapi.json"), 200)["paths"]

    for path in LISTS:
        parameters = {each["name"]: each["schema"] for each in paths[path]["get"]["parameters"]}
        limit = parameters["limit"]
        assert (limit["minimum"], limit["default"], limit["maximum"]) == (1, 1_000, 10_000)


def test_the_default_limit_is_a_thousand(wire: Wire) -> None:
    pipeline = wire.pipeline()
    run = {"pipeline_id": pipeline, "start_date": "2026-03-01T12:00:00Z"}
    run |= {"end_date": "2026-03-01T12:00:00Z", "completed_successfully": False}
    answer(wire.post("/pipeline_execution/bulk", {"executions": [run] * 1_001}), 200)

    assert [len(page) for page in _pages(wire.client, "/pipeline_execution")] == [1_000, 1]


def test_a_list_begins_after_the_cursor(many: Wire) -> None:
    assert [row["id"] for row in many.get("/pipeline", after=5)] == [6, 7]
    assert [row["id"] for row in many.get("/pipeline_type", after=-5, limit=2)] == [1, 2]
    assert many.get("/pipeline", after=NOBODY) == []
    assert [row["id"] for row in many.get("/pipeline_execution", after=7, limit=2)] == [6, 5]


def test_executions_cannot_begin_after_one_that_is_not_there(many: Wire) -> None:
    found = problem(many.client.get("/pipeline_execution", params={"after": NOBODY}), 422, "cursor-unknown")

    assert found["errors"][0]["loc"][0] == "query"


def test_executions_are_filtered(many: Wire) -> None:
    child = many.start(2, parent_id=1, start_date="2026-03-02T00:00:00Z")
    many.end(1)
    many.end(2, completed_successfully=False)

    assert _ids(many, pipeline_id=2) == [child, 2]
    assert _ids(many, parent_id=1) == [child]
    assert _ids(many, status="succeeded") == [1]
    assert _ids(many, status="failed") == [2]
    assert _ids(many, status="running") == [child, 7, 6, 5, 4, 3]
    assert _ids(many, status="running", pipeline_id=2) == [child]
    assert _ids(many, pipeline_id=NOBODY) == []


@pytest.mark.parametrize(
    ("after", "before"),
    [
        ("2026-03-01T12:00:02Z", "2026-03-01T12:00:04Z"),
        ("2026-03-01T12:00:02", "2026-03-01 12:00:04"),
        ("2026-03-01T14:00:02+02:00", "2026-03-01T10:00:04-02:00"),
    ],
)
def test_executions_are_filtered_by_start_including_the_first_instant(
    many: Wire, after: str, before: str
) -> None:
    assert _ids(many, started_after=after, started_before=before) == [4, 3]
    assert _ids(many, started_before=after) == [2, 1]


def test_the_link_keeps_the_filters(many: Wire) -> None:
    query = {"status": "running", "started_after": "2026-03-01T14:00:01+02:00", "limit": 2}

    pages = _pages(many.client, "/pipeline_execution", **query)  # type: ignore[arg-type]

    assert [[row["id"] for row in page] for page in pages] == [[7, 6], [5, 4], [3, 2]]


def test_the_tree_below_is_not_part_of_a_list(many: Wire) -> None:
    assert all("child_executions" not in row for row in many.get("/pipeline_execution"))


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=10001", "limit=abc", "limit=", "limit=1.5", "limit=1e3",
        "limit=9223372036854775808", "after=abc", "after=9223372036854775808", "after=-9223372036854775809",
        "after=1;2", "after=%00", "after=", "limit=%ff", "after=null", f"after={'9' * 5_000}",
    ],
)  # fmt: skip
def test_a_bad_page_is_refused(client: httpx.Client, path: str, query: str) -> None:
    found = problem(client.get(f"{path}?{query}"), 422, "invalid-request")

    assert found["errors"][0]["loc"] == ["query", query.partition("=")[0]]


@pytest.mark.parametrize(
    "query",
    [
        "status=done", "status=", "status=RUNNING", "pipeline_id=x", "pipeline_id=9223372036854775808",
        "parent_id=1.5", "started_after=yesterday", "started_after=20200101", "started_before=1577836800",
        "started_before=2026-13-01T00:00:00Z", "started_after=", "started_after=2026-03-01T12:00:00%00",
        "started_after=0001-01-01T00:00:00%2B01:00",
    ],
)  # fmt: skip
def test_a_bad_filter_is_refused(client: httpx.Client, query: str) -> None:
    found = problem(client.get(f"/pipeline_execution?{query}"), 422)

    assert found["errors"][0]["loc"][:2] == ["query", query.partition("=")[0]]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "identity",
    ["9223372036854775808", "-9223372036854775809", "abc", "1.5", "%00", "1%00", "%ff", "9" * 5_000],
)
def test_a_bad_id_in_the_path_is_refused(client: httpx.Client, path: str, identity: str) -> None:
    found = problem(client.get(f"{path}/{identity}"), 422, "invalid-request")

    assert found["errors"][0]["loc"] == ["path", "id"]


def _ids(wire: Wire, **query: str | int) -> list[int]:
    return [row["id"] for row in wire.get("/pipeline_execution", **query)]

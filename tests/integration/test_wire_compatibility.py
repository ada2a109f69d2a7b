"""The requests of the public Python SDK `etl-watcher-sdk` 0.1.43, as it sends them byte for byte in meaning.

Taken from its sources, and from its requests to a running Watcher: `Watcher.sync_pipeline_config` sends every field
of the pipeline, those not declared as explicit nulls, and where the answer says `load_lineage` the lineage, with
those fields of addresses that its user set, to null too; the decorators send `parent_id` and `pendulum.now("UTC").isoformat()`; the plain methods send
`parent_execution_id` and pydantic's JSON of pendulum times, with explicit nulls.
"""

import pytest

from tests.integration.wire import Json, Wire, answer, depths, problem

UNDECLARED = {
    "pipeline_metadata": None,
    "freshness_number": None,
    "freshness_datepart": None,
    "timeliness_number": None,
    "timeliness_datepart": None,
}
PENDULUM_ISO = "2026-03-01T12:00:00.123456+00:00"
PENDULUM_JSON = "2026-03-01T12:00:07.623456Z"


def _synced(wire: Wire, **declared: object) -> Json:
    """`Watcher.sync_pipeline_config`; the answer as its `_PipelineResponse` reads it."""
    body = {"name": "orders", "pipeline_type_name": "load"} | UNDECLARED | {"next_watermark": None} | declared
    response = wire.post("/pipeline", body)
    assert response.status_code in (200, 201)
    found: Json = response.json()
    assert {name: type(found[name]) for name in ("id", "active", "load_lineage")} == {
        "id": int,
        "active": bool,
        "load_lineage": bool,
    }
    return found


SINGLE: Json = {
    "source_addresses": [
        {
            "name": "shop.public.orders",
            "address_type_name": "postgresql",
            "address_type_group_name": "database",
        }
    ],
    "target_addresses": [
        {
            "name": "dwh.sales.orders",
            "address_type_name": "postgresql",
            "address_type_group_name": "database",
        }
    ],
}
SEVERAL: Json = {
    "source_addresses": [
        SINGLE["source_addresses"][0]
        | {
            "database_name": None,
            "primary_key": "id",
            "address_metadata": {"owner": "sales", "pii": ["mail"]},
        },
        {
            "name": "s3://landing/orders/",
            "address_type_name": "s3",
            "address_type_group_name": "object store",
            "database_name": None,
            "schema_name": None,
            "table_name": None,
            "primary_key": None,
            "address_metadata": None,
        },
    ],
    "target_addresses": [
        SINGLE["target_addresses"][0],
        SINGLE["target_addresses"][0] | {"name": "dwh.sales.items", "table_name": "items"},
    ],
}


def _lineage_synced(wire: Wire, pipeline: Json, lineage: Json) -> Json | None:
    """The rest of `Watcher.sync_pipeline_config`: what is left of its answer is that there was no error."""
    if not pipeline["load_lineage"]:
        return None
    response = wire.post("/address_lineage", lineage | {"pipeline_id": pipeline["id"]})
    assert response.status_code in (200, 201), response.text
    found: Json = response.json()
    return found


def _started(wire: Wire, body: Json) -> int:
    return int(answer(wire.post("/start_pipeline_execution", body), 201)["id"])


def test_a_pipeline_is_synced_with_explicit_nulls(wire: Wire) -> None:
    created = _synced(wire)
    before = wire.fingerprint()

    assert (
        _synced(wire)
        == created
        == {"id": created["id"], "active": True, "load_lineage": True, "watermark": None}
    )
    assert wire.fingerprint() == before


@pytest.mark.parametrize("datepart", ["minute", "hour", "day", "week", "month", "year"])
def test_its_dateparts_are_understood(wire: Wire, datepart: str) -> None:
    _synced(
        wire,
        freshness_number=1,
        freshness_datepart=datepart,
        timeliness_number=2,
        timeliness_datepart=datepart,
    )

    row = wire.get("/pipeline/1")
    assert (row["freshness_datepart"], row["timeliness_datepart"]) == (datepart, datepart)


@pytest.mark.parametrize("next_watermark", ["2026-03-01", 42, PENDULUM_JSON])
def test_a_tracked_execution_moves_the_watermark(wire: Wire, next_watermark: str | int) -> None:
    """`track_pipeline_execution`: sync, start, end, and the next sync is told how far it came."""
    pipeline = _synced(wire, next_watermark=next_watermark)
    assert pipeline["watermark"] is None
    start = {"pipeline_id": pipeline["id"], "start_date": PENDULUM_ISO, "next_watermark": next_watermark}
    execution = _started(wire, start)
    end: Json = {"id": execution, "end_date": PENDULUM_JSON, "completed_successfully": True, "inserts": 100}
    end |= {"total_rows": 100, "execution_metadata": {"partition": "2026-03-01"}}

    response = wire.post("/end_pipeline_execution", end)

    assert (response.status_code, response.content) == (204, b"")
    assert _synced(wire, next_watermark=next_watermark)["watermark"] == str(next_watermark)
    found = wire.execution(execution)
    assert (found["start_date"], found["end_date"]) == ("2026-03-01T12:00:00.123456Z", PENDULUM_JSON)
    assert (found["duration_seconds"], found["throughput"]) == (7, 13.3333)


def test_a_failed_function_ends_with_nothing_but_its_failure(wire: Wire) -> None:
    execution = _started(wire, {"pipeline_id": _synced(wire)["id"], "start_date": PENDULUM_ISO})
    end = {"id": execution, "end_date": PENDULUM_JSON, "completed_successfully": False}

    assert wire.post("/end_pipeline_execution", end).status_code == 204
    assert wire.execution(execution)["completed_successfully"] is False


def test_its_retry_of_an_end_is_harmless(wire: Wire) -> None:
    """Its HTTP client sends a request again after a 5xx or a broken connection, up to five times."""
    execution = _started(wire, {"pipeline_id": _synced(wire)["id"], "start_date": PENDULUM_ISO})
    end = {"id": execution, "end_date": PENDULUM_JSON, "completed_successfully": True, "inserts": 1}

    assert [wire.post("/end_pipeline_execution", end).status_code for _ in range(5)] == [204] * 5


def test_a_start_by_hand_has_explicit_nulls(wire: Wire) -> None:
    """`start_pipeline_execution` and `end_pipeline_execution`, with nothing but what they require."""
    nulls = {"start_date": None, "watermark": None, "next_watermark": None, "parent_execution_id": None}
    execution = _started(wire, {"pipeline_id": _synced(wire)["id"]} | nulls)
    end: Json = {"id": execution, "end_date": "2100-01-01T00:00:00Z", "completed_successfully": True}
    end |= dict.fromkeys(["inserts", "updates", "soft_deletes", "total_rows", "execution_metadata"])

    assert wire.post("/end_pipeline_execution", end).status_code == 204
    assert wire.execution(execution)["inserts"] is None


@pytest.mark.parametrize("name", ["parent_id", "parent_execution_id"])
def test_a_child_names_its_parent_in_both_ways_of_the_sdk(wire: Wire, name: str) -> None:
    """`track_child_pipeline_execution` sends one, `start_pipeline_execution` the other."""
    pipeline = _synced(wire)["id"]
    parent = _started(wire, {"pipeline_id": pipeline, "start_date": PENDULUM_ISO})

    child = _started(wire, {"pipeline_id": pipeline, name: parent, "start_date": PENDULUM_ISO})

    assert [row["id"] for row in wire.execution(parent)["child_executions"]] == [child]


@pytest.mark.parametrize("next_watermark", ["2026-03-02", 43])
def test_the_next_watermark_is_patched_by_pipeline_id(wire: Wire, next_watermark: str | int) -> None:
    pipeline = _synced(wire, next_watermark="2026-03-01")["id"]

    answer(wire.patch("/pipeline", {"pipeline_id": pipeline, "next_watermark": next_watermark}), 200)

    assert wire.get(f"/pipeline/{pipeline}")["next_watermark"] == str(next_watermark)


def test_what_an_operator_changed_survives_the_next_sync(wire: Wire) -> None:
    pipeline = _synced(wire, next_watermark="1")["id"]
    tuned: Json = {"freshness_number": 6, "freshness_datepart": "hour", "mute_timeliness_check": True}
    answer(wire.patch("/pipeline", {"id": pipeline} | tuned), 200)

    _synced(wire, next_watermark="2")

    assert wire.get(f"/pipeline/{pipeline}").items() >= (tuned | {"next_watermark": "2"}).items()


def test_a_sync_that_declares_otherwise_counts(wire: Wire) -> None:
    pipeline = _synced(wire)["id"]
    answer(
        wire.patch("/pipeline", {"id": pipeline, "freshness_number": 6, "freshness_datepart": "hour"}), 200
    )

    _synced(wire, freshness_number=1, freshness_datepart="day")

    row = wire.get(f"/pipeline/{pipeline}")
    assert (row["freshness_number"], row["freshness_datepart"]) == (1, "day")


def test_a_pipeline_that_was_switched_off_says_so(wire: Wire) -> None:
    pipeline = _synced(wire)["id"]
    answer(wire.patch("/pipeline", {"id": pipeline, "active": False}), 200)

    assert _synced(wire)["active"] is False


def test_its_errors_have_a_detail_to_show(wire: Wire) -> None:
    body = {"pipeline_id": 2**40, "start_date": PENDULUM_ISO}

    assert isinstance(problem(wire.post("/start_pipeline_execution", body), 404)["detail"], str)


@pytest.mark.parametrize(("lineage", "count"), [(SINGLE, 1), (SEVERAL, 4)], ids=["single", "several"])
def test_a_new_pipeline_syncs_its_lineage(wire: Wire, lineage: Json, count: int) -> None:
    pipeline = _synced(wire)

    declared = _lineage_synced(wire, pipeline, lineage)

    assert declared is not None
    assert declared.keys() == {"pipeline_id", "lineage_relationships_created", "message"}
    assert (declared["pipeline_id"], declared["lineage_relationships_created"]) == (pipeline["id"], count)
    sources = {address["name"] for address in lineage["source_addresses"]}
    assert depths(wire.around("dwh.sales.orders", "upstream")) == {
        "dwh.sales.orders": 0,
        **dict.fromkeys(sources, 1),
    }


def test_explicit_nulls_of_an_address_are_as_good_as_nothing(wire: Wire) -> None:
    _lineage_synced(wire, _synced(wire), SEVERAL)

    rows = {row["name"]: row for row in wire.get("/address")}
    orders = rows["shop.public.orders"]
    assert (orders["database_name"], orders["primary_key"]) == ("shop", "id")
    assert orders["address_metadata"] == {"owner": "sales", "pii": ["mail"]}
    assert rows["s3://landing/orders/"]["database_name"] is None


def test_lineage_is_synced_again_until_the_first_success(wire: Wire) -> None:
    """At every run of the pipeline, and after a success no more: the SDK does not even ask."""
    pipeline = _synced(wire)
    _lineage_synced(wire, pipeline, SEVERAL)
    before = wire.fingerprint()

    again = _lineage_synced(wire, _synced(wire), SEVERAL)

    assert again is not None
    assert again["lineage_relationships_created"] == 0
    assert wire.fingerprint() == before
    execution = _started(wire, {"pipeline_id": pipeline["id"], "start_date": PENDULUM_ISO})
    end = {"id": execution, "end_date": PENDULUM_JSON, "completed_successfully": True}
    assert wire.post("/end_pipeline_execution", end).status_code == 204
    assert _lineage_synced(wire, _synced(wire), SINGLE) is None

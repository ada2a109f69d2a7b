"""Addresses and their types over HTTP: declared, named, read, changed, searched."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.integration.programs import Program
from tests.integration.wire import NOBODY, Json, Wire, answer, problem
from tests.plain import PLAIN

ADDRESS = {"name": "orders", "address_type_name": "postgres", "address_type_group_name": "database"}
TYPE = {"name": "postgres", "group_name": "database"}
PARTS: Json = {
    "database_name": "shop",
    "schema_name": "sales",
    "table_name": "orders",
    "primary_key": "id",
    "address_metadata": {"owner": "ops", "rows": [1, 2.5, None, {"ß": "💧"}]},
}
BODIES: dict[str, Json] = {"/address": ADDRESS, "/address_type": TYPE}
CALLERS = 24

both = pytest.mark.parametrize("path", BODIES)


@both
def test_what_is_new_is_created_and_what_is_old_found(wire: Wire, path: str) -> None:
    assert answer(wire.post(path, BODIES[path]), 201) == {"id": 1}
    before = wire.fingerprint()

    assert answer(wire.post(path, BODIES[path]), 200) == {"id": 1}
    assert answer(wire.post(path, BODIES[path] | {"name": f"  {BODIES[path]['name'].upper()}\t"}), 200)

    assert wire.fingerprint() == before


def test_an_address_creates_its_type(wire: Wire) -> None:
    wire.address(address_type_name=" S3 ", address_type_group_name=" Object store")

    (row,) = wire.get("/address_type")
    assert (row["id"], row["name"], row["group_name"]) == (1, "S3", "Object store")
    assert wire.get("/address/1")["address_type_id"] == 1


def test_they_have_the_fields_of_the_contract(wire: Wire) -> None:
    wire.address("bucket/key", **PARTS)

    row, address_type = wire.get("/address/1"), wire.get("/address_type/1")
    assert row.items() >= PARTS.items()
    assert row.keys() == PARTS.keys() | {"id", "name", "address_type_id", "created_at", "updated_at"}
    assert address_type.keys() == {"id", "name", "group_name", "created_at", "updated_at"}
    for each in (row, address_type):
        assert each["created_at"].endswith("Z")
        assert each["updated_at"] is None
    assert wire.get("/address") == [row]
    assert wire.get("/address_type") == [address_type]


@both
def test_twenty_four_at_once_create_one(wire: Wire, api: Program, path: str) -> None:
    def declared(_: int) -> httpx.Response:
        return httpx.post(f"{api.url}{path}", json=BODIES[path], timeout=60, trust_env=False, verify=PLAIN)

    with ThreadPoolExecutor(CALLERS) as pool:
        responses = list(pool.map(declared, range(CALLERS)))

    assert sorted(response.status_code for response in responses) == [200] * (CALLERS - 1) + [201]
    assert {response.json()["id"] for response in responses} == {1}
    assert [row["updated_at"] for row in wire.get(path)] == [None]
    assert [row["updated_at"] for row in wire.get("/address_type")] == [None]


@pytest.mark.parametrize(
    ("path", "field", "limit"),
    [
        ("/address", "name", 1_000),
        ("/address", "address_type_name", 150),
        ("/address", "address_type_group_name", 150),
        ("/address", "table_name", 1_000),
        ("/address_type", "name", 150),
        ("/address_type", "group_name", 150),
    ],
)
def test_texts_have_a_length(wire: Wire, path: str, field: str, limit: int) -> None:
    answer(wire.post(path, BODIES[path] | {field: "é" * limit}), 201)
    before = wire.fingerprint()

    problem(wire.post(path, BODIES[path] | {field: "é" * (limit + 1)}), 422, "invalid-request")

    assert wire.fingerprint() == before


def test_explicit_nulls_are_as_good_as_nothing(wire: Wire) -> None:
    answer(wire.post("/address", ADDRESS), 201)
    before = wire.fingerprint()

    answer(wire.post("/address", ADDRESS | dict.fromkeys(PARTS)), 200)

    assert wire.fingerprint() == before


def test_a_name_of_three_parts_fills_the_place_in_a_database(wire: Wire) -> None:
    nulls = {"database_name": None, "schema_name": "given", "table_name": None}
    wire.address("shop.sales.orders", address_type_group_name="Database", **nulls)
    wire.address("shop.sales.refunds", address_type_name="files", address_type_group_name="lake")

    first, second = wire.get("/address")
    assert [first[field] for field in nulls] == ["shop", "given", "orders"]
    assert [second[field] for field in nulls] == [None] * 3


def test_a_changed_declaration_updates_the_address_and_its_type(wire: Wire) -> None:
    wire.address(**PARTS)

    wire.address(address_type_group_name="lake", primary_key="key")

    row, address_type = wire.get("/address/1"), wire.get("/address_type/1")
    assert (row["primary_key"], row["address_metadata"], row["table_name"]) == ("key", None, None)
    assert address_type["group_name"] == "lake"
    assert row["updated_at"].endswith("Z")
    assert address_type["updated_at"].endswith("Z")


@both
def test_a_change_by_name_changes_what_it_names(wire: Wire, path: str) -> None:
    wire.address("Orders", address_type_name="Orders", **PARTS)
    before = wire.get(f"{path}/1")
    change = {"primary_key": "key"} if path == "/address" else {"group_name": "lake"}

    changed = answer(wire.patch(path, {"name": " oRDERS ", "id": None} | change), 200)

    assert changed == before | change | {"updated_at": changed["updated_at"]}
    assert wire.get(f"{path}/1") == changed


@both
def test_a_change_by_id_may_change_the_name(wire: Wire, path: str) -> None:
    wire.address()

    assert answer(wire.patch(path, {"id": 1, "name": " Renamed "}), 200)["name"] == "Renamed"
    before = wire.fingerprint()
    answer(wire.patch(path, {"id": 1, "name": "Renamed"}), 200)
    assert wire.fingerprint() == before


def test_an_explicit_null_clears(wire: Wire) -> None:
    wire.address(**PARTS)

    changed = answer(wire.patch("/address", {"id": 1} | dict.fromkeys(PARTS)), 200)

    assert {changed[field] for field in PARTS} == {None}


@pytest.mark.parametrize(
    ("path", "field"),
    [("/address", "name"), ("/address", "address_type_id"), ("/address_type", "group_name")],
)
def test_what_cannot_be_empty_is_not_cleared(wire: Wire, path: str, field: str) -> None:
    wire.address()
    before = wire.fingerprint()

    assert problem(wire.patch(path, {"id": 1, field: None}), 422)["errors"][0]["loc"] == ["body", field]

    assert wire.fingerprint() == before


@both
def test_a_change_has_to_say_what_it_changes(wire: Wire, path: str) -> None:
    for body in ({}, {"id": None}):
        found = problem(wire.patch(path, body), 422)
        assert found["errors"][0]["msg"] == "Either 'id' or 'name' must be provided"


@both
def test_what_is_not_there_is_not_found(wire: Wire, path: str) -> None:
    slug = f"{path[1:]}-not-found".replace("_", "-")

    for identity in (NOBODY, 0, -1, -(2**63)):
        problem(wire.client.get(f"{path}/{identity}"), 404, slug)
    for reference in ({"id": NOBODY}, {"name": "nobody"}):
        problem(wire.patch(path, reference), 404, slug)


@both
def test_a_name_that_is_taken_is_a_conflict(wire: Wire, path: str) -> None:
    wire.address("first", address_type_name="first")
    wire.address("second", address_type_name="second")
    before = wire.fingerprint()

    problem(wire.patch(path, {"id": 2, "name": " FIRST"}), 409, f"{path[1:]}-name-taken".replace("_", "-"))

    assert wire.fingerprint() == before


def test_an_address_cannot_move_to_a_type_that_is_not_there(wire: Wire) -> None:
    wire.address()

    problem(wire.patch("/address", {"id": 1, "address_type_id": NOBODY}), 404, "address-type-not-found")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"name": " BUCKET/100%_of "}, [3]),
        ({"name": "bucket"}, []),
        ({"name": ""}, []),
        ({"name_contains": "SHOP."}, [1, 2]),
        ({"name_contains": "%"}, [3]),
        ({"name_contains": "0%_o"}, [3]),
        ({"name_contains": "\\"}, [4]),
        ({"name_contains": "straẞe"}, [4]),
        ({"name_contains": "nothing like it"}, []),
        ({"type": "S3"}, [3, 4]),
        ({"group": "Database"}, [1, 2]),
        ({"group": "database", "name_contains": "refund"}, [2]),
        ({"type": "postgres", "group": "lake"}, []),
        ({"name_contains": "s", "after": 1, "limit": 1}, [2]),
    ],
)
def test_addresses_are_searched(wire: Wire, query: dict[str, str | int], ids: list[int]) -> None:
    wire.address("shop.sales.orders")
    wire.address("shop.sales.refunds")
    wire.address("bucket/100%_of", address_type_name="s3", address_type_group_name="lake")
    wire.address(r"c:\Straße", address_type_name="s3", address_type_group_name="lake")

    assert [row["id"] for row in wire.get("/address", **query)] == ids


def test_the_link_keeps_what_is_searched_for(wire: Wire) -> None:
    for number in range(5):
        wire.address(f"100% & more/{number}")
        wire.address(f"other {number}", address_type_name="s3")
    query = {"name_contains": "% & m", "type": "POSTGRES", "group": "database", "limit": "2"}

    response, found = wire.client.get("/address", params=query), []
    while "next" in response.links:
        found.append([row["id"] for row in answer(response, 200)])
        response = wire.client.get(response.links["next"]["url"])

    assert [*found, [row["id"] for row in answer(response, 200)]] == [[1, 3], [5, 7], [9]]


@pytest.mark.parametrize("field", ["name", "name_contains", "type", "group"])
@pytest.mark.parametrize("value", ["%00", "a%00b", "x" * 1_001])
def test_what_no_name_can_be_is_not_searched_for(client: httpx.Client, field: str, value: str) -> None:
    found = problem(client.get(f"/address?{field}={value}"), 422, "invalid-request")

    assert found["errors"][0]["loc"] == ["query", field]


@pytest.mark.parametrize("query", ["name=%ff", "name_contains=%ed%a0%80", "type=%ff", "group=%c0%80"])
def test_what_is_no_text_finds_nothing(client: httpx.Client, query: str) -> None:
    assert answer(client.get(f"/address?{query}"), 200) == []


def test_a_search_for_nothing_is_refused(client: httpx.Client) -> None:
    problem(client.get("/address?name_contains="), 422, "invalid-request")

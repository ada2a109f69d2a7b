"""Addresses are found by name, by a part of it, by type and by group, in pages by id."""

from typing import TypedDict, Unpack

import pytest

from tests.contract.world import World, at
from watcher.domain.address import AddressFilter
from watcher.domain.errors import InvalidValue
from watcher.domain.page import Page


class Filtering(TypedDict, total=False):
    name: str | None
    name_contains: str | None
    type: str | None
    group: str | None


NAMES = [
    "shop.sales.orders", "SHOP.Sales.Refunds", "100% of_it", "100 of it", "of_it", "ofxit", r"c:\data\new",
    "c:data", "Straße 7", "STRASSE 8", "caf\u00e9 noir", "CAFE\u0301 AU LAIT", "注文 テーブル", "a  b", "ab",
]  # fmt: skip


async def found(world: World, **conditions: Unpack[Filtering]) -> list[str]:
    page = await world.addresses.page(AddressFilter(**conditions), Page())
    assert not page.more
    return [row.name for row in page.items]


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("sales.", ["shop.sales.orders", "SHOP.Sales.Refunds"]),
        ("SHOP.SALES.ORDERS", ["shop.sales.orders"]),
        ("%", ["100% of_it"]),
        ("0% o", ["100% of_it"]),
        ("of_it", ["100% of_it", "of_it"]),
        ("_", ["100% of_it", "of_it"]),
        ("__", []),
        ("\\", [r"c:\data\new"]),
        (r":\data", [r"c:\data\new"]),
        (r"\%", []),
        ("straSSe", ["Straße 7", "STRASSE 8"]),
        ("ße", ["Straße 7", "STRASSE 8"]),
        ("é", ["caf\u00e9 noir", "CAFE\u0301 AU LAIT"]),
        ("AFE\u0301 ", ["caf\u00e9 noir", "CAFE\u0301 AU LAIT"]),
        ("テーブル", ["注文 テーブル"]),
        ("文", ["注文 テーブル"]),
        ("  ", ["a  b"]),
        (" b", ["a  b"]),
        ("b ", []),
        ("shop.sales.orders.", []),
        ("x" * 1_000, []),
    ],
)
async def test_any_part_of_a_name_finds_it(world: World, part: str, names: list[str]) -> None:
    for name in NAMES:
        await world.address(name)
    assert await found(world, name_contains=part) == names


@pytest.mark.parametrize("name", ["straße 7", " STRASSE 7 ", "Strasse 7"])
async def test_a_name_in_any_spelling_finds_the_one_address(world: World, name: str) -> None:
    for each in NAMES:
        await world.address(each)
    assert await found(world, name=name) == ["Straße 7"]


async def test_a_name_is_no_part_of_a_name(world: World) -> None:
    await world.address("orders")
    assert await found(world, name="order") == []
    assert await found(world, name="order%") == []
    assert await found(world, name="") == []


@pytest.fixture
async def several(world: World) -> World:
    for name, kind, group in (
        ("shop.orders", "Postgres", "Database"),
        ("bucket/orders", "S3", "Object store"),
        ("shop.refunds", "Postgres", "Database"),
        ("mart.orders", "Snowflake", "Database"),
        ("bucket/refunds", "S3", "Object store"),
    ):
        await world.address(name, address_type_name=kind, address_type_group_name=group)
    return world


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        ({"type": "postgres"}, ["shop.orders", "shop.refunds"]),
        ({"type": " POSTGRES "}, ["shop.orders", "shop.refunds"]),
        ({"type": "post"}, []),
        ({"group": "dataBASE"}, ["shop.orders", "shop.refunds", "mart.orders"]),
        ({"group": "data"}, []),
        ({"type": "s3", "group": "object store"}, ["bucket/orders", "bucket/refunds"]),
        ({"type": "s3", "group": "database"}, []),
        ({"name_contains": "orders", "group": "database"}, ["shop.orders", "mart.orders"]),
        ({"name_contains": "rs", "type": "s3"}, ["bucket/orders"]),
        ({"name_contains": "orders", "type": "postgres", "group": "database"}, ["shop.orders"]),
        ({"name": "SHOP.orders", "type": "postgres", "group": "database"}, ["shop.orders"]),
        ({"name": "shop.orders", "type": "s3"}, []),
        ({"name": "shop.orders", "group": "object store"}, []),
        ({"name": "shop.orders", "name_contains": "shop"}, ["shop.orders"]),
        ({"name": "shop.orders", "name_contains": "mart"}, []),
    ],
    ids=str,
)
async def test_every_given_condition_counts(several: World, conditions: Filtering, names: list[str]) -> None:
    assert await found(several, **conditions) == names


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"name_contains": "address"},
        {"name_contains": "d"},
        {"type": "postgres"},
        {"group": "database"},
        {"type": "postgres", "group": "database", "name_contains": "ADDRESS"},
    ],
    ids=str,
)
async def test_addresses_are_read_in_pages_by_id(world: World, conditions: Filtering) -> None:
    """Those wanted are mixed with others; in the group there are two types."""
    kinds = ["postgres", "mysql"] if conditions == {"group": "database"} else ["postgres"]
    wanted = []
    for number in range(7):
        kind = kinds[number % len(kinds)]
        wanted.append(await world.address(f"address {number}", address_type_name=kind))
        if conditions:
            await world.address(f"other {number}", address_type_name="s3", address_type_group_name="store")
    condition = AddressFilter(**conditions)
    first = await world.addresses.page(condition, Page(limit=3))
    second = await world.addresses.page(condition, Page(limit=4, after=first.last(lambda row: row.id)))
    assert [row.id for row in first.items] == wanted[:3]
    assert [row.id for row in second.items] == wanted[3:]
    assert (first.more, second.more) == (True, False)
    assert (await world.addresses.page(condition, Page(after=wanted[-1]))).items == []
    assert [row.id for row in (await world.addresses.page(condition, Page(after=-5))).items] == wanted


async def test_a_search_looks_through_the_names_as_they_are_now(world: World) -> None:
    identity = await world.address("shop.sales.orders")
    await world.addresses.change(identity, {"name": "archive of 2026"}, at(60))
    assert await found(world, name_contains="orders") == []
    assert await found(world, name_contains="ARCHIVE") == ["archive of 2026"]
    await world.address_types.change("postgres", {"name": "mysql", "group_name": "Server"}, at(60))
    assert await found(world, type="postgres") == await found(world, group="database") == []
    assert await found(world, type="MYSQL", group="server") == ["archive of 2026"]


@pytest.mark.parametrize("field", ["name", "name_contains", "type", "group"])
def test_what_no_name_can_be_is_not_searched_for(field: str) -> None:
    for text in ("x" * 1_001, "a\x00b", "\ud800"):
        with pytest.raises(InvalidValue, match=f"^{field} "):
            AddressFilter(**{field: text})


def test_a_search_for_nothing_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"^name_contains must not be empty"):
        AddressFilter(name_contains="")

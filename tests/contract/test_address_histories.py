"""Any history of addresses means the same in memory and in PostgreSQL."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.contract import histories
from tests.contract.conftest import connections_in_use
from tests.contract.test_histories import lived, nth, world
from tests.contract.twins import OwnLoop, verdict
from tests.contract.world import EMPTYING, NOBODY, World
from tests.server import execute
from watcher.domain.address import (
    Address,
    AddressChanges,
    AddressDeclaration,
    AddressDeclared,
    AddressFilter,
    AddressNotFound,
)
from watcher.domain.address_type import (
    AddressType,
    AddressTypeChanges,
    AddressTypeDeclaration,
    AddressTypeDeclared,
    AddressTypeNotFound,
)
from watcher.domain.page import Page, Slice
from watcher.domain.text import Reference, name_key
from watcher.settings import MEMORY

names = st.sampled_from(["a.b.c", " A.b.C", "a.b", "straße_1", "STRASSE_1 ", "100%", r"c:\d", "caf\u00e9"])
type_names = st.sampled_from(["postgres", "Postgres", "S3", "größe"])
group_names = st.sampled_from(["database", "DATABASE ", "store"])
parts = st.sampled_from([None, None, "", "a", "B", "x"])
needles = st.text(st.sampled_from("aABbc.%_\\ ßsSé1"), min_size=1, max_size=4)

declarations = st.builds(
    AddressDeclaration,
    name=names,
    address_type_name=type_names,
    address_type_group_name=group_names,
    database_name=parts,
    schema_name=parts,
    primary_key=parts,
    address_metadata=histories.documents,
)
type_declarations = st.builds(AddressTypeDeclaration, name=type_names, group_name=group_names)
changes = st.fixed_dictionaries(
    {},
    optional={
        "name": names,
        "address_type_id": histories.turns,
        "database_name": parts,
        "table_name": parts,
        "address_metadata": histories.documents,
    },
).map(lambda fields: cast("AddressChanges", fields))
type_changes = st.fixed_dictionaries({}, optional={"name": type_names, "group_name": group_names}).map(
    lambda fields: cast("AddressTypeChanges", fields)
)
filters = st.builds(
    AddressFilter,
    name=st.none() | names,
    name_contains=st.none() | needles,
    type=st.none() | type_names,
    group=st.none() | group_names,
)


class AddressTwins:
    """`memory` and `postgres` with the same history. Ids are those of the memory, and translated."""

    def __init__(self, memory: World, postgres: World) -> None:
        self.memory, self.postgres = memory, postgres
        self.addresses: dict[int, int] = {NOBODY: NOBODY}
        self.types: dict[int, int] = {NOBODY: NOBODY}

    async def agree(self) -> None:
        """Compares all that is on record, and learns which types the two worlds have made on the way."""
        here, there = await self.memory.all_address_types(), await self.postgres.all_address_types()
        ids = {row.name: row.id for row in there}
        self.types |= {row.id: ids[row.name] for row in here}
        assert here == sorted(self.told(there), key=lambda row: row.id)
        assert await self.memory.all_addresses() == self.told(await self.postgres.all_addresses())

    async def declare(self, declaration: AddressDeclaration) -> None:
        said, there = [
            await each.addresses.declare(declaration, self.memory.clock.now())
            for each in (self.memory, self.postgres)
        ]
        self._same(self.addresses, said, there)

    async def declare_at_once(self, declared: Sequence[AddressDeclaration]) -> None:
        """All in flight together; the memory then follows in PostgreSQL's order."""
        now = self.memory.clock.now()
        answers = await asyncio.gather(*(self.postgres.addresses.declare(each, now) for each in declared))
        for each, there in sorted(zip(declared, answers, strict=True), key=lambda pair: pair[1].id):
            self._same(self.addresses, await self.memory.addresses.declare(each, now), there)

    async def declare_type(self, declaration: AddressTypeDeclaration) -> None:
        said, there = [
            await each.address_types.declare(declaration, self.memory.clock.now())
            for each in (self.memory, self.postgres)
        ]
        self._same(self.types, said, there)

    async def change(self, reference: Reference, changes: AddressChanges) -> None:
        now = self.memory.clock.now()
        said = await verdict(self.memory.addresses.change(reference, changes, now))
        there = changes.copy()
        if "address_type_id" in changes:
            there["address_type_id"] = self.types[changes["address_type_id"]]
        reference = self.addresses[reference] if isinstance(reference, int) else reference
        assert said == self.told(await verdict(self.postgres.addresses.change(reference, there, now)))

    async def change_type(self, reference: Reference, changes: AddressTypeChanges) -> None:
        now = self.memory.clock.now()
        said = await verdict(self.memory.address_types.change(reference, changes, now))
        reference = self.types[reference] if isinstance(reference, int) else reference
        assert said == self.told(await verdict(self.postgres.address_types.change(reference, changes, now)))

    async def search(self, wanted: AddressFilter, limit: int, after: int | None) -> None:
        there = Page(limit, None if after is None else self.addresses[after])
        said = await self.memory.addresses.page(wanted, Page(limit, after))
        assert said == self.told(await self.postgres.addresses.page(wanted, there))

    def told(self, value: Any) -> Any:
        """What PostgreSQL said, with the ids of the memory."""
        addresses, types = (
            {there: here for here, there in each.items()} for each in (self.addresses, self.types)
        )
        if isinstance(value, list | tuple):
            return [self.told(each) for each in value]
        fields: dict[str, Any] = {}
        match value:
            case Slice():
                fields = {"items": self.told(value.items)}
            case Address():
                fields = {"id": addresses[value.id], "address_type_id": types[value.address_type_id]}
            case AddressType():
                fields = {"id": types[value.id]}
            case AddressNotFound(reference=int(identity)):
                fields = {"reference": addresses[identity]}
            case AddressTypeNotFound(reference=int(identity)):
                fields = {"reference": types[identity]}
        return replace(value, **fields) if fields else value

    @staticmethod
    def _same(
        identities: dict[int, int],
        said: AddressDeclared | AddressTypeDeclared,
        there: AddressDeclared | AddressTypeDeclared,
    ) -> None:
        assert said == replace(there, id=said.id)
        assert identities.setdefault(said.id, there.id) == there.id


class AddressHistories(RuleBasedStateMachine):
    """One history at a time, on a record that is empty at its beginning."""

    def __init__(self, loop: OwnLoop, postgres: World) -> None:
        super().__init__()
        self.loop = loop
        self.twins = AddressTwins(world("memory", MEMORY), postgres)
        loop.run(execute(postgres.dsn, *EMPTYING))

    @initialize(declared=st.lists(declarations, min_size=2, max_size=4))
    def some_are_there(self, declared: list[AddressDeclaration]) -> None:
        for each in declared:
            self.loop.run(self.twins.declare(each))
        self.both_agree()

    @rule(declared=declarations)
    def declare(self, declared: AddressDeclaration) -> None:
        self.loop.run(self.twins.declare(declared))

    @rule(declared=st.lists(declarations, max_size=5, unique_by=lambda each: name_key(each.name)))
    def declare_at_once(self, declared: list[AddressDeclaration]) -> None:
        """With one group for all, and one spelling: who comes last, and who first, is not for us to know."""
        same = [
            replace(each, address_type_name=each.address_type_name.lower(), address_type_group_name="store")
            for each in declared
        ]
        self.loop.run(self.twins.declare_at_once(same))

    @rule(declared=type_declarations)
    def declare_type(self, declared: AddressTypeDeclaration) -> None:
        self.loop.run(self.twins.declare_type(declared))

    @rule(which=histories.turns | names, changes=changes)
    def change(self, which: Reference, changes: AddressChanges) -> None:
        if "address_type_id" in changes:
            changes = {**changes, "address_type_id": nth(self.twins.types, changes["address_type_id"])}
        reference = which if isinstance(which, str) else nth(self.twins.addresses, which)
        self.loop.run(self.twins.change(reference, changes))

    @rule(which=histories.turns | type_names, changes=type_changes)
    def change_type(self, which: Reference, changes: AddressTypeChanges) -> None:
        reference = which if isinstance(which, str) else nth(self.twins.types, which)
        self.loop.run(self.twins.change_type(reference, changes))

    @rule(wanted=filters, limit=st.integers(1, 4), turn=st.none() | histories.turns)
    def search(self, wanted: AddressFilter, limit: int, turn: int | None) -> None:
        after = None if turn is None else nth(self.twins.addresses, turn)
        self.loop.run(self.twins.search(wanted, limit, after))

    @rule()
    def time_passes(self) -> None:
        self.twins.memory.clock.instant += timedelta(minutes=1)

    @invariant()
    def both_agree(self) -> None:
        self.loop.run(self.twins.agree())

    def teardown(self) -> None:
        assert connections_in_use(self.twins.postgres.container) == 0


def test_every_history_of_addresses_means_the_same_in_both_worlds(loop: OwnLoop, fresh_database: str) -> None:
    lived(AddressHistories, loop, fresh_database, steps=20)

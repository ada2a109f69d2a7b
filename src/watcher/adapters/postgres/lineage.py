"""What pipelines declared about their lineage, in PostgreSQL."""

from asyncio import gather
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

import asyncpg

from watcher.adapters.postgres.database import ATTEMPTS, Database, Transaction, json_text
from watcher.adapters.postgres.executions import LONG
from watcher.adapters.postgres.queries import load
from watcher.domain.address import AddressDeclaration
from watcher.domain.errors import StoreBusy, StoreRefused, WatcherError
from watcher.domain.lineage import (
    HistoryPruned,
    KeyedLineage,
    LineageDeclaration,
    PipelineLineage,
    Place,
    Replaced,
    Replacement,
    Standing,
)
from watcher.domain.pipeline import PipelineNotFound
from watcher.domain.text import folded, name_key

SQL = load("lineage")
GRAPH = load("lineage_graph")


class PostgresLineage:
    """`Lineage` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standing(self, declarations: Sequence[LineageDeclaration]) -> list[Standing | PipelineNotFound]:
        rows = await self._database.rows(
            SQL["standing"],
            pipeline_ids=[declaration.pipeline_id for declaration in declarations],
            declarations=[declaration.digest() for declaration in declarations],
        )
        found = {row["position"]: row for row in rows}
        return [
            _standing(found[position]) if position in found else PipelineNotFound(declaration.pipeline_id)
            for position, declaration in enumerate(declarations, start=1)
        ]

    async def replace(self, replacements: Sequence[Replacement]) -> list[Replaced | WatcherError | None]:
        """Those whose addresses are all on record go together, who brings others goes by itself."""
        verdicts: list[Replaced | WatcherError | None] = [None] * len(replacements)
        turns = {each.declaration.pipeline_id: turn for turn, each in reversed([*enumerate(replacements)])}
        keyed = {turn: replacements[turn].declaration.keyed() for turn in sorted(turns.values())}
        for lot in _lots(keyed):
            known = await self._known([keyed[turn] for turn in lot])
            changes = {turn: Change(replacements[turn], each) for turn, each in zip(lot, known, strict=True)}
            ready = [turn for turn in lot if changes[turn].known.ready()]
            others = [turn for turn in lot if not changes[turn].known.ready()]
            done = await self._together([changes[turn] for turn in ready])
            done += await gather(*(self._alone(changes[turn]) for turn in others))
            for turn, verdict in zip([*ready, *others], done, strict=True):
                verdicts[turn] = verdict
        return verdicts

    async def _known(self, lot: Sequence[KeyedLineage]) -> list["Known"]:
        """What is on record of each, by one statement."""
        keys = [key for keyed in lot for key in keyed.addresses]
        declarations = [keyed.digests[key] for keyed in lot for key in keyed.addresses]
        rows = await self._database.rows(SQL["known_addresses"], keys=keys, declarations=declarations)
        found = {row["position"]: row for row in rows}
        begins = accumulate((len(keyed.addresses) for keyed in lot), initial=1)
        return [
            Known.of(keyed, [found.get(begin + turn) for turn in range(len(keyed.addresses))])
            for keyed, begin in zip(lot, begins, strict=False)
        ]

    async def _together(self, changes: Sequence["Change"]) -> list[Replaced | WatcherError | None]:
        """One statement for all; where somebody holds a row that one of them needs, one for each."""
        if not changes:
            return []
        try:
            rows = await self._database.rows(SQL["replace"], **_columns(changes))
        except StoreBusy as busy:
            if len(changes) == 1:
                return [busy]
        else:
            replaced = {row["position"]: Replaced(row["created"], row["ended"]) for row in rows}
            return [replaced.get(position) for position in range(1, len(changes) + 1)]
        alone = await gather(*(self._together([each]) for each in changes))
        return [verdict for (verdict,) in alone]

    async def _alone(self, change: "Change") -> Replaced | WatcherError | None:
        """With the addresses that are new or declared otherwise, in one transaction."""
        replacement, known = change.replacement, change.known
        try:
            async with self._database.transaction() as transaction:
                if len(known.keyed.addresses) > LONG:
                    await transaction.replan()
                if known.changed:
                    known = await _ensured(transaction, known.keyed, known.changed, replacement.now)
                row = await transaction.row(SQL["replace"], **_columns([Change(replacement, known)]))
        except (StoreBusy, StoreRefused) as refused:
            return refused
        return None if row is None else Replaced(row["created"], row["ended"])

    async def of_pipeline(self, pipeline_id: int, as_of: datetime | None = None) -> PipelineLineage:
        async with self._database.reading() as snapshot:
            pipeline = await snapshot.row(SQL["pipeline"], pipeline_id=pipeline_id)
            if pipeline is None:
                raise PipelineNotFound(pipeline_id)
            check_kept(pipeline, as_of)
            statement = SQL["declared" if as_of is None else "declared_as_of"]
            declared = await snapshot.row(statement, pipeline_id=pipeline_id, as_of=as_of)
            if declared is None:
                return PipelineLineage(pipeline_id=pipeline_id, declared_at=None, sources=(), targets=())
            sources, targets = declared["source_address_ids"], declared["target_address_ids"]
            rows = await snapshot.rows(GRAPH["places"], ids=sorted({*sources, *targets}))
        places = {row["id"]: Place(**row) for row in rows}
        return PipelineLineage(
            pipeline_id=pipeline_id,
            declared_at=declared["valid_from"],
            sources=[places[each] for each in sources],
            targets=[places[each] for each in targets],
        )

    async def prune(self, before: datetime, limit: int) -> int:
        async with self._database.transaction() as transaction:
            await transaction.rows(SQL["pruning"], before=before)
            edges = await transaction.rows(SQL["prune_edges"], before=before, limit=limit)
            room = limit - len(edges)
            declared = await transaction.rows(SQL["prune_declarations"], before=before, limit=room)
        return len(edges) + len(declared)


def check_kept(row: asyncpg.Record, as_of: datetime | None) -> None:
    """Raises `HistoryPruned` where the row's `pruned_before` is later than the instant."""
    kept_since = row["pruned_before"]
    if as_of is not None and kept_since is not None and as_of < kept_since:
        raise HistoryPruned(as_of, kept_since)


def _standing(row: asyncpg.Record) -> Standing:
    return Standing(row["load_lineage"], bool(row["unchanged"]), row["version"])


@dataclass(frozen=True, slots=True)
class Known:
    """What of a declaration is on record: ids by key, and the keys of what is missing or was declared otherwise."""

    keyed: KeyedLineage
    ids: dict[bytes, int]
    changed: Sequence[bytes]

    @classmethod
    def of(cls, keyed: KeyedLineage, rows: Iterable[asyncpg.Record | None]) -> "Known":
        """A row for each address in its turn, None where it is missing."""
        found = dict(zip(keyed.addresses, rows, strict=True))
        changed = [key for key, row in found.items() if row is None or not row["same"]]
        return cls(keyed, {key: row["id"] for key, row in found.items() if row is not None}, changed)

    def ready(self) -> bool:
        """Whether there is nothing to do but to replace the edges, and not too much of that."""
        return not self.changed and len(self.keyed.addresses) <= LONG

    def ends(self, keys: Iterable[bytes]) -> str:
        """The ids of these addresses as the text of an array."""
        return f"{{{','.join(map(str, sorted(self.ids[key] for key in keys)))}}}"


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be replaced, and what is on record of it."""

    replacement: Replacement
    known: Known


def _columns(changes: Sequence[Change]) -> dict[str, object]:
    replacements = [change.replacement for change in changes]
    return {
        "pipeline_ids": [each.declaration.pipeline_id for each in replacements],
        "versions": [each.version for each in replacements],
        "declarations": [each.declaration.digest() for each in replacements],
        "instants": [each.now for each in replacements],
        "sources": [each.known.ends(each.known.keyed.sources) for each in changes],
        "targets": [each.known.ends(each.known.keyed.targets) for each in changes],
    }


def _lots(keyed: Mapping[int, KeyedLineage]) -> Iterator[Sequence[int]]:
    """Declarations with not too many addresses together, in their order."""
    lot: list[int] = []
    room = LONG
    for turn, each in keyed.items():
        room -= len(each.addresses)
        if lot and room < 0:
            yield lot
            lot, room = [], LONG - len(each.addresses)
        lot.append(turn)
    if lot:
        yield lot


async def _ensured(
    transaction: Transaction, keyed: KeyedLineage, changed: Sequence[bytes], now: datetime
) -> Known:
    """Creates the addresses that are missing, and gives the others the content that is declared now."""
    for _ in range(ATTEMPTS):
        await _declare(transaction, keyed, changed, now)
        keys = list(keyed.addresses)
        declarations = [keyed.digests[key] for key in keys]
        rows = await transaction.rows(SQL["known_addresses"], keys=keys, declarations=declarations)
        found = {row["position"]: row for row in rows}
        known = Known.of(keyed, [found.get(position) for position in range(1, len(keys) + 1)])
        if len(known.ids) == len(keyed.addresses):
            return known
        changed = [key for key in keyed.addresses if key not in known.ids]
    raise StoreBusy(f"an address or its type was renamed {ATTEMPTS} times while it was declared")


async def _declare(
    transaction: Transaction, keyed: KeyedLineage, changed: Sequence[bytes], now: datetime
) -> None:
    types = keyed.types_of(changed)
    type_columns = {
        "keys": list(types),
        "names": [each.name for each in types.values()],
        "groups": [each.group_name for each in types.values()],
        "group_keys": [name_key(each.group_name) for each in types.values()],
        "declarations": [each.digest() for each in types.values()],
    }
    await _create_or_declare(transaction, "types", {**type_columns, "now": now})
    columns = _address_columns([keyed.addresses[key] for key in changed])
    digests = [keyed.digests[key] for key in changed]
    values = {**columns, "keys": changed, "declarations": digests, "now": now}
    await _create_or_declare(transaction, "addresses", values)


async def _create_or_declare(transaction: Transaction, what: str, values: dict[str, object]) -> None:
    await transaction.rows(SQL[f"create_{what}"], **values)
    held = [row["id"] for row in await transaction.rows(SQL[f"hold_{what}"], **values)]
    if held:
        await transaction.rows(SQL[f"declare_{what}"], **values, held=held)


def _address_columns(addresses: Iterable[AddressDeclaration]) -> dict[str, object]:
    addresses = list(addresses)
    return {
        "names": [each.name for each in addresses],
        "folded": [folded(each.name) for each in addresses],
        "type_keys": [name_key(each.address_type_name) for each in addresses],
        "database_names": [each.database_name for each in addresses],
        "schema_names": [each.schema_name for each in addresses],
        "table_names": [each.table_name for each in addresses],
        "primary_keys": [each.primary_key for each in addresses],
        "metadata": [json_text(each.address_metadata) for each in addresses],
    }

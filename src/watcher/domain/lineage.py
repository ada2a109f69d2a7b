"""Lineage: which addresses a pipeline reads and which it writes. Every source of a pipeline feeds every target."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Protocol

from watcher.domain.address import AddressDeclaration
from watcher.domain.address_type import AddressTypeDeclaration
from watcher.domain.clock import FIRST, Clock
from watcher.domain.document import Document, digest
from watcher.domain.errors import Invalid, InvalidValue, WatcherError
from watcher.domain.jobs import Job, Jobs
from watcher.domain.pipeline import PipelineNotFound
from watcher.domain.text import folded

ADDRESSES_LIMIT = 20_000
EDGES_LIMIT = 100_000


@dataclass(unsafe_hash=True)
class LineageTooLarge(Invalid):
    addresses: int
    edges: int

    def __str__(self) -> str:
        return (
            f"One declaration has at most {ADDRESSES_LIMIT:,} addresses and {EDGES_LIMIT:,} edges, "
            f"this one has {self.addresses:,} and {self.edges:,}: every source feeds every target."
        )


@dataclass(unsafe_hash=True)
class HistoryPruned(Invalid):
    as_of: datetime
    kept_since: datetime

    def __str__(self) -> str:
        return f"The history of lineage is kept since {self.kept_since.isoformat()}, not as of {self.as_of.isoformat()}."


@dataclass(frozen=True, kw_only=True)
class LineageDeclaration:
    """What a client says that a pipeline reads and writes. Not slotted: it remembers its digest.

    An address may be named more than once: the first spelling of its name counts, and the last word about it,
    where those of targets come after those of sources. Raises `InvalidValue` where nothing is named at all, and `LineageTooLarge`.
    """

    pipeline_id: int
    sources: Sequence[AddressDeclaration] = ()
    targets: Sequence[AddressDeclaration] = ()

    def __post_init__(self) -> None:
        if not self.sources and not self.targets:
            raise InvalidValue("source_addresses", "and target_addresses must not both be empty")
        sources, targets = len(self.sources), len(self.targets)
        if sources + targets > ADDRESSES_LIMIT or sources * targets > EDGES_LIMIT:
            raise LineageTooLarge(sources + targets, sources * targets)

    def digest(self) -> bytes:
        """Tells one declared content from another, whatever the order and the spelling of names."""
        return self._digest

    @cached_property
    def _digest(self) -> bytes:
        sources = [folded(address.name) for address in self.sources]
        targets = [folded(address.name) for address in self.targets]
        contents = dict(zip(sources, self.sources, strict=True))
        contents.update(zip(targets, self.targets, strict=True))
        addresses = [(name, contents[name].content()) for name in sorted(contents)]
        return digest(repr((sorted(set(sources)), sorted(set(targets)), addresses)))

    def keyed(self) -> "KeyedLineage":
        """The same by the keys of names, each address once."""
        sources = [address.key() for address in self.sources]
        targets = [address.key() for address in self.targets]
        spellings: dict[bytes, str] = {}
        addresses: dict[bytes, AddressDeclaration] = {}
        for key, address in zip([*sources, *targets], [*self.sources, *self.targets], strict=True):
            addresses[key] = address.spelled(spellings.setdefault(key, address.name))
        addresses = dict(sorted(addresses.items()))
        digests = {key: address.digest() for key, address in addresses.items()}
        turns = {key: turn for turn, key in enumerate([*sources, *targets])}
        return KeyedLineage(self.pipeline_id, _once(sources), _once(targets), addresses, digests, turns)


def _once(keys: Iterable[bytes]) -> Sequence[bytes]:
    return sorted(set(keys))


@dataclass(frozen=True, slots=True)
class KeyedLineage:
    """A declaration as stores keep it: what it names, by the keys of the names, in their order."""

    pipeline_id: int
    sources: Sequence[bytes]
    targets: Sequence[bytes]
    addresses: dict[bytes, AddressDeclaration]
    digests: dict[bytes, bytes]
    turns: dict[bytes, int]
    """When each address was named last."""

    def types_of(self, keys: Iterable[bytes]) -> dict[bytes, AddressTypeDeclaration]:
        """What is said about the types of these addresses, by the key of the type; the last word counts."""
        types = (self.addresses[key].address_type() for key in sorted(keys, key=self.turns.__getitem__))
        return {each.key(): each for each in types}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a declaration stands to what is on record: whether the pipeline loads lineage, and whether all is as before.

    `version` names the declaration that stands now, None where none does.
    """

    load_lineage: bool
    unchanged: bool
    version: int | None


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a pipeline declared at an instant, and the version that it was compared with."""

    declaration: LineageDeclaration
    version: int | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Replaced:
    """How many edges the pipeline owns that it did not own before, and how many it owns no more."""

    created: int
    ended: int


class Outcome(StrEnum):
    """What became of a declaration."""

    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    NOT_LOADED = "not loaded"


@dataclass(frozen=True, slots=True)
class LineageDeclared:
    """The answer to a declaration."""

    pipeline_id: int
    outcome: Outcome
    created: int = 0
    ended: int = 0

    @property
    def message(self) -> str:
        """What happened, in a sentence."""
        match self.outcome:
            case Outcome.REPLACED:
                created = f"{self.created} relationship{'' if self.created == 1 else 's'} created"
                return f"The lineage was replaced: {created}, {self.ended} ended."
            case Outcome.UNCHANGED:
                return "The lineage is the one declared before: nothing changed."
            case Outcome.NOT_LOADED:
                return "The pipeline does not load lineage (its load_lineage is false): nothing changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address as lineage shows it."""

    id: int
    name: str
    type: str
    group: str
    metadata: Document | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineLineage:
    """What one pipeline reads and writes, by ascending id; `declared_at` is null where it never said."""

    pipeline_id: int
    declared_at: datetime | None
    sources: Sequence[Place]
    targets: Sequence[Place]


class Lineage(Protocol):
    """What pipelines declared about their lineage. Every method is one transaction."""

    async def standing(self, declarations: Sequence[LineageDeclaration]) -> list[Standing | PipelineNotFound]:
        """How each declaration stands to the record. Reads only."""
        ...

    async def replace(self, replacements: Sequence[Replacement]) -> list[Replaced | WatcherError | None]:
        """Replaces what pipelines declared, each where its `version` still stands; where not, changes nothing: None.

        Each is whole or not at all, and of two for one pipeline one is taken. Creates the addresses and types
        that are missing, and gives those the declared content that were last declared otherwise. The edges of a
        pipeline become every source with every target: those it does not own yet begin now, those it owns and
        did not declare end now. Notes for the closure where they do. A number of statements that does not depend
        on the number of addresses.
        """
        ...

    async def of_pipeline(self, pipeline_id: int, as_of: datetime | None = None) -> PipelineLineage:
        """What the pipeline declared, by now or at a past instant. Raises `PipelineNotFound`, `HistoryPruned`."""
        ...

    async def prune(self, before: datetime, limit: int) -> int:
        """Forgets up to `limit` edges and declarations that ended before an instant; how many there were.

        From then on questions about earlier instants are refused.
        """
        ...


@dataclass(frozen=True, slots=True)
class DeclareLineage:
    """Replaces the lineage of one pipeline, where it changed."""

    lineage: Lineage
    jobs: Jobs
    clock: Clock

    async def __call__(self, declaration: LineageDeclaration) -> LineageDeclared:
        """Raises `PipelineNotFound`, `StoreUnavailable`."""
        pipeline_id = declaration.pipeline_id
        while True:
            (standing,) = await self.lineage.standing([declaration])
            if isinstance(standing, PipelineNotFound):
                raise standing
            if not standing.load_lineage:
                return LineageDeclared(pipeline_id, Outcome.NOT_LOADED)
            if standing.unchanged:
                return LineageDeclared(pipeline_id, Outcome.UNCHANGED)
            replacement = Replacement(declaration, standing.version, self.clock.now())
            (replaced,) = await self.lineage.replace([replacement])
            if isinstance(replaced, WatcherError):
                raise replaced
            if replaced is not None:
                self.jobs.announce(Job.MAINTAIN_CLOSURE)
                return LineageDeclared(pipeline_id, Outcome.REPLACED, replaced.created, replaced.ended)


PRUNED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class PruneLineage:
    """The job that forgets the history of lineage which is older than its retention."""

    lineage: Lineage
    clock: Clock
    retention_days: int

    async def __call__(self) -> int:
        """How many edges and declarations were forgotten."""
        now = self.clock.now()
        before = now - min(timedelta(days=self.retention_days), now - FIRST - timedelta(days=1))
        total = 0
        while pruned := await self.lineage.prune(before, PRUNED_AT_ONCE):
            total += pruned
        return total

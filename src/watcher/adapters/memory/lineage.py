"""What pipelines declared about their lineage, in lists and dictionaries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from watcher.adapters.memory.addresses import MemoryAddresses, MemoryAddressTypes
from watcher.adapters.memory.edges import MemoryEdges
from watcher.adapters.memory.pipelines import MemoryPipelines
from watcher.domain.errors import WatcherError
from watcher.domain.lineage import (
    LineageDeclaration,
    PipelineLineage,
    Place,
    Replaced,
    Replacement,
    Standing,
)
from watcher.domain.pipeline import PipelineNotFound


@dataclass(slots=True)
class Declared:
    """One declaration, for as long as it stood."""

    version: int
    digest: bytes
    sources: Sequence[int]
    targets: Sequence[int]
    renames: int
    valid_from: datetime
    valid_to: datetime | None = None


class MemoryLineage:
    """`Lineage` in dictionaries."""

    def __init__(
        self,
        edges: MemoryEdges,
        pipelines: MemoryPipelines,
        addresses: MemoryAddresses,
        address_types: MemoryAddressTypes,
    ) -> None:
        self._edges = edges
        self._pipelines = pipelines
        self._addresses = addresses
        self._address_types = address_types
        self._declared: dict[int, list[Declared]] = {}

    async def standing(self, declarations: Sequence[LineageDeclaration]) -> list[Standing | PipelineNotFound]:
        return [self._standing(declaration) for declaration in declarations]

    def _standing(self, declaration: LineageDeclaration) -> Standing | PipelineNotFound:
        if declaration.pipeline_id not in self._pipelines:
            return PipelineNotFound(declaration.pipeline_id)
        load_lineage = self._pipelines.known(declaration.pipeline_id).load_lineage
        history = self._declared.get(declaration.pipeline_id)
        if not history:
            return Standing(load_lineage, unchanged=False, version=None)
        last = history[-1]
        renames = self._addresses.renames_of({*last.sources, *last.targets})
        unchanged = last.digest == declaration.digest() and last.renames == renames
        return Standing(load_lineage, unchanged, last.version)

    async def replace(self, replacements: Sequence[Replacement]) -> list[Replaced | WatcherError | None]:
        return [self._replace(each.declaration, each.version, each.now) for each in replacements]

    def _replace(
        self, declaration: LineageDeclaration, version: int | None, now: datetime
    ) -> Replaced | None:
        history = self._declared.setdefault(declaration.pipeline_id, [])
        moment = max(now, history[-1].valid_from) if history else now
        if (history[-1].version if history else None) != version:
            return None
        keyed = declaration.keyed()
        changed = [key for key, each in keyed.addresses.items() if not self._addresses.unchanged(each)]
        types = {
            key: self._address_types.declared(each, now).id for key, each in keyed.types_of(changed).items()
        }
        ids = {
            key: self._addresses.placed(each, types.get(each.address_type().key(), 0), now).id
            for key, each in keyed.addresses.items()
        }
        sources, targets = [ids[key] for key in keyed.sources], [ids[key] for key in keyed.targets]
        if history:
            history[-1].valid_to = moment
        history.append(
            Declared(
                version=(version or 0) + 1,
                digest=declaration.digest(),
                sources=sorted(sources),
                targets=sorted(targets),
                renames=self._addresses.renames_of(ids.values()),
                valid_from=moment,
            )
        )
        wanted = {(source, target) for source in sources for target in targets}
        begun, ended = self._edges.replace(declaration.pipeline_id, wanted, moment)
        return Replaced(len(begun), len(ended))

    async def of_pipeline(self, pipeline_id: int, as_of: datetime | None = None) -> PipelineLineage:
        self._pipelines.known(pipeline_id)
        self._edges.check_kept(as_of)
        history = self._declared.get(pipeline_id, [])
        stood = [
            each
            for each in history
            if (each.valid_to is None if as_of is None else each.valid_from <= as_of)
            and (as_of is None or each.valid_to is None or as_of < each.valid_to)
        ]
        if not stood:
            return PipelineLineage(pipeline_id=pipeline_id, declared_at=None, sources=(), targets=())
        return PipelineLineage(
            pipeline_id=pipeline_id,
            declared_at=stood[-1].valid_from,
            sources=[self._place(each) for each in stood[-1].sources],
            targets=[self._place(each) for each in stood[-1].targets],
        )

    def _place(self, identity: int) -> Place:
        address = self._addresses.known(identity)
        kind = self._addresses.type_of(address)
        return Place(
            id=address.id,
            name=address.name,
            type=kind.name,
            group=kind.group_name,
            metadata=address.address_metadata,
        )

    async def prune(self, before: datetime, limit: int) -> int:
        kept_since = self._edges.kept_since
        self._edges.kept_since = before if kept_since is None else max(before, kept_since)
        old = [edge for edge in self._edges.owned if edge.valid_to is not None and edge.valid_to <= before][
            :limit
        ]
        self._edges.owned = [edge for edge in self._edges.owned if not any(edge is each for each in old)]
        room = limit - len(old)
        gone = 0
        for history in self._declared.values():
            ended = [each for each in history if each.valid_to is not None and each.valid_to <= before]
            for each in ended[: room - gone]:
                history.remove(each)
                gone += 1
        return len(old) + gone

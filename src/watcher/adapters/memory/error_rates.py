"""What goes wrong, counted in dictionaries."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from watcher.domain.alert_channels import Severity
from watcher.domain.alerts import Spell
from watcher.domain.error_rates import ErrorSpell, Look, Rate, Slot, Source


class MemoryErrorRates:
    """`ErrorRates` in dictionaries."""

    def __init__(self) -> None:
        self._slots: dict[tuple[datetime, str, Source], Slot] = {}
        self._spells: list[ErrorSpell] = []
        self._ids = count(1)

    async def add(self, process: str, slots: Sequence[Slot], forgotten_before: datetime) -> None:
        self._slots = {key: slot for key, slot in self._slots.items() if slot.began_at >= forgotten_before}
        for slot in slots:
            self._slots.setdefault((slot.began_at, process, slot.source), slot)

    async def looked(self, since: datetime) -> Mapping[Source, Look]:
        found = {}
        for source in Source:
            slots = [
                each for each in self._slots.values() if each.source is source and each.began_at >= since
            ]
            lasts = self._open(source) is not None
            if slots or lasts:
                rate = Rate(sum(each.total for each in slots), sum(each.failed for each in slots))
                found[source] = Look(rate, lasts)
        return found

    async def record(
        self, opened: Mapping[Source, Rate], ended: Sequence[Source], window: timedelta, now: datetime
    ) -> Sequence[ErrorSpell]:
        changed = []
        for source in ended:
            place = self._open(source)
            if place is not None:
                last = self._spells[place]
                self._spells[place] = replace(last, ended_at=max(now, last.opened_at))
                changed.append(self._spells[place])
        for source, rate in opened.items():
            if self._open(source) is None:
                spell = ErrorSpell(
                    id=next(self._ids),
                    source=source,
                    total=rate.total,
                    failed=rate.failed,
                    window_seconds=int(window.total_seconds()),
                    opened_at=now,
                )
                self._spells.append(spell)
                changed.append(spell)
        return changed

    def told(self) -> Iterator[tuple[datetime, Spell]]:
        """The spells on record, as people are told of them."""
        for spell in self._spells:
            facts = {
                "source": spell.source.value,
                "total": spell.total,
                "failed": spell.failed,
                "window_seconds": spell.window_seconds,
                "opened_at": spell.opened_at.isoformat(),
            }
            yield (
                spell.opened_at,
                Spell(
                    id=spell.id,
                    pipeline_id=None,
                    opened_at=spell.opened_at,
                    ended_at=spell.ended_at,
                    severity=Severity.CRITICAL if spell.source is Source.REQUESTS else Severity.WARNING,
                    facts=facts,
                ),
            )

    def ended_before(self, before: datetime) -> list[int]:
        return [spell.id for spell in self._spells if spell.ended_at is not None and spell.ended_at < before]

    def forget(self, identities: Collection[int]) -> None:
        self._spells = [spell for spell in self._spells if spell.id not in identities]

    def _open(self, source: Source) -> int | None:
        places = (
            place
            for place, spell in enumerate(self._spells)
            if spell.source is source and spell.ended_at is None
        )
        return next(places, None)

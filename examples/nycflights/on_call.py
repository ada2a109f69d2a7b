"""What somebody on call asks Watcher: what looks wrong, what is stale, what is late, what was told."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from examples.nycflights.answers import Alert, Incident, LateRun, StaleSpell, Verdict
from examples.nycflights.watcher_client import Filters, Watcher

PATIENCE = 60.0
PAUSE = 0.1

Row = TypeVar("Row")


class NothingToSee(Exception):
    """Watcher did not come to show what the demo is about."""


@dataclass(frozen=True, slots=True)
class OnCall:
    """Checks and judging are done after the answer, so who asks waits until it is there."""

    watcher: Watcher

    def verdicts(self, pipeline_id: int, runs: int) -> Sequence[Verdict]:
        """Those on all `runs` of a pipeline, oldest run first."""
        found = self._until(
            f"{runs} verdicts on pipeline {pipeline_id}",
            lambda: cast("list[Verdict]", self._rows("/anomaly_detection_result", pipeline_id=pipeline_id)),
            lambda verdicts: len(verdicts) >= runs,
        )
        return sorted(found, key=lambda verdict: verdict["start_date"])

    def flagged(self, pipeline_id: int) -> Sequence[Verdict]:
        """Oldest run first."""
        rows = self._rows("/anomaly_detection_result", pipeline_id=pipeline_id, flagged="true")
        return sorted(cast("list[Verdict]", rows), key=lambda verdict: verdict["start_date"])

    def incidents(self, pipeline_id: int) -> Sequence[Incident]:
        """Oldest first."""
        rows = cast("list[Incident]", self._rows("/anomaly_incident", pipeline_id=pipeline_id))
        return sorted(rows, key=lambda incident: incident["first_start"])

    def stale(self, pipeline_ids: set[int]) -> Sequence[StaleSpell]:
        """Checks now; the spells of all these pipelines."""
        self.watcher.set_off("freshness")
        return self._until(
            "stale pipelines",
            lambda: self._spells(pipeline_ids, open="true"),
            lambda spells: {spell["pipeline_id"] for spell in spells} == pipeline_ids,
        )

    def fresh_again(self, known: Sequence[StaleSpell]) -> Sequence[StaleSpell]:
        """Checks now; the same spells when they are over."""
        self.watcher.set_off("freshness")
        ids = {spell["id"] for spell in known}
        return self._until(
            "pipelines that are fresh again",
            lambda: [spell for spell in self._spells(open="false") if spell["id"] in ids],
            lambda spells: len(spells) == len(ids),
        )

    def late(self, pipeline_ids: set[int]) -> Sequence[LateRun]:
        """Checks now; the late runs of these pipelines that still run, one of each."""
        self.watcher.set_off("timeliness", lookback_minutes=60)
        return self._until(
            "late runs",
            lambda: [run for run in self._late(open="true") if run["pipeline_id"] in pipeline_ids],
            lambda runs: {run["pipeline_id"] for run in runs} == pipeline_ids,
        )

    def ended(self, known: Sequence[LateRun]) -> Sequence[LateRun]:
        """Checks now; the same runs when their rows tell their ends."""
        self.watcher.set_off("timeliness", lookback_minutes=60)
        ids = {run["id"] for run in known}
        return self._until(
            "ends of late runs",
            lambda: [run for run in self._late(open="false") if run["id"] in ids],
            lambda runs: len(runs) == len(ids),
        )

    def told(self, kind: str, spell_ids: set[int], *, ending: bool) -> Sequence[Alert]:
        """The alerts about these spells, as soon as word of all beginnings, or of all endings, has arrived."""
        return self._until(
            f"alerts of {kind}",
            lambda: [
                alert
                for alert in cast("list[Alert]", self._rows("/alert", kind=kind))
                if alert["spell_id"] in spell_ids
                and (alert["ending_delivered_at"] if ending else alert["opening_delivered_at"])
            ],
            lambda alerts: len(alerts) == len(spell_ids),
        )

    def _spells(self, pipeline_ids: set[int] | None = None, **filters: str) -> list[StaleSpell]:
        rows = cast("list[StaleSpell]", self._rows("/freshness_log", **filters))
        return [row for row in rows if pipeline_ids is None or row["pipeline_id"] in pipeline_ids]

    def _late(self, **filters: str) -> list[LateRun]:
        return cast("list[LateRun]", self._rows("/timeliness_log", **filters))

    def _rows(self, path: str, **filters: str | int) -> list[object]:
        wanted: Filters = filters
        return list(self.watcher.pages(path, wanted))

    def _until(
        self, what: str, ask: Callable[[], list[Row]], enough: Callable[[list[Row]], bool]
    ) -> list[Row]:
        deadline = time.monotonic() + PATIENCE
        while not enough(rows := ask()):
            if time.monotonic() > deadline:
                raise NothingToSee(f"Watcher shows no {what} after {PATIENCE:.0f} s, but: {rows}")
            time.sleep(PAUSE)
        return rows

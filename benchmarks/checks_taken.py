"""What is promised about watching, and what was measured of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from benchmarks.checks_ends import UNWATCHED, WATCHED, Ends
from benchmarks.checks_judging import Judged
from benchmarks.checks_passes import Checked, Passes
from benchmarks.checks_worker import WorkerTaken
from benchmarks.measure import Spread, rate
from benchmarks.promises import Promise

FRESHNESS_MS, TIMELINESS_MS, JUDGING_MS = 50.0, 20.0, 2.0
JUDGED_RATE = 500.0
ENDS_RATIO = 0.8


@dataclass(frozen=True, slots=True)
class Taken:
    """All that one run of the program measured."""

    checked: Checked
    judged: Sequence[Judged]
    worker: WorkerTaken
    ends: Ends

    def raw(self) -> dict[str, object]:
        return {
            "freshness": [asdict(each) for each in self.checked.freshness],
            "timeliness": [asdict(each) for each in self.checked.timeliness],
            "read": asdict(self.checked.read),
            "judged": [asdict(each) for each in self.judged],
            "worker": asdict(self.worker),
            "ends": {"announced": self.ends.announced, "in process": self.ends.in_process},
        }


def all_of(taken: Taken) -> list[Promise]:
    checked = taken.checked
    return [
        *_of_passes("freshness", checked.freshness, FRESHNESS_MS),
        *_of_passes("timeliness", checked.timeliness, TIMELINESS_MS),
        _most(
            "timeliness: runs read / those that can be late", checked.read.rows / checked.read.possible, 1.0
        ),
        *_of_judging(taken.judged),
        Promise("a worker: runs judged a second", _exactly(taken.worker.judged.rate), JUDGED_RATE),
        Promise(
            f"ends, c=64: rate of {WATCHED} / {UNWATCHED}, announced",
            taken.ends.announced.ratio(WATCHED, UNWATCHED, rate),
            ENDS_RATIO,
        ),
    ]


def _of_passes(what: str, passes: Sequence[Passes], bound: float) -> Iterator[Promise]:
    """The slowest of almost all is what counts, not the median."""
    promised = [each for each in passes if each.promised]
    for each in promised:
        measured = Spread(each.load.p99, each.load.p50, each.load.p99)
        yield Promise(f"{what}: p99 ms, {each.name}", measured, bound, at_most=True)
    yield _most(f"{what}: statements of a pass", max(each.statements for each in promised), 1.0)


def _of_judging(judged: Sequence[Judged]) -> Iterator[Promise]:
    for each in judged:
        yield _most(f"judging: ms for one of many, {each.name}", each.together_ms, JUDGING_MS)
    for each in judged:
        yield _most(f"judging: p50 ms of one alone, {each.name}", each.alone.p50, JUDGING_MS)


def _most(sentence: str, value: float, bound: float) -> Promise:
    return Promise(sentence, _exactly(value), bound, at_most=True)


def _exactly(value: float) -> Spread:
    return Spread(value, value, value)

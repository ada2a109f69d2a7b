"""How good a method's verdicts are: what it finds, and what it says for nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.anomaly_histories import History

LEARNED = 30
"""Runs and faults before that many prior runs count for nothing."""


@dataclass(slots=True)
class Score:
    """Counts of one method over many histories. A message is a row of runs flagged one after the other."""

    runs: int = 0
    judged: int = 0
    healthy: int = 0
    healthy_flagged: int = 0
    true_messages: int = 0
    false_messages: int = 0
    events: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    delays: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, history: History, verdicts: Sequence[bool | None]) -> None:
        runs = history.runs
        for index in range(LEARNED, len(runs)):
            self.runs += 1
            self.judged += verdicts[index] is not None
            if runs[index].event is None:
                self.healthy += 1
                self.healthy_flagged += verdicts[index] is True
        for first, last in _messages(verdicts):
            if any(runs[index].event is not None for index in range(first, last + 1)):
                self.true_messages += 1
            else:
                self.false_messages += 1
        for event in history.events:
            if event.first < LEARNED:
                continue
            self.events[event.kind] += 1
            hits = [index for index in range(event.first, event.until + 1) if verdicts[index]]
            if hits:
                self.found[event.kind] += 1
                self.delays[event.kind].append(hits[0] - event.first)

    @property
    def recall(self) -> float:
        return self.found.total() / max(1, self.events.total())

    @property
    def precision(self) -> float:
        return self.true_messages / max(1, self.true_messages + self.false_messages)

    @property
    def f1(self) -> float:
        return 2 * self.recall * self.precision / ((self.recall + self.precision) or 1.0)

    @property
    def false_per_thousand(self) -> float:
        return 1000 * self.false_messages / max(1, self.healthy)

    @property
    def coverage(self) -> float:
        return self.judged / max(1, self.runs)

    def recall_of(self, kind: str) -> float:
        return self.found[kind] / max(1, self.events[kind])

    def delay(self) -> float:
        """Runs from the first of a fault to the first flagged one, on average over the faults found."""
        all_delays = [delay for delays in self.delays.values() for delay in delays]
        return sum(all_delays) / max(1, len(all_delays))


def _messages(verdicts: Sequence[bool | None]) -> Iterator[tuple[int, int]]:
    first = None
    for index in range(LEARNED, len(verdicts)):
        if verdicts[index] and first is None:
            first = index
        elif not verdicts[index] and first is not None:
            yield first, index - 1
            first = None
    if first is not None:
        yield first, len(verdicts) - 1

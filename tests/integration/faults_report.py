"""What was done to a cluster, what came of it, and what of that is wrong."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.broker import PASSWORD
from tests.integration.cluster_of_programs import Cluster
from tests.integration.watched_load import RULES, WatchedLoad, slowest
from tests.integration.watching_record import Arrivals

LONGEST_SECONDS = 3.0
"""Of a request while Redis is away and the machine busy."""

PEACE = {200, 201, 204}


@dataclass(slots=True)
class Report:
    load: WatchedLoad
    cluster: Cluster
    outages: list[tuple[float, float]] = field(default_factory=list)
    resumed: list[float] = field(default_factory=list)
    """Seconds from the return of Redis to the next verdict."""

    unannounced: list[int] = field(default_factory=list)
    """Runs of which only the database knew that they are to be judged, when all was started again."""

    restarted_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    found_by_tick: list[datetime] = field(default_factory=list)
    """When they were judged, and a stale pipeline was found whose check had been announced in vain."""

    counts: dict[str, int] = field(default_factory=dict)
    arrivals: Arrivals = field(default_factory=Arrivals)
    wrong: dict[str, list[object]] = field(default_factory=dict)

    @property
    def statuses(self) -> Counter[int | None]:
        return Counter(each.status for each in self.load.asked)

    @property
    def refused(self) -> list[object]:
        """Requests that did not succeed, though the API was there."""
        return [
            each
            for each in self.load.asked
            if each.status not in PEACE
            and not (
                (each.status is None or (each.status == 503 and each.hinted))
                and any(
                    begin <= each.at + each.seconds and each.at <= end for begin, end in self.cluster.down
                )
            )
        ]

    @property
    def first_tick(self) -> datetime:
        """The first that a beat could send after all was started again."""
        return self.restarted_at.replace(second=0, microsecond=0) + timedelta(minutes=1)

    def problems(self) -> list[str]:
        found = [f"{what}: {len(rows)}, {rows[:5]}" for what, rows in self.wrong.items()]
        if self.refused:
            found.append(f"requests that failed: {len(self.refused)}, {self.refused[:5]}")
        if slowest(self.load.asked, *self.outages) > LONGEST_SECONDS:
            found.append("a request waited for Redis")
        if not self.unannounced or min(self.found_by_tick) < self.first_tick:
            found.append("a tick was not needed")
        if len(self.found_by_tick) != len(RULES) * len(self.unannounced) + 1:
            found.append("not all that was lost was found by a tick")
        if "Traceback" in "".join(each.log for each in self.cluster.apis):
            found.append("a traceback in a log of the API")
        if any(secret in each.log for each in self.cluster.programs for secret in (PASSWORD, "json://")):
            found.append("a secret in a log")
        found += [f"none of {what}" for what, number in self.counts.items() if number == 0]
        return found

    def lines(self) -> Iterator[str]:
        """The counts, for people."""
        counts, killed, asked = self.counts, self.cluster.killed, self.load.asked
        away = sum(any(begin <= each.at <= end for begin, end in self.outages) for each in asked)
        yield (
            f"{len(asked):,} requests, {away:,} of them while Redis was away for "
            f"{' and '.join(f'{end - begin:.0f} s' for begin, end in self.outages)}; slowest "
            f"{slowest(asked):.2f} s, without Redis {slowest(asked, *self.outages):.2f} s; "
            f"{len(self.refused)} failed, {self.statuses[None] + self.statuses[503]} while the API was killed"
        )
        yield (
            f"{killed.processes} processes killed, in the middle of {len(killed.jobs)} jobs and "
            f"{len(killed.sends)} deliveries"
        )
        yield (
            f"{counts['executions']:,} executions ended, {counts['verdicts']:,} verdicts of "
            f"{counts['to_judge']:,} due, {counts['flagged']:,} flagged; {counts['incidents']:,} incidents, "
            f"{counts['incidents_ended']:,} of them ended"
        )
        yield (
            f"{counts['stale_spells']:,} stale pipelines, {counts['late_runs']:,} late runs, "
            f"{counts['alerts']:,} alerts of {counts['spells']:,} due"
        )
        yield (
            f"{counts['messages']:,} messages in {counts['deliveries']:,} deliveries, "
            f"{self.arrivals.times.total():,} arrived, {self.arrivals.repeats} of them a second time"
        )
        yield (
            f"{len(self.unannounced)} runs lost with Redis were judged by the next tick, "
            f"{(max(self.found_by_tick) - self.first_tick).total_seconds():.1f} s after it; judging went on "
            f"{', '.join(f'{each:.1f} s' for each in self.resumed)} after Redis came back"
        )

"""The demo: days of flights with a gap and a damaged file on the way, and what Watcher notices about them."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path

from rich.console import Console

from examples.nycflights import dataset, etl, report, warehouse
from examples.nycflights.landing import Landing
from examples.nycflights.on_call import OnCall
from examples.nycflights.receiver import receiving
from examples.nycflights.server import own_watcher
from examples.nycflights.story_clock import StoryClock
from examples.nycflights.watcher_client import connected
from examples.nycflights.watching import Watching, registered


def run_demo(console: Console, *, days: int | None, watcher_url: str | None, api_key: str | None) -> int:
    """Answers with the exit status: 0 when every day, the repaired ones too, arrived in the end."""
    with ExitStack() as stack:
        # The Watcher's own files outlive it by a moment; what is still being removed is no error.
        scratch = tempfile.TemporaryDirectory(prefix="nycflights-", ignore_cleanup_errors=True)
        home = Path(stack.enter_context(scratch))
        home.chmod(0o755)
        console.print("Fetching the data set (once; then it is in the cache)")
        flights = dataset.Flights.read(dataset.fetch())
        receiver = None
        if watcher_url is None:
            console.print("Starting a Watcher, and somebody whom it tells what it notices")
            receiver = stack.enter_context(receiving())
            watcher_url = stack.enter_context(own_watcher(home, receiver.settings))
        console.print(f"Watcher at {watcher_url}", highlight=False)
        clock = StoryClock()
        watcher = stack.enter_context(connected(watcher_url, api_key, clock))
        if any(row["name"] == etl.DAY.name for row in watcher.pipelines()):
            console.print(f"The demo begins in January: give it a Watcher that does not know {etl.DAY.name}.")
            return 1
        target = stack.enter_context(warehouse.opened(home / "work" / "flights.duckdb"))
        daily = etl.DailyEtl(watcher, Landing(home / "landing"), target, home / "work")
        story = Watching(console, OnCall(watcher), clock, receiver)
        complete = _tell(console, story, daily, flights, sorted(flights.days)[:days])
        report.print_report(console, watcher)
        report.print_worst_carriers(console, target)
    return 0 if complete else 1


def _tell(
    console: Console, story: Watching, daily: etl.DailyEtl, flights: dataset.Flights, days: Sequence[date]
) -> bool:
    """All days but the last are replayed with their own dates; the last one is loaded now, and too late."""
    *replayed, held_back = days
    console.print(
        f"\n[bold]{replayed[0]} to {replayed[-1]}[/bold], each day loaded in its evening", highlight=False
    )
    with daily.watcher.muted(registered(daily.watcher)):
        if not _run_with_mishaps(console, story.clock, daily, flights, replayed):
            return False
    story.anomalies()
    spells = story.stale(replayed[-1])
    outcome = story.late(daily, flights)
    story.fresh_again(spells)
    console.print()
    return isinstance(outcome, etl.DayLoaded) and outcome.day == held_back


def _run_with_mishaps(
    console: Console,
    clock: StoryClock,
    daily: etl.DailyEtl,
    flights: dataset.Flights,
    wanted: Sequence[date],
) -> bool:
    """Upstream forgets one day, and another arrives cut short; each is repaired when it has failed."""
    third = len(wanted) // 3
    missing, damaged = wanted[third], wanted[max(third + 1, len(wanted) // 2)]
    for day in wanted:
        if day != missing:
            daily.landing.land(day, _cut_short(flights.csv(day)) if day == damaged else flights.csv(day))
    to_repair = {missing, damaged}
    clock.set_to_evening(wanted[0])
    while True:
        last = report.narrate(console, clock.followed(daily.run(first=wanted[0])), len(wanted))
        if isinstance(last, etl.DayLoaded):
            return last.day == wanted[-1]
        if last is None or last.day not in to_repair:
            return False
        to_repair.remove(last.day)
        daily.landing.land(last.day, flights.csv(last.day))
        console.print(
            f"[green]repaired[/green] {last.day} upstream; again, from the watermark", highlight=False
        )


def _cut_short(content: bytes) -> bytes:
    """Cut within a line, as a transfer that broke off would leave it."""
    return content[: content.rindex(b",", 0, len(content) // 2)]

"""The demo: some days of flights with a gap and a damaged file on the way, repaired as one would."""

import tempfile
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console

from examples.nycflights import dataset, etl, report, warehouse
from examples.nycflights.landing import Landing
from examples.nycflights.server import own_watcher
from examples.nycflights.watcher_client import Watcher, connected


def run_demo(console: Console, *, days: int | None, watcher_url: str | None, api_key: str | None) -> int:
    """Answers with the exit status: 0 when every day, the repaired ones too, arrived in the end."""
    with ExitStack() as stack:
        # The Watcher's own files outlive it by a moment; what is still being removed is no error.
        scratch = tempfile.TemporaryDirectory(prefix="nycflights-", ignore_cleanup_errors=True)
        home = Path(stack.enter_context(scratch))
        home.chmod(0o755)
        console.print("Fetching the data set (once; then it is in the cache)")
        flights = dataset.Flights.read(dataset.fetch())
        if watcher_url is None:
            console.print("Starting a Watcher")
            watcher_url = stack.enter_context(own_watcher(home))
        console.print(f"Watcher at {watcher_url}", highlight=False)
        watcher = stack.enter_context(connected(watcher_url, api_key))
        target = stack.enter_context(warehouse.opened(home / "work" / "flights.duckdb"))
        wanted = _days_ahead(watcher, flights, days)
        if len(wanted) < 2:
            console.print("The watermark leaves no two days for the demo: give it an empty Watcher.")
            return 1
        landing = Landing(home / "landing")
        daily = etl.DailyEtl(watcher, landing, target, home / "work")
        complete = _run_with_mishaps(console, daily, flights, wanted)
        report.print_report(console, watcher)
        report.print_worst_carriers(console, target)
    return 0 if complete else 1


def _days_ahead(watcher: Watcher, flights: dataset.Flights, days: int | None) -> list[date]:
    """The days of the data set which this Watcher has not recorded yet, `days` of them at most."""
    known = [row["watermark"] for row in watcher.pipelines() if row["name"] == etl.DAY.name]
    watermark = known[0] if known else None
    first = date.fromisoformat(watermark) + timedelta(days=1) if watermark else etl.FIRST_DAY
    ahead = [day for day in sorted(flights.days) if day >= first]
    return ahead if days is None else ahead[:days]


def _run_with_mishaps(
    console: Console, daily: etl.DailyEtl, flights: dataset.Flights, wanted: list[date]
) -> bool:
    """Upstream forgets one day, and another arrives cut short; each is repaired when it has failed."""
    third = len(wanted) // 3
    missing, damaged = wanted[third], wanted[max(third + 1, 2 * len(wanted) // 3)]
    for day in wanted:
        if day != missing:
            daily.landing.land(day, _cut_short(flights.csv(day)) if day == damaged else flights.csv(day))
    to_repair = {missing, damaged}
    while True:
        last = report.narrate(console, daily.run(first=wanted[0]), len(wanted))
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

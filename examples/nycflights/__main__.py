"""`python -m examples.nycflights run | report | demo`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from examples.nycflights import dataset, etl, report, warehouse
from examples.nycflights.demo import run_demo
from examples.nycflights.landing import Landing
from examples.nycflights.on_call import NothingToSee
from examples.nycflights.server import WatcherNotStarted
from examples.nycflights.watcher_client import WatcherError, connected

EXPECTED = (dataset.DatasetUnavailable, etl.PipelineInactive, NothingToSee, WatcherError, WatcherNotStarted)
DUCKDB_FILE = "flights.duckdb"


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    console = Console()
    commands = {"run": _run, "report": _report, "demo": _demo}
    try:
        return commands[given.command](console, given)
    except EXPECTED as error:
        console.print(f"[red]{escape(str(error))}[/red]", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted")
        return 130


def _run(console: Console, given: argparse.Namespace) -> int:
    workdir: Path = given.workdir
    landing = (
        Landing(given.source)
        if given.source
        else Landing(workdir / "landing", dataset.Flights.read(dataset.fetch()))
    )
    with (
        connected(given.watcher, given.api_key) as watcher,
        warehouse.opened(workdir / DUCKDB_FILE) as target,
    ):
        outcomes = etl.DailyEtl(watcher, landing, target, workdir).run(first=given.first, days=given.days)
        last = report.narrate(console, outcomes, given.days)
    if last is None:
        console.print("Nothing to do: the watermark is at the newest day of the source.")
    return 1 if isinstance(last, etl.DayFailed) else 0


def _report(console: Console, given: argparse.Namespace) -> int:
    with connected(given.watcher, given.api_key) as watcher:
        report.print_report(console, watcher)
    if given.workdir:
        with warehouse.opened(given.workdir / DUCKDB_FILE) as target:
            report.print_worst_carriers(console, target)
    return 0


def _demo(console: Console, given: argparse.Namespace) -> int:
    days = None if given.all else given.days
    return run_demo(console, days=days, watcher_url=given.watcher, api_key=given.api_key)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.nycflights", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    key = argparse.ArgumentParser(add_help=False)
    key.add_argument("--api-key", help="sent as a bearer token, for a Watcher with authentication")

    run = commands.add_parser("run", parents=[key], help="load the days after Watcher's watermark")
    run.add_argument("--watcher", required=True, metavar="URL")
    run.add_argument("--workdir", required=True, type=Path, metavar="DIR")
    run.add_argument(
        "--source", type=Path, metavar="DIR", help="landing directory; nothing is delivered to it"
    )
    run.add_argument("--from", dest="first", type=date.fromisoformat, default=etl.FIRST_DAY, metavar="DAY")
    run.add_argument("--days", type=_positive, metavar="N", help="default: up to the source's newest day")

    read = commands.add_parser("report", parents=[key], help="print what Watcher knows")
    read.add_argument("--watcher", required=True, metavar="URL")
    read.add_argument("--workdir", type=Path, metavar="DIR", help="also print the mart's worst carriers")

    demo = commands.add_parser("demo", parents=[key], help="two months, with what Watcher notices about them")
    demo.add_argument("--watcher", metavar="URL", help="default: start one for the demo")
    length = demo.add_mutually_exclusive_group()
    length.add_argument("--days", type=_three_or_more, default=59, metavar="N", help="at least 3; default 59")
    length.add_argument("--all", action="store_true", help="the whole year")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a positive number")
    return number


def _three_or_more(text: str) -> int:
    number = _positive(text)
    if number < 3:
        raise argparse.ArgumentTypeError(f"{number} days are too few for the demo")
    return number


if __name__ == "__main__":
    # Ended by SIGTERM, the demo must still stop the Watcher it started.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    sys.exit(main())

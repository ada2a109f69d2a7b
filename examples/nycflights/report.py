"""What Watcher knows about the flights, as tables. All but the mart is read back over HTTP."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.tree import Tree

from examples.nycflights.answers import ExecutionRow, ExecutionTree, Level, PipelineRow, Writer
from examples.nycflights.etl import DAY, LANDING, PIPELINES, DayFailed, DayLoaded
from examples.nycflights.warehouse import Warehouse
from examples.nycflights.watcher_client import Watcher

LINES_AT_MOST = 31
STATES = ("succeeded", "failed", "running")


def narrate(
    console: Console, outcomes: Iterator[DayLoaded | DayFailed], days: int | None
) -> DayLoaded | DayFailed | None:
    """Follow a run: a line per day for up to a month, one moving line beyond; answers with the last day."""
    if days is not None and days <= LINES_AT_MOST:
        last = None
        for last in outcomes:
            console.print(_line(last), highlight=False, soft_wrap=True)
        return last
    return _narrate_many(console, outcomes)


def _narrate_many(
    console: Console, outcomes: Iterator[DayLoaded | DayFailed]
) -> DayLoaded | DayFailed | None:
    last, loaded, rows = None, 0, 0
    columns = (SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("waiting for the first day", total=None)
        for last in outcomes:
            if isinstance(last, DayLoaded):
                loaded, rows = loaded + 1, rows + (last.load.total_rows or 0)
                progress.update(task, description=f"{last.day}  {loaded:,} days  {rows:,} rows")
            else:
                console.print(_line(last), highlight=False, soft_wrap=True)
        progress.update(task, total=1, completed=1)
    return last


def _line(outcome: DayLoaded | DayFailed) -> str:
    if isinstance(outcome, DayFailed):
        return f"{outcome.day}  [red]failed[/red] in {outcome.step}: {escape(outcome.reason)}"
    load, mart = outcome.load, outcome.mart
    return (
        f"{outcome.day}  {load.total_rows:>5,} rows  {load.inserts:>5,} inserted  {load.updates:>5,} updated"
        f"  {mart.total_rows:>5,} flown  {outcome.seconds:.2f} s"
    )


def print_report(console: Console, watcher: Watcher) -> None:
    ours = {pipeline.name: place for place, pipeline in enumerate(PIPELINES)}
    rows = [row for row in watcher.pipelines() if row["name"] in ours]
    rows.sort(key=lambda row: ours[row["name"]])
    if not rows:
        console.print("Watcher knows none of these pipelines yet: run the ETL first.")
        return
    states = {(row["id"], state): watcher.executions(row["id"], state) for row in rows for state in STATES}
    counts = {key: len(executions) for key, executions in states.items()}
    names = {row["id"]: row["name"] for row in rows}
    console.print(_pipelines(rows), _execution_counts(rows, counts))
    day_id = next(row["id"] for row in rows if row["name"] == DAY.name)
    if newest := watcher.newest_execution(day_id):
        console.print(_execution_tree(newest, names))
    console.print(_failures(states[day_id, "failed"]))
    console.print(_impact(watcher.impact(LANDING)))


def print_worst_carriers(console: Console, warehouse: Warehouse) -> None:
    table = Table("carrier", title="Worst carriers, by mean departure delay", title_justify="left")
    for heading in ("flights", "cancelled", "mean delay, min", "over 15 min"):
        table.add_column(heading, justify="right")
    for row in warehouse.worst_carriers(5):
        table.add_row(
            row.carrier,
            f"{row.flights:,}",
            f"{row.cancelled:,}",
            f"{row.mean_departure_delay:.1f}",
            f"{row.share_delayed:.1%}",
        )
    console.print(table)


def _pipelines(rows: Sequence[PipelineRow]) -> Table:
    table = Table(title="Pipelines", title_justify="left")
    table.add_column("pipeline", no_wrap=True)
    for heading in ("watermark", "last insert", "last update", "last soft delete"):
        table.add_column(heading)
    for row in rows:
        last = (row["last_target_insert"], row["last_target_update"], row["last_target_soft_delete"])
        table.add_row(row["name"], row["watermark"] or "-", *map(_moment, last))
    return table


def _execution_counts(rows: Sequence[PipelineRow], counts: dict[tuple[int, str], int]) -> Table:
    table = Table("pipeline", title="Executions by state", title_justify="left")
    for state in STATES:
        table.add_column(state, justify="right")
    for row in rows:
        table.add_row(row["name"], *(f"{counts[row['id'], state]:,}" for state in STATES))
    return table


def _execution_tree(root: ExecutionTree, names: dict[int, str]) -> Tree:
    def grow(branch: Tree, execution: ExecutionTree) -> Tree:
        for child in execution["child_executions"]:
            grow(branch.add(_described(child, names)), child)
        return branch

    day = root["next_watermark"]
    return grow(Tree(f"The last day's execution, {day}\n{_described(root, names)}", highlight=False), root)


def _described(execution: ExecutionRow, names: dict[int, str]) -> str:
    counts = " ".join(
        f"{label}={count:,}"
        for label, count in (
            ("rows", execution["total_rows"]),
            ("inserts", execution["inserts"]),
            ("updates", execution["updates"]),
        )
        if count is not None
    )
    name = names.get(execution["pipeline_id"], f"pipeline {execution['pipeline_id']}")
    return f"#{execution['id']} {name}: {_state(execution)} {counts}".rstrip()


def _state(execution: ExecutionRow) -> str:
    if execution["end_date"] is None:
        return "running"
    return "succeeded" if execution["completed_successfully"] else "failed"


def _failures(executions: Sequence[ExecutionRow]) -> Table:
    table = Table("day", "execution", "reason", title="Failed days, newest first", title_justify="left")
    for execution in executions:
        reason = (execution["execution_metadata"] or {}).get("error", "-")
        table.add_row(execution["next_watermark"] or "-", f"#{execution['id']}", escape(str(reason)))
    return table


def _impact(levels: Sequence[Level]) -> Table:
    table = Table(title=f"What breaks downstream of {LANDING.name}", title_justify="left")
    table.add_column("steps", justify="right")
    table.add_column("address", no_wrap=True)
    table.add_column("written by", no_wrap=True)
    table.add_column("last run")
    for level in levels:
        for address in level["addresses"]:
            writers = address["pipelines"]
            table.add_row(
                str(level["depth"]),
                address["name"],
                "\n".join(writer["name"] for writer in writers),
                "\n".join(_last_run(writer) for writer in writers),
            )
    return table


def _last_run(writer: Writer) -> str:
    run = writer["last_run"]
    return "-" if run is None else f"{run['state']} {_moment(run['end_date'] or run['start_date'])}"


def _moment(instant: str | None) -> str:
    return "-" if instant is None else datetime.fromisoformat(instant).strftime("%Y-%m-%d %H:%M:%S")

"""What Watcher notices about the flights: a blizzard, pipelines that went stale, a run that is late."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from examples.nycflights import etl
from examples.nycflights.answers import Incident, LateRun, StaleSpell, Verdict
from examples.nycflights.dataset import Flights
from examples.nycflights.landing import Landing
from examples.nycflights.on_call import OnCall
from examples.nycflights.receiver import Receiver
from examples.nycflights.story_clock import StoryClock
from examples.nycflights.watcher_client import AnomalyRule, Pipeline, RegisteredPipeline, Watcher

RULE = AnomalyRule("total_rows", lookback_days=60, minimum_executions=14)
WATCHED = {etl.LOAD: "flights in the day's file", etl.DELAY_MART: "flights that were flown"}
"""The pipelines with a rule, and what their `total_rows` are."""
WRITING = (etl.DAY, etl.LOAD, etl.DELAY_MART)
WAITING = (etl.DAY, etl.EXTRACT)
HUNG_FOR = timedelta(minutes=25)


@dataclass(frozen=True, slots=True)
class AwaitedLanding(Landing):
    """A directory in which the file is waited for; `meanwhile` is what happens until it is there."""

    meanwhile: Callable[[date], None] = lambda _day: None

    def file(self, day: date) -> Path:
        self.meanwhile(day)
        # Not super(): a dataclass with slots is another class than the one which it names.
        return Landing.file(self, day)


def registered(watcher: Watcher) -> list[RegisteredPipeline]:
    """The pipelines, declared before their first run, with the rules by which their runs are judged."""
    known = {pipeline: watcher.register(pipeline) for pipeline in etl.PIPELINES}
    for pipeline in WATCHED:
        watcher.watch(known[pipeline], RULE)
    return list(known.values())


@dataclass(frozen=True, slots=True)
class Watching:
    """The acts of the demo. Without a receiver, the Watcher is not ours, and whom it tells is not known here."""

    console: Console
    on_call: OnCall
    clock: StoryClock
    receiver: Receiver | None

    def anomalies(self) -> None:
        """What looked wrong in the days replayed, and when it looked right again."""
        self._heading(
            "What looked wrong", "GET /anomaly_detection_result?flagged=true, GET /anomaly_incident"
        )
        for pipeline, meaning in WATCHED.items():
            [pipeline_id] = self._ids(pipeline)
            runs = len(self.on_call.watcher.executions(pipeline_id, "succeeded"))
            verdicts = self.on_call.verdicts(pipeline_id, runs)
            flagged = self.on_call.flagged(pipeline_id)
            learning = sum(verdict["standing"] == "learning" for verdict in verdicts)
            self._say(
                f"{pipeline.name}: {runs} runs, {learning} of them to learn from, {len(flagged)} flagged. "
                f"Its rows are the {meaning}."
            )
            for verdict in flagged:
                self._say(
                    f"  [red]flagged[/red]    {_day(verdict['start_date'])}  {escape(verdict['sentence'])}"
                )
            for incident in self.on_call.incidents(pipeline_id):
                self._incident(incident, verdicts)
        self._messages()

    def stale(self, newest: date) -> Sequence[StaleSpell]:
        """Nothing has been loaded since the last day replayed, by its own date."""
        self._heading("Nobody loads any more", "POST /freshness, GET /freshness_log")
        self._say(f"The last load is of {newest}, and each target is to change daily.")
        spells = self.on_call.stale(set(self._ids(*WRITING)))
        for spell in spells:
            last, due = spell["last_change"], spell["due_at"]
            self._say(
                f"  [red]stale[/red]      {spell['pipeline_name']:<21}  last change "
                f"{'never' if last is None else _minute(last)}, due by {_minute(due)}"
            )
        self._arrived("freshness", {spell["id"] for spell in spells}, ending=False)
        return spells

    def late(self, daily: etl.DailyEtl, flights: Flights) -> etl.DayLoaded | etl.DayFailed:
        """One more day, whose file does not come for long; then it does."""
        self._heading("The next run waits for its file", "POST /timeliness, GET /timeliness_log")
        found: list[LateRun] = []

        def meanwhile(day: date) -> None:
            self.clock.set_to_present()
            found.extend(self._found_late())
            daily.landing.land(day, flights.csv(day))

        self._say(
            f"Its start is dated {HUNG_FOR.seconds // 60} minutes back, so that nobody has to wait that long."
        )
        self.clock.set_back(HUNG_FOR)
        landing = AwaitedLanding(daily.landing.directory, daily.landing.upstream, meanwhile)
        [outcome] = replace(daily, landing=landing).run(days=1)
        self._say(f"The file of {outcome.day} came, and the run went on.")
        runs = self.on_call.ended(found)
        for run in runs:
            end = "succeeded" if run["completed_successfully"] else "failed"
            self._say(
                f"  [green]ended[/green]      {run['pipeline_name']:<21}  #{run['pipeline_execution_id']} {end} "
                f"{_minute(run['end_date'] or '-')}"
            )
        self._arrived("timeliness", {run["id"] for run in runs}, ending=True)
        return outcome

    def fresh_again(self, known: Sequence[StaleSpell]) -> None:
        self._heading("And the targets are fresh again", "POST /freshness, GET /freshness_log")
        spells = self.on_call.fresh_again(known)
        for spell in spells:
            self._say(
                f"  [green]{spell['ending']}[/green]  {spell['pipeline_name']:<21}  stale from "
                f"{_second(spell['detected_at'])} to {_second(spell['ended_at'] or '-')}, as the checks saw it"
            )
        self._arrived("freshness", {spell["id"] for spell in spells}, ending=True)

    def _found_late(self) -> Sequence[LateRun]:
        runs = self.on_call.late(set(self._ids(*WAITING)))
        for run in runs:
            self._say(
                f"  [red]late[/red]       {run['pipeline_name']:<21}  #{run['pipeline_execution_id']} runs since "
                f"{_minute(run['start_date'])}, was to end by {_minute(run['due_at'])}"
            )
        self._arrived("timeliness", {run["id"] for run in runs}, ending=False)
        return runs

    def _incident(self, incident: Incident, verdicts: Sequence[Verdict]) -> None:
        """An incident ends with the first normal run after its last flagged one."""
        first, last = _day(incident["first_start"]), _day(incident["last_start"])
        days = f"{first}" if first == last else f"{first} to {last}"
        if incident["ended_at"] is None:
            self._say(f"  [red]lasts[/red]      {days}, {incident['runs']} runs")
            return
        after = [
            verdict
            for verdict in verdicts
            if verdict["start_date"] > incident["last_start"] and verdict["standing"] == "normal"
        ]
        by = f", by {_day(after[0]['start_date'])}: {escape(after[0]['sentence'])}" if after else ""
        self._say(f"  [green]{incident['ending']}[/green]  {days}{by}")

    def _ids(self, *pipelines: Pipeline) -> list[int]:
        known = {row["name"]: row["id"] for row in self.on_call.watcher.pipelines()}
        return [known[pipeline.name] for pipeline in pipelines]

    def _arrived(self, kind: str, spell_ids: set[int], *, ending: bool) -> None:
        if self.receiver is not None:
            self.on_call.told(kind, spell_ids, ending=ending)
            self._messages()

    def _messages(self) -> None:
        for message in self.receiver.new_messages() if self.receiver else ():
            self._say(f"  [yellow]told[/yellow]       {escape(message['title'])}")
            for line in message["message"].splitlines():
                if line.startswith(("- ", "and ")):
                    self._say(f"             {escape(line)}")

    def _heading(self, title: str, requests: str) -> None:
        self.console.print()
        self.console.print(
            f"[bold]{title}[/bold]  [dim]{escape(requests)}[/dim]", highlight=False, soft_wrap=True
        )

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)


def _day(instant: str) -> str:
    return datetime.fromisoformat(instant).strftime("%a %Y-%m-%d")


def _minute(instant: str) -> str:
    return datetime.fromisoformat(instant).strftime("%Y-%m-%d %H:%M")


def _second(instant: str) -> str:
    return datetime.fromisoformat(instant).strftime("%H:%M:%S")

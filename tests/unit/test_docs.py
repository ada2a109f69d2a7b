"""What the documents name is there: files, sections, settings, commands, targets, routes and metrics."""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import typer.main
from pydantic import SecretStr

from watcher.container import Container
from watcher.domain.anomaly import AnomalyRule, MetricField, Observation
from watcher.domain.anomaly_judge import judge
from watcher.domain.anomaly_sample import sampled
from watcher.entrypoints.cli import app
from watcher.entrypoints.http.app import create_app
from watcher.settings import MEMORY, Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for part in ("docs", "benchmarks", "examples") for page in (ROOT / part).rglob("*.md")),
    ]
)
OF_TESTS = {"TEST_DATABASE_URL", "WRITE_SCHEMA"}
"""Variables that only tests read."""

IN_WORDS = {"SCHEDULE", "OIDC"}
"""What stands before `_<JOB>` or `_...`."""

PROGRAM: Any = typer.main.get_command(app)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"^(?:(?:.* -- |\S*/)?watcher|docker compose run --rm \w+) ([a-z].*)$", re.MULTILINE)
SPOKEN = re.compile(r"`((?:GET|POST|PATCH|DELETE) /[^`]*)`")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


every_page = pytest.mark.parametrize("page", PAGES, ids=named)


@cache
def sections(page: Path) -> frozenset[str]:
    """The anchors of a page, as GitHub makes them from its headings."""
    headings = HEADING.findall(FENCE.sub("", page.read_text()))
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return frozenset(re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain)


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        parts = urlsplit(target)
        if parts.scheme:
            assert parts.scheme in {"http", "https"}, target
            continue
        there = page if not parts.path else (page.parent / unquote(parts.path)).resolve()
        assert there.exists(), f"{target}: there is no such file"
        assert there.is_relative_to(ROOT), target
        if parts.fragment:
            assert parts.fragment in sections(there), f"{target}: there is no such section"


@every_page
def test_every_variable_is_a_setting(page: Path) -> None:
    variables = re.findall(r"\bWATCHER_([A-Z_]*[A-Z])", page.read_text())
    assert {name for name in variables if name.lower() not in Settings.model_fields} <= OF_TESTS | IN_WORDS


def commands(page: Path) -> Iterator[list[str]]:
    """What follows `watcher` in code: in blocks a line, in text between backquotes."""
    text = page.read_text()
    blocks = "".join(block[0] for block in FENCE.finditer(text)).replace("\\\n", " ")
    lines = [line.partition("#")[0].strip().removeprefix("$ ") for line in blocks.splitlines()]
    found = COMMAND.findall("\n".join(lines))
    found += [
        code.removeprefix("watcher ")
        for code in CODE.findall(FENCE.sub("", text))
        if code.startswith("watcher ")
    ]
    for words in found:
        # Alternatives are told as `a | b`.
        yield from (_with_beginning(words, each) for each in words.split(" | "))


def _with_beginning(words: str, alternative: str) -> list[str]:
    first = shlex.split(words.split(" | ", maxsplit=1)[0], posix=True)
    if words.startswith(alternative):
        return first
    return [*first[:-1], *shlex.split(alternative)]


@every_page
def test_every_command_is_one_with_these_options(page: Path) -> None:
    for words in commands(page):
        command, rest = PROGRAM, list(words)
        while rest and hasattr(command, "commands"):
            if rest[0].startswith("-"):
                break
            assert rest[0] in command.commands, f"watcher {' '.join(words)}"
            command = command.commands[rest.pop(0)]
        options = {name for each in command.params for name in each.opts} | {"--help"}
        for word in rest:
            if word.startswith("--"):
                assert word.partition("=")[0].rstrip(",") in options, f"watcher {' '.join(words)}"


def test_commands_are_found_in_the_pages() -> None:
    """So that the test above cannot pass for want of any."""
    found = {tuple(words[:2]) for page in PAGES for words in commands(page)}
    assert {("key", "create"), ("lineage", "rebuild"), ("worker", "--ping"), ("api", "--workers")} <= found
    assert {words[0] for words in found} >= set(PROGRAM.commands)


@every_page
def test_every_target_of_make_is_one(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text()
    told = set(re.findall(r"`make ([a-z-]+)", text)) | set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE))
    assert told <= targets


@cache
def description() -> dict[str, Any]:
    settings = Settings(database_url=SecretStr(MEMORY), metrics=True)
    paths: dict[str, Any] = create_app(Container(settings=settings)).openapi()["paths"]
    return paths


@every_page
def test_every_route_is_one_with_these_parameters(page: Path) -> None:
    for route in SPOKEN.findall(page.read_text()):
        method, _, target = route.partition(" ")
        parts = urlsplit(target)
        if "%" in parts.path or parts.path in {"/x", "/..."}:  # what is not there, on purpose
            continue
        assert parts.path in description(), route
        operation = description()[parts.path].get(method.lower())
        assert operation is not None, route
        known = {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
        assert {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)} <= known, route


def test_every_metric_is_told_of_and_no_other() -> None:
    source = "".join(file.read_text() for file in (ROOT / "src/watcher/adapters/prometheus").glob("*.py"))
    counters = set(re.findall(r"Counter\(\s*\"(watcher_\w+)\"", source))
    made = {
        f"{name}_total" if name in counters else name for name in re.findall(r"\"(watcher_\w+)\"", source)
    }
    page = (ROOT / "docs" / "operating.md").read_text()
    assert set(re.findall(r"`(watcher_\w+)`", page)) == made
    assert len(made) > 10


def test_every_metric_of_telemetry_is_told_of() -> None:
    source = (ROOT / "src/watcher/telemetry/metrics.py").read_text()
    made = set(re.findall(r"create_\w+\(\s*\"([\w.]+)\"", source))
    page = (ROOT / "docs" / "telemetry.md").read_text()
    assert {name for name in made if f"`{name}`" not in page} == set()
    assert "watcher.job.duration" in made


def test_a_gap_widens_the_band_as_the_page_says() -> None:
    """By `owed = gap / usual gap`, of a daily pipeline."""
    rule = AnomalyRule(pipeline_id=1, metric_field=MetricField.TOTAL_ROWS, minimum_executions=10)
    first = datetime(2026, 11, 1, 6, tzinfo=UTC)
    runs = [Observation(first + timedelta(days=day), 1_000 + day * 37 % 80) for day in range(20)]

    def band(days_without: int) -> tuple[int, int, int]:
        begun = runs[-1].start_date + timedelta(days=1 + days_without)
        verdict = judge(rule, begun, 1_040, sampled(runs, begun, rule))
        assert verdict.low is not None
        assert verdict.expected is not None
        assert verdict.high is not None
        return round(verdict.low), round(verdict.expected), round(verdict.high)

    low, expected, high = band(0)
    page = " ".join((ROOT / "docs" / "anomalies.md").read_text().split())
    assert (
        f"expected to bring {expected:,} rows, from {low:,} to {high:,}, may bring up to {band(1)[2]:,} after a day "
        f"without a run, and {band(4)[2]:,} after four." in page
    )
    assert band(4)[:2] == (low, expected)

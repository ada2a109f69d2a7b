"""The demo of the flights example: what Watcher notices about the days of 2013, and what it shows of that."""

import re
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from examples.nycflights import etl
from examples.nycflights.__main__ import main
from examples.nycflights.watcher_client import connected
from tests.integration.flights import Site, source_rows

ROOT = Path(__file__).parents[2]
BLIZZARD = (date(2013, 2, 8), date(2013, 2, 9))
READMES = (ROOT / "README.md", ROOT / "examples" / "nycflights" / "README.md")
"""Both quote what the demo prints."""


def rows(site: Site, path: str, **filters: int | str) -> list[dict[str, Any]]:
    """Oldest first."""
    return list(reversed(site.get(path, **filters).json()))


def ids(site: Site) -> dict[str, int]:
    return {name: pipeline_id for pipeline_id, name in site.names().items()}


def told(printed: str) -> Iterator[str]:
    yield from re.findall(r"^  told +(.+)$", printed, re.MULTILINE)


def test_the_demo_repairs_what_it_broke(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--watcher", site.url, "--days", "4"]) == 0

    assert capsys.readouterr().out.count("repaired") == 2
    assert [tree["completed_successfully"] for tree in site.trees()] == [True, False, True, False, True, True]
    assert [tree["start_date"][:13] for tree in site.trees()[:-1]] == [
        "2013-01-01T23",
        "2013-01-02T23",
        "2013-01-02T23",
        "2013-01-03T23",
        "2013-01-03T23",
    ]
    assert site.watermark() == "2013-01-04"


def test_the_blizzard_of_february_2013_is_flagged_and_over_with_the_next_normal_day(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--watcher", site.url]) == 0

    printed = capsys.readouterr().out
    flagged = rows(site, "/anomaly_detection_result", flagged="true")
    flown = [sum(row["dep_time"] != "NA" for row in source_rows(site.flights, [day])) for day in BLIZZARD]
    assert [(row["pipeline_id"], row["start_date"][:10], row["value"]) for row in flagged] == [
        (ids(site)[etl.DELAY_MART.name], str(day), count) for day, count in zip(BLIZZARD, flown, strict=True)
    ]
    assert all(row["value"] < row["low"] for row in flagged)
    for row, day in zip(flagged, ("Fri", "Sat"), strict=True):
        assert f"flagged    {day} {row['start_date'][:10]}  {row['sentence']}\n" in printed
    [incident] = rows(site, "/anomaly_incident")
    assert (incident["first_execution_id"], incident["last_execution_id"]) == tuple(
        row["pipeline_execution_id"] for row in flagged
    )
    assert (incident["runs"], incident["ending"]) == (2, "recovered")
    [recovered] = re.findall(r"^  (recovered  Fri .*)$", printed, re.MULTILINE)
    assert recovered.startswith("recovered  Fri 2013-02-08 to Sat 2013-02-09, by Sun 2013-02-10: 803 rows")
    for line in (recovered, *re.findall(r"^  (flagged .*)$", printed, re.MULTILINE)):
        assert all(line in readme.read_text() for readme in READMES)


def test_the_demo_shows_stale_targets_and_a_late_run_and_that_both_are_over(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--watcher", site.url, "--days", "4"]) == 0

    printed = capsys.readouterr().out
    spells = rows(site, "/freshness_log")
    writing = [etl.DAY.name, etl.LOAD.name, etl.DELAY_MART.name]
    assert sorted(spell["pipeline_name"] for spell in spells) == sorted(writing)
    for spell in spells:
        assert spell["last_change"].startswith("2013-01-03T23:")
        assert spell["ending"] == "recovered"
        assert re.search(rf"stale +{spell['pipeline_name']} +last change 2013-01-03 23:", printed)
        assert re.search(rf"recovered +{spell['pipeline_name']} ", printed)
    runs = rows(site, "/timeliness_log")
    assert sorted(run["pipeline_name"] for run in runs) == sorted([etl.DAY.name, etl.EXTRACT.name])
    for run in runs:
        assert run["due_at"] < run["detected_at"] < run["end_date"]
        assert run["completed_successfully"]
        numbered = rf"{run['pipeline_name']} +#{run['pipeline_execution_id']}"
        assert re.search(rf"late +{numbered} runs since", printed)
        assert re.search(rf"ended +{numbered} succeeded", printed)
    assert site.trees()[-1]["id"] in {run["pipeline_execution_id"] for run in runs}


def mutes(site: Site) -> list[tuple[bool, bool]]:
    listed = site.get("/pipeline").json()
    return [(row["mute_freshness_check"], row["mute_timeliness_check"]) for row in listed]


def test_days_are_replayed_while_their_pipelines_are_muted(site: Site) -> None:
    seen: list[tuple[str, bool]] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            seen.extend(
                (row["watermark"], row["mute_freshness_check"] and row["mute_timeliness_check"])
                for row in site.get("/pipeline").json()
                if row["name"] == etl.DAY.name and row["watermark"] is not None
            )

    watching = threading.Thread(target=look)
    watching.start()
    try:
        assert main(["demo", "--watcher", site.url, "--days", "12"]) == 0
    finally:
        over.set()
        watching.join()

    amid = [muted for watermark, muted in seen if watermark < "2013-01-11"]
    assert amid
    assert all(amid)
    assert mutes(site) == [(False, False)] * 4


def test_a_replay_that_is_broken_off_leaves_nothing_muted(site: Site) -> None:
    with connected(site.url) as watcher:
        muted = watcher.muted([watcher.register(pipeline) for pipeline in etl.PIPELINES])
        muted.__enter__()
        assert mutes(site) == [(True, True)] * 4
        reason = KeyboardInterrupt()
        assert not muted.__exit__(KeyboardInterrupt, reason, None)
    assert mutes(site) == [(False, False)] * 4


def test_a_watcher_that_knows_the_flights_already_is_left_alone(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--watcher", site.url, "--days", "3"]) == 0
    before = len(site.trees())

    assert main(["demo", "--watcher", site.url, "--days", "3"]) == 1

    assert "give it a Watcher that does not know nycflights.day" in capsys.readouterr().out
    assert len(site.trees()) == before


def test_a_watcher_of_the_demos_own_tells_of_what_it_notices(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--days", "4"]) == 0

    titles = list(told(capsys.readouterr().out))
    assert titles == [
        "3 pipelines are stale",
        "2 runs are late",
        "2 late runs are over",
        "3 pipelines are no longer stale",
    ]

"""The flights example against a running Watcher: what it loads, and what Watcher then knows."""

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from examples.nycflights import dataset, etl, warehouse
from examples.nycflights.__main__ import main
from examples.nycflights.landing import Landing
from examples.nycflights.watcher_client import connected
from tests.integration.flights import (
    FIRST,
    FOURTH,
    SECOND,
    STEPS,
    THIRD,
    Site,
    assert_mart,
    end_of,
    identity,
    source_rows,
    wind_back,
)


def test_the_data_set_is_the_year_2013(flights: dataset.Flights) -> None:
    assert sorted(flights.days) == [FIRST + timedelta(days=n) for n in range(365)]
    assert sum(rows.count(b"\n") for rows in flights.days.values()) == 336_776


def test_three_days_are_three_executions_with_three_children_each(site: Site) -> None:
    site.deliver(FIRST, SECOND, THIRD)

    outcomes = site.run()

    assert [outcome.day for outcome in outcomes] == [FIRST, SECOND, THIRD]
    trees, names = site.trees(), site.names()
    assert [(tree["watermark"], tree["next_watermark"]) for tree in trees] == [
        (None, "2013-01-01"),
        ("2013-01-01", "2013-01-02"),
        ("2013-01-02", "2013-01-03"),
    ]
    for tree in trees:
        children = sorted(tree["child_executions"], key=identity)
        assert [names[child["pipeline_id"]] for child in children] == STEPS
        assert all(execution["completed_successfully"] for execution in (tree, *children))
        assert not any(child["child_executions"] for child in children)
    assert [len(site.trees(step)) for step in STEPS] == [3, 3, 3]
    assert site.watermark() == "2013-01-03"


def test_the_counts_are_those_of_the_source(site: Site) -> None:
    site.deliver(FIRST, SECOND, THIRD)

    site.run()

    expected = [list(source_rows(site.flights, [day])) for day in (FIRST, SECOND, THIRD)]
    sizes = [len(rows) for rows in expected]
    carriers = [len({row["carrier"] for row in rows}) for rows in expected]
    extract, load, mart = (site.trees(step) for step in STEPS)
    assert [run["total_rows"] for run in extract] == sizes
    assert [(run["inserts"], run["updates"]) for run in load] == [(size, 0) for size in sizes]
    assert [(run["inserts"], run["updates"]) for run in mart] == [(count, 0) for count in carriers]
    assert [run["total_rows"] for run in site.trees()] == sizes
    flown = [sum(row["dep_time"] != "NA" for row in rows) for rows in expected]
    assert [run["total_rows"] for run in mart] == flown
    assert [(run["execution_metadata"] or {})["carriers"] for run in mart] == carriers
    assert len(site.rows("flights")) == sum(sizes)
    metadata = extract[0]["execution_metadata"]
    assert metadata == {"file": "flights-2013-01-01.csv", "bytes": len(site.flights.csv(FIRST))}


def test_the_mart_equals_one_computed_from_the_source(site: Site) -> None:
    site.deliver(FIRST, SECOND, THIRD)

    site.run()

    assert_mart(site, [FIRST, SECOND, THIRD])


def test_a_further_run_continues_from_the_watermark(site: Site) -> None:
    site.deliver(FIRST, SECOND, THIRD)
    site.run()
    site.deliver(FOURTH)

    outcomes = site.run()

    assert [outcome.day for outcome in outcomes] == [FOURTH]
    assert len(site.trees()) == 4
    assert site.watermark() == "2013-01-04"
    assert len(site.rows("flights")) == sum(
        1 for _ in source_rows(site.flights, [FIRST, SECOND, THIRD, FOURTH])
    )


def test_a_run_without_a_new_day_records_nothing(site: Site) -> None:
    site.deliver(FIRST)
    site.run()

    assert site.run() == []
    assert len(site.trees()) == 1


def test_a_missing_day_fails_and_leaves_the_watermark(site: Site) -> None:
    site.deliver(FIRST, THIRD)

    outcomes = site.run()

    reason = "no source file flights-2013-01-02.csv in landing/"
    assert outcomes[1:] == [etl.DayFailed(SECOND, "nycflights.extract", reason)]
    assert site.watermark() == "2013-01-01"
    failed = site.trees()[-1]
    assert end_of(failed) == (False, {"error": f"nycflights.extract: {reason}"})
    assert [end_of(child) for child in failed["child_executions"]] == [(False, {"error": reason})]


def test_the_day_after_the_data_set_fails(site: Site) -> None:
    landing = Landing(site.landing.directory, site.flights)
    last = site.flights.last_day
    with connected(site.url) as watcher, warehouse.opened(site.workdir / "flights.duckdb") as target:
        daily = etl.DailyEtl(watcher, landing, target, site.workdir)
        outcomes = list(daily.run(first=last, days=2))

    assert [type(outcome) for outcome in outcomes] == [etl.DayLoaded, etl.DayFailed]
    assert outcomes[1].day == date(2014, 1, 1)
    assert site.watermark() == "2013-12-31"


def _too_few_columns(content: bytes) -> bytes:
    return content[: content.rindex(b",", 0, len(content) // 2)]


def _unparsable_number(content: bytes) -> bytes:
    header, first, rest = content.split(b"\n", 2)
    fields = first.split(b",")
    fields[5] = b"late\x00"
    return b"\n".join((header, b",".join(fields), rest))


def _columns_swapped(content: bytes) -> bytes:
    return content.replace(b"dep_time,sched_dep_time", b"sched_dep_time,dep_time", 1)


def _last_line_unended(content: bytes) -> bytes:
    return content[:-2]


def _row_of_another_day(content: bytes) -> bytes:
    return content.replace(b"\n2013,1,2,", b"\n2013,1,9,", 1)


def _row_twice(content: bytes) -> bytes:
    return content + content.splitlines(keepends=True)[-1]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_too_few_columns, "Expected Number of Columns: 19"),
        (_unparsable_number, 'Error when converting column "dep_delay"'),
        (_columns_swapped, "the header is not the agreed one"),
        (_last_line_unended, "cut short"),
        (_row_of_another_day, "1 rows are not of 2013-01-02"),
        (_row_twice, "duplicate key"),
    ],
)
def test_a_bad_file_fails_at_load_and_its_day_with_it(
    site: Site, damage: Callable[[bytes], bytes], message: str
) -> None:
    site.deliver(FIRST, THIRD)
    site.landing.land(SECOND, damage(site.flights.csv(SECOND)))

    [_, failure] = site.run()

    assert isinstance(failure, etl.DayFailed)
    assert (failure.day, failure.step) == (SECOND, "nycflights.load")
    assert message.lower() in failure.reason.lower()
    failed = site.trees()[-1]
    extract, load = sorted(failed["child_executions"], key=identity)
    assert extract["completed_successfully"]
    for execution in (load, failed):
        succeeded, metadata = end_of(execution)
        assert not succeeded
        assert message.lower() in str(metadata["error"]).lower()
    assert site.watermark() == "2013-01-01"
    assert len(site.rows("flights")) == len(list(source_rows(site.flights, [FIRST])))


def test_after_a_repair_the_run_continues_where_it_stopped(site: Site) -> None:
    site.deliver(FIRST, THIRD)
    site.landing.land(SECOND, _too_few_columns(site.flights.csv(SECOND)))
    site.run()
    site.deliver(SECOND)

    outcomes = site.run()

    assert [outcome.day for outcome in outcomes] == [SECOND, THIRD]
    assert [tree["completed_successfully"] for tree in site.trees()] == [True, False, True, True]
    assert site.watermark() == "2013-01-03"
    assert_mart(site, [FIRST, SECOND, THIRD])


def test_a_finished_day_run_again_changes_no_row(site: Site) -> None:
    site.deliver(FIRST, SECOND)
    site.run()
    before = site.rows("flights"), site.rows("delay_mart")
    wind_back(site, FIRST)

    [again] = site.run()

    assert isinstance(again, etl.DayLoaded)
    for outcome in (again.load, again.mart):
        assert (outcome.inserts, outcome.updates) == (0, 0)
    assert (site.rows("flights"), site.rows("delay_mart")) == before
    assert site.watermark() == "2013-01-02"


def test_a_corrected_day_run_again_counts_what_changed(site: Site) -> None:
    site.deliver(FIRST, SECOND)
    site.run()
    header, first, second, *rest = site.flights.csv(SECOND).splitlines(keepends=True)
    corrected = second.split(b",")
    corrected[5] = b"500"
    site.landing.land(SECOND, b"".join((header, b",".join(corrected), *rest)))
    wind_back(site, FIRST)

    site.run()

    load = site.trees("nycflights.load")[-1]
    assert (load["inserts"], load["updates"], load["soft_deletes"]) == (0, 1, 1)
    withdrawn = [row for row in site.rows("flights") if row[-1]]
    assert [str(row[2]) for row in withdrawn] == [first.split(b",")[10].decode()]


def test_the_command_line_runs_reports_and_tells_failure(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.deliver(FIRST)
    run = ["run", "--watcher", site.url, "--workdir", str(site.workdir)]
    run += ["--source", str(site.landing.directory), "--days"]

    assert [main([*run, "1"]), main([*run, "1"])] == [0, 1]
    assert main(["report", "--watcher", site.url, "--workdir", str(site.workdir)]) == 0

    printed = capsys.readouterr().out
    assert "2013-01-02  failed in nycflights.extract" in printed
    assert "Failed days, newest first" in printed
    impact = printed[printed.index("What breaks downstream of nycflights/landing") :]
    assert re.findall(r"(\d) │ (\S+) +│ (\S+)", impact) == [
        ("1", "nycflights/extracted", "nycflights.extract"),
        ("2", "flights.main.flights", "nycflights.load"),
        ("3", "flights.main.delay_mart", "nycflights.delay_mart"),
    ]

"""Lineage while many do things at once: one answer, read by everybody, and the closure that follows by itself."""

import asyncio
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.integration.programs import Program, program, until
from tests.integration.wire import Json, Wire, answer, depths, edges, problem, table
from tests.plain import PLAIN
from tests.server import execute, fetch

CALLERS = 24
ROUNDS = 6
PENDING = "SELECT count(*) FROM address_lineage_pending"
SAME = """
SELECT count(*), count(DISTINCT (pipeline_id, source_address_id, target_address_id))
FROM address_lineage WHERE valid_to IS NULL
"""


def count(dsn: str, query: str) -> int:
    return int(str(asyncio.run(fetch(dsn, query))[0][0]))


def ran(tmp_path: Path, dsn: str, *command: str) -> tuple[int, str]:
    """The exit code of the `watcher` program, and what it said."""
    with program(tmp_path / "command.log", *command, database_url=dsn) as running:
        return running.exit_code(60), running.log


def maintained(wire: Wire, tmp_path: Path) -> None:
    """The closure comes up to date with nobody calling anything, and is right."""
    until(lambda: count(wire.dsn, PENDING) == 0, 20, "the closure is up to date")
    code, said = ran(tmp_path, wire.dsn, "lineage", "verify")
    assert code == 0, said
    assert " 0 wrong" in said


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_a_crowd_declares_overlapping_new_addresses(
    wire: Wire, api: Program, tmp_path: Path, turn: int
) -> None:
    chance = random.Random(turn)
    names = [f"lake.raw.t{number}" for number in range(40)]
    pipelines = [wire.pipeline(f"p{number}") for number in range(CALLERS)]
    wanted = [(chance.sample(names, 12), chance.sample(names, 4)) for _ in pipelines]

    def body(number: int) -> Json:
        sources, targets = wanted[number]
        return {
            "pipeline_id": pipelines[number],
            "source_addresses": [table(name.upper() if number % 2 else name) for name in sources],
            "target_addresses": [
                table(name, address_type_name=f"type {number % 3}", primary_key=str(number))
                for name in targets
            ],
        }

    def declared(number: int) -> httpx.Response:
        url = f"{api.url}/address_lineage"
        return httpx.post(url, json=body(number), timeout=60, trust_env=False, verify=PLAIN)

    with ThreadPoolExecutor(CALLERS) as pool:
        responses = list(pool.map(declared, range(CALLERS)))

    assert Counter(response.status_code for response in responses) == {201: CALLERS}, [
        response.text for response in responses if response.status_code != 201
    ]
    assert [response.json()["lineage_relationships_created"] for response in responses] == [48] * CALLERS
    used = {name for sources, targets in wanted for name in (*sources, *targets)}
    assert sorted(row["name"].lower() for row in wire.get("/address")) == sorted(used)
    assert asyncio.run(fetch(wire.dsn, SAME)) == [(48 * CALLERS, 48 * CALLERS)]
    for number, (sources, targets) in enumerate(wanted):
        lineage = wire.get(f"/pipeline/{pipelines[number]}/lineage")
        assert {place["name"].lower() for place in lineage["sources"]} == set(sources)
        assert {place["name"].lower() for place in lineage["targets"]} == set(targets)
    maintained(wire, tmp_path)


def test_a_crowd_declares_one_pipeline(wire: Wire, api: Program, tmp_path: Path) -> None:
    """One after the other in some order: afterwards it is what one of them said, whole."""
    pipeline = wire.pipeline()

    def declared(number: int) -> httpx.Response:
        body = {
            "pipeline_id": pipeline,
            "source_addresses": [table(f"s{number % 6}"), table("shared")],
            "target_addresses": [table(f"t{number % 6}")],
        }
        return httpx.post(f"{api.url}/address_lineage", json=body, timeout=60, trust_env=False, verify=PLAIN)

    with ThreadPoolExecutor(CALLERS) as pool:
        statuses = {response.status_code for response in pool.map(declared, range(4 * CALLERS))}

    assert statuses <= {200, 201}
    (target,) = wire.get(f"/pipeline/{pipeline}/lineage")["targets"]
    source = target["name"].replace("t", "s")
    assert edges(wire.around(target["name"])) == {
        (source, target["name"]): ["orders"],
        ("shared", target["name"]): ["orders"],
    }
    assert len(wire.around("shared")["edges"]) == 1
    maintained(wire, tmp_path)


def test_whoever_asks_after_the_answer_sees_the_change(wire: Wire, api: Program) -> None:
    """On other connections, so that both workers are asked, at once."""
    pipelines = [wire.pipeline(f"p{number}") for number in range(4)]

    def downstream(_: int) -> Json:
        query = {"name": "start", "direction": "downstream"}
        response = httpx.get(
            f"{api.url}/address_lineage", params=query, timeout=60, trust_env=False, verify=PLAIN
        )
        found: Json = answer(response, 200)
        return depths(found)

    with ThreadPoolExecutor(4) as pool:
        for turn in range(40):
            name = f"end {turn}"
            answer(wire.declare_lineage(pipelines[0], ["start"], [name]), 201)
            for number, pipeline in enumerate(pipelines[1:], start=1):
                before = name if number == 1 else f"{name}/{number - 1}"
                answer(wire.declare_lineage(pipeline, [before], [f"{name}/{number}"]), 201)
            expected = {"start": 0, name: 1} | {f"{name}/{step}": step + 1 for step in (1, 2, 3)}
            assert list(pool.map(downstream, range(4))) == [expected] * 4


def test_the_closure_follows_by_itself(wire: Wire, tmp_path: Path) -> None:
    for step in range(20):
        wire.flows(f"p{step}", [f"t{step}"], [f"t{step + 1}"])

    pairs = 20 * 21 // 2
    closure = "SELECT count(*) FROM address_lineage_closure WHERE downstream AND upstream"
    until(lambda: count(wire.dsn, closure) == pairs, 10, f"{pairs} pairs in the closure")
    maintained(wire, tmp_path)

    answer(wire.declare_lineage(wire.pipeline("p10"), ["t10"], ["elsewhere"]), 201)
    assert len(wire.around("t0", "downstream")["nodes"]) == 12
    cut = 10 * 11 // 2 + 11 + 9 * 10 // 2
    until(lambda: count(wire.dsn, closure) == cut, 10, f"{cut} pairs in the closure")
    maintained(wire, tmp_path)


def test_a_closure_that_is_wrong_is_found_and_made_anew(wire: Wire, tmp_path: Path) -> None:
    wire.flows("first", ["a"], ["b"])
    wire.flows("second", ["b"], ["c"])
    maintained(wire, tmp_path)
    asyncio.run(execute(wire.dsn, "DELETE FROM address_lineage_closure WHERE depth = 2"))

    code, said = ran(tmp_path, wire.dsn, "lineage", "verify")
    assert code == 1
    assert "watcher lineage rebuild" in said
    assert " 2 wrong" in said

    code, said = ran(tmp_path, wire.dsn, "lineage", "rebuild")
    assert code == 0, said
    maintained(wire, tmp_path)
    assert depths(wire.around("a", "downstream")) == {"a": 0, "b": 1, "c": 2}


def test_old_history_is_forgotten_and_refused(wire: Wire, tmp_path: Path) -> None:
    pipeline = wire.flows("orders", ["a"], ["x"])
    answer(wire.declare_lineage(pipeline, ["b"], ["x"]), 201)
    for relation in ("address_lineage", "lineage_declaration"):
        ago = "valid_from = valid_from - INTERVAL '10 days', valid_to = valid_to - INTERVAL '10 days'"
        asyncio.run(execute(wire.dsn, f"UPDATE {relation} SET {ago}"))  # noqa: S608
    past = asyncio.run(fetch(wire.dsn, "SELECT to_json(now() - INTERVAL '6 days')#>>'{}'"))[0][0]
    long_past = asyncio.run(fetch(wire.dsn, "SELECT to_json(now() - INTERVAL '8 days')#>>'{}'"))[0][0]

    code, said = ran(tmp_path, wire.dsn, "lineage", "prune", "--days", "7")

    assert (code, "2 edges and declarations of the past forgotten" in said) == (0, True), said
    assert edges(wire.around("x", as_of=str(past))) == {("b", "x"): ["orders"]}
    address = wire.get("/address", name="x")[0]["id"]
    for path, query in (
        ("/address_lineage", {"name": "x"}),
        ("/address_lineage/path", {"from": address, "to": address}),
        (f"/address/{address}/impact", {}),
        (f"/pipeline/{pipeline}/lineage", {}),
    ):
        refused = wire.client.get(path, params=query | {"as_of": str(long_past)})
        assert "is kept since" in problem(refused, 422, "history-pruned")["detail"]
    assert edges(wire.around("x")) == {("b", "x"): ["orders"]}

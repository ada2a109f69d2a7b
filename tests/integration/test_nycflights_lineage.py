"""What the flights example tells Watcher about its lineage."""

from tests.integration.flights import FIRST, STEPS, Site
from tests.integration.wire import Wire, answer


def test_each_step_declares_what_it_reads_and_writes(site: Site) -> None:
    site.deliver(FIRST)
    site.run()

    graph = site.get("/address_lineage", name="nycflights/landing", direction="downstream").json()

    assert [(node["depth"], node["name"], node["group"]) for node in graph["nodes"]] == [
        (0, "nycflights/landing", "files"),
        (1, "nycflights/extracted", "files"),
        (2, "flights.main.flights", "database"),
        (3, "flights.main.delay_mart", "database"),
    ]
    names = {node["id"]: node["name"] for node in graph["nodes"]}
    edges = [
        (names[edge["source"]], names[edge["target"]], [pipeline["name"] for pipeline in edge["pipelines"]])
        for edge in graph["edges"]
    ]
    assert sorted(edges) == [
        ("flights.main.flights", "flights.main.delay_mart", ["nycflights.delay_mart"]),
        ("nycflights/extracted", "flights.main.flights", ["nycflights.load"]),
        ("nycflights/landing", "nycflights/extracted", ["nycflights.extract"]),
    ]


def test_a_step_whose_lineage_watcher_does_not_want_declares_none(site: Site, wire: Wire) -> None:
    site.deliver(FIRST)
    wire.pipeline("nycflights.load")
    answer(wire.patch("/pipeline", {"name": "nycflights.load", "load_lineage": False}), 200)

    site.run()

    tables = {row["name"] for row in site.get("/address", group="database").json()}
    assert tables == {"flights.main.flights", "flights.main.delay_mart"}
    by_name = {name: key for key, name in site.names().items()}
    declared = {
        name: site.get(f"/pipeline/{by_name[name]}/lineage").json()["declared_at"] is not None
        for name in STEPS
    }
    assert declared == {"nycflights.extract": True, "nycflights.load": False, "nycflights.delay_mart": True}

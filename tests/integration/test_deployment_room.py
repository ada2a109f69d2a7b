"""What is deployed has the memory it may need, and a way to all that it speaks to."""

import re
from collections.abc import Iterable, Mapping

import pytest

from tests.integration import deployment
from tests.integration.deployment import (
    BASE,
    OVERLAY,
    Tree,
    compose,
    containers,
    documents,
    literals,
    ours,
)
from watcher.settings import Settings

WORST_BODY = 550 * 10**6
"""What a process takes while it reads the worst body that is let in, as measured: docs/limits.md."""

BESIDE = 100 * 10**6
"""For the process that starts the others, and what the pod keeps in memory beside them."""

UNITS = {"M": 10**6, "G": 10**9, "Mi": 2**20, "Gi": 2**30}

OTLP, TLS, MAIL = 4318, 443, {465, 587}
STORES = {5432, 6432, 6379}


def _bytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([A-Z]i?)", text.strip()).groups()  # type: ignore[union-attr]
    # In a file of Compose, units are powers of 1,024 by either name; taken for less, they are safe.
    return int(number) * UNITS[unit]


def _overlaid_limit() -> str:
    (document,) = documents(OVERLAY / "kustomization.yaml")
    patches = "".join(each["patch"] for each in document["patches"])
    (limit,) = re.findall(r"limits/memory, value: (\w+)}", patches)
    return str(limit)


def _rooms() -> Mapping[str, tuple[str, int]]:
    """The limit of the API's memory and how many processes share it, wherever it is deployed."""
    base = literals(BASE / "kustomization.yaml")
    overlaid = {**base, **literals(OVERLAY / "kustomization.yaml")}
    return {
        "compose": (
            ours()["api"]["deploy"]["resources"]["limits"]["memory"],
            Settings.model_fields["workers"].default,
        ),
        "base": (containers()["api"]["resources"]["limits"]["memory"], int(base["WATCHER_WORKERS"])),
        "production": (_overlaid_limit(), int(overlaid["WATCHER_WORKERS"])),
    }


@pytest.mark.parametrize("where", ["compose", "base", "production"])
def test_every_process_has_the_memory_for_the_worst_body(where: str) -> None:
    limit, processes = _rooms()[where]
    assert _bytes(limit) >= BESIDE + processes * WORST_BODY


def _selects(selector: Tree, labels: Mapping[str, str]) -> bool:
    alike = selector.get("matchLabels", {}).items() <= labels.items()
    return alike and all(
        rule["operator"] == "In" and labels.get(rule["key"]) in rule["values"]
        for rule in selector.get("matchExpressions", [])
    )


def _ports(rules: Iterable[Tree]) -> set[int]:
    return {port["port"] for rule in rules for port in rule["ports"] if port["protocol"] == "TCP"}


def _reach(component: str) -> set[int]:
    """The ports that policies let a pod out to; they add up."""
    labels = {"app.kubernetes.io/name": "watcher", "app.kubernetes.io/component": component}
    policies = [
        each["spec"]
        for each in deployment.resources("NetworkPolicy")
        if _selects(each["spec"]["podSelector"], labels)
    ]
    return _ports(rule for policy in policies for rule in policy.get("egress", [])) - {53}


def test_policies_let_everything_out_to_what_it_speaks_to_and_no_further() -> None:
    assert {component: _reach(component) for component in ("migrate", "api", "worker", "beat")} == {
        "migrate": STORES,
        "api": STORES | {TLS, OTLP},
        "worker": STORES | {TLS, OTLP} | MAIL,
        "beat": STORES | {TLS, OTLP},
    }


def test_containers_that_speak_to_others_have_a_way_out_and_no_other_has() -> None:
    out = {name for name, each in compose()["services"].items() if "outside" in each.get("networks", [])}
    assert out == {"api", "worker", "beat"}
    assert compose()["networks"] == {"inside": {"internal": True}, "outside": {}}

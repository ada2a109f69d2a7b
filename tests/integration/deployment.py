"""What is deployed, read from the files that say so."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy" / "kubernetes" / "base"
OVERLAY = ROOT / "deploy" / "kubernetes" / "overlays" / "production"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = ROOT / "compose.yaml"
MANIFESTS = sorted(
    path for path in (ROOT / "deploy" / "kubernetes").rglob("*.yaml") if path.name != "kustomization.yaml"
)
ARTEFACTS = (
    ROOT / "Dockerfile",
    COMPOSE,
    *MANIFESTS,
    BASE / "kustomization.yaml",
    OVERLAY / "kustomization.yaml",
    ROOT / "docs" / "deploying.md",
    ROOT / "docs" / "scaling.md",
)
Tree = Mapping[str, Any]


def checked(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What a program of the environment says about files."""
    command = [str(Path(sys.executable).with_name(program)), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def documents(file: Path) -> Sequence[Tree]:
    return [each for each in YAML(typ="safe", pure=True).load_all(file.read_text()) if each]


def compose() -> Tree:
    (document,) = documents(COMPOSE)
    return document


def ours() -> Mapping[str, Tree]:
    """The services of compose.yaml that run Watcher's image."""
    services: Mapping[str, Tree] = compose()["services"]
    return {name: each for name, each in services.items() if each["image"].startswith("watcher:")}


def resources(kind: str) -> Iterator[Tree]:
    """The resources of the base of one kind."""
    for file in MANIFESTS:
        yield from (each for each in documents(file) if each["kind"] == kind)


def pods() -> Mapping[str, Tree]:
    """The pods that are run, by the component they are."""
    owners = [each["spec"] for each in (*resources("Deployment"), *resources("Job"))]
    owners += [each["spec"]["jobTemplate"]["spec"] for each in resources("CronJob")]
    found = [owner["template"] for owner in owners]
    return {each["metadata"]["labels"]["app.kubernetes.io/component"]: each["spec"] for each in found}


def containers() -> Mapping[str, Tree]:
    return {component: pod["containers"][0] for component, pod in pods().items()}


def literals(kustomization: Path) -> Mapping[str, str]:
    """The settings that a kustomization gives."""
    (document,) = documents(kustomization)
    pairs = document["configMapGenerator"][0]["literals"]
    return dict(pair.partition("=")[::2] for pair in pairs)


def instruction(name: str) -> str:
    """The arguments of the Dockerfile's last instruction of this name."""
    return str(re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)[-1])

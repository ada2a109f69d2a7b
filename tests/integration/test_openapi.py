"""The OpenAPI document tells the truth: Schemathesis, all its checks, on a running server that wants a key.

`SCHEMATHESIS_MAX_EXAMPLES` sets how many cases each operation gets at most in each phase; many find more.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.conftest import Serve
from tests.integration.keys import created
from tests.integration.wire import answer
from tests.plain import PLAIN

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
PROGRAM = Path(sys.executable).with_name("schemathesis")
MAX_EXAMPLES = os.environ.get("SCHEMATHESIS_MAX_EXAMPLES", "25")
SECONDS = 60 + 4 * int(MAX_EXAMPLES)
BIGINT = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}


@pytest.fixture
def guarded_url(serve: Serve, watcher_url: str, database: str) -> Iterator[str]:
    """Where a Watcher listens that knows nothing yet but one key, and wants it."""
    assert watcher_url
    with serve(database, authentication="keys") as api:
        yield api.url


def test_the_document_and_the_server_agree(
    guarded_url: str, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = created(database, "admin")
    run = subprocess.run(
        [
            PROGRAM, "--no-color", "--config-file", CONFIGURATION, "run", f"{guarded_url}/openapi.json",
            "--header", f"Authorization: Bearer {key}", "--checks", "all", "--generation-deterministic", "--max-examples", MAX_EXAMPLES,
            "--continue-on-failure", "--report-json-path", tmp_path / "report.json",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip

    assert run.returncode == 0, run.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    with capsys.disabled():
        sys.stdout.write(f"\n{_numbers(report)}\n")
    assert report["operations"]["tested"] == report["operations"]["total"] == _operations(guarded_url)
    phases = {name: phase["status"] for name, phase in report["phases"].items()}
    assert phases == {"examples": "skip", "coverage": "success", "fuzzing": "success", "stateful": "success"}
    assert report["test_cases"]["errored"] == 0
    # What is tried without a key and with a wrong one, once for each operation that a good one has opened.
    tried, open_to_all = report["test_cases"]["without_checks"], 3
    assert 0 < tried <= 2 * (report["operations"]["total"] - open_to_all)


def test_the_document_has_exact_bounds(client: httpx.Client) -> None:
    schemas = answer(client.get("/openapi.json"), 200)["components"]["schemas"]

    assert schemas["EndBody"]["properties"]["id"].items() >= BIGINT.items()
    assert (
        schemas["EndBody"]["properties"]["inserts"]["anyOf"][0].items() >= (BIGINT | {"minimum": 0}).items()
    )


def test_every_operation_documents_its_problems(client: httpx.Client) -> None:
    document = answer(client.get("/openapi.json"), 200)

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            refusals = {status for status in operation["responses"] if status >= "4"}
            expected = {"429", "503"} if not path.startswith("/health/") else set()
            if "requestBody" in operation:
                expected |= {"408", "413", "415", "422"}
            assert refusals >= expected, (method, path)
            for status in refusals:
                schema = operation["responses"][status]["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}


def _operations(url: str) -> int:
    paths = httpx.get(f"{url}/openapi.json", trust_env=False, verify=PLAIN).json()["paths"]
    return sum(len(operations) for operations in paths.values())


def _numbers(report: dict[str, Any]) -> str:
    cases, operations = report["test_cases"], report["operations"]
    return (
        f"Schemathesis {report['schemathesis_version']}: {operations['tested']} operations, "
        f"{cases['generated']} cases, all checks, {cases['unique_failures']} failures, "
        f"{report['running_time']:.0f} s"
    )

"""The environment of `make` is brought up to date beneath a Watcher that runs in it: packages come without a network."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

BOOTSTRAP = Path(__file__).parents[2] / "bootstrap.py"
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """
import zipfile
def build_editable(directory, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{directory}/project-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("project.py", "")
        wheel.writestr("project-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: project\\nVersion: 1\\n")
        wheel.writestr("project-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("project-1.dist-info/RECORD", "")
    return "project-1-py3-none-any.whl"
"""


class Checkout:
    """A project of two small packages: one it runs with, and one to develop it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        root = self.root
        shutil.copy(BOOTSTRAP, root)
        (root / "pyproject.toml").write_text(PROJECT)
        (root / "backend.py").write_text(BACKEND)
        runtime, tool = self._line("served"), self._line("tool")
        (root / "requirements.lock").write_text(f"--no-index\n{runtime}")
        (root / "requirements-dev.lock").write_text(f"--no-index\n{runtime}{tool}")

    @property
    def python(self) -> Path:
        return self.root / ".venv" / "bin" / "python"

    def bootstrap(self, purpose: str) -> str:
        """What it said. There is no uv on its path."""
        words = [sys.executable, "bootstrap.py", purpose]
        done = subprocess.run(
            words, cwd=self.root, env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def can_import(self, *modules: str) -> bool:
        words = [str(self.python), "-c", f"import {', '.join(modules)}"]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    def _line(self, name: str) -> str:
        path = self.root / f"{name}-1-py3-none-any.whl"
        about = f"{name}-1.dist-info"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"{name}.py", "")
            wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
            wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{about}/RECORD", "")
        return f"{name} @ {path.as_uri()} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """With an environment to run it, which nobody changes: to make one takes seconds."""
    made = Checkout(tmp_path_factory.mktemp("prepared"))
    made.prepare()
    made.bootstrap("runtime")
    return made


@pytest.fixture
def checkout(prepared: Checkout, tmp_path: Path) -> Checkout:
    """A copy, environment and all."""
    shutil.copytree(prepared.root, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Checkout(tmp_path)


def test_what_is_missing_is_installed_into_the_environment_in_which_a_watcher_runs(
    checkout: Checkout,
) -> None:
    mark = checkout.root / ".venv" / "mark"
    mark.touch()
    assert checkout.can_import("served", "project")
    assert not checkout.can_import("tool")
    checkout.bootstrap("dev")
    assert checkout.can_import("served", "project", "tool")
    assert mark.exists()  # nothing was cleared away
    assert checkout.bootstrap("runtime") == ""  # what was asked for is there, and more
    assert checkout.can_import("tool")


def test_an_installation_that_was_broken_off_is_made_anew(checkout: Checkout) -> None:
    (site,) = checkout.root.glob(".venv/lib/python*/site-packages")
    (site / "served.py").unlink()
    assert not checkout.can_import("served")
    checkout.bootstrap("dev")
    assert checkout.can_import("served", "project", "tool")

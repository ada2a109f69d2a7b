"""Makes the project's own environment in `.venv`, with nothing but Python's standard library.

    python3 bootstrap.py runtime     what it takes to run Watcher
    python3 bootstrap.py dev         that, and what it takes to test and develop it

Installs from the hash-checked lock: by uv where that is installed, else by venv and pip. Does nothing when the
environment is up to date. A Watcher may be running in it: what is missing is installed beside what is there, and
the environment is made anew only where it is of another Python or not whole.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "watcher-stamp"
LOCKS = {"runtime": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}
PROJECT = ("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
OLDEST = (3, 11)
WHOLE = """
import sys
from importlib.metadata import distributions
from pathlib import Path
for package in distributions():
    if package.files is None:
        sys.exit(f"{package.name} is not wholly installed")
    for file in package.files:
        if file.suffix != ".pyc" and not Path(file.locate()).exists():
            sys.exit(f"{package.name} lacks {file}")
print(sys.version)
"""
"""Run by the environment's own Python: ends in error where an installation in it was broken off."""


def main() -> None:
    """Brings `.venv` up to date for the purpose named on the command line."""
    purpose = sys.argv[1] if len(sys.argv) == 2 else ""
    if purpose not in LOCKS:
        sys.exit(__doc__)
    if sys.version_info < OLDEST:
        sys.exit(
            f"Watcher needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12"
        )
    made_from = STAMP.read_text() if STAMP.exists() else ""
    if made_from in {stamp(purpose), stamp("dev")}:
        return
    say(f"Preparing {VENV.name} for {purpose}: this takes a minute the first time.")
    STAMP.unlink(missing_ok=True)
    uv = shutil.which("uv")
    if not usable(uv):
        made_from = ""
        make_environment(uv)
    install(LOCKS[purpose], uv, project=made_from != stamp("runtime"))
    STAMP.write_text(stamp(purpose))


def stamp(purpose: str) -> str:
    """What the environment was made from; another value means it has to be made again."""
    inputs = (LOCKS[purpose].read_bytes(), (ROOT / "pyproject.toml").read_bytes(), sys.version.encode())
    return hashlib.sha256(b"\0".join((purpose.encode(), *inputs))).hexdigest()


def usable(uv: str | None) -> bool:
    """Whether the environment is there and whole, of this Python, and can be installed into."""
    if not PYTHON.exists():
        return False
    script = WHOLE if uv else f"import pip\n{WHOLE}"
    asked = subprocess.run([PYTHON, "-I", "-c", script], capture_output=True, text=True, check=False)  # noqa: S603
    return asked.returncode == 0 and asked.stdout == f"{sys.version}\n"


def make_environment(uv: str | None) -> None:
    """An empty environment, in the place of what is there."""
    if uv is None:
        make_venv()
    else:
        run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV)


def install(lock: Path, uv: str | None, *, project: bool) -> None:
    """Brings the packages of the lock into the environment, and the project itself where it is not there yet."""
    checked = ("--require-hashes", "--only-binary", ":all:", "-r", lock)
    step: tuple[str | Path, ...]
    if uv is None:
        step = (PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    else:
        step = (uv, "pip", "install", "--quiet", "--python", PYTHON)
    run(*step, *checked)
    if project:
        run(*step, *PROJECT)


def make_venv() -> None:
    """An empty environment with pip."""
    try:
        import ensurepip  # noqa: F401, PLC0415 (Debian ships Python without it)
        import venv  # noqa: PLC0415
    except ImportError:
        sys.exit(
            "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"
        )
    venv.EnvBuilder(clear=True, with_pip=True).create(VENV)


def run(*command: str | Path) -> None:
    """Runs a step of the installation; its failure is ours."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONHOME")
    }
    words = [str(part) for part in command]
    done = subprocess.run(words, env=environment, check=False)  # noqa: S603 (our own words, no shell)
    if done.returncode != 0:
        sys.exit(f"This step of the installation failed: {' '.join(words)}")


def say(message: str) -> None:
    """To standard error: standard output belongs to the command that follows."""
    sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    main()

"""Makes the project's own environment in `.venv`, with nothing but Python's standard library.

    python3 bootstrap.py runtime     what it takes to run Watcher
    python3 bootstrap.py dev         that, and what it takes to test and develop it

Installs from the hash-checked lock: by uv where that is installed, else by venv and pip. Does nothing when the
environment is up to date.
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


def main() -> None:
    """Brings `.venv` up to date for the purpose named on the command line."""
    purpose = sys.argv[1] if len(sys.argv) == 2 else ""
    if purpose not in LOCKS:
        sys.exit(__doc__)
    if sys.version_info < OLDEST:
        sys.exit(
            f"Watcher needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12"
        )
    if STAMP.exists() and STAMP.read_text() in {stamp(purpose), stamp("dev")}:
        return
    say(f"Preparing {VENV.name} for {purpose}: this takes a minute the first time.")
    install(LOCKS[purpose])
    STAMP.write_text(stamp(purpose))


def stamp(purpose: str) -> str:
    """What the environment was made from; another value means it has to be made again."""
    inputs = (LOCKS[purpose].read_bytes(), (ROOT / "pyproject.toml").read_bytes(), sys.version.encode())
    return hashlib.sha256(b"\0".join((purpose.encode(), *inputs))).hexdigest()


def install(lock: Path) -> None:
    """Makes the environment anew, and installs the lock and the project itself into it."""
    uv = shutil.which("uv")
    if uv is not None:
        run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV)
        run(uv, "pip", "sync", "--quiet", "--python", PYTHON, "--require-hashes", lock)
        run(uv, "pip", "install", "--quiet", "--python", PYTHON, *PROJECT)
        return
    make_venv()
    pip = (PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    run(*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", lock)
    run(*pip, *PROJECT)


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

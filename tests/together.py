"""Runs the tests in three parts side by side: `python -m tests.together [pytest's options]`.

One part is what needs only a store, two are whole servers, which wait more than they work. The output of the first is
shown as it comes, that of the others when they are over. Fails when one of them does. Where some tests are named, only those are run.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

STORES = ("tests/unit", "tests/contract")
SERVERS = Path("tests/integration")


def parts() -> Sequence[Sequence[str]]:
    """All tests, each once."""
    files = sorted(str(file) for file in SERVERS.rglob("test_*.py"))
    return STORES, files[::2], files[1::2]


def main() -> int:
    command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    if any(Path(option.partition("::")[0]).exists() for option in sys.argv[1:]):
        return subprocess.run(command, check=False).returncode
    first, *others = parts()
    with ExitStack() as stack:
        said = [stack.enter_context(tempfile.TemporaryFile()) for _ in others]
        beside = [
            subprocess.Popen([*command, *files], stdout=output, stderr=subprocess.STDOUT)
            for files, output in zip(others, said, strict=True)
        ]
        try:
            code = subprocess.run([*command, *first], check=False).returncode
        finally:
            codes = [each.wait() for each in beside]
        for output in said:
            output.seek(0)
            sys.stdout.buffer.write(output.read())
        sys.stdout.flush()
    return next(filter(None, (code, *codes)), 0)


if __name__ == "__main__":
    sys.exit(main())

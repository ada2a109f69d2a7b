"""Runs the tests of what needs only a store beside those of whole servers: `python -m tests.together [pytest's options]`.

The output of the one is shown as it comes, that of the other when it is over. Fails when one of them does. Where some
tests are named, only those are run.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HALVES = (("tests/unit", "tests/contract"), ("tests/integration",))


def main() -> int:
    command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    if any(Path(option.partition("::")[0]).exists() for option in sys.argv[1:]):
        return subprocess.run(command, check=False).returncode
    with tempfile.TemporaryFile() as said:
        beside = subprocess.Popen([*command, *HALVES[1]], stdout=said, stderr=subprocess.STDOUT)
        try:
            code = subprocess.run([*command, *HALVES[0]], check=False).returncode
            beside.wait()
        except KeyboardInterrupt:
            beside.wait()
            raise
        said.seek(0)
        sys.stdout.buffer.write(said.read())
        sys.stdout.flush()
    return code or beside.returncode


if __name__ == "__main__":
    sys.exit(main())

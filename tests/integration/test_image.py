"""The image is built for real, and every command runs in it, where this machine has what that takes."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

from deploy.try_image import PROGRAMS
from tests.integration.deployment import ROOT

MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
SECONDS = 600.0


def _mounts() -> bool:
    """Whether this root may mount; that of most containers may not."""
    unshare = shutil.which("unshare")
    return (
        unshare is not None
        and subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can build a root file system")
@pytest.mark.skipif(MISSING != [], reason=f"there is no {', '.join(MISSING)}")
@pytest.mark.skipif(not _mounts(), reason="this root may not mount")
def test_the_image_is_small_and_confined_and_does_all_that_watcher_does() -> None:
    with tempfile.TemporaryFile("w+") as output:
        command = [sys.executable, "-m", "deploy.try_image"]
        with subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as trying:
            try:
                code = trying.wait(SECONDS)
            except BaseException:
                trying.send_signal(signal.SIGTERM)  # it has mounts to undo
                raise
        output.seek(0)
        said = output.read()
    assert code == 0, said
    assert said.rstrip().endswith("The image is well.")

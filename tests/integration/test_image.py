"""The image is built for real, and every command runs in it, where this machine has what that takes."""

import os
import shutil
import subprocess
import sys

import pytest

from deploy.try_image import PROGRAMS
from tests.integration.deployment import ROOT

MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
SECONDS = 600.0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can build a root file system")
@pytest.mark.skipif(MISSING != [], reason=f"there is no {', '.join(MISSING)}")
def test_the_image_is_small_and_confined_and_does_all_that_watcher_does() -> None:
    tried = subprocess.run(
        [sys.executable, "-m", "deploy.try_image"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert tried.stdout.rstrip().endswith("The image is well.")

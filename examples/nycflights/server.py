"""A Watcher of the demo's own: started in a directory that goes away, stopped at the end."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

READY_SECONDS = 120.0
STOP_SECONDS = 30.0


class WatcherNotStarted(Exception):
    """The subprocess died or never became ready."""


@contextmanager
def own_watcher(home: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """The URL of a ready Watcher with these settings, whose data lies below `home`.

    Started as root, Watcher runs its database as another user: `home` must be open to all, and the data
    directory is left for Watcher to make.
    """
    command = Path(sys.executable).with_name("watcher")
    if not command.exists():
        raise WatcherNotStarted(
            "no `watcher` command beside this Python: install the package, or name --watcher"
        )
    port = _free_port()
    output = home / "watcher.log"
    with output.open("wb") as log:
        # A session of its own: Ctrl-C ends the demo, which still has a failed execution to report.
        process = subprocess.Popen(
            [command, "up", "--port", str(port), "--data-dir", str(home / "data")],
            env={**_without_channels(os.environ), **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, url, output)
        yield url
    finally:
        _stop(process)


def _without_channels(environment: Mapping[str, str]) -> dict[str, str]:
    """Whoever is told by the Watcher that this machine is set up for, is not told of the demo."""
    return {name: value for name, value in environment.items() if not name.startswith("WATCHER_ALERT_")}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, output: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    answer = "no answer yet"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise WatcherNotStarted(f"`watcher up` ended with {process.returncode}:\n{_tail(output)}")
        try:
            response = httpx.get(f"{url}/health/ready", timeout=2, trust_env=False)
            if response.status_code == httpx.codes.OK:
                return
            answer = f"{response.status_code} {response.text[:200]}"
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise WatcherNotStarted(f"not ready after {READY_SECONDS:.0f} s ({answer}):\n{_tail(output)}")


def _tail(output: Path) -> str:
    return "\n".join(output.read_text(errors="replace").splitlines()[-30:]) or "(it said nothing)"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

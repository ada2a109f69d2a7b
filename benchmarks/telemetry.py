"""What telemetry costs: starts with it and without, by turns: `make bench-telemetry`, about a minute."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median

from benchmarks.load import wrk
from benchmarks.servers import PIPELINES, Api, api, migrated, postgres

ROUNDS = 5
SECONDS = 2
CONNECTIONS = (64, 1)
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROMISE = 0.75


class _Sink(BaseHTTPRequestHandler):
    """Takes what it is sent, and forgets it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@contextmanager
def observed() -> Iterator[None]:
    """APIs that are started in the block send their telemetry to an endpoint that forgets it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Sink) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        os.environ[ENDPOINT] = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield
        finally:
            del os.environ[ENDPOINT]
            server.shutdown()


def rate(server: Api, connections: int) -> float:
    """Starts in a second."""
    load = wrk(server.url, "start", connections, SECONDS, PIPELINES)
    return load.requests / load.seconds


def main() -> None:
    os.environ.pop(ENDPOINT, None)
    with (
        postgres() as admin,
        api(migrated(admin, "plain")) as plain,
        observed(),
        api(migrated(admin, "observed")) as watched,
    ):
        for connections in CONNECTIONS:
            ratios, rates = [], []
            for number in range(-1, ROUNDS):
                order = (plain, watched) if number % 2 else (watched, plain)
                found = {server.port: rate(server, connections) for server in order}
                if number >= 0:  # the first round warms up
                    ratios.append(found[watched.port] / found[plain.port])
                    rates.append(found[plain.port])
            print(
                f"{connections:3} connections: {median(ratios):.3f} of the starts without telemetry "
                f"({min(ratios):.3f} to {max(ratios):.3f}), which are {median(rates):,.0f} a second; "
                f"promised: {PROMISE}, {'kept' if median(ratios) >= PROMISE else 'short'}"
            )


if __name__ == "__main__":
    main()

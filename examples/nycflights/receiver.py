"""Who is told: a web server on this machine that keeps what Watcher's alerts post to it."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypedDict


class Message(TypedDict):
    title: str
    message: str


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()

    @property
    def settings(self) -> dict[str, str]:
        """Those of a Watcher which tells this receiver."""
        url = f"json://127.0.0.1:{self.server_address[1]}/?method=POST"
        return {
            "WATCHER_ALERT_SCHEMES": "json",
            "WATCHER_ALERT_CHANNELS": f"name=demo url={url}",
        }

    def new_messages(self) -> Iterator[Message]:
        """What came since this was asked last."""
        while not self.inbox.empty():
            yield self.inbox.get()


class _Post(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.inbox.put({"title": body["title"], "message": body["message"]})
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing: the demo prints what came."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()

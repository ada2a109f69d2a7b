"""Those who receive messages: a web server and a mail server, real ones, on 127.0.0.1."""

import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class WebServer(ThreadingHTTPServer):
    """Keeps the JSON that is posted to it. `answers` are the next statuses, else 200; `delay` is before each."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[int] = []
        self.delay = 0.0

    def url(self, path: str = "", credentials: str = "", **options: str) -> str:
        """Of a channel that posts to it."""
        query = "".join(f"&{name}={value}" for name, value in options.items())
        return f"json://{credentials}127.0.0.1:{self.server_address[1]}/{path}?method=POST{query}"

    def titles(self, path: str = "") -> list[str]:
        return [body["title"] for where, body in self.posted if where == f"/{path}"]


class _Receiver(BaseHTTPRequestHandler):
    server: WebServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.append((self.path.partition("?")[0], body))
        time.sleep(self.server.delay)
        try:
            self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
            self.send_header("Content-Length", "0")
            self.send_header("Location", "/elsewhere")
            self.end_headers()
        except BrokenPipeError:  # who posted did not wait
            self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


class MailServer(socketserver.ThreadingTCPServer):
    """Keeps the mails that are handed to it by SMTP; with `refuses` it takes none."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Postman)
        self.mails: list[EmailMessage] = []
        self.refuses = False

    def url(self) -> str:
        """Of a channel that sends mail through it."""
        return (
            f"mailto://127.0.0.1:{self.server_address[1]}/?smtp=127.0.0.1&mode=insecure"
            "&from=watcher@example.org&to=ops@example.org"
        )


class _Postman(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 ready")
        for line in iter(self.rfile.readline, b""):
            match line[:4].upper().strip():
                case b"DATA":
                    self._say("354 go on")
                    self._say(self._taken())
                case b"MAIL" if self.server.refuses:
                    self._say("550 not from you")
                case b"QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 fine")

    def _taken(self) -> str:
        lines = list(iter(self.rfile.readline, b".\r\n"))
        content = b"".join(line.removeprefix(b".") if line.startswith(b"..") else line for line in lines)
        mail = message_from_bytes(content, policy=policy.default)
        self.server.mails.append(mail)
        return "250 taken"

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def listening(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])

"""A PostgreSQL that knows no password: it asks for it, and refuses whatever it is told."""

import socketserver
import struct

REFUSED = "password authentication failed for user"


class Refusing(socketserver.ThreadingTCPServer):
    """On 127.0.0.1; `passwords` are those that it was told."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Doorman)
        self.passwords: list[str] = []

    def url(self, user: str, password: str) -> str:
        """Of a database there; the password as it stands in URLs."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.server_address[1]}/watcher?sslmode=disable"


class _Doorman(socketserver.StreamRequestHandler):
    server: Refusing

    def handle(self) -> None:
        size = self.rfile.read(4)
        if len(size) < 4:
            return
        self.rfile.read(struct.unpack("!I", size)[0] - 4)
        self.wfile.write(b"R" + struct.pack("!II", 8, 3))
        head = self.rfile.read(5)
        if len(head) < 5:
            return
        self.server.passwords.append(
            self.rfile.read(struct.unpack("!I", head[1:])[0] - 4).rstrip(b"\0").decode()
        )
        fields = {"S": "FATAL", "V": "FATAL", "C": "28P01", "M": f'{REFUSED} "watcher"'}
        body = b"".join(f"{name}{text}\0".encode() for name, text in fields.items()) + b"\0"
        self.wfile.write(b"E" + struct.pack("!I", len(body) + 4) + body)

"""An issuer of tokens, on this machine: keys made for the test, published over HTTP."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:  # noqa: ARG001 (another number, another key)
    return rsa.generate_private_key(65_537, 2_048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def published(key: PrivateKey, identity: str, **more: str) -> dict[str, Any]:
    """The public half as JWK."""
    if isinstance(key, rsa.RSAPrivateKey):
        entry = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        entry = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return entry | {"kid": identity, "use": "sig"} | more


class Issuer:
    """Answers with what its `documents` have for a path, `pause` seconds between two bytes; counts what it is asked."""

    audience = "watcher"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.documents: dict[str, Any] = {}
        self.redirects: dict[str, str] = {}
        self.heads: dict[str, str] = {}
        self.traces: list[str | None] = []
        self.pause = 0.0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.jwks_url = f"{self.url}/keys"
        self.documents["/.well-known/openid-configuration"] = {"issuer": self.url, "jwks_uri": self.jwks_url}
        self.publish(published(rsa_key(), "one"))

    def publish(self, *entries: Mapping[str, Any]) -> None:
        self.documents["/keys"] = {"keys": list(entries)}

    def token(
        self,
        key: PrivateKey | str | bytes | None = None,
        *,
        kid: str | None = "one",
        algorithm: str = "RS256",
        without: str = "",
        **claims: object,
    ) -> str:
        """A good one, but for what is said."""
        now = datetime.now(UTC).timestamp()
        all_claims = {"iss": self.url, "aud": self.audience, "sub": "pipelines", "exp": int(now) + 600}
        all_claims |= {"scope": "openid watcher:write"} | claims
        all_claims.pop(without, None)
        headers = {} if kid is None else {"kid": kid}
        return jwt.encode(all_claims, rsa_key() if key is None else key, algorithm, headers)

    def _handler(self) -> Callable[..., BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                issuer.traces.append(self.headers["traceparent"])
                document = issuer.documents.get(self.path)
                target = issuer.redirects.get(self.path)
                self.send_response(302 if target else 404 if document is None else 200)
                if target:
                    self.send_header("Location", target)
                for name, value in issuer.heads.items():
                    self.send_header(name, value)
                self.end_headers()
                if document is not None:
                    self._say(document if isinstance(document, bytes) else json.dumps(document).encode())

            def _say(self, text: bytes) -> None:
                if not issuer.pause:
                    self.wfile.write(text)
                    return
                with suppress(ConnectionError):  # whoever asked need not hear it to the end
                    for byte in text:
                        self.wfile.write(bytes([byte]))
                        time.sleep(issuer.pause)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing to the output of the tests."""

        return Handler


@contextmanager
def issuing() -> Iterator[Issuer]:
    issuer = Issuer()
    thread = Thread(target=issuer.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuer
    finally:
        issuer.server.shutdown()
        issuer.server.server_close()
        thread.join()

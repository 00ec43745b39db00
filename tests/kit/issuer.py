"""An issuer of OpenID Connect tokens on the loopback, and tokens as it signs them: right ones and wrong ones."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

AUDIENCE = "dbproc-test"


class Issuer:
    """An issuer with three keys, known as ``rsa``, ``ec`` and ``ed``; `asked`: the paths that it was asked for."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {
            "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ec": ec.generate_private_key(ec.SECP256R1()),
            "ed": ed25519.Ed25519PrivateKey.generate(),
        }
        self.asked: list[str] = []
        self.url = ""
        self.is_up = True

    def token(self, kid: str = "rsa", *, key: Any = None, algorithm: str = "", head: Any = None, **claims: Any) -> str:
        """A token that holds, but for what is given otherwise; a claim that is None is left out."""
        now = int(time.time())
        whole = {
            "iss": self.url,
            "aud": AUDIENCE,
            "preferred_username": "ada",
            "iat": now,
            "exp": now + 60,
        }
        told = {name: value for name, value in {**whole, **claims}.items() if value is not None}
        algorithms = {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}
        made_with = self.keys[kid] if key is None else key
        return jwt.encode(told, made_with, algorithm or algorithms[kid], headers={"kid": kid, **(head or {})})

    def public(self, kid: str) -> bytes:
        """A public key, as text."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key: PrivateKeyTypes = self.keys[kid]
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def document(self, path: str) -> dict[str, Any] | None:
        """What it tells at a path."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwk"}
        return {"keys": [_told(kid, key) for kid, key in self.keys.items()]} if path == "/jwk" else None


def _told(kid: str, key: Any) -> dict[str, Any]:
    of_kind: dict[Any, tuple[Any, str]] = {
        rsa.RSAPrivateKey: (jwt.algorithms.RSAAlgorithm, "RS256"),
        ec.EllipticCurvePrivateKey: (jwt.algorithms.ECAlgorithm, "ES256"),
        ed25519.Ed25519PrivateKey: (jwt.algorithms.OKPAlgorithm, "EdDSA"),
    }
    algorithm, name = next(each for kind, each in of_kind.items() if isinstance(key, kind))
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": name, "use": "sig"}


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """An issuer that answers on the loopback."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            found = issuer.document(self.path) if issuer.is_up else None
            body = json.dumps(found).encode()
            self.send_response(200 if found else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()

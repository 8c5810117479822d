"""A small real OpenID provider: its own server, its own keys, and tokens that a test may bend."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "weekly recap", "a secret: with signs"


@dataclass
class IdentityProvider:
    """Signs everybody in at once as *claims* say; gives each code away once."""

    url: str = ""
    key: RSAKey = field(
        default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
    )
    #: What the ID token says, over what an honest one would.
    claims: dict[str, Any] = field(default_factory=dict)
    #: Signs instead of *key*, where a test forges.
    forger: Any = None
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "1"})
    #: What the discovery says, over what an honest one would.
    configuration: dict[str, Any] = field(default_factory=dict)
    now: int = 0
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    #: What the token endpoint was asked, and what it answered.
    changed: list[int] = field(default_factory=list)

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(path)
        if parts.path == "/.well-known/openid-configuration":
            return self._json({
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize?tenant=one",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            } | self.configuration)  # fmt: skip
        if parts.path == "/keys":
            return self._json({"keys": [self.key.as_dict(private=False)]})
        if parts.path == "/authorize":
            told = {name: each[0] for name, each in parse_qs(parts.query).items()}
            code = secrets.token_urlsafe(16)
            self.codes[code] = told
            back = urlencode({"code": code, "state": told["state"], "iss": self.url})
            return 302, {"location": f"{told['redirect_uri']}?{back}"}, b""
        return 404, {}, b""

    def post(self, body: bytes, authorization: str) -> tuple[int, dict[str, str], bytes]:
        told = {name: each[0] for name, each in parse_qs(body.decode()).items()}
        asked = self.codes.pop(told.get("code", ""), None)
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
        challenge = hashlib.sha256(told.get("code_verifier", "").encode()).digest()
        fits = (
            asked is not None
            and [unquote(each) for each in pair] == [CLIENT, SECRET]
            and asked["code_challenge_method"] == "S256"
            and asked["code_challenge"] == base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
            and asked["redirect_uri"] == told.get("redirect_uri")
            and told.get("grant_type") == "authorization_code"
        )
        self.changed.append(200 if fits else 400)
        if not fits or asked is None:
            return self._json({"error": "invalid_grant"}, 400)
        return self._json({"id_token": self.token(asked["nonce"]), "token_type": "Bearer"})

    def token(self, nonce: str) -> str:
        claims = {
            "iss": self.url, "sub": "1", "aud": CLIENT, "nonce": nonce, "iat": self.now,
            "exp": self.now + 300, "email": "editor@example.org", "email_verified": True,
        } | self.claims  # fmt: skip
        told = {name: value for name, value in claims.items() if value is not None}
        if self.header["alg"] == "none":
            parts = (json.dumps(self.header), json.dumps(told))
            plain = [base64.urlsafe_b64encode(each.encode()).rstrip(b"=") for each in parts]
            return b".".join([*plain, b""]).decode()
        key = self.forger or self.key
        return jwt.encode(self.header, told, key, algorithms=[self.header["alg"]])

    def _json(self, said: Any, status: int = 200) -> tuple[int, dict[str, str], bytes]:
        return status, {"content-type": "application/json"}, json.dumps(said).encode()


@contextmanager
def providing() -> Iterator[IdentityProvider]:
    """Serve a provider on the loopback until the block ends."""
    provider = IdentityProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(*provider.get(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self._say(*provider.post(body, self.headers["authorization"]))

        def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in (headers | {"content-length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

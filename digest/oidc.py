"""
Signing in elsewhere: OpenID Connect Core 1.0, the authorization code flow with PKCE.

What is believed is an ID token alone: fetched from the provider itself, signed by a key
that it publishes, made for us, for this sign-in, and not over. Nothing is kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from digest.errors import FeedError, OidcError
from digest.http import Bounds, ask, fetch

#: Signatures that are taken: of a key pair. One of a shared secret, or none, never is.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
#: Seconds that the provider's clock and ours may differ.
LEEWAY = 60

_BOUNDS = Bounds(max_bytes=1_000_000, seconds=10, redirects=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Whom we trust to say who somebody is, and where it is asked (Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who we are to the provider."""

    id: str
    secret: str
    #: Where it sends people back to.
    redirect_uri: str


def discovered(issuer: str) -> Provider:
    """Return what the provider says of itself; OidcError if it is not itself, or not there."""
    told = _json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if told.get("issuer") != issuer:
        # Section 4.3: else one provider could speak for another.
        raise OidcError(f"{issuer} calls itself {told.get('issuer')!r}", remedy=_CHECK_ISSUER)
    try:
        return Provider(
            issuer=issuer,
            authorization_endpoint=str(told["authorization_endpoint"]),
            token_endpoint=str(told["token_endpoint"]),
            jwks_uri=str(told["jwks_uri"]),
        )
    except KeyError as e:
        raise OidcError(f"{issuer} does not say its {e.args[0]}", remedy=_CHECK_ISSUER) from None


_CHECK_ISSUER = "Write oidc.issuer in config.yaml as the provider's own pages do."


def authorization_url(
    provider: Provider, client: Client, *, state: str, nonce: str, verifier: str
) -> str:
    """Return where somebody goes to sign in; they come back with a code and *state*."""
    challenge = hashlib.sha256(verifier.encode()).digest()
    told = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": client.redirect_uri,
        "scope": "openid email",
        "state": state,
        "nonce": nonce,
        "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in provider.authorization_endpoint else "?"
    return f"{provider.authorization_endpoint}{joint}{urlencode(told)}"


def id_token(provider: Provider, client: Client, *, code: str, verifier: str) -> str:
    """Change a *code* into the ID token that it stands for; OidcError for a refusal."""
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": verifier,
    }
    # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
    pair = f"{quote(client.id, safe='')}:{quote(client.secret, safe='')}"
    headers = {
        "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
        "content-type": "application/x-www-form-urlencoded",
        "accept": "application/json",
    }
    try:
        status, said = ask(provider.token_endpoint, urlencode(body).encode(), headers)
    except FeedError as e:
        raise OidcError(str(e), remedy="Try again in a minute.") from e
    told = _object(said, provider.token_endpoint)
    if status != 200 or not isinstance(told.get("id_token"), str):
        # The error's name only: what else it says may hold the code.
        raise OidcError(f"{provider.issuer} gave no ID token: {str(told.get('error'))[:40]}")
    return str(told["id_token"])


def verified_address(
    provider: Provider, client: Client, token: str, *, nonce: str, now: datetime
) -> str:
    """
    Return the mail address that the provider vouches for.

    OidcError, saying which check failed, for a token that is not the provider's, not ours,
    not of this sign-in, or over (Core, 3.1.3.7), and for an address that is not verified.
    """
    claims = _signed(provider, token)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    moment = now.timestamp()
    checks = {
        "iss": claims.get("iss") == provider.issuer,
        "aud": client.id in audiences,
        "azp": claims.get("azp", client.id) == client.id
        and (len(audiences) == 1 or "azp" in claims),
        "exp": _number(claims.get("exp")) > moment - LEEWAY,
        "iat": 0 < _number(claims.get("iat")) < moment + LEEWAY,
        "nonce": claims.get("nonce") == nonce,
    }
    for name, holds in checks.items():
        if not holds:
            raise OidcError(f"the ID token's {name} is not as it must be")
    address = claims.get("email")
    if not isinstance(address, str) or claims.get("email_verified") is not True:
        raise OidcError(
            "the provider does not say that your address is verified",
            remedy="Verify it there, or sign in by a link.",
        )
    return address


def _signed(provider: Provider, token: str) -> dict[str, Any]:
    """Return what a token claims, once its signature is one of the provider's."""
    try:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
    except ImportError as e:
        raise OidcError(
            "signing in elsewhere needs joserfc",
            remedy="Run: pip install 'weekly-recap[oidc]'",
        ) from e
    published = _json(provider.jwks_uri)
    pairs = [
        each
        for each in published.get("keys", [])
        if isinstance(each, dict) and each.get("kty") != "oct" and each.get("use", "sig") == "sig"
    ]
    try:
        keys = KeySet.import_key_set({"keys": pairs})
        return dict(jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims)
    except (JoseError, ValueError, TypeError, KeyError) as e:
        raise OidcError("the ID token is not signed by the provider") from e


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else 0.0  # type: ignore[arg-type]


def _json(url: str) -> dict[str, Any]:
    try:
        answer = fetch(url, allow_private=True, accept="application/json", bounds=_BOUNDS)
    except FeedError as e:
        raise OidcError(str(e), remedy="Try again in a minute, or sign in by password.") from e
    return _object(answer.body, url)


def _object(body: bytes, url: str) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise OidcError(f"{url} answers with something else than a JSON object")
    return told

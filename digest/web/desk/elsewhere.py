"""Signing in at an identity provider: going there, and coming back with a code."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from digest import oidc, staff, tokens
from digest.errors import BadToken, OidcError
from digest.model.settings import OidcSettings
from digest.web.desk.device import device
from digest.web.desk.session import onward
from digest.web.pages import Pages, told

#: Carries what the browser must bring back, sealed; and what the seal is for.
COOKIE, PURPOSE = "recap_oidc", "sign in elsewhere"
#: So long somebody may take at the provider.
LASTS = timedelta(minutes=10)
#: Longer paths are not come back to: the cookie's token has an end.
LONGEST_PATH = 120

HERE = "/sign-in/elsewhere"


def add(router: APIRouter, pages: Pages, entered: Callable[..., Response]) -> None:
    """Add the two routes; without `oidc` in config.yaml there are none."""

    @router.get(HERE)
    def leave(path: Annotated[str, Query(alias="next", max_length=500)] = "/") -> Response:
        settings = _settings(pages)
        back = onward(path) if len(path) <= LONGEST_PATH else "/"
        state, nonce = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        verifier = secrets.token_urlsafe(32)
        try:
            provider = oidc.discovered(settings.issuer)
        except OidcError as e:
            return _refused(pages, e)
        url = oidc.authorization_url(
            provider, _client(pages, settings), state=state, nonce=nonce, verifier=verifier
        )
        response = RedirectResponse(url, status_code=303)
        _remember(pages, response, state, nonce, verifier, back)
        return response

    @router.get(f"{HERE}/back")
    def come_back(
        request: Request,
        code: Annotated[str, Query(max_length=4000)] = "",
        state: Annotated[str, Query(max_length=100)] = "",
        iss: Annotated[str, Query(max_length=500)] = "",
    ) -> Response:
        settings = _settings(pages)
        try:
            kept, nonce, verifier, path = _remembered(pages, request)
            if not code or not hmac.compare_digest(kept.encode(), state.encode()):
                raise OidcError("this is not the sign-in that was begun here")
            if iss and iss != settings.issuer:  # RFC 9207
                raise OidcError("another provider answers than was asked")
            address = _vouched(pages, settings, code, verifier, nonce)
            agent = device(request.headers.get("user-agent", ""))
            secret = staff.welcome(pages.database, address, now=pages.now(), device=agent)
        except (OidcError, BadToken) as e:
            return _refused(pages, e)
        response = entered(pages, request, secret, path)
        response.delete_cookie(COOKIE, path=f"{pages.prefix}{HERE}")
        return response


def _settings(pages: Pages) -> OidcSettings:
    settings = pages.loaded.settings.oidc
    if settings is None:
        raise HTTPException(404)
    return settings


def _client(pages: Pages, settings: OidcSettings) -> oidc.Client:
    return oidc.Client(
        id=settings.client_id,
        secret=pages.loaded.settings.oidc_client_secret,
        redirect_uri=f"{staff.desk_url(pages.loaded)}{HERE}/back",
    )


def _vouched(pages: Pages, settings: OidcSettings, code: str, verifier: str, nonce: str) -> str:
    provider, client = oidc.discovered(settings.issuer), _client(pages, settings)
    token = oidc.id_token(provider, client, code=code, verifier=verifier)
    return oidc.verified_address(provider, client, token, nonce=nonce, now=pages.now())


def _remember(pages: Pages, response: Response, *parts: str) -> None:
    sealed = tokens.make_until(
        pages.loaded.settings.token_key, PURPOSE, pages.now() + LASTS, *parts
    )
    response.set_cookie(
        COOKIE,
        sealed,
        max_age=int(LASTS.total_seconds()),
        path=f"{pages.prefix}{HERE}",
        secure=pages.loaded.settings.public_url.startswith("https:"),
        httponly=True,
        # Coming back is a link from another site, which a strict one is not sent with.
        samesite="lax",
    )


def _remembered(pages: Pages, request: Request) -> tuple[str, str, str, str]:
    """Return state, nonce, verifier and path; OidcError without a fresh cookie of ours."""
    try:
        state, nonce, verifier, path = tokens.opened_by(
            pages.loaded.settings.token_key,
            PURPOSE,
            request.cookies.get(COOKIE, ""),
            now=pages.now(),
        )
    except BadToken:
        raise OidcError("this sign-in took too long, or was begun in another browser") from None
    return state, nonce, verifier, path


def _refused(pages: Pages, e: OidcError | BadToken) -> Response:
    return told(
        pages,
        403,
        title="Signing in did not work",
        text=str(e),
        remedy=e.remedy or "Begin again, or sign in by password or link.",
        home=f"{pages.prefix}/sign-in",
    )

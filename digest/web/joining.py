"""Joining: a page, a plain form for other sites, and the button behind the mail's link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.background import BackgroundTask
from starlette.responses import Response

from digest import readership, tokens
from digest.errors import BadToken, NoSuchIssue
from digest.model.settings import NewsletterSettings
from digest.web.pages import Pages, told

#: What a form's token is for, how long it opens, and how fast nobody fills one in.
FORM = "join"
FORM_LASTS = timedelta(hours=24)
FILLED_IN = timedelta(seconds=2)

#: Kept with every consent; a change of the text takes a new number.
FORM_VERSION = "1"

#: What a form may hold; the rest of a longer field is nobody's name.
_LONGEST = 320

_TOKEN_PAGE = {"x-robots-tag": "noindex"}

Field = Annotated[str, Form()]


#: The languages that small mails are whole in, in their own words.
LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "ar": "العربية",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What somebody filled in; of topics and languages only what there is."""

    address: str = ""
    name: str = ""
    topics: tuple[str, ...] = ()
    #: "" for the newsletter's own.
    language: str = ""


def doors(pages: Pages) -> APIRouter:
    """Return the routes of joining. No cookie: the form and the mail carry what is needed."""
    router = APIRouter()
    _asking(router, pages)
    _confirming(router, pages)
    return router


# --- asking -------------------------------------------------------------------------------


def _asking(router: APIRouter, pages: Pages) -> None:
    @router.api_route("/join/{newsletter}", methods=["GET", "HEAD"])
    def form(newsletter: str, language: str = "") -> Response:
        return _form(pages, newsletter, Asking(language=language if language in LANGUAGES else ""))

    @router.post("/join/{newsletter}")
    def ask(
        request: Request,
        newsletter: str,
        address: Field = "",
        name: Field = "",
        topic: Annotated[tuple[str, ...], Form()] = (),
        language: Field = "",
        form: Field = "",
        website: Field = "",
    ) -> Response:
        offered = _settings(pages, newsletter).topics.offered
        asking = Asking(
            address=address.strip()[:_LONGEST],
            name=name.strip()[:_LONGEST],
            topics=tuple(each for each in offered if each in topic),
            language=language if language in LANGUAGES else "",
        )
        if not asking.address or not _is_ours(pages, newsletter, form):
            # From another site, too fast, or too old: one more press, on our own page.
            return _form(pages, newsletter, asking)
        if website:
            return _sent(pages, newsletter, asking)
        return _asked(pages, newsletter, asking, readership.prefix_of(asker(request)))


def _asked(pages: Pages, newsletter: str, asking: Asking, prefix: str) -> Response:
    now = pages.now()
    answer = readership.knock(
        pages.database, pages.loaded, newsletter, asking.address, prefix=prefix, now=now
    )
    if answer is readership.Answer.BUSY:
        return busy(pages, newsletter, asking.language)
    sent = _sent(pages, newsletter, asking)
    if answer is readership.Answer.INVITED:
        # After the answer, so that the time it takes tells nothing about the address.
        sent.background = BackgroundTask(
            readership.invite,
            pages.database,
            pages.loaded,
            newsletter,
            asking.address,
            name=asking.name,
            source="sign-up form",
            proof=_proof(pages, newsletter, asking, prefix),
            now=now,
        )
    return sent


def _form(pages: Pages, newsletter: str, asking: Asking) -> Response:
    settings, now = _settings(pages, newsletter), pages.now()
    token = tokens.make_until(
        pages.loaded.settings.token_key, FORM, now + FORM_LASTS, newsletter, now.isoformat()
    )
    return pages.page(
        "join.html",
        newsletter=newsletter,
        language=asking.language,
        action=f"{pages.prefix}/join/{newsletter}",
        archive=f"{pages.prefix}/issues/{newsletter}",
        form=token,
        asking=asking,
        topics=settings.topics.offered,
        consent=_consent(pages, newsletter, asking),
    )


def _is_ours(pages: Pages, newsletter: str, token: str) -> bool:
    """Tell whether a form of ours was filled in for *newsletter*, in a person's time."""
    now = pages.now()
    try:
        parts = tokens.opened_by(pages.loaded.settings.token_key, FORM, token, now=now)
    except BadToken:
        return False
    return parts[0] == newsletter and now - datetime.fromisoformat(parts[1]) >= FILLED_IN


def _sent(pages: Pages, newsletter: str, asking: Asking) -> Response:
    return pages.page(
        "join-sent.html", newsletter=newsletter, language=asking.language, headers=_TOKEN_PAGE
    )


def busy(pages: Pages, newsletter: str, language: str | None) -> Response:
    """Return the page of a limit that says nothing about an address."""
    _ = pages.spoken(newsletter, language).gettext
    answer = told(
        pages,
        429,
        newsletter=newsletter,
        language=language,
        title=_("Please try again in an hour"),
        text=_("More people than usual want to join just now. Nothing was changed."),
    )
    answer.headers["retry-after"] = "3600"
    return answer


def _settings(pages: Pages, newsletter: str) -> NewsletterSettings:
    settings = pages.newsletter(newsletter)
    if settings is None:
        raise NoSuchIssue(f"no newsletter is called {newsletter}")
    return settings


def _consent(pages: Pages, newsletter: str, asking: Asking) -> str:
    """Return what who joins agrees to, in the words that they saw."""
    settings = _settings(pages, newsletter)
    return pages.spoken(newsletter, asking.language).gettext(
        "Send me %(title)s by e-mail, weekly. I can leave at any time by the link in every mail. "
        "Sender: %(title)s, %(postal_address)s",
        title=settings.title,
        postal_address=" ".join(settings.postal_address.split()),
    )


def _proof(pages: Pages, newsletter: str, asking: Asking, prefix: str) -> dict[str, Any]:
    text = _consent(pages, newsletter, asking)
    told = {"form": FORM_VERSION, "text": text, "prefix": prefix}
    chosen = {"topics": list(asking.topics), "language": asking.language}
    return told | {name: choice for name, choice in chosen.items() if choice}


def asker(request: Request) -> str:
    """
    Return whose IP address the request comes from; "" where only a proxy's is known.

    A proxy of ours is on this machine or its network, and says last in X-Forwarded-For
    whom it heard. Nobody else is believed.
    """
    peer = request.client.host if request.client else ""
    try:
        is_ours = ip_address(peer).is_private
    except ValueError:
        return ""
    if not is_ours:
        return peer
    return ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()


# --- confirming ---------------------------------------------------------------------------


def _confirming(router: APIRouter, pages: Pages) -> None:
    """A GET shows a button and changes nothing, since scanners open links; the POST confirms."""

    def ask(token: str) -> Response:
        found = readership.invitation(pages.database, pages.loaded, token, now=pages.now())
        return pages.page(
            "confirm.html",
            newsletter=found.newsletter,
            language=found.language,
            headers=_TOKEN_PAGE,
            action=f"{pages.prefix}/confirm/{token}",
        )

    def confirm(request: Request, token: str) -> Response:
        proof = {"by": "button", "prefix": readership.prefix_of(asker(request))}
        found = readership.confirm(
            pages.database, pages.loaded, token, proof=proof, now=pages.now()
        )
        return pages.page(
            "confirmed.html",
            newsletter=found.newsletter,
            language=found.language,
            headers=_TOKEN_PAGE,
            latest=f"{pages.prefix}{found.latest}" if found.latest else "",
        )

    for slash in ("", "/"):
        router.add_api_route(f"/confirm/{{token}}{slash}", ask, methods=["GET", "HEAD"])
        router.add_api_route(f"/confirm/{{token}}{slash}", confirm, methods=["POST"])

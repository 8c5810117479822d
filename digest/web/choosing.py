"""Choosing: what a reader's link to the preferences opens, one question a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Form, Request
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import Response

from digest import readership
from digest.errors import NoSuchIssue, ReaderError
from digest.model import Format, Rhythm
from digest.model.settings import NewsletterSettings
from digest.readership import Choices
from digest.render.languages import Translated
from digest.web import joining, words
from digest.web.joining import LANGUAGES
from digest.web.pages import Pages, told

_TOKEN_PAGE = {"x-robots-tag": "noindex"}

#: Longer than any address; the rest of a longer field is nobody's.
_LONGEST = 320

#: Gives the words of one language.
Say = Callable[..., str]


def _rhythms(_: Say) -> dict[Rhythm, str]:
    return {
        Rhythm.WEEKLY: _("Every week"),
        Rhythm.MONTHLY: _("Once a month, the month’s own issue"),
    }


def _formats(_: Say) -> dict[Format, str]:
    return {Format.HTML: _("With pictures and colours"), Format.TEXT: _("Plain text only")}


@dataclass(frozen=True, slots=True)
class Option:
    """One of several answers."""

    value: str
    label: str
    chosen: bool
    #: Options under the same heading stand together in a list to pick from.
    under: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One page: a question, its present answer, and what may be answered instead."""

    key: str
    #: As the list of all questions names it.
    name: str
    asks: str
    now: str
    button: str
    hint: str = ""
    options: tuple[Option, ...] = ()
    #: Several options may be chosen.
    several: bool = False
    #: There are too many options to show each on the page.
    picked: bool = False
    #: ``date`` or ``email``, where the answer is typed.
    field: str = ""
    typed: str = ""
    least: str = ""
    most: str = ""


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the preferences. No cookie, no script; a GET changes nothing."""
    router = APIRouter()
    _choosing(router, pages)
    _link_by_mail(router, pages)
    _moving(router, pages)
    return router


# --- questions and answers ----------------------------------------------------------------


def _choosing(router: APIRouter, pages: Pages) -> None:
    @router.api_route("/preferences/{token}", methods=["GET", "HEAD"])
    def hub(token: str) -> Response:
        return _hub(pages, token, _chosen(pages, token))

    @router.api_route("/preferences/{token}/{key}", methods=["GET", "HEAD"])
    def ask(token: str, key: str) -> Response:
        chosen = _chosen(pages, token)
        return _hub(pages, token, chosen) if not chosen.reads else _asked(pages, token, chosen, key)

    @router.post("/preferences/{token}/{key}")
    async def answer(request: Request, token: str, key: str) -> Response:
        from starlette.concurrency import run_in_threadpool

        form = await request.form()
        answers = [text[:_LONGEST] for text in form.getlist("answer") if isinstance(text, str)]
        prefix = readership.prefix_of(joining.asker(request))
        return await run_in_threadpool(_answered, pages, token, key, answers, prefix)


def _chosen(pages: Pages, token: str) -> Choices:
    return readership.choices(pages.database, pages.loaded, token, now=pages.now())


def _hub(pages: Pages, token: str, chosen: Choices, *, said: str = "") -> Response:
    if not chosen.reads:
        return _page(pages, "not-reading.html", chosen)
    return _page(
        pages,
        "preferences.html",
        chosen,
        said=said,
        here=f"{pages.prefix}/preferences/{token}",
        questions=_questions(pages, chosen),
        fresh=bool(chosen.address),
        leaving=f"{pages.prefix}/unsubscribe/{chosen.leaving}",
    )


def _asked(pages: Pages, token: str, chosen: Choices, key: str, *, fault: str = "") -> Response:
    question = next((each for each in _questions(pages, chosen) if each.key == key), None)
    if question is None:
        raise HTTPException(404)
    return _page(
        pages,
        "preference.html",
        chosen,
        status=422 if fault else 200,
        question=question,
        fault=fault,
        back=f"{pages.prefix}/preferences/{token}",
    )


def _page(pages: Pages, template: str, chosen: Choices, **values: Any) -> Response:
    return pages.page(
        template,
        newsletter=chosen.newsletter,
        language=chosen.language,
        headers=_TOKEN_PAGE,
        **values,
    )


def _answered(pages: Pages, token: str, key: str, answers: list[str], prefix: str) -> Response:
    if key == "link":
        readership.mail_link(pages.database, pages.loaded, token, now=pages.now())
        return _page(pages, "preferences-sent.html", _chosen(pages, token))
    chosen = _chosen(pages, token)
    if not chosen.reads:
        return _hub(pages, token, chosen)
    if all(key != each.key for each in _questions(pages, chosen)):
        raise HTTPException(404)
    try:
        if key == "address":
            return _address_asked(pages, token, chosen, answers, prefix)
        chosen = _ANSWERS[key](pages, token, answers)
    except (ReaderError, ValueError):
        fault = _fault(pages.spoken(chosen.newsletter, chosen.language).gettext, key)
        return _asked(pages, token, chosen, key, fault=fault)
    said = _said(pages.spoken(chosen.newsletter, chosen.language).gettext, key)
    return _hub(pages, token, chosen, said=said)


def _with(change: Callable[..., Choices], read: Callable[[list[str]], Any]) -> Any:
    def answered(pages: Pages, token: str, answers: list[str]) -> Choices:
        return change(pages.database, pages.loaded, token, read(answers), now=pages.now())

    return answered


def _one(answers: list[str]) -> str:
    return answers[0].strip() if answers else ""


def _resumed(pages: Pages, token: str, _answers: list[str]) -> Choices:
    return readership.resume(pages.database, pages.loaded, token, now=pages.now())


def _language(answers: list[str]) -> str | None:
    told = _one(answers)
    if told and told not in LANGUAGES:
        raise ValueError(told)
    return told or None


_ANSWERS: Mapping[str, Callable[[Pages, str, list[str]], Choices]] = {
    "topics": _with(readership.choose_topics, lambda answers: answers),
    "rhythm": _with(readership.choose_rhythm, lambda answers: Rhythm(_one(answers))),
    "pause": _with(readership.pause, lambda answers: date.fromisoformat(_one(answers))),
    "resume": _resumed,
    "format": _with(readership.choose_format, lambda answers: Format(_one(answers))),
    "timezone": _with(readership.choose_timezone, lambda answers: _one(answers) or None),
    "language": _with(readership.choose_language, _language),
}


def _said(_: Say, key: str) -> str:
    """Return what an answer that was taken leads to."""
    match key:
        case "pause":
            return _("Paused. You need not do anything for the mail to come back.")
        case "resume":
            return _("You get mail again.")
        case "language":
            return _("Saved.")
    return _("Saved. It holds from the next issue on.")


def _fault(_: Say, key: str) -> str:
    """Return why an answer cannot be taken."""
    match key:
        case "pause":
            return _("A pause ends on a day to come, within a year.")
        case "address":
            return _("Mail cannot be sent to this address. Look at it again.")
    return _("This is none of the answers.")


def _questions(pages: Pages, chosen: Choices) -> list[Question]:
    """Return what this link may ask, in the order of the page."""
    settings = pages.loaded.settings.newsletters[chosen.newsletter]
    spoken = pages.spoken(chosen.newsletter, chosen.language)
    _ = spoken.gettext
    asked = [
        _of_topics(_, chosen, settings) if settings.topics.offered else None,
        _of_rhythm(_, chosen, settings) if len(settings.rhythms) > 1 else None,
        _of_return(spoken, chosen, settings)
        if chosen.paused
        else _of_pause(_, pages.now().astimezone(settings.zone).date()),
        _of_format(_, chosen),
        _of_timezone(_, chosen, settings) if settings.own_clock else None,
        _of_language(_, chosen),
        _of_address(_, chosen) if chosen.address else None,
    ]
    return [each for each in asked if each is not None]


def _of_topics(_: Say, chosen: Choices, settings: NewsletterSettings) -> Question:
    return Question(
        key="topics",
        name=_("Topics"),
        asks=_("Which topics do you want to read about?"),
        hint=_("Choose none, and you get all of them."),
        now=", ".join(chosen.topics) or _("All topics"),
        button=_("Save"),
        options=tuple(
            Option(topic, topic, topic in chosen.topics) for topic in settings.topics.offered
        ),
        several=True,
    )


def _of_rhythm(_: Say, chosen: Choices, settings: NewsletterSettings) -> Question:
    labels = _rhythms(_)
    return Question(
        key="rhythm",
        name=_("Rhythm"),
        asks=_("How often do you want %(title)s?", title=settings.title),
        now=labels[chosen.rhythm],
        button=_("Save"),
        options=tuple(
            Option(each, labels[each], each is chosen.rhythm) for each in settings.rhythms
        ),
    )


def _of_return(spoken: Translated, chosen: Choices, settings: NewsletterSettings) -> Question:
    _, until = spoken.gettext, chosen.paused_until
    return Question(
        key="resume",
        name=_("Pause"),
        asks=_("Do you want mail again?"),
        now=_("Until %(day)s", day=words.day_in(until, settings.zone, spoken.tag))
        if until
        else _("Paused"),
        button=_("Get mail again"),
    )


def _of_pause(_: Say, today: date) -> Question:
    return Question(
        key="pause",
        name=_("Pause"),
        asks=_("Until when do you want no mail?"),
        hint=_("From that day on it comes again."),
        now=_("Not paused"),
        button=_("Pause"),
        field="date",
        typed=(today + timedelta(days=30)).isoformat(),
        least=(today + timedelta(days=1)).isoformat(),
        most=(today + timedelta(days=365)).isoformat(),
    )


def _of_format(_: Say, chosen: Choices) -> Question:
    labels = _formats(_)
    return Question(
        key="format",
        name=_("Format"),
        asks=_("How should the mail look?"),
        now=labels[chosen.format],
        button=_("Save"),
        options=tuple(Option(each, label, each is chosen.format) for each, label in labels.items()),
    )


def _of_timezone(_: Say, chosen: Choices, settings: NewsletterSettings) -> Question:
    usual = _("The newsletter’s: %(zone)s", zone=_place(settings.timezone))
    return Question(
        key="timezone",
        name=_("Time zone"),
        asks=_("Which clock should your mail go by?"),
        hint=_(
            "It comes at %(time)s there, at most a day after the others.",
            time=f"{settings.sends.at:%H:%M}",
        ),
        now=_place(chosen.timezone) if chosen.timezone else usual,
        button=_("Save"),
        options=(
            Option("", usual, chosen.timezone is None),
            *(
                Option(zone, _place(zone), zone == chosen.timezone, under=zone.partition("/")[0])
                for zone in _zones()
            ),
        ),
        picked=True,
    )


@cache
def _zones() -> tuple[str, ...]:
    """Return the time zones that are named by a place, in order."""
    return tuple(sorted(zone for zone in available_timezones() if zone.startswith(_PLACES)))


#: The others are offsets, countries and old spellings.
_PLACES = (
    "Africa/",
    "America/",
    "Antarctica/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)


def _place(zone: str) -> str:
    return zone.rpartition("/")[2].replace("_", " ")


def _of_language(_: Say, chosen: Choices) -> Question:
    usual = Option("", _("The newsletter’s own"), chosen.language not in LANGUAGES)
    return Question(
        key="language",
        name=_("Language"),
        asks=_("In which language do we write to you about your subscription?"),
        hint=_("The newsletter itself stays as it is."),
        now=LANGUAGES.get(chosen.language or "", usual.label),
        button=_("Save"),
        options=(
            usual,
            *(Option(tag, name, tag == chosen.language) for tag, name in LANGUAGES.items()),
        ),
    )


def _of_address(_: Say, chosen: Choices) -> Question:
    return Question(
        key="address",
        name=_("Address"),
        asks=_("Where should the mail go?"),
        hint=_("We ask for a confirmation at the new address, and tell the old one."),
        now=chosen.address,
        button=_("Change"),
        field="email",
    )


# --- links by mail ------------------------------------------------------------------------


def _link_by_mail(router: APIRouter, pages: Pages) -> None:
    @router.api_route("/choose/{newsletter}", methods=["GET", "HEAD"])
    def ask(newsletter: str) -> Response:
        _known(pages, newsletter)
        return pages.page("preferences-link.html", newsletter=newsletter, headers=_TOKEN_PAGE)

    @router.post("/choose/{newsletter}")
    def send(newsletter: str, answer: Annotated[str, Form()] = "") -> Response:
        _known(pages, newsletter)
        sent = pages.page("preferences-sent.html", newsletter=newsletter, headers=_TOKEN_PAGE)
        # After the answer, so that the time it takes tells nothing about the address.
        sent.background = BackgroundTask(
            readership.mail_link_to,
            pages.database,
            pages.loaded,
            newsletter,
            answer[:_LONGEST],
            now=pages.now(),
        )
        return sent


def _known(pages: Pages, newsletter: str) -> None:
    if pages.newsletter(newsletter) is None:
        raise NoSuchIssue(f"no newsletter is called {newsletter}")


# --- another address ----------------------------------------------------------------------


def _address_asked(
    pages: Pages, token: str, chosen: Choices, answers: list[str], prefix: str
) -> Response:
    now, address = pages.now(), readership.mailbox(_one(answers))
    told_ = (pages.database, pages.loaded)
    answer = readership.knock(*told_, chosen.newsletter, address, prefix=prefix, now=now)
    if answer is readership.Answer.BUSY:
        return joining.busy(pages, chosen.newsletter, chosen.language)
    if answer is readership.Answer.INVITED:
        readership.ask_to_move(*told_, token, address, now=now)
    # The same where that mailbox has had its mail of the day.
    return _page(pages, "move-sent.html", chosen)


def _moving(router: APIRouter, pages: Pages) -> None:
    """A GET shows a button and changes nothing, since scanners open links; the POST moves."""

    @router.api_route("/move/{token}", methods=["GET", "HEAD"])
    def ask(token: str) -> Response:
        found = readership.moving(pages.database, pages.loaded, token, now=pages.now())
        return _move_page(pages, "move.html", found)

    @router.post("/move/{token}")
    def move(token: str) -> Response:
        try:
            found = readership.move(pages.database, pages.loaded, token, now=pages.now())
        except ReaderError:
            found = readership.moving(pages.database, pages.loaded, token, now=pages.now())
            return _occupied(pages, found)
        return _move_page(pages, "moved.html", found)


def _occupied(pages: Pages, found: readership.Move) -> Response:
    _ = pages.spoken(found.newsletter, found.language).gettext
    return told(
        pages,
        409,
        newsletter=found.newsletter,
        language=found.language,
        title=_("Nothing was changed"),
        text=_("This address is a reader’s already, and keeps its own subscription."),
        remedy=_("Unsubscribe the other address by the link in any issue that comes there."),
    )


def _move_page(pages: Pages, template: str, found: readership.Move) -> Response:
    return pages.page(
        template,
        newsletter=found.newsletter,
        language=found.language,
        headers=_TOKEN_PAGE,
        address=found.address,
    )

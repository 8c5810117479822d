"""Readers' pages in the reader's language, else the newsletter's."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from digest import tokens
from digest.model import IssueState
from digest.model.settings.items import Topics
from digest.model.settings.newsletter import Monthly
from digest.readership.choosing import FRESH
from digest.store import Database, consents, subscribers
from tests.test_languages import catalog
from tests.test_web_joining import link_in, mails
from tests.website import KEY, Site, a_draft, a_reader, put_into, served

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
pytestmark = SQLITE
LANGUAGES = {"de": "ltr", "fr": "ltr", "es": "ltr", "ar": "rtl"}


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


def speaking(site: Site, language: str) -> None:
    """Give the newsletter that language, topics and a monthly issue."""
    newsletter = site.loaded.settings.newsletters["recap"]
    told = {"language": language, "title": "RAND 7", "monthly": Monthly()}
    topics = Topics(offered=("Ukraine",))
    site.settings(newsletters={"recap": newsletter.model_copy(update={**told, "topics": topics})})


def doors_of(reader: int, site: Site) -> list[str]:
    """Every page that opens for a reader and for anybody."""
    leaving = tokens.make(KEY, tokens.LEAVE, reader, "recap")
    until = site.now + timedelta(hours=1)
    choosing = f"/preferences/{tokens.make_until(KEY, FRESH, until, reader, 'recap')}"
    asked = ("topics", "rhythm", "pause", "format", "language", "address")
    return [
        *("/join/recap", "/choose/recap", f"/unsubscribe/{leaving}", "/unsubscribe/forged"),
        *(choosing, *(f"{choosing}/{key}" for key in asked)),
        *("/issues/recap", "/issues/recap?year=2023", "/issues/recap/search?q=nothing"),
        *("/topics/recap", "/issues/recap/2023-09-22"),
    ]


def seen(page: str) -> str:
    """The words of a page, labels among them."""
    labels = " ".join(re.findall(r'aria-label="([^"]*)"', page))
    body = re.sub(r"<(style|title)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return html.unescape(labels + " | " + re.sub(r"<[^>]+>", " | ", body))


@pytest.mark.parametrize(("language", "direction"), LANGUAGES.items())
def test_pages_are_in_the_newsletters_language(site: Site, language: str, direction: str) -> None:
    """Every page of a reader's says which language it is in, and no word of ours is English."""
    put_into(site.database, a_draft(site.database), IssueState.FINISHED, loaded=site.loaded)
    speaking(site, language)
    english = {
        each.id
        for each in catalog(language, "pages")
        if each.id and isinstance(each.id, str) and each.id != each.string
    }
    for path in doors_of(a_reader(site.database), site):
        page = site.browser().get(path).text
        if not path.startswith("/issues/recap/2023"):
            assert f'<html lang="{language}" dir="{direction}">' in page, path
        said = {part.strip() for part in seen(page).split("|")}
        assert not said & english, path


def test_a_readers_own_language_comes_first(site: Site) -> None:
    """What their link opens is in the language they chose; what is public, in the newsletter's."""
    speaking(site, "de")
    reader = a_reader(site.database)
    with site.database.write() as conn:
        subscribers.speak(conn, reader, "es")
    public = ("/join", "/choose", "/issues", "/topics", "/unsubscribe/forged")
    for path in doors_of(reader, site)[:-1]:
        page = site.browser().get(path).text
        expected = "de" if path.startswith(public) else "es"
        assert f'<html lang="{expected}"' in page, path
    leaving = tokens.make(KEY, tokens.LEAVE, reader, "recap")
    assert "Suscripción cancelada." in site.browser().post(f"/unsubscribe/{leaving}").text


def test_a_language_without_words_is_english(site: Site) -> None:
    """A page never calls English words Dutch; dates are not Dutch either."""
    speaking(site, "nl")
    page = site.browser().get("/join/recap").text
    assert '<html lang="en" dir="ltr">' in page
    assert "Your e-mail address" in page


def test_the_desk_is_english(site: Site) -> None:
    """Whatever the newsletter is in, a screen reader reads the desk's English as English."""
    a_draft(site.database)
    speaking(site, "ar")
    page = site.browser("editor").get("/", follow_redirects=True).text
    assert '<html lang="en" dir="ltr">' in page


def test_what_was_agreed_to_is_kept_in_the_words_that_were_read(site: Site) -> None:
    """Who asked in another language agreed to its words, and hears back in it."""
    browser = site.browser()
    page = browser.get("/join/recap?language=fr").text
    assert '<html lang="fr"' in page
    form = re.search(r'name="form" value="([^"]+)"', page)
    assert form
    site.now += timedelta(seconds=9)
    told = {"address": "ana@example.org", "language": "fr", "form": form[1]}
    assert "Consultez votre messagerie." in browser.post("/join/recap", data=told).text
    (mail,) = mails(site, at_least=1)
    assert '<html lang="fr"' in browser.get(link_in(mail)).text
    assert "Vous êtes abonné." in browser.post(link_in(mail)).text
    with site.database.read() as conn:
        ((asked, *_),) = (consents.proofs(conn, one, "recap") for one in [1])
    assert asked.proof["text"].startswith("Envoyez-moi Sample Weekly Recap par e-mail")

"""The readers' pages that are judged: archive, joining, choosing, leaving, in three languages."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from digest import tokens
from digest.model import IssueState
from digest.model.settings.items import Topics
from digest.model.settings.newsletter import Monthly
from digest.readership.choosing import FRESH
from digest.store import Database, upgrade
from tests.archived import an_issue, published
from tests.website import KEY, Site, a_reader, served

LANGUAGES = ("en", "de", "ar")
TOPIC = "Security Cooperation"


def written(folder: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Write all of them into *folder*; return them as served, and with their styles inside."""
    database = Database(f"sqlite:///{folder}/pages.db")
    upgrade.upgrade(database)
    try:
        with served(database, folder) as site:
            pages = {name: page for tag in LANGUAGES for name, page in _pages(site, tag)}
            looks = [_got(site, f"/static/{name}.css") for name in ("web", "accent/6b2c91")]
    finally:
        database.close()
    style = f"<style>{' '.join(looks)}</style></head>"
    whole = {
        name: re.sub('<link rel="stylesheet"[^>]*>', "", page).replace("</head>", style, 1)
        for name, page in pages.items()
    }
    return _files(folder / "served", pages), _files(folder / "whole", whole)


def _pages(site: Site, language: str) -> list[tuple[str, str]]:
    newsletter = site.loaded.settings.newsletters["recap"]
    topics = Topics(offered=(TOPIC, "Ukraine"))
    told = {"language": language, "monthly": Monthly(), "topics": topics}
    site.settings(newsletters={"recap": newsletter.model_copy(update=told)})
    if language == LANGUAGES[0]:
        issue = an_issue(site.database, site.loaded, state=IssueState.FINISHED)
        assert issue.frozen_at
        published(site.database, {"title": "What Partners Want", "topics": (TOPIC,)})
        a_reader(site.database)
    return [(f"{language}-{name}", _got(site, path)) for name, path in _paths(site).items()]


def _paths(site: Site) -> dict[str, str]:
    leaving = f"/unsubscribe/{tokens.make(KEY, tokens.LEAVE, 1, 'recap')}"
    until = site.now + timedelta(hours=1)
    choosing = f"/preferences/{tokens.make_until(KEY, FRESH, until, 1, 'recap')}"
    asked = ("topics", "rhythm", "pause", "format", "language", "address")
    return {
        "join": "/join/recap",
        "choose": "/choose/recap",
        "leave": leaving,
        "no-such-page": "/unsubscribe/forged",
        "preferences": choosing,
        **{f"preferences-{key}": f"{choosing}/{key}" for key in asked},
        "issues": "/issues/recap",
        "issue": "/issues/recap/2023-09-22",
        "year": "/issues/recap?year=2023",
        "search": "/issues/recap/search?q=strikes",
        "nothing-found": "/issues/recap/search?q=astrology",
        "topics": "/topics/recap",
        "topic": "/topics/recap/security-cooperation",
    }


def _got(site: Site, path: str) -> str:
    return site.browser().get(path).text


def _files(folder: Path, pages: dict[str, str]) -> tuple[Path, ...]:
    folder.mkdir()
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page)
    return tuple(sorted(folder.iterdir()))

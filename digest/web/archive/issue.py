"""An issue's own page: the mail as it went out, without anything of a reader's."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from digest import render
from digest.errors import NoSuchIssue
from digest.model import Edition, Format, IssueId, IssueState, Rhythm, Variant
from digest.model.colours import legible
from digest.render.languages import direction
from digest.render.plain import link
from digest.store import archive, editions, issues
from digest.store.corrections import placed
from digest.web.archive.shelf import CACHE, Shelf, refuse_unnameable, shelf, title
from digest.web.desk import session
from digest.web.files import unchanged_or
from digest.web.pages import Pages

#: The edition's own styles and pictures; nothing that runs, frames, or sends.
EDITION_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https: http:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


#: All topics of a newsletter are never longer.
_LONGEST_TOPICS = 2000


def doors(pages: Pages) -> APIRouter:
    """Return the route of an issue's page."""
    router = APIRouter()

    @router.api_route("/issues/{newsletter}/{key}", methods=["GET", "HEAD"])
    def issue(
        request: Request, newsletter: str, key: str, edition: str = "", topics: str = ""
    ) -> Response:
        refuse_unnameable(newsletter, key)
        its = shelf(pages, newsletter)
        with pages.database.read() as conn:
            sent = archive.sent_issue(conn, newsletter, key)
        if sent is None:
            return _waiting(request, pages, its, key)
        return _sent(
            request, pages, its, sent, first=edition == "first", topics=topics[:_LONGEST_TOPICS]
        )

    return router


def _sent(
    request: Request, pages: Pages, its: Shelf, sent: archive.Sent, *, first: bool, topics: str
) -> Response:
    first = first and sent.corrected_at is not None
    number = sent.first_edition_id if first else sent.edition_id
    with pages.database.read() as conn:
        edition = editions.read(conn, number)
        variant = _variant(conn, number, topics) if topics else None
        corrections = archive.corrections(conn, its.key, sent.key)
        told = [each.note for each in placed(conn, sent.id)]
        picture = archive.picture(conn, sent.id)
    if variant:
        edition = render.varied(edition, variant)
        sent = replace(sent, subject=variant.subject, headline=variant.headline, lead=variant.lead)
    values = {
        "issue": sent,
        "title": title(sent, its.settings),
        "canonical": its.address(issue=sent.key),
        "picture": link(picture) or "",
        "notes": _of_topics(its, sent, variant) + _notes(its, sent, corrections, told, first=first),
        "indexed": not (first or variant),
        **_links(its),
    }
    answer = unchanged_or(request, _woven(pages, its, edition, values), "text/html", CACHE)
    answer.headers["content-security-policy"] = EDITION_POLICY
    if first or variant:
        answer.headers["x-robots-tag"] = "noindex"
    return answer


def _variant(conn: Connection, edition: int, topics: str) -> Variant | None:
    """Return what readers of those topics got; None where that was the full issue."""
    for each in editions.variants_of(conn, edition).values():
        is_theirs = each.topics and render.topics_key(each.topics) == _canonical(topics)
        if is_theirs and each.items and each.format is Format.HTML:
            return each
    return None


def _canonical(topics: str) -> str:
    return render.topics_key(topics.split(","))


def _of_topics(its: Shelf, sent: archive.Sent, variant: Variant | None) -> list[dict[str, str]]:
    """Return what the page of a topic set's issue says of it, and the way to the whole one."""
    if variant is None:
        return []
    _, topics = its.words.gettext, its.words.listed(variant.topics)
    said = _("This is the issue on %(topics)s, as readers who chose that get it.", topics=topics)
    href = its.path(issue=sent.key)
    return [{"said": said, "link": _("Read the whole issue"), "href": href}]


def _notes(
    its: Shelf, sent: archive.Sent, corrections: list[archive.Sent], why: list[str], *, first: bool
) -> list[dict[str, str]]:
    """Return what the page says of corrections, *why* it was corrected too, and where it leads."""

    def day(one: archive.Sent) -> str:
        return its.day(one.changed_at)

    _, told = its.words.gettext, []
    if first:
        said = _(
            "This is the issue as it first went out. It was corrected on %(day)s.", day=day(sent)
        )
        told.append((said, _("Read the corrected issue"), its.path(issue=sent.key)))
    elif sent.corrected_at:
        said = _("Corrected on %(day)s, when some readers had it already.", day=day(sent))
        said = " ".join((said, *why))
        as_sent = its.path(issue=sent.key, edition="first")
        told.append((said, _("See it as it first went out"), as_sent))
    if sent.corrects:
        said = _("This is a correction of an earlier issue.")
        told.append((said, _("Read that issue"), its.path(issue=sent.corrects)))
    for one in corrections:
        said = _("A correction to this issue went out on %(day)s.", day=day(one))
        told.append((said, _("Read the correction"), its.path(issue=one.key)))
    return [{"said": said, "link": name, "href": href} for said, name, href in told]


def _waiting(request: Request, pages: Pages, its: Shelf, key: str) -> Response:
    """Show an approved issue to who is signed in, since test mails link to it; no one else."""
    try:
        session.visitor(pages, request)
    except session.SignInNeeded:
        raise NoSuchIssue(f"{its.key} has no issue {key} that went out") from None
    with pages.database.read() as conn:
        edition = editions.read(conn, _approved(conn, its.key, key))
    headers = {"content-security-policy": EDITION_POLICY, "x-robots-tag": "noindex"}
    return Response(render.web(edition), media_type="text/html", headers=headers)


def _approved(conn: Connection, newsletter: str, key: str) -> int:
    """Return the edition of the issue of that key which waits for its hour; else NoSuchIssue."""
    for rhythm in Rhythm:
        with suppress(NoSuchIssue):
            issue = issues.find(conn, IssueId(newsletter, rhythm, key))
            if issue.state is IssueState.APPROVED and issue.edition_id is not None:
                return issue.edition_id
    raise NoSuchIssue(f"{newsletter} has no issue {key} that waits or went out")


# --- the mail's document, made a page ------------------------------------------------------


def _woven(pages: Pages, its: Shelf, edition: Edition, values: dict[str, Any]) -> bytes:
    """Return the edition's document with our head, bar and notes around its own content."""
    parts = {
        name: pages.templates.get_template(f"issue-{name}.html").render(
            newsletter_title=its.settings.title,
            zone=its.settings.zone,
            prefix=its.prefix,
            _=its.words.gettext,
            language=its.words.tag,
            direction=direction(its.words.tag),
            **_colours(its),
            **values,
        )
        for name in ("head", "top", "end")
    }
    html = render.web(edition)
    html = re.sub("</head>", lambda at: parts["head"] + at[0], html, count=1)
    html = re.sub("<body[^>]*>", lambda at: at[0] + parts["top"], html, count=1)
    before, body_end, after = html.rpartition("</body>")
    return (before + parts["end"] + body_end + after).encode()


def _links(its: Shelf) -> dict[str, str]:
    return {
        "archive": its.path(),
        "topics": its.path(part="topics"),
        "join": f"{its.prefix}/join/{its.key}",
        "feed": its.address(part="feed.atom"),
    }


def _colours(its: Shelf) -> dict[str, Any]:
    look = its.settings.look
    return {
        "light": look.light,
        "dark": look.dark,
        "accent": legible(look.light.accent or look.accent, look.light.ground),
        "accent_dark": legible(look.dark.accent or look.accent, look.dark.paper),
    }

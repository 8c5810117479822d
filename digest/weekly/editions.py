"""An issue's edition: the bytes to look at, to check and to approve."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from digest import packaged
from digest.errors import FeedError, IssueError
from digest.model import Edition, Format, Issue, Recap, Recipient, topic_set
from digest.store import Database, drafts, editions, history, issues, ledger, outbox
from digest.store.history import Log, unlogged
from digest.weekly.blocks import laid
from digest.weekly.content import rules, slot_of
from digest.weekly.variants import MOST_SETS, composer, get_nothing

if TYPE_CHECKING:
    from digest.config import Loaded
    from digest.render.finding import Finding


#: What the audit log says of an issue whose mail somebody looked at, and of one approved: the
#: detail names the templates of that moment.
PREVIEWED = "previewed"
RENDERED = "rendered"


def seal(loaded: Loaded) -> str:
    """Return a hash of the templates that make the mail now."""
    from digest.render import templates

    return templates.seal(packaged.templates(loaded.folder))


def seen(database: Database, loaded: Loaded, issue: Issue, *, by: str, now: datetime) -> None:
    """Write down that *by* looked at the issue's mail, once for each state of the templates."""
    detail = {"templates": seal(loaded)}
    with database.read() as conn:
        if detail in history.told(conn, issue.id, PREVIEWED):
            return
    with database.write() as conn:
        history.record(conn, issue.id, PREVIEWED, actor=by, at=now, detail=detail)


def preview(
    database: Database, loaded: Loaded, issue: Issue, topics: Sequence[str] = ()
) -> Edition:
    """
    Return the bytes that will go out: frozen if approved, else rendered from the draft.

    With *topics*, as readers who chose exactly these get it; those beyond `MOST_SETS`, or
    not chosen by anybody at the approval, are the full issue's. IssueError if they get none.
    """
    if issue.edition_id is not None:
        return _frozen(database, issue, issue.edition_id, topic_set(topics))
    with database.read() as conn:
        draft = drafts.read(conn, issue.id)
        number = issue.number or issues.next_number(conn, issue.of)
    recap = draft.recap
    if recap is None:
        raise IssueError(
            f"issue {issue.of.key} has no draft yet",
            remedy=f"Run: digest issue prepare --closing {issue.of.key}",
        )
    if topics:
        newsletter = loaded.settings.newsletters[issue.of.newsletter]
        if get_nothing(recap, topics, newsletter.topics):
            raise _nothing(issue, topics)
        own = composer(database, loaded, issue, draft)(topics)
        return rendered(loaded, issue, own or recap, number, topics if own else ())
    return rendered(loaded, issue, recap, number)


def _frozen(database: Database, issue: Issue, edition_id: int, topics: tuple[str, ...]) -> Edition:
    from digest.render import varied

    with database.read() as conn:
        edition = editions.read(conn, edition_id)
        variants = editions.variants_of(conn, edition_id).values()
    for variant in variants:
        if (variant.topics, variant.format) == (topics, Format.HTML):
            if topics and not variant.items:
                raise _nothing(issue, topics)
            return varied(edition, variant)
    return edition


def _nothing(issue: Issue, topics: Sequence[str]) -> IssueError:
    return IssueError(
        f"issue {issue.of.key} has too few items of {', '.join(topics)}; their readers get none",
        remedy="With `topics: {too_few: full}` in config.yaml they get the full issue.",
    )


def sets(database: Database, issue: Issue) -> list[tuple[str, ...]]:
    """Return the topic sets with a variant of the issue, or that will have one; most used first."""
    with database.read() as conn:
        if issue.edition_id is None:
            return ledger.topic_sets(conn, issue.of.newsletter, issue.of.rhythm)[:MOST_SETS]
        made = editions.variants_of(conn, issue.edition_id)
    # They were made in the order of their use.
    known = (made[number] for number in sorted(made))
    return list(dict.fromkeys(each.topics for each in known if each.topics and each.items))


def rendered(
    loaded: Loaded, issue: Issue, recap: Recap, number: int, topics: Sequence[str] = ()
) -> Edition:
    """Return *recap*, of *topics*, rendered as it would be frozen now; TemplateError if not."""
    from digest.render import pictures, render

    key = issue.of.newsletter
    newsletter = loaded.settings.newsletters[key]
    if newsletter.look.pictures == "hosted":
        shelf = pictures.Shelf(loaded.folder / pictures.PLACE)
        recap = shelf.hosted(recap, f"{loaded.settings.public_url}/pictures/{key}")
    return render(
        recap,
        newsletter=newsletter,
        newsletter_key=key,
        issue_key=issue.of.key,
        number=number,
        public_url=loaded.settings.public_url,
        templates=packaged.templates(loaded.folder),
        topics=topics,
    )


def findings(
    database: Database, loaded: Loaded, issue: Issue, *, online: bool = False
) -> tuple[Finding, ...]:
    """
    Return what the preflight says of the issue's present edition, errors first.

    *online* also asks the web where its links lead, and a spam filter where `checks` names
    one; that may take half a minute.
    """
    from digest.render import pictures, preflight

    edition = preview(database, loaded, issue)
    with database.read() as conn:
        recap = drafts.read(conn, issue.id).recap
        key = issue.of.newsletter
        missing = laid(conn, loaded, key, loaded.settings.newsletters[key]).faults
    assert recap is not None  # noqa: S101 - `preview` raises before
    newsletter = rules(loaded.settings.newsletters[issue.of.newsletter], slot_of(issue))
    found = [*preflight.check(edition, recap, newsletter, missing=missing)]
    found += preflight.message(message := _specimen(loaded, issue, edition))
    if newsletter.look.pictures == "hosted":
        found += pictures.Shelf(loaded.folder / pictures.PLACE).left_out(recap)
    if online:
        found += _asked(loaded, edition, message)
    return tuple(sorted(found, key=lambda finding: finding.level))


def _specimen(loaded: Loaded, issue: Issue, edition: Edition) -> bytes:
    """Return the message that a reader who does not exist would get."""
    from digest.render import fragments
    from digest.render.message import address

    newsletter = loaded.settings.newsletters[issue.of.newsletter]
    base = loaded.settings.public_url
    return bytes(
        address(
            fragments.cut(edition),
            Recipient(subscriber=0, address="reader@example.org", name="A Reader"),
            newsletter=newsletter,
            newsletter_key=issue.of.newsletter,
            issue_key=issue.of.key,
            public_url=base,
            unsubscribe_url=f"{base}/unsubscribe/example",
            preferences_url=f"{base}/preferences/example",
            message_id=f"<check@{newsletter.from_address.rpartition('@')[2]}>",
            date=issue.sends_at,
        )
    )


#: Takes what is done, how much there is, and what it is at.
Told = Callable[[int, int, str], None]

#: So many links are asked for before it is told how many are left.
_AT_ONCE = 8


def asked_of_the_web(
    database: Database, loaded: Loaded, issue: Issue, *, told: Told
) -> tuple[Finding, ...]:
    """Return what only the web knows of the issue's mail, errors first, telling how far it is."""
    edition = preview(database, loaded, issue)
    found = _asked(loaded, edition, _specimen(loaded, issue, edition), told)
    return tuple(sorted(found, key=lambda finding: finding.level))


def _asked(
    loaded: Loaded, edition: Edition, message: bytes, told: Told = lambda _done, _all, _said: None
) -> Iterator[Finding]:
    from digest import http
    from digest.render import links, spam

    def reach(urls: Iterable[str]) -> dict[str, http.Reached | FeedError]:
        asked = list(urls)
        found: dict[str, http.Reached | FeedError] = {}
        for at in range(0, len(asked), _AT_ONCE):
            told(at, len(asked), "Where links and pictures lead")
            found |= http.reach(asked[at : at + _AT_ONCE])
        return found

    checks = loaded.settings.checks
    if checks.links:
        yield from links.check(edition, reach, ours=loaded.settings.public_url)
    if checks.spam:
        told(0, 0, "What the spam filter says")
        yield from spam.check(message, checks.spam)


def self_contained(
    database: Database, loaded: Loaded, issue: Issue, *, pictures: bool = True
) -> str:
    """
    Return the HTML that a reader who does not exist would get, with our own *pictures* in it.

    What stands elsewhere, or all of it without *pictures*, keeps its address. IssueError
    or TemplateError if there is no mail.
    """
    from digest.render import sample

    html, _text = sample(preview(database, loaded, issue))
    if not pictures:
        return html
    key = issue.of.newsletter
    ours = re.escape(f"{loaded.settings.public_url}/pictures/{key}/")

    def inlined(found: re.Match[str]) -> str:
        file = _own_picture(loaded, key, found[1])
        if file is None:
            return found[0]
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return f'"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"'

    return re.sub(rf'"{ours}([a-z0-9.]+)"', inlined, html)


def _own_picture(loaded: Loaded, newsletter: str, name: str) -> Path | None:
    """Return the file behind a picture's address at our own server; None if it is not there."""
    from digest.render import pictures

    look = loaded.settings.newsletters[newsletter].look
    of_look = {"logo": look.logo, "header": look.header}
    said = of_look[name] if name in of_look else str(pictures.PLACE / name)
    file = loaded.folder / (said or "")
    return file if file.is_file() else None


def test_key(issue: Issue) -> str:
    """Return what the keys of all tests of *issue* in the outbox begin with."""
    return f"test:{issue.id}:"


def post_test(
    database: Database,
    loaded: Loaded,
    issue: Issue,
    addresses: Sequence[str],
    *,
    now: datetime,
    log: Log = unlogged,
) -> None:
    """
    Put the issue's mail, marked as a test, into the outbox for each of *addresses*.

    The links of a reader lead to an example. No ledger is touched; calling twice sends
    two tests.
    """
    from digest.render import sample

    edition = preview(database, loaded, issue)
    html, text = sample(edition)
    with database.write() as conn:
        for address in addresses:
            outbox.put(
                conn,
                idempotency_key=f"{test_key(issue)}{uuid4()}",
                newsletter=issue.of.newsletter,
                kind="test",
                address=address,
                subject=f"[Test] {edition.subject}",
                html=html,
                text=text,
                due_at=now,
                now=now,
            )
        log(conn)

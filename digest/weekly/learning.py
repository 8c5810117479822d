"""Learning from past edits, by asking: proposals, the answers to them, the rules that follow."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest import proposals as core
from digest.errors import DigestError
from digest.model import Issue, IssueState
from digest.model.settings import NewsletterSettings
from digest.proposals import Proposal, Week
from digest.store import Database, decisions, drafts, history, issues, publications
from digest.store.decisions import Decision

if TYPE_CHECKING:
    from digest.config import Loaded

#: So many past issues are looked at.
LOOK_BACK = 12

_PAST = (IssueState.SENDING, IssueState.STOPPED, IssueState.FINISHED)


def learned(
    conn: Connection, newsletter_key: str, newsletter: NewsletterSettings
) -> NewsletterSettings:
    """Return the newsletter's rules with what editors accepted laid over config.yaml's."""
    return core.applied(newsletter, decisions.accepted(conn, newsletter_key))


def proposals(
    database: Database, loaded: Loaded, newsletter_key: str
) -> tuple[tuple[Proposal, ...], list[Decision]]:
    """Return what past issues suggest and nobody has answered, and all answers so far."""
    newsletter = loaded.settings.newsletters[newsletter_key]
    with database.read() as conn:
        answered = decisions.listed(conn, newsletter_key)
        past = issues.listed(conn, newsletter_key, states=_PAST, most=LOOK_BACK)
        weeks = [_week(conn, issue) for issue in reversed(past)]
        now = learned(conn, newsletter_key, newsletter)
    known = {each.key for each in answered}
    found = core.proposals(weeks, now)
    return tuple(each for each in found if each.key not in known), answered


def _week(conn: Connection, issue: Issue) -> Week:
    draft = drafts.read(conn, issue.id)
    ids = [each.publication for each in draft.candidates]
    return Week(
        key=issue.of.key,
        candidates=draft.candidates,
        publications={each.id: each for each in publications.by_ids(conn, ids)},
        edits=draft.edits,
    )


def answer(
    database: Database,
    loaded: Loaded,
    newsletter_key: str,
    key: str,
    *,
    accept: bool,
    by: str,
    now: datetime,
) -> None:
    """
    Accept or refuse the proposal of that *key*; an accepted one counts from the next compose.

    DigestError if it is not proposed, or somebody answered it meanwhile.
    """
    waiting, _answered = proposals(database, loaded, newsletter_key)
    found = next((each for each in waiting if each.key == key), None)
    if found is None:
        raise DigestError(
            "this is not proposed any more", remedy="Somebody answered it, or the weeks moved on."
        )
    decision = Decision(
        key=key,
        change=found.change,
        about=found.about,
        accepted=accept,
        sentence=found.sentence,
        decided_by=by,
        decided_at=now,
    )
    with database.write() as conn:
        decisions.keep(conn, newsletter_key, decision)
        what = "accepted" if accept else "refused"
        detail = {"after": {"newsletter": newsletter_key, "proposal": found.sentence}}
        history.record(conn, None, what, actor=by, at=now, detail=detail)


def take_back(database: Database, newsletter_key: str, key: str, *, by: str, now: datetime) -> None:
    """Forget the answer to a proposal: the rules are as before, and it may be asked again."""
    with database.write() as conn:
        found = decisions.forget(conn, newsletter_key, key)
        if found:
            before = {"proposal": found.sentence, "accepted": found.accepted}
            detail = {"before": before, "after": {"newsletter": newsletter_key}}
            history.record(conn, None, "took back", actor=by, at=now, detail=detail)

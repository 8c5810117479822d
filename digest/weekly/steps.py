"""The steps of an issue that somebody decides: approve, hold, freeze, pause, cancel."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.errors import Held, IssueError, WrongState
from digest.model import Edition, Issue, IssueState, Recap, SkipReason, Variant
from digest.store import Database, issues, ledger
from digest.weekly.editions import rendered

if TYPE_CHECKING:
    from digest.config import Loaded

#: States that end an issue's life.
ENDED = (IssueState.FINISHED, IssueState.CANCELLED, IssueState.MISSED)


#: Findings of the preflight that no approval passes over; other errors a person may accept.
BARRING = frozenset(
    {
        "item-lost",
        "link-unsafe",
        "no-items",
        "postal-missing",
        "postal-placeholder",
        "slot-unknown",
        "subject-empty",
        "unsubscribe-missing",
        "words-unfilled",
    }
)


def approve(database: Database, loaded: Loaded, issue: Issue, *, by: str, now: datetime) -> Issue:
    """
    Freeze and hash the edition, and use up its publications, in one transaction.

    IssueError if there is nothing to send, Held if the preflight finds what is in `BARRING`;
    WrongState if the issue changed since *issue* was read, or is past its draft. Nothing is
    half done.
    """
    if issue.state not in (IssueState.DRAFT, IssueState.HELD):
        raise WrongState(
            f"issue {issue.of.key} is {issue.state}; only a draft can be approved",
            remedy=f"Run: digest issue show --closing {issue.of.key}",
        )
    with database.read() as conn:
        recap = issues.draft(conn, issue.id).recap
        number = issue.number or issues.next_number(conn, issue.of)
    if recap is None or not recap.items:
        raise IssueError(
            f"issue {issue.of.key} has no items",
            remedy=f"Run: digest issue why --closing {issue.of.key}",
        )
    edition = rendered(loaded, issue, recap, number)
    _refuse_barred(issue, edition, recap, loaded)
    return _freeze_edition(database, issue, recap, edition, number, by=by, now=now)


def _refuse_barred(issue: Issue, edition: Edition, recap: Recap, loaded: Loaded) -> None:
    from digest.render import preflight

    newsletter = loaded.settings.newsletters[issue.of.newsletter]
    errors = [f for f in preflight.check(edition, recap, newsletter) if f.code in BARRING]
    if errors:
        raise Held(
            f"issue {issue.of.key} cannot be sent as it is: {errors[0].sentence}",
            reasons=tuple(finding.sentence for finding in errors),
            remedy=errors[0].remedy,
        )


def _freeze_edition(
    database: Database,
    issue: Issue,
    recap: Recap,
    edition: Edition,
    number: int,
    *,
    by: str,
    now: datetime,
) -> Issue:
    full = Variant(
        subject=recap.subject,
        headline=recap.headline,
        lead=recap.lead,
        preheader=recap.preheader,
        items=tuple(item.publication for item in recap.items),
        digest=edition.digest,
    )
    with database.write() as conn:
        if issues.by_id(conn, issue.id).version != issue.version:
            raise WrongState(
                f"issue {issue.of.key} was changed by somebody else meanwhile",
                remedy="Look at it again, then approve it.",
            )
        issues.use_up(conn, issue, full.items)
        issues.add_edition(conn, issue.id, edition, full, now=now)
        return issues.set_state(
            conn,
            issue.id,
            (issue.state,),
            IssueState.APPROVED,
            now=now,
            actor=by,
            also={"approved_at": now, "approved_by": by, "number": number},
        )


def withdraw(database: Database, issue: Issue, *, now: datetime, actor: str) -> Issue:
    """Take an approval back: the issue is a draft again, its publications are free."""
    return _reopen(database, issue, IssueState.DRAFT, now=now, actor=actor, reasons=())


def hold(
    database: Database, issue: Issue, *, by: str, reasons: Sequence[str], now: datetime
) -> Issue:
    """Say no for now; an approved issue loses its approval with it."""
    return _reopen(database, issue, IssueState.HELD, now=now, actor=by, reasons=reasons)


def release(database: Database, issue: Issue, *, by: str, now: datetime) -> Issue:
    """Make a held issue a draft again."""
    with database.write() as conn:
        return issues.set_state(
            conn, issue.id, (IssueState.HELD,), IssueState.DRAFT, now=now, actor=by
        )


def _reopen(
    database: Database,
    issue: Issue,
    to_state: IssueState,
    *,
    now: datetime,
    actor: str,
    reasons: Sequence[str],
) -> Issue:
    before = (IssueState.PLANNED, IssueState.DRAFT, IssueState.HELD, IssueState.APPROVED)
    with database.write() as conn:
        issues.release(conn, issue.id)
        return issues.set_state(
            conn,
            issue.id,
            [state for state in before if state is not to_state],
            to_state,
            now=now,
            actor=actor,
            reasons=reasons,
            also={"approved_at": None, "approved_by": None},
        )


def cancel(database: Database, issue: Issue, *, by: str, now: datetime, reason: str = "") -> Issue:
    """
    End the issue for the *reason* given; readers who are still owed it are skipped.

    Its publications are free again only if no server was ever offered a message of it.
    """

    living = [state for state in IssueState if state not in ENDED]
    with database.write() as conn:
        cancelled = issues.set_state(
            conn,
            issue.id,
            living,
            IssueState.CANCELLED,
            now=now,
            actor=by,
            reasons=(reason,) if reason else (),
        )
        if issue.frozen_at is not None:
            ledger.skip_rest(conn, issue.id, SkipReason.CANCELLED, now=now)
            issues.keep_outcome(conn, issue.id, ledger.tally(conn, issue.id))
        if not ledger.attempted(conn, issue.id):
            issues.release(conn, issue.id)
        return cancelled


def pause(
    database: Database, issue: Issue, *, by: str, now: datetime, reason: str = "paused"
) -> Issue:
    """Stop sending after what is in flight; readers who are owed the issue stay owed."""
    with database.write() as conn:
        return issues.set_state(
            conn,
            issue.id,
            (IssueState.SENDING,),
            IssueState.STOPPED,
            now=now,
            actor=by,
            reasons=(reason,),
        )


def resume(database: Database, issue: Issue, *, by: str, now: datetime) -> Issue:
    """Go on with a stopped issue."""
    with database.write() as conn:
        return issues.set_state(
            conn, issue.id, (IssueState.STOPPED,), IssueState.SENDING, now=now, actor=by
        )


def freeze(database: Database, loaded: Loaded, issue: Issue, *, now: datetime) -> Issue:
    """
    Write the audience of an approved issue into the ledger; it is `sending` after that.

    The edition is hashed again first: what was approved is what is sent. An issue that is
    sending already is returned as it is.
    """
    if issue.state is IssueState.SENDING:
        return issue
    if issue.state is not IssueState.APPROVED or issue.edition_id is None:
        raise WrongState(
            f"issue {issue.of.key} is {issue.state}, not approved",
            remedy=f"Run: digest issue approve --closing {issue.of.key}",
        )
    first_to = loaded.settings.newsletters[issue.of.newsletter].first_to
    with database.write() as conn:
        _same_as_approved(conn, issue)
        moved = issues.set_state(
            conn,
            issue.id,
            (IssueState.APPROVED,),
            IssueState.SENDING,
            now=now,
            actor="sender",
            also={"frozen_at": now},
        )
        frozen, excluded = ledger.freeze(
            conn,
            issue.id,
            newsletter=issue.of.newsletter,
            rhythm=issue.of.rhythm,
            edition_id=issue.edition_id,
            variant_id=issues.full_variant(conn, issue.edition_id),
            due_at=now,
            first_list=first_to.list if first_to else None,
            rest_due_at=now + first_to.wait if first_to else None,
        )
        issues.count(conn, issue.id, frozen=frozen, excluded=excluded)
    return moved


def _same_as_approved(conn: Connection, issue: Issue) -> None:
    from digest.render import fingerprint

    assert issue.edition_id is not None  # noqa: S101 - the caller looked
    edition = issues.edition(conn, issue.edition_id)
    if fingerprint(edition.subject, edition.html, edition.text) != edition.digest:
        raise IssueError(
            f"the edition of issue {issue.of.key} is not the one that was approved",
            remedy="Somebody changed the database by hand. Hold the issue and approve it again.",
        )

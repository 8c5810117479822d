"""Issues: each a record with its window, its states and its number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, select, update

from digest.errors import NoSuchIssue, WrongState
from digest.model import Issue, IssueId, IssueState, Rhythm, Window
from digest.store import archive, dialects, history, hooks, locks
from digest.store.schema import editions, issues

_NEWEST_EDITION = (
    select(func.max(editions.c.id)).where(editions.c.issue_id == issues.c.id).scalar_subquery()
)
_CONTENT = ("recap", "candidates", "edits", "unedited", "unworded", "subject")
#: What an issue is made of; `of_row` makes it.
RECORD = select(
    *(c for c in issues.c if c.name not in _CONTENT),
    _NEWEST_EDITION.label("newest_edition"),
)


def plan(
    conn: Connection, of: IssueId, window: Window, *, sends_at: datetime, now: datetime
) -> Issue:
    """
    Return the issue of that identity, made if there was none. Calling twice is safe.

    One that is still a draft moves to *window* and *sends_at* if the calendar has changed.
    """
    fresh = {
        "newsletter": of.newsletter,
        "rhythm": of.rhythm,
        "key": of.key,
        "window_start": window.start,
        "window_end": window.end,
        "sends_at": sends_at,
        "state": IssueState.PLANNED,
        "version": 1,
        "reasons": [],
        "edits": {},
        "created_at": now,
    }
    conn.execute(dialects.insert(conn, issues).values(**fresh).on_conflict_do_nothing())
    issue = find(conn, of)
    if issue.state not in (IssueState.PLANNED, IssueState.DRAFT):
        return issue
    if (issue.window, issue.sends_at) == (window, sends_at):
        return issue
    return move(conn, issue, window, sends_at=sends_at)


def move(conn: Connection, issue: Issue, window: Window, *, sends_at: datetime) -> Issue:
    """Give the issue another window and send hour; WrongState if it changed since it was read."""
    places = {"window_start": window.start, "window_end": window.end, "sends_at": sends_at}
    revise(conn, issue, places)
    return by_id(conn, issue.id)


def revise(conn: Connection, issue: Issue, values: Mapping[str, Any]) -> None:
    """Set columns of the issue; WrongState if anybody changed it since it was read."""
    changed = conn.execute(
        update(issues)
        .where(issues.c.id == issue.id, issues.c.version == issue.version)
        .values(**values, version=issue.version + 1)
    )
    if changed.rowcount != 1:
        raise WrongState(
            f"issue {issue.of.key} was changed by somebody else meanwhile",
            remedy="Look at it again, then repeat what you did.",
        )


def known(conn: Connection, of: IssueId) -> Issue | None:
    """Return the issue of that identity; None if there is none."""
    row = conn.execute(
        RECORD.where(
            issues.c.newsletter == of.newsletter,
            issues.c.rhythm == of.rhythm,
            issues.c.key == of.key,
        )
    ).one_or_none()
    return of_row(row) if row else None


def find(conn: Connection, of: IssueId) -> Issue:
    """Return the issue of that identity; NoSuchIssue if there is none."""
    found = known(conn, of)
    if found is None:
        raise NoSuchIssue(
            f"{of.newsletter} has no {of.rhythm} issue that closes on {of.key}",
            remedy=f"Run: digest issue prepare --closing {of.key}",
        )
    return found


def by_id(conn: Connection, issue_id: int) -> Issue:
    """Return the issue of that row number; NoSuchIssue if there is none."""
    row = conn.execute(RECORD.where(issues.c.id == issue_id)).one_or_none()
    if row is None:
        raise NoSuchIssue(f"there is no issue {issue_id}", remedy="Run: digest issue list")
    return of_row(row)


def listed(
    conn: Connection,
    newsletter: str | None = None,
    *,
    states: Collection[IssueState] = (),
    sends_after: datetime | None = None,
    most: int | None = None,
) -> list[Issue]:
    """
    Return the issues, the newest window first; of all newsletters unless one is named.

    With *sends_after* only those whose hour is later; *most* bounds how many.
    """
    query = RECORD.order_by(issues.c.window_end.desc(), issues.c.id.desc())
    if newsletter is not None:
        query = query.where(issues.c.newsletter == newsletter)
    if states:
        query = query.where(issues.c.state.in_(states))
    if sends_after is not None:
        query = query.where(issues.c.sends_at > sends_after)
    if most is not None:
        query = query.limit(most)
    return [of_row(row) for row in conn.execute(query)]


def of_row(row: Row[*tuple[Any, ...]]) -> Issue:
    """Return the issue of a row of `RECORD`, whatever else the row has."""
    return Issue(
        id=row.id,
        of=IssueId(row.newsletter, Rhythm(row.rhythm), row.key),
        number=row.number,
        window=Window(row.window_start, row.window_end),
        sends_at=row.sends_at,
        state=IssueState(row.state),
        version=row.version,
        reasons=tuple(row.reasons),
        approved_at=row.approved_at,
        approved_by=row.approved_by,
        frozen_at=row.frozen_at,
        finished_at=row.finished_at,
        edition_id=row.newest_edition if row.approved_at else None,
    )


def set_state(
    conn: Connection,
    issue_id: int,
    from_states: Collection[IssueState],
    to_state: IssueState,
    *,
    now: datetime,
    actor: str,
    reasons: Iterable[str] = (),
    also: Mapping[str, Any] | None = None,
) -> Issue:
    """
    Move the issue from one of *from_states* to *to_state* with its *reasons*.

    *also* sets further columns of the same row. WrongState, and nothing changed, if it
    is in another state by now: of two processes that try, one wins.
    """
    reasons = list(reasons)
    values = {
        "state": to_state,
        "reasons": reasons,
        "version": issues.c.version + 1,
        **(also or {}),
    }
    moved = conn.execute(
        update(issues)
        .where(issues.c.id == issue_id, issues.c.state.in_(list(from_states)))
        .values(values)
    )
    if moved.rowcount != 1:
        now_in = by_id(conn, issue_id)
        raise WrongState(
            f"issue {now_in.of.key} is {now_in.state}; it cannot become {to_state} from there",
            remedy="Run: digest issue list",
        )
    if also and also.get("frozen_at"):
        archive.keep_issue(conn, issue_id)
    history.record(conn, issue_id, str(to_state), actor=actor, at=now, detail={"reasons": reasons})
    found = by_id(conn, issue_id)
    if to_state is IssueState.FINISHED and found.frozen_at is not None:
        sent = {"at": now, "what": hooks.SENT, "newsletter": found.of.newsletter}
        hooks.note(conn, [{**sent, "issue_id": issue_id}])
    return found


def ended(before: datetime) -> ColumnElement[bool]:
    """Return the condition that an issue which had begun to go out ended before that instant."""
    # Of cancelled ones the end was not always kept: they had begun by then.
    cancelled = case((issues.c.state == IssueState.CANCELLED, issues.c.frozen_at))
    return func.coalesce(issues.c.finished_at, cancelled) < before


def refuse_taken_number(conn: Connection, of: IssueId, number: int) -> None:
    """
    Raise WrongState if another issue of its newsletter and rhythm has that *number* by now.

    Until the caller's transaction ends, nobody else is told that it is free.
    """
    locks.take_turn(conn, locks.Turn.NUMBERS)
    query = select(issues.c.key).where(
        issues.c.newsletter == of.newsletter,
        issues.c.rhythm == of.rhythm,
        issues.c.number == number,
        issues.c.key != of.key,
    )
    if (other := conn.execute(query.limit(1)).scalar_one_or_none()) is not None:
        raise WrongState(
            f"issue {other} was approved meanwhile and is No. {number} now",
            remedy=f"Approve {of.key} again: its mail says another number then.",
        )


def next_number(conn: Connection, of: IssueId) -> int:
    """Return the number that the newsletter's next approved issue of this rhythm gets."""
    query = select(func.coalesce(func.max(issues.c.number), 0) + 1).where(
        issues.c.newsletter == of.newsletter, issues.c.rhythm == of.rhythm
    )
    return int(conn.execute(query).scalar_one())

"""What an issue says so far, why, and what editors changed of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, select, update

from digest.model import Candidate, Draft, Edits, Issue, IssueState, Recap
from digest.store import history
from digest.store import issues as records
from digest.store.schema import events, issues

#: How a recap is read from its column.
RECAP = TypeAdapter(Recap)
_CANDIDATES = TypeAdapter(tuple[Candidate, ...])
_EDITS = TypeAdapter(Edits)


def read(conn: Connection, issue_id: int) -> Draft:
    """Return what the issue says so far, why, and what editors changed."""
    row = conn.execute(select(*_COLUMNS).where(issues.c.id == issue_id)).one()
    return Draft(
        recap=_read(row.recap),
        candidates=_CANDIDATES.validate_python(row.candidates or ()),
        edits=_EDITS.validate_python(row.edits or {}),
        unedited=_read(row.unedited),
        unworded=_read(row.unworded),
    )


_COLUMNS = issues.c["recap", "candidates", "edits", "unedited", "unworded"]


def _read(said: object) -> Recap | None:
    return RECAP.validate_python(said) if said else None


def _written(recap: Recap | None) -> object:
    return RECAP.dump_python(recap, mode="json") if recap else None


def write(
    conn: Connection, issue: Issue, draft: Draft, *, now: datetime, actor: str, what: str
) -> Issue:
    """
    Lay *draft* down as the issue's content; a planned issue becomes a draft by it.

    WrongState if anybody changed the issue since *issue* was read. A draft that equals
    the stored one keeps the version, and writes at most what it would be without edits.
    Where the edits differ, the audit log keeps those before and those after.
    """
    said = {
        "recap": _written(draft.recap),
        "candidates": _CANDIDATES.dump_python(draft.candidates, mode="json"),
        "edits": _EDITS.dump_python(draft.edits, mode="json"),
    }
    beside = {"unedited": _written(draft.unedited), "unworded": _written(draft.unworded)}
    stored = conn.execute(select(*_COLUMNS).where(issues.c.id == issue.id)).one()
    told = stored._asdict()
    if issue.state is not IssueState.PLANNED and said.items() <= told.items():
        if told != said | beside:
            conn.execute(update(issues).where(issues.c.id == issue.id).values(beside))
        return issue
    state = IssueState.DRAFT if issue.state is IssueState.PLANNED else issue.state
    subject = draft.recap.subject if draft.recap else ""
    records.revise(conn, issue, {**said, **beside, "subject": subject, "state": state})
    before = stored.edits or {}
    changed = _EDITS.validate_python(before) != draft.edits
    detail = {"before": before, "after": said["edits"]} if changed else {}
    history.record(conn, issue.id, what, actor=actor, at=now, detail=detail)
    return records.by_id(conn, issue.id)


def put_right(conn: Connection, issue_id: int, recap: Recap) -> None:
    """Let the issue say *recap* from now on, whatever state it is in: its correction does."""
    said = RECAP.dump_python(recap, mode="json")
    conn.execute(
        update(issues)
        .where(issues.c.id == issue_id)
        .values(recap=said, version=issues.c.version + 1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """An act on an issue's edits, as the audit log keeps it."""

    #: ``edited``, ``undone`` or ``redone``.
    what: str
    actor: str
    at: datetime
    before: Edits
    after: Edits


def edited(conn: Connection, issue_id: int) -> list[Edited]:
    """Return every act that changed the issue's edits, the oldest first."""
    query = (
        select(events)
        .where(events.c.issue_id == issue_id, events.c.what.in_(("edited", "undone", "redone")))
        .order_by(events.c.id)
    )
    return [
        Edited(
            what=row.what,
            actor=row.actor,
            at=row.at,
            before=_EDITS.validate_python(row.detail["before"]),
            after=_EDITS.validate_python(row.detail["after"]),
        )
        for row in conn.execute(query)
        if "after" in row.detail
    ]

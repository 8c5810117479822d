"""Undo and redo of what editors changed, told from the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from digest.errors import IssueError
from digest.model import Issue
from digest.store import Database, drafts
from digest.store.drafts import Edited
from digest.weekly.content import edit

if TYPE_CHECKING:
    from digest.config import Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrace:
    """Which act an undo would take back, and which a redo would repeat; None if none."""

    undo: Edited | None
    redo: Edited | None


def retrace(acts: Iterable[Edited]) -> Retrace:
    """Return what can be undone and redone after *acts*, the oldest first."""
    done: list[Edited] = []
    undone: list[Edited] = []
    for act in acts:
        if act.what == "undone" and done:
            undone.append(done.pop())
        elif act.what == "redone" and undone:
            done.append(undone.pop())
        else:
            done.append(act)
            undone.clear()
    return Retrace(undo=done[-1] if done else None, redo=undone[-1] if undone else None)


def undo(database: Database, loaded: Loaded, issue: Issue, *, now: datetime, actor: str) -> Issue:
    """Take the last act on the edits back, whoever did it; IssueError if there is none."""
    last = _acts(database, issue).undo
    if last is None:
        raise IssueError(f"nobody changed issue {issue.of.key}; there is nothing to undo")
    return edit(database, loaded, issue, last.before, now=now, actor=actor, what="undone")


def redo(database: Database, loaded: Loaded, issue: Issue, *, now: datetime, actor: str) -> Issue:
    """Repeat the act that was undone last; IssueError if there is none."""
    last = _acts(database, issue).redo
    if last is None:
        raise IssueError(f"nothing was undone in issue {issue.of.key}; there is nothing to redo")
    return edit(database, loaded, issue, last.after, now=now, actor=actor, what="redone")


def _acts(database: Database, issue: Issue) -> Retrace:
    with database.read() as conn:
        return retrace(drafts.edited(conn, issue.id))

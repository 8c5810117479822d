"""An issue's edition: the bytes to look at, to check and to approve."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from digest import packaged
from digest.errors import IssueError
from digest.model import Edition, Issue, Recap
from digest.store import Database, issues, outbox

if TYPE_CHECKING:
    from digest.config import Loaded
    from digest.render.preflight import Finding


def preview(database: Database, loaded: Loaded, issue: Issue) -> Edition:
    """Return the bytes that will go out: frozen if approved, else rendered from the draft."""
    with database.read() as conn:
        if issue.edition_id is not None:
            return issues.edition(conn, issue.edition_id)
        recap = issues.draft(conn, issue.id).recap
        number = issue.number or issues.next_number(conn, issue.of)
    if recap is None:
        raise IssueError(
            f"issue {issue.of.key} has no draft yet",
            remedy=f"Run: digest issue prepare --closing {issue.of.key}",
        )
    return rendered(loaded, issue, recap, number)


def rendered(loaded: Loaded, issue: Issue, recap: Recap, number: int) -> Edition:
    """Return *recap* rendered as it would be frozen now; TemplateError if it cannot be."""
    from digest.render import render

    return render(
        recap,
        newsletter=loaded.settings.newsletters[issue.of.newsletter],
        newsletter_key=issue.of.newsletter,
        issue_key=issue.of.key,
        number=number,
        public_url=loaded.settings.public_url,
        templates=packaged.templates(loaded.folder),
    )


def findings(database: Database, loaded: Loaded, issue: Issue) -> tuple[Finding, ...]:
    """Return what the preflight says of the issue's present edition, errors first."""
    from digest.config import blocks
    from digest.render import preflight

    edition = preview(database, loaded, issue)
    with database.read() as conn:
        recap = issues.draft(conn, issue.id).recap
    assert recap is not None  # noqa: S101 - `preview` raises before
    newsletter = loaded.settings.newsletters[issue.of.newsletter]
    missing = blocks.read(loaded.folder, newsletter).faults
    return preflight.check(edition, recap, newsletter, missing=missing)


def post_test(
    database: Database, loaded: Loaded, issue: Issue, addresses: Sequence[str], *, now: datetime
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
                idempotency_key=f"test:{issue.id}:{uuid4()}",
                newsletter=issue.of.newsletter,
                kind="test",
                address=address,
                subject=f"[Test] {edition.subject}",
                html=html,
                text=text,
                due_at=now,
                now=now,
            )

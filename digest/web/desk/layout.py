"""What the pages of the desk have in common: their frame, the newsletter, the issue."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Path
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from digest.errors import NoSuchIssue
from digest.model import Issue
from digest.store import issues
from digest.web.desk.session import Visitor
from digest.web.guard import DESK_POLICY
from digest.web.pages import Pages

#: A row number as both databases can hold it.
IssueNumber = Annotated[int, Path(ge=1, lt=2**63)]


def go(pages: Pages, path: str) -> Response:
    """Send the browser there with GET."""
    return RedirectResponse(f"{pages.prefix}{path}", status_code=303)


def chosen(pages: Pages, key: str) -> str:
    """Return the newsletter that was asked for; the first one where none was."""
    known = pages.loaded.settings.newsletters
    if key and key not in known:
        raise HTTPException(404)
    return key or next(iter(known))


def is_web_address(text: str) -> bool:
    """Tell whether *text* is an absolute address of the web, with a host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def known_issue(pages: Pages, issue_id: int) -> Issue:
    """Return the issue; NoSuchIssue if there is none, or its newsletter is not ours any more."""
    with pages.database.read() as conn:
        issue = issues.by_id(conn, issue_id)
    if pages.newsletter(issue.of.newsletter) is None:
        raise NoSuchIssue(f"{issue.of.newsletter} is not in the configuration any more")
    return issue


def desk_page(
    pages: Pages,
    who: Visitor,
    template: str,
    newsletter: str,
    *,
    here: str,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """Return a page of the desk of *newsletter*, under the entry *here* of the menu."""
    settings = pages.loaded.settings.newsletters
    return pages.page(
        template,
        newsletter=newsletter,
        status=status,
        headers={"content-security-policy": DESK_POLICY, "x-robots-tag": "noindex"},
        who=who,
        here=here,
        newsletters={key: each.title for key, each in settings.items()},
        zone=settings[newsletter].zone,
        now=pages.now(),
        **values,
    )

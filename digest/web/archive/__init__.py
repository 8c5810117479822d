"""The public archive: past issues, topics, search, feeds, and what robots are told."""

from __future__ import annotations

from fastapi import APIRouter

from digest.web.archive import issue, lists, robots, syndication
from digest.web.doors import together
from digest.web.pages import Pages


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the archive. No account, no cookie, and no token in any address."""
    # The feeds first: their names would pass for keys of issues.
    return together(pages, syndication, lists, issue, robots)

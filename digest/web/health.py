"""Is the process up, and can it do its work: for load balancers and for alarms."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from digest.errors import DigestError, StoreOutdated
from digest.store import Database, feeds, ticks, upgrade
from digest.web.pages import Pages

#: A bell that rang none of its ticks for this long is taken for dead, in seconds.
SILENT_SECONDS = 300


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the health pages; they need no account and tell no address."""
    router = APIRouter()

    @router.api_route("/healthz", methods=["GET", "HEAD"])
    def healthz() -> Response:
        return JSONResponse({"status": "up"})

    @router.api_route("/health", methods=["GET", "HEAD"])
    @router.api_route("/readyz", methods=["GET", "HEAD"])
    def readyz() -> Response:
        facts = readiness(pages.database, now=pages.now())
        return JSONResponse(facts, status_code=503 if facts["status"] == "down" else 200)

    return router


def readiness(database: Database, *, now: datetime) -> dict[str, Any]:
    """
    Return what works, by part: ``ready``, ``degraded`` (a person should look) or ``down``.

    Error texts stay in the log and on the desk: they may name hosts and addresses.
    """
    try:
        schema = _schema(database)
        if schema != "current":
            return {"status": "down", "database": "answers", "schema": schema}
        with database.read() as conn:
            bell = _bell(ticks.listed(conn), now)
            known = [feed for feed in feeds.listed(conn) if feed.enabled]
    except (DigestError, SQLAlchemyError):
        return {"status": "down", "database": "no answer"}
    failing = sum(feed.failures > 0 for feed in known)
    well = bell["status"] == "ringing" and not failing
    return {
        "status": "ready" if well else "degraded",
        "database": "answers",
        "schema": schema,
        "bell": bell,
        "feeds": {"enabled": len(known), "failing": failing},
    }


def _schema(database: Database) -> str:
    try:
        upgrade.check(database)
    except StoreOutdated:
        return "outdated"
    return "current"


def _bell(rung: list[ticks.Tick], now: datetime) -> dict[str, Any]:
    last = max((tick.at for tick in rung), default=None)
    silent = last is None or (now - last).total_seconds() > SILENT_SECONDS
    failed = any(tick.error for tick in rung)
    return {
        "status": "silent" if silent else "failing" if failed else "ringing",
        "ticks": {
            tick.name: {
                "at": tick.at.isoformat(),
                "seconds_ago": round((now - tick.at).total_seconds()),
                "ok": not tick.error,
            }
            for tick in rung
        },
    }

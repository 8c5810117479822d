"""`/metrics` for Prometheus: what is owed, what is late, what is silent. No address in it."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.model import DeliveryState, Issue, IssueState
from digest.store import Database, census, feeds, issues, ledger, outbox, ticks
from digest.web.pages import Pages

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

#: Issues that are not over, one way or the other.
_OPEN = (
    IssueState.DRAFT,
    IssueState.HELD,
    IssueState.APPROVED,
    IssueState.SENDING,
    IssueState.STOPPED,
)
#: A page should take at most 150 ms, a one-click leave at most 50.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0)

#: What a request may ask for; a stranger's own words for it would each be kept for good.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def doors(pages: Pages, registry: CollectorRegistry) -> APIRouter:
    """Return the route of the metrics; without METRICS_TOKEN there is none."""
    router = APIRouter()

    @router.get("/metrics")
    def metrics(request: Request) -> Response:
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        _refuse_strangers(pages.loaded.settings.metrics_token, request)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router


def _refuse_strangers(token: str, request: Request) -> None:
    """Raise 404 for who lacks the token: nobody need know that there is such a page."""
    told = request.headers.get("authorization", "")
    if not token or not hmac.compare_digest(told.encode(), f"Bearer {token}".encode()):
        raise HTTPException(404)


def registry(database: Database, clock: Callable[[], datetime]) -> CollectorRegistry:
    """Return what a scrape asks: the database's state, read when it is asked for."""
    from prometheus_client import CollectorRegistry

    collected = CollectorRegistry()
    collected.register(_State(database, clock))
    return collected


class Timed:
    """Measures how long each page takes, by its route: the path itself may hold a token."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        from prometheus_client import Histogram

        self.app = app
        self.seconds = Histogram(
            "recap_page_seconds",
            "How long an answer took, until its last byte.",
            ("route", "method", "status"),
            registry=registry,
            buckets=_BUCKETS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            labels = (route, method, f"{status // 100}xx")
            self.seconds.labels(*labels).observe(time.perf_counter() - began)


# --- what the database says ---------------------------------------------------------------


class _State:
    """Reads the database once a scrape; asks nothing when it is registered."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        now = self._clock()
        with self._database.read() as conn:
            yield from _issues(conn, now)
            yield from _feeds(conn, now)
            yield from _bell(conn, now)
            yield from _outbox(conn, now)
            yield from _readers(conn)


def _issues(conn: Any, now: datetime) -> Iterator[Metric]:
    deliveries = _gauge(
        "recap_deliveries", "Readers of an issue that is not over, by state.", "issue", "state"
    )
    holds = _gauge(
        "recap_ledger_holds",
        "1 while every frozen reader is in one state, and none is lost.",
        "issue",
    )
    overdue = _gauge(
        "recap_issue_overdue_seconds", "How long ago an issue that was not sent was due.", "issue"
    )
    uncertain = _gauge(
        "recap_uncertain", "Readers of whom nobody can know whether they got it.", "issue"
    )
    for issue in issues.listed(conn, states=_OPEN):
        named = [str(issue.of)]
        if issue.frozen_at is None:
            overdue.add_metric(named, _seconds(now, issue.sends_at))
            continue
        tally = ledger.tally(conn, issue.id)
        for state in DeliveryState:
            deliveries.add_metric([*named, state], tally.count(state))
        holds.add_metric(named, tally.holds)
    for issue in _lately_frozen(conn):
        count = ledger.tally(conn, issue.id).count(DeliveryState.UNCERTAIN)
        uncertain.add_metric([str(issue.of)], count)
    yield from (deliveries, holds, overdue, uncertain)


def _lately_frozen(conn: Any) -> list[Issue]:
    """Return each newsletter's newest issue that went out or is going out."""
    states = (IssueState.SENDING, IssueState.STOPPED, IssueState.FINISHED)
    newest: dict[str, Issue] = {}
    for issue in issues.listed(conn, states=states):
        known = newest.get(issue.of.newsletter)
        if known is None or issue.sends_at > known.sends_at:
            newest[issue.of.newsletter] = issue
    return list(newest.values())


def _feeds(conn: Any, now: datetime) -> Iterator[Metric]:
    age = _gauge("recap_feed_age_seconds", "Since a feed was last read well.", "feed", "host")
    dead = _gauge(
        "recap_feed_dead", "1 for a feed that keeps an issue from going out.", "feed", "host"
    )
    for feed in feeds.listed(conn):
        if not feed.enabled:
            continue
        # The whole address may hold a secret.
        named = [str(feed.id), urlsplit(feed.url).hostname or "file"]
        if feed.succeeded_at is not None:
            age.add_metric(named, _seconds(now, feed.succeeded_at))
        dead.add_metric(named, feeds.is_dead(feed, now))
    yield from (age, dead)


def _bell(conn: Any, now: datetime) -> Iterator[Metric]:
    lag = _gauge("recap_bell_lag_seconds", "Since the bell last did a thing.", "tick")
    failed = _gauge("recap_bell_failing", "1 if the last time failed.", "tick")
    for tick in ticks.listed(conn):
        lag.add_metric([tick.name], _seconds(now, tick.at))
        failed.add_metric([tick.name], bool(tick.error))
    yield from (lag, failed)


def _outbox(conn: Any, now: datetime) -> Iterator[Metric]:
    letters = _gauge("recap_outbox", "Small mails, by state.", "state")
    for state, count in outbox.counts(conn).items():
        letters.add_metric([state], count)
    oldest = census.outbox_owed_since(conn, now=now)
    age = _gauge("recap_outbox_age_seconds", "How long the oldest small mail has been owed.")
    age.add_metric([], _seconds(now, oldest) if oldest else 0)
    yield from (letters, age)


def _readers(conn: Any) -> Iterator[Metric]:
    subscriptions = _gauge("recap_subscriptions", "Subscriptions, by state.", "newsletter", "state")
    for newsletter, state, count in census.subscriptions_by_state(conn):
        subscriptions.add_metric([newsletter, state], count)
    suppressed = _gauge("recap_suppressions", "Addresses that get nothing, by reason.", "reason")
    for reason, count in census.suppressions_by_reason(conn):
        suppressed.add_metric([reason], count)
    yield from (subscriptions, suppressed)


def _gauge(name: str, meaning: str, *labels: str) -> Any:
    from prometheus_client.metrics_core import GaugeMetricFamily

    return GaugeMetricFamily(name, meaning, labels=labels)


def _seconds(now: datetime, then: datetime) -> float:
    return max(0.0, (now - then).total_seconds())

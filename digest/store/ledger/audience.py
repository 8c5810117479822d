"""The freeze: who is owed an issue, and who is left out and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Text,
    case,
    cast,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    text,
    update,
)

from digest.conditions import Condition
from digest.errors import StoreError
from digest.model import (
    DeliveryState,
    Format,
    Rhythm,
    SkipReason,
    SubscriptionState,
    Variant,
    topic_set,
)
from digest.pacing import turns
from digest.store import segments
from digest.store.schema import CHOSE_TOPICS, Instant, deliveries, subscribers, subscriptions

#: How a reader stands who gets issues; every other word says why not.
FROZEN = "frozen"
#: Gets issues, but not this one.
OUTSIDE = "segment"

#: Why a reader gets no issue that has nothing of their topics.
NO_ITEMS = "no-items"

#: A reader's topics as they are stored; databases cannot compare JSON.
_TOPICS: Any = cast(subscriptions.c.topics, Text)


def freeze(
    conn: Connection,
    issue_id: int,
    *,
    newsletter: str,
    rhythm: Rhythm,
    edition_id: int,
    variants: Mapping[int, Variant],
    due_at: datetime,
    where: Condition | None = None,
    first_list: str | None = None,
    rest_due_at: datetime | None = None,
    spread: timedelta = timedelta(),
    hours: Mapping[str, datetime] | None = None,
    among: Select[tuple[int]] | None = None,
) -> tuple[int, dict[str, int]]:
    """
    Write the audience as it is now into the ledger; return how many, and whom it left out.

    *variants* are the edition's, by row number. A reader gets that of their topics and
    format; the full issue where there is none of their topics. Left out by reason:
    ``pending``, ``paused``, ``left``, ``suppressed``, ``erased``; ``segment`` who does
    not meet *where*; ``no-items`` whose topics' variant has no items.

    Readers on *first_list* are owed the issue from *due_at*, the others from
    *rest_due_at* (default: *due_at* as well), spread evenly over *spread*. Of the others,
    who chose a time zone in *hours* is owed it from the instant there, if that is later.

    With *among*, only those subscribers are candidates.

    StoreError, and nothing written, unless every candidate is either frozen or left out.
    To be called once per issue.
    """
    wishes = _Wishes(conn, newsletter, rhythm, variants)
    standing = wishes.standing(_within(conn, where, standing_at(due_at))).label("standing")
    candidates = (
        select(
            subscriptions.c.subscriber_id,
            subscribers.c.address,
            standing,
            wishes.variant().label("variant_id"),
            _due(conn, due_at, first_list, turns(rest_due_at or due_at, spread)).label("due_at"),
        )
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        .where(*_of(newsletter, rhythm))
        .order_by(subscriptions.c.subscriber_id)
    )
    if among is not None:
        candidates = candidates.where(subscriptions.c.subscriber_id.in_(among))
    audience = candidates.where(standing == FROZEN).subquery()
    rows = select(
        literal(issue_id),
        audience.c.subscriber_id,
        literal(edition_id),
        audience.c.variant_id,
        audience.c.address,
        literal(str(DeliveryState.PENDING)),
        audience.c.due_at,
    ).order_by(audience.c.subscriber_id)
    columns = (
        "issue_id",
        "subscriber_id",
        "edition_id",
        "variant_id",
        "address",
        "state",
        "due_at",
    )
    write = insert(deliveries).from_select(columns, rows, include_defaults=False)
    counted = candidates.order_by(None).subquery()
    written = _verified(*_written(conn, write, counted))
    others_from = rest_due_at or due_at
    for zone, hour in (hours or {}).items():
        whose = select(subscriptions.c.subscriber_id).where(
            *_of(newsletter, rhythm), subscriptions.c.timezone == zone
        )
        moments = turns(max(hour, others_from), spread)
        _put_off(conn, issue_id, whose, moments, after=others_from)
    if conn.dialect.name == "postgresql":
        # Planned for the table as it was before, each claim would read the whole ledger.
        conn.execute(text("ANALYZE deliveries"))
    return written


def _put_off(
    conn: Connection, issue_id: int, whose: Any, moments: list[datetime], *, after: datetime
) -> None:
    """Let those of them who are not served before the others be owed the issue in *moments*."""
    conn.execute(
        update(deliveries)
        .where(
            deliveries.c.issue_id == issue_id,
            deliveries.c.due_at >= literal(after, Instant),
            deliveries.c.subscriber_id.in_(whose),
        )
        .values(due_at=_in_turn(deliveries.c.subscriber_id, moments))
    )


def _in_turn(subscriber: Any, moments: list[datetime]) -> Any:
    """Return the moment that is a subscriber's, as evenly many for each."""
    if len(moments) == 1:
        return literal(moments[0], Instant)
    turn = subscriber % len(moments)
    return case(*((turn == n, literal(at, Instant)) for n, at in enumerate(moments)))


def timezones(conn: Connection, newsletter: str, rhythm: Rhythm) -> list[str]:
    """Return the time zones that readers of that rhythm chose, in order."""
    zone = subscriptions.c.timezone
    query = select(zone).where(*_of(newsletter, rhythm), zone.is_not(None)).distinct()
    return sorted(conn.execute(query).scalars())


class _Wishes:
    """What the readers' topics and formats make of an edition's variants."""

    def __init__(
        self,
        conn: Connection,
        newsletter: str,
        rhythm: Rhythm,
        variants: Mapping[int, Variant],
    ) -> None:
        self.ids = {(each.topics, each.format): one for one, each in variants.items()}
        self.empty = {each.topics for each in variants.values() if each.topics and not each.items}
        chosen = any(topics for topics, _ in self.ids)
        self.written = _written_sets(conn, newsletter, rhythm) if chosen else {}

    def standing(self, otherwise: Any) -> Any:
        """Return how a reader stands, who may have no item to read."""
        nothing = [written for written, topics in self.written.items() if topics in self.empty]
        if not nothing:
            return otherwise
        return case(((otherwise == FROZEN) & _TOPICS.in_(nothing), NO_ITEMS), else_=otherwise)

    def variant(self) -> Any:
        """Return the row number of the variant that a reader gets."""
        in_text = subscriptions.c.format == str(Format.TEXT)
        return case((in_text, self._of(Format.TEXT)), else_=self._of(Format.HTML))

    def _of(self, sort: Format) -> Any:
        # Of an edition that was frozen by an older program there is no text variant.
        full = self.ids.get(((), sort), self.ids[(), Format.HTML])
        whens = [
            (written == _TOPICS, literal(self.ids[topics, sort]))
            for written, topics in self.written.items()
            if (topics, sort) in self.ids
        ]
        return case(*whens, else_=literal(full)) if whens else literal(full)


def topic_sets(conn: Connection, newsletter: str, rhythm: Rhythm) -> list[tuple[str, ...]]:
    """Return the topic sets that readers of that rhythm chose, the most used first."""
    query = (
        select(_TOPICS, func.count())
        .where(
            *_of(newsletter, rhythm),
            subscriptions.c.state.in_((SubscriptionState.ACTIVE, SubscriptionState.PAUSED)),
            text(CHOSE_TOPICS),
        )
        .group_by(_TOPICS)
    )
    used: Counter[tuple[str, ...]] = Counter()
    for written, count in conn.execute(query):
        used[topic_set(json.loads(written))] += count
    del used[()]
    return sorted(used, key=lambda each: (-used[each], each))


def _written_sets(conn: Connection, newsletter: str, rhythm: Rhythm) -> dict[str, tuple[str, ...]]:
    """Return the topic sets of all readers by how they are written in their rows."""
    query = select(_TOPICS).where(*_of(newsletter, rhythm), text(CHOSE_TOPICS)).distinct()
    return {written: topic_set(json.loads(written)) for written in conn.execute(query).scalars()}


def _of(newsletter: str, rhythm: Rhythm) -> tuple[Any, Any]:
    return subscriptions.c.newsletter == newsletter, subscriptions.c.rhythm == rhythm


def _within(conn: Connection, where: Condition | None, standing: Any) -> Any:
    """Return how somebody stands who gets an issue only if they meet *where*."""
    if where is None:
        return standing
    outside = (standing == FROZEN) & not_(segments.clause(conn, where))
    return case((outside, OUTSIDE), else_=standing)


def _written(conn: Connection, write: Any, candidates: Any) -> tuple[int, dict[str, int]]:
    """Insert and count in one view of the subscriptions, so that the sums can be compared."""
    groups = select(candidates.c.standing, func.count()).group_by(candidates.c.standing)
    if conn.dialect.name == "postgresql":
        # Two statements would see two states of a table that others write to meanwhile.
        written = write.returning(deliveries.c.subscriber_id).cte("written")
        total = select(
            literal("written"), select(func.count()).select_from(written).scalar_subquery()
        )
        counts = {row[0]: row[1] for row in conn.execute(groups.union_all(total))}
        return counts.pop("written"), counts
    frozen = conn.execute(write).rowcount
    return frozen, {row[0]: row[1] for row in conn.execute(groups)}


def _verified(frozen: int, counts: dict[str, int]) -> tuple[int, dict[str, int]]:
    due = counts.pop(FROZEN, 0)
    if frozen != due:
        raise StoreError(
            f"the freeze wrote {frozen} readers, {due} are due; nothing was kept",
            remedy="Repeat the command; if it happens again: digest doctor",
        )
    return frozen, counts


def standing_at(at: Any) -> Any:
    """Return ``frozen`` for a reader who gets issues at that instant (SQL or not), else why not."""
    back = (subscriptions.c.state == SubscriptionState.PAUSED) & (
        subscriptions.c.paused_until <= at
    )
    return case(
        (subscribers.c.address.is_(None), str(SkipReason.ERASED)),
        (subscriptions.c.state == SubscriptionState.ACTIVE, FROZEN),
        (back, FROZEN),
        else_=subscriptions.c.state,
    )


def _due(
    conn: Connection, due_at: datetime, first_list: str | None, moments: list[datetime]
) -> Any:
    """Return when a reader is owed the issue; the others than the first ones in turns."""
    others = _in_turn(subscriptions.c.subscriber_id, moments)
    if first_list is None:
        return others
    each = func.json_array_elements_text if conn.dialect.name == "postgresql" else func.json_each
    names = each(subscriptions.c.lists).table_valued("value")
    first = select(1).select_from(names).where(names.c.value == first_list).exists()
    return case((first, literal(due_at, Instant)), else_=others)


def audience(
    conn: Connection,
    newsletter: str,
    rhythm: Rhythm,
    *,
    at: datetime | None = None,
    where: Condition | None = None,
) -> int:
    """Return how many readers a freeze would write; those whose pause ends by *at* count."""
    query = select(func.count()).select_from(subscriptions).where(*_of(newsletter, rhythm))
    active = subscriptions.c.state == SubscriptionState.ACTIVE
    if at is not None:
        active = or_(
            active,
            (subscriptions.c.state == SubscriptionState.PAUSED)
            & (subscriptions.c.paused_until <= at),
        )
    query = query.where(active)
    if where is not None:
        people = subscribers.c.id == subscriptions.c.subscriber_id
        query = query.join(subscribers, people).where(segments.clause(conn, where))
    return int(conn.execute(query).scalar_one())

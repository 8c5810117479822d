"""
What follows for readers from mail that came back.

Only a mail that proves to be about ours changes anything: by the tag of its return
address, by the token of the unsubscribe link in the copy it brings, or by the Message-ID of
that copy; all three are keyed. A forged bounce is kept as unproven and ends nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest import tokens
from digest.bounces import Kind, Refusal, Returned
from digest.errors import BadToken, NoSuchIssue
from digest.identity import address_key
from digest.readership.ending import suppress_within
from digest.readership.outcome import Outcome
from digest.readership.people import token_key
from digest.readership.replies import answered
from digest.readership.seats import PURPOSE
from digest.store import Database, bounces, issues, subscribers, subscriptions
from digest.store.bounces import Fact
from digest.verdict import Verdict
from digest.verdict.wear import is_worn_out

if TYPE_CHECKING:
    from digest.config import Loaded


#: Soft: the next issue may arrive.
SOFT = (Verdict.FULL, Verdict.REFUSED, Verdict.LATER)
#: Of complaints: what does not say that a reader wants no more mail.
_NO_COMPLAINTS = ("not-spam", "auth-failure", "dmarc", "dkim")
#: Refusals in the ledger are looked for in issues that are not older than this.
_RECENT = timedelta(days=60)
#: So many issues back a reader's bounces are counted.
_LOOK_BACK = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whose:
    """Whom a mail is about, and whether it proves it."""

    subscriber: int
    issue: int | None = None
    newsletter: str = ""
    proven: bool = True


def take(
    database: Database,
    loaded: Loaded,
    mails: Sequence[Returned],
    *,
    now: datetime,
    noting: Callable[[Connection], None] | None = None,
) -> Counter[Outcome]:
    """
    Do what *mails* ask for, in one transaction; return what followed, counted.

    A mail that was read before, from whichever mailbox, does nothing: calling twice is
    safe. *noting* is one more step of the same transaction. StoreError, and nothing done.
    """
    with database.write() as conn:
        before = bounces.known(conn, [mail.key for mail in mails])
        followed: Counter[Outcome] = Counter()
        for mail in mails:
            if mail.key not in before:
                before.add(mail.key)
                followed.update(_taken(conn, loaded, mail.plain(), now))
        if noting:
            noting(conn)
    return followed


def take_refusals(database: Database, loaded: Loaded, *, now: datetime) -> Counter[Outcome]:
    """
    Do the same for refusals that the ledger holds: a server said at once what others mail.

    Calling twice is safe: each is taken once.
    """
    followed: Counter[Outcome] = Counter()
    verdicts = (Verdict.DEAD, *SOFT)
    while True:
        with database.read() as conn:
            facts = bounces.refused(conn, verdicts, since=now - _RECENT)
        if not facts:
            return followed
        with database.write() as conn:
            for fact in facts:
                followed.update(_refused(conn, loaded, fact, now))


def _refused(conn: Connection, loaded: Loaded, fact: Fact, now: datetime) -> Iterable[Outcome]:
    whose = _Whose(subscriber=fact.subscriber or 0, issue=fact.issue)
    fact = replace(fact, at=now, address="")
    return _kept(conn, loaded, whose, fact, Verdict(fact.verdict), now)


def _taken(conn: Connection, loaded: Loaded, mail: Returned, now: datetime) -> Iterable[Outcome]:
    fact = Fact(key=mail.key, at=now, kind=mail.kind, said=mail.subject, outcome=Outcome.NOTED)
    match mail.kind:
        case Kind.BOUNCE:
            return _bounced(conn, loaded, mail, fact, now)
        case Kind.COMPLAINT:
            return _complained(conn, loaded, mail, fact, now)
        case Kind.REPLY:
            whose = _by_proof(conn, loaded, mail)
            newsletter = whose.newsletter if whose else ""
            return [answered(conn, loaded, mail, fact, newsletter=newsletter, now=now)]
    bounces.keep(conn, replace(fact, address=mail.sender))
    return [Outcome.NOTED]


# --- bounces ------------------------------------------------------------------------------


def _bounced(
    conn: Connection, loaded: Loaded, mail: Returned, fact: Fact, now: datetime
) -> list[Outcome]:
    """Keep a fact for each recipient; a proof makes all of them about one reader's mail."""
    if whose := _by_proof(conn, loaded, mail):
        return _about(conn, loaded, whose, fact, _mildest(mail.refusals), now)
    followed: list[Outcome] = []
    for place, refusal in enumerate(mail.refusals):
        each = replace(fact, place=place)
        found = _by_address(conn, loaded, refusal.address, mail.message_id)
        if found:
            followed += _about(conn, loaded, found, each, refusal, now)
        else:
            told = {"verdict": refusal.verdict, "said": refusal.said, "address": refusal.address}
            bounces.keep(conn, replace(each, **told, outcome=Outcome.UNKNOWN))  # type: ignore[arg-type]
            followed.append(Outcome.UNKNOWN)
    return followed


def _mildest(refusals: Sequence[Refusal]) -> Refusal:
    """Return what is least bad: an address that leads on to two is dead only if both are."""
    order = (Verdict.ACCEPTED, Verdict.OURS, Verdict.THROTTLED, *reversed(SOFT), Verdict.DEAD)
    return min(refusals, key=lambda one: (not one.waiting, order.index(one.verdict)))


def _about(
    conn: Connection, loaded: Loaded, whose: _Whose, fact: Fact, refusal: Refusal, now: datetime
) -> list[Outcome]:
    fact = replace(fact, verdict=refusal.verdict, said=refusal.said)
    if refusal.waiting or refusal.verdict is Verdict.ACCEPTED:
        whose_fact = replace(fact, subscriber=whose.subscriber, issue=whose.issue)
        bounces.keep(conn, whose_fact)
        return [Outcome.NOTED]
    return _kept(conn, loaded, whose, fact, refusal.verdict, now)


def _kept(
    conn: Connection, loaded: Loaded, whose: _Whose, fact: Fact, found: Verdict, now: datetime
) -> list[Outcome]:
    """Keep *fact* with what follows from it, and do that."""
    outcome = _outcome(conn, whose, found)
    fact = replace(fact, subscriber=whose.subscriber, issue=whose.issue, outcome=outcome)
    bounces.keep(conn, fact)
    if outcome is Outcome.SUPPRESSED:
        suppress_within(conn, loaded, whose.subscriber, "bounced", fact.said, now=now)
    elif outcome is Outcome.COUNTED and _is_worn_out(conn, loaded, whose, now):
        suppress_within(
            conn, loaded, whose.subscriber, reason="bounced-often", said=fact.said, now=now
        )
        return [outcome, Outcome.SUPPRESSED]
    return [outcome]


def _outcome(conn: Connection, whose: _Whose, found: Verdict) -> Outcome:
    if not whose.proven:
        return Outcome.UNPROVEN
    if found in (Verdict.OURS, Verdict.THROTTLED):
        return Outcome.OURS
    if _is_out_of_date(conn, whose):
        return Outcome.NOTED
    return Outcome.SUPPRESSED if found is Verdict.DEAD else Outcome.COUNTED


def _is_out_of_date(conn: Connection, whose: _Whose) -> bool:
    """Tell whether the reader moved, was erased, or confirmed again since that mail left."""
    person = subscribers.by_id(conn, whose.subscriber)
    if person is None:
        return True
    sent = bounces.sent(conn, whose.issue, whose.subscriber) if whose.issue else None
    if sent is None:
        return False
    if address_key(sent.address) != address_key(person.address):
        return True
    confirmed = [one.confirmed_at for one in subscriptions.of_subscriber(conn, person.id)]
    return any(at is not None and at > sent.at for at in confirmed)


def _is_worn_out(conn: Connection, loaded: Loaded, whose: _Whose, now: datetime) -> bool:
    settings = loaded.settings.bounces
    if settings is None or whose.issue is None:
        return False
    newsletter = issues.by_id(conn, whose.issue).of.newsletter
    tries = bounces.history(conn, whose.subscriber, newsletter, SOFT, limit=_LOOK_BACK)
    return is_worn_out(
        ((one.at, one.came_back) for one in tries),
        times=settings.soft.times,
        over=settings.soft.over,
        now=now,
    )


# --- complaints ---------------------------------------------------------------------------


def _complained(
    conn: Connection, loaded: Loaded, mail: Returned, fact: Fact, now: datetime
) -> list[Outcome]:
    fact = replace(fact, verdict=mail.feedback[:16], address=", ".join(mail.complained)[:320])
    whose = _by_proof(conn, loaded, mail)
    for address in mail.complained if whose is None else ():
        whose = whose or _by_address(conn, loaded, address, mail.message_id)
    if whose is None:
        # Somebody complained, and nobody can tell who: a person looks at it.
        bounces.keep(conn, replace(fact, outcome=Outcome.TASK))
        return [Outcome.TASK]
    outcome = Outcome.SUPPRESSED if whose.proven else Outcome.UNPROVEN
    if mail.feedback in _NO_COMPLAINTS:
        outcome = Outcome.NOTED
    told = {"subscriber": whose.subscriber, "issue": whose.issue, "address": ""}
    bounces.keep(conn, replace(fact, **told, outcome=outcome))  # type: ignore[arg-type]
    if outcome is Outcome.SUPPRESSED:
        suppress_within(
            conn, loaded, whose.subscriber, reason="complaint", said=mail.feedback, now=now
        )
    return [outcome]


# --- whom it is about ---------------------------------------------------------------------


def _by_proof(conn: Connection, loaded: Loaded, mail: Returned) -> _Whose | None:
    """Return whom the return address or the unsubscribe link proves; None if neither does."""
    whose = _shown(conn, loaded, mail)
    # A database that was put back, or two with one key: genuine, and nobody of this one.
    return whose if whose and subscribers.has(conn, whose.subscriber) else None


def _shown(conn: Connection, loaded: Loaded, mail: Returned) -> _Whose | None:
    key = token_key(loaded)
    settings = loaded.settings.bounces
    addresses = mail.sent_to if settings else ()
    for address in addresses:
        with suppress(BadToken, NoSuchIssue):
            issue, reader = tokens.opened_return(key, address, settings.address)  # type: ignore[union-attr]
            newsletter = issues.by_id(conn, issue).of.newsletter
            return _Whose(subscriber=reader, issue=issue, newsletter=newsletter)
    for link in mail.links:
        with suppress(BadToken):
            subscriber, newsletter = tokens.opened(key, PURPOSE, _last_word(link))
            number = int(subscriber)
            newest = _newest(conn, number, newsletter)
            return _Whose(subscriber=number, issue=newest, newsletter=newsletter)
    return None


def _last_word(link: str) -> str:
    """Return what an address ends in, of a page or of a mail to be written."""
    return re.split(r"[/?&=]|%20", link)[-1]


def _newest(conn: Connection, subscriber: int, newsletter: str) -> int | None:
    """Return the last issue of that newsletter that was offered for that reader."""
    return next(
        (
            issue
            for issue in bounces.issues_of(conn, subscriber)
            if issues.by_id(conn, issue).of.newsletter == newsletter
        ),
        None,
    )


def _by_address(conn: Connection, loaded: Loaded, address: str, message_id: str) -> _Whose | None:
    """Return who has *address*; proven if *message_id* is of a mail that we sent them."""
    person = subscribers.by_address(conn, address_key(address)) if address else None
    if person is None:
        return None
    sent_id = message_id.strip("<>").partition("@")[0]
    for issue in bounces.issues_of(conn, person.id) if sent_id else ():
        ours = tokens.message_id(token_key(loaded), issue, person.id, "x")
        if ours.strip("<>").partition("@")[0] == sent_id:
            newsletter = issues.by_id(conn, issue).of.newsletter
            return _Whose(subscriber=person.id, issue=issue, newsletter=newsletter)
    return _Whose(subscriber=person.id, proven=False)

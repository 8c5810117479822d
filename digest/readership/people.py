"""One person at a time: adding by hand, showing what is known, erasing."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from digest import consent, tokens
from digest.consent import Act
from digest.errors import ConfigError, ReaderError
from digest.identity import address_key
from digest.model import Rhythm, Subscription, SubscriptionState
from digest.readership.written import FULL_WIDTH, mixed_script
from digest.store import (
    Database,
    consents,
    knocks,
    outbox,
    readers,
    received,
    subscribers,
    subscriptions,
    suppressions,
)

if TYPE_CHECKING:
    from digest.config import Loaded

#: Mailboxes of a function, not of a person: nobody there asked for a newsletter (RFC 2142).
ROLES = frozenset(
    {
        "abuse",
        "hostmaster",
        "mailer-daemon",
        "no-reply",
        "noreply",
        "postmaster",
        "root",
        "webmaster",
    }
)

#: What most people have before the @: an atom of letters, digits and harmless marks.
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")

#: A domain that needs no closer look: letters, digits and hyphens, no label that may stand for
#: other letters (``xn--``), and none of the names that RFC 6761 and its kin set aside.
_PLAIN_DOMAIN = re.compile(
    r"((?!..--)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
    r"(?!(?i:alt|arpa|internal|invalid|local|localhost|onion)$)[A-Za-z]{2,63}"
)

#: RFC 1035 section 2.3.4, less the octets around the labels.
MAX_DOMAIN_OCTETS = 253
#: RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.3, the latter less the brackets of a path.
MAX_LOCAL_OCTETS = 64
MAX_ADDRESS_OCTETS = 254


def mailbox(written: str) -> str:
    """
    Return *written* as an address to write to; ReaderError with the reason if it is none.

    The policy: one mailbox of RFC 5321 with a domain of two labels or more; no quoted
    local part, no address literal, no comment, no role mailbox. DNS is not asked. The
    part before the @ keeps its case, the domain becomes lower case.
    """
    # Not line ends: an address that comes with one was not typed by its owner.
    plain = unicodedata.normalize("NFC", written.strip(" \t")).translate(FULL_WIDTH)
    if not plain:
        raise ReaderError("there is no address")
    if not plain.isascii() and any(_is_unseen(c) for c in plain):
        raise ReaderError(f"{shown(plain)}: holds a character that cannot be seen")
    local, _, domain = plain.rpartition("@")
    try:
        if _PLAIN_LOCAL.fullmatch(local):
            written_domain, encoded = _domain(domain)
        else:
            local, written_domain, encoded = _parts(plain)
    except ReaderError as e:
        raise ReaderError(f"{shown(plain)}: {e}") from None
    if len(local.encode()) > MAX_LOCAL_OCTETS:
        raise ReaderError(f"{shown(plain)}: more than {MAX_LOCAL_OCTETS} octets before the @")
    if len(f"{local}@{encoded}".encode()) > MAX_ADDRESS_OCTETS:
        raise ReaderError(f"{shown(plain)}: longer than {MAX_ADDRESS_OCTETS} octets")
    if scripts := next(filter(None, map(mixed_script, (local, *written_domain.split(".")))), ""):
        raise ReaderError(f"{shown(plain)}: mixes letters of {scripts} that look alike")
    if local.casefold() in ROLES:
        raise ReaderError(f"{shown(plain)}: the mailbox of a function, not of a person")
    return f"{local}@{written_domain}"


def _is_unseen(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")


@lru_cache(maxsize=10_000)
def _domain(domain: str) -> tuple[str, str]:
    """Return the domain as people write it, and in ASCII; lists have few different ones."""
    if len(domain) <= MAX_DOMAIN_OCTETS and _PLAIN_DOMAIN.fullmatch(domain):
        domain = domain.lower()
        return domain, domain
    _, shown, encoded = _parts(f"a@{domain}")
    return shown, encoded


def _parts(address: str) -> tuple[str, str, str]:
    """Return the part before the @, the domain as people write it, and in ASCII."""
    from email_validator import EmailNotValidError, validate_email

    try:
        valid = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as e:
        raise ReaderError(str(e).rstrip(".")) from None
    return valid.local_part, valid.domain, valid.ascii_domain or valid.domain


def shown(text: str) -> str:
    """Return *text* for an error: short, and without what a terminal would obey."""
    safe = "".join(c if c.isprintable() else "�" for c in text)
    return safe if len(safe) <= 80 else safe[:79] + "…"


def token_key(loaded: Loaded) -> str:
    """Return the key of tokens and hashes; ConfigError where there is none."""
    if not loaded.settings.token_key:
        raise ConfigError(
            "TOKEN_KEY is not set; without it nobody could be kept from getting mail",
            file=str(loaded.folder / ".env"),
            remedy="Run: digest init, or put the key back from your backup.",
        )
    return loaded.settings.token_key


def address_hash(loaded: Loaded, key: str) -> str:
    """Return what the suppressions know the mailbox of that address key by."""
    return tokens.address_hash(token_key(loaded), key)


def plain_name(written: str) -> str:
    """Return a name in one line of visible letters, at most 200 of them."""
    if written.isascii() and written.isprintable():
        return " ".join(written.split())[:200].strip()
    visible = "".join(
        " " if unicodedata.category(c).startswith("Z") or c in "\t\r\n" else c
        for c in unicodedata.normalize("NFC", written)
        if c in "\t\r\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    return " ".join(visible.split())[:200].strip()


def add(
    database: Database,
    loaded: Loaded,
    newsletter: str,
    address: str,
    *,
    name: str = "",
    source: str,
    lists: tuple[str, ...] = (),
    rhythm: Rhythm = Rhythm.WEEKLY,
    now: datetime,
) -> str:
    """
    Add one reader whose consent *source* tells of; return ``added``, ``there`` or ``barred``.

    Who is there is put on *lists* besides. Who left or is suppressed stays so: ``barred``.
    ReaderError for an address that is none, or without a source.
    """
    source = plain_name(source)
    if not source:
        raise ReaderError(
            f"{shown(address)}: how did they ask for it?",
            remedy='Say it: --source "by phone, 3 May"',
        )
    address = mailbox(address)
    key = address_key(address)
    hashed = address_hash(loaded, key)
    with database.write() as conn:
        had = readers.known(conn, newsletter, [key]).get(key)
        one = had.subscription if had else None
        if suppressions.among(conn, [hashed]):
            return "barred"
        after = consent.after(one.state if one else None, Act.IMPORTED)
        if one is not None:
            return _enlisted(conn, one, lists, now) if after in _READING else "barred"
        person = {"address": address, "address_key": key, "created_at": now}
        subscribers.add(conn, [{**person, "name": plain_name(name)}])
        subscriber = subscribers.numbers(conn, [key])[key]
        told = {
            "subscriber_id": subscriber,
            "newsletter": newsletter,
            "state": after,
            "rhythm": rhythm,
            "lists": list(lists),
            "source": source,
            "consented_at": now,
            "changed_at": now,
        }
        subscriptions.add(conn, [told])
        act = {"subscriber": subscriber, "at": now, "what": Act.IMPORTED, "source": source}
        consents.prove(conn, newsletter, [act])
        return "added"


#: Who is a reader, or is asked to be one.
_READING = (SubscriptionState.ACTIVE, SubscriptionState.PAUSED, SubscriptionState.PENDING)


def _enlisted(conn: Connection, one: Subscription, lists: tuple[str, ...], now: datetime) -> str:
    if not set(lists) <= set(one.lists):
        both = sorted({*one.lists, *lists})
        subscriptions.change(conn, one.subscriber, one.newsletter, at=now, lists=both)
    return "there"


def show(database: Database, loaded: Loaded, address: str) -> dict[str, Any]:
    """
    Return all that is known of the person at *address*, to be handed to them (GDPR 15, 20).

    Person, subscriptions with every act and its proof, issues and other mail to them, what
    came back of it, and how often a confirmation was sent. ReaderError if that is nothing.
    """
    key = address_key(address)
    hashed = address_hash(loaded, key)
    with database.read() as conn:
        person = subscribers.by_address(conn, key)
        suppressed = bool(suppressions.among(conn, [hashed]))
        if person is None and suppressed:
            raise ReaderError(
                f"{shown(address)}: nothing is known but that it must not be written to"
            )
        if person is None:
            raise ReaderError(f"{shown(address)}: nobody here has this address")
        return {
            "subscriber": person,
            "subscriptions": [
                {"subscription": one, "consent": consents.proofs(conn, person.id, one.newsletter)}
                for one in subscriptions.of_subscriber(conn, person.id)
            ],
            "wants_to_move_to": subscribers.wanted(conn, person.id),
            "issues": received.deliveries_to(conn, person.id),
            "came_back": received.returns_of(conn, person.id),
            "mails": outbox.to(conn, person.address),
            "invitations": knocks.mailed(conn, hashed),
            "suppressed": suppressed,
        }

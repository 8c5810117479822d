"""One person at a time: adding by hand, showing what is known, erasing."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING, Any

from digest import consent, tokens
from digest.consent import Act
from digest.errors import ReaderError
from digest.identity import address_key
from digest.model import Rhythm
from digest.store import Database, readers

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

#: RFC 5321 section 4.5.3.1.3, less the brackets of a path.
MAX_ADDRESS_OCTETS = 254


def mailbox(written: str) -> str:
    """
    Return *written* as an address to write to; ReaderError with the reason if it is none.

    The policy: one mailbox of RFC 5321 with a domain of two labels or more; no quoted
    local part, no address literal, no comment, no role mailbox. DNS is not asked. The
    part before the @ keeps its case, the domain becomes lower case.
    """
    from email_validator import EmailNotValidError, validate_email

    plain = unicodedata.normalize("NFC", written.strip())
    if any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in plain):
        raise ReaderError(f"{_shown(plain)}: holds a character that cannot be seen")
    try:
        valid = validate_email(plain, check_deliverability=False, test_environment=True)
    except EmailNotValidError as e:
        raise ReaderError(f"{_shown(plain)}: {str(e).rstrip('.')}") from None
    if len((valid.ascii_email or valid.normalized).encode()) > MAX_ADDRESS_OCTETS:
        raise ReaderError(f"{_shown(plain)}: longer than {MAX_ADDRESS_OCTETS} octets")
    if valid.local_part.casefold() in ROLES:
        raise ReaderError(f"{_shown(plain)}: the mailbox of a function, not of a person")
    return valid.normalized


def _shown(text: str) -> str:
    safe = "".join(c if c.isprintable() else "�" for c in text)
    return safe if len(safe) <= 80 else safe[:79] + "…"


def plain_name(written: str) -> str:
    """Return a name in one line of visible letters, at most 200 of them."""
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

    Who left or is suppressed stays so: ``barred``. ReaderError for an address that is none.
    """
    address = mailbox(address)
    key = address_key(address)
    with database.write() as conn:
        hashed = tokens.address_hash(loaded.settings.token_key, key)
        had = readers.known(conn, newsletter, [key]).get(key)
        state = had.subscription.state if had and had.subscription else None
        if readers.suppressed(conn, [hashed]):
            return "barred"
        after = consent.after(state, Act.IMPORTED)
        if state is not None:
            return "there" if after.value in ("active", "paused", "pending") else "barred"
        person = {"address": address, "address_key": key, "created_at": now}
        readers.add(conn, [{**person, "name": plain_name(name)}])
        subscriber = readers.by_address(conn, key)
        assert subscriber is not None  # noqa: S101 - added above, in this transaction
        told = {
            "subscriber_id": subscriber.id,
            "newsletter": newsletter,
            "state": after,
            "rhythm": rhythm,
            "lists": list(lists),
            "source": source,
            "consented_at": now,
            "changed_at": now,
        }
        readers.subscribe(conn, [told])
        readers.prove(
            conn, newsletter, [subscriber.id], at=now, what=Act.IMPORTED, source=source, proof={}
        )
        return "added"


def show(database: Database, loaded: Loaded, address: str) -> dict[str, Any]:
    """Return all that is known of the person at *address*; ReaderError if that is nothing."""
    key = address_key(address)
    with database.read() as conn:
        person = readers.by_address(conn, key)
        hashed = tokens.address_hash(loaded.settings.token_key, key)
        if person is None:
            if readers.suppressed(conn, [hashed]):
                raise ReaderError(
                    f"{_shown(address)}: nothing is known but that it must not be written to"
                )
            raise ReaderError(f"{_shown(address)}: nobody here has this address")
        return {
            "subscriber": person,
            "subscriptions": [
                {"subscription": one, "consent": readers.proofs(conn, person.id, one.newsletter)}
                for one in readers.subscribed_to(conn, person.id)
            ],
            "suppressed": bool(readers.suppressed(conn, [hashed])),
        }


def erase(database: Database, loaded: Loaded, address: str, *, now: datetime) -> None:
    """
    Forget the person at *address* in all newsletters; only a keyed hash of it is kept.

    The hash keeps an import from bringing the person back (GDPR 17(3), 21). ReaderError if
    nobody has the address.
    """
    key = address_key(address)
    with database.write() as conn:
        person = readers.by_address(conn, key)
        if person is None:
            raise ReaderError(f"{_shown(address)}: nobody here has this address")
        hashed = tokens.address_hash(loaded.settings.token_key, key)
        readers.suppress(conn, hashed, reason="erased", at=now)
        readers.erase(conn, person.id, at=now)

"""One-time links and browser sessions of the desk; only hashes of their secrets are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from digest.store.schema import accounts, sessions
from digest.store.staff import COLUMNS, Account, told


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser that is signed in, or waits for its second factor."""

    #: The hash of its secret: it names the session and opens nothing.
    name: str
    created_at: datetime
    #: Browser and system; "" where they did not say.
    device: str
    seen_at: datetime | None
    #: Its account may do more than when it began.
    renews: bool


_COLUMNS = (
    sessions.c.secret_hash.label("name"),
    sessions.c.created_at,
    sessions.c.device,
    sessions.c.seen_at,
    sessions.c.renews,
)


def admit(
    conn: Connection,
    account: int,
    secret_hash: str,
    *,
    kind: str,
    now: datetime,
    expires_at: datetime,
    device: str = "",
) -> None:
    """Keep a ``link``, ``reset``, ``move``, ``half`` or ``session`` of that account."""
    conn.execute(
        sessions.insert().values(
            secret_hash=secret_hash,
            kind=kind,
            account_id=account,
            created_at=now,
            expires_at=expires_at,
            device=device,
            seen_at=now,
        )
    )


def use_up(conn: Connection, secret_hash: str, *, kind: str, now: datetime) -> Account | None:
    """Return whose one-time secret this is, and use it up; None if it opens nothing any more."""
    used = conn.execute(
        update(sessions)
        .where(
            sessions.c.secret_hash == secret_hash,
            sessions.c.kind == kind,
            sessions.c.used_at.is_(None),
            sessions.c.expires_at > now,
        )
        .values(used_at=now)
    )
    return _owner(conn, secret_hash) if used.rowcount == 1 else None


def waits(conn: Connection, secret_hash: str, *, kind: str, now: datetime) -> bool:
    """Tell whether that one-time secret would still open something."""
    query = select(sessions.c.used_at).where(
        sessions.c.secret_hash == secret_hash, sessions.c.kind == kind, sessions.c.expires_at > now
    )
    row = conn.execute(query).one_or_none()
    return row is not None and row.used_at is None


def opened(
    conn: Connection, secret_hash: str, *, kind: str, now: datetime
) -> tuple[Account, Session] | None:
    """Return whose it is, and what; None if it expired, was ended, or never was."""
    row = conn.execute(
        select(*_COLUMNS).where(
            sessions.c.secret_hash == secret_hash,
            sessions.c.kind == kind,
            sessions.c.expires_at > now,
        )
    ).one_or_none()
    account = _owner(conn, secret_hash) if row else None
    return (account, Session(**row._asdict())) if row and account else None


def of_account(conn: Connection, account: int, *, now: datetime) -> list[Session]:
    """Return the account's sessions, the one seen last first."""
    query = (
        select(*_COLUMNS)
        .where(
            sessions.c.account_id == account,
            sessions.c.kind == "session",
            sessions.c.expires_at > now,
        )
        .order_by(sessions.c.seen_at.desc(), sessions.c.secret_hash)
    )
    return [Session(**row._asdict()) for row in conn.execute(query)]


def browsers(conn: Connection, *, now: datetime) -> dict[int, int]:
    """Return in how many browsers each account is signed in; 0 for one that is nowhere."""
    live = (sessions.c.kind == "session") & (sessions.c.expires_at > now)
    query = (
        select(accounts.c.id, func.count(sessions.c.secret_hash))
        .outerjoin(sessions, (sessions.c.account_id == accounts.c.id) & live)
        .group_by(accounts.c.id)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def see(conn: Connection, secret_hash: str, *, now: datetime) -> None:
    """Write down that the session was used."""
    conn.execute(update(sessions).where(sessions.c.secret_hash == secret_hash).values(seen_at=now))


def to_renew(conn: Connection, account: int) -> None:
    """Mark the account's sessions: each takes another secret at its next page."""
    mine = (sessions.c.account_id == account) & (sessions.c.kind == "session")
    conn.execute(update(sessions).where(mine).values(renews=True))


def renew(conn: Connection, secret_hash: str, new_hash: str) -> bool:
    """Let a session go on under another secret; False if it has ended meanwhile."""
    mine = (sessions.c.secret_hash == secret_hash) & (sessions.c.kind == "session")
    changed = conn.execute(update(sessions).where(mine).values(secret_hash=new_hash, renews=False))
    return changed.rowcount == 1


def end(conn: Connection, secret_hash: str) -> None:
    """End a session. Calling twice is safe."""
    conn.execute(delete(sessions).where(sessions.c.secret_hash == secret_hash))


def end_one(conn: Connection, account: int, secret_hash: str) -> bool:
    """End a session of that account; False if it has none of that name."""
    mine = (sessions.c.account_id == account) & (sessions.c.secret_hash == secret_hash)
    return conn.execute(delete(sessions).where(mine)).rowcount == 1


def end_all(conn: Connection, account: int, *, but: str = "") -> None:
    """End all sessions and links of that account, except one. Calling twice is safe."""
    theirs = (sessions.c.account_id == account) & (sessions.c.secret_hash != but)
    conn.execute(delete(sessions).where(theirs))


def forget_expired(conn: Connection, *, now: datetime) -> int:
    """Remove links and sessions whose time is over; return how many."""
    return conn.execute(delete(sessions).where(sessions.c.expires_at <= now)).rowcount


def _owner(conn: Connection, secret_hash: str) -> Account | None:
    query = (
        select(*COLUMNS)
        .join(sessions, sessions.c.account_id == accounts.c.id)
        .where(sessions.c.secret_hash == secret_hash, accounts.c.disabled_at.is_(None))
    )
    return told(conn.execute(query).one_or_none())

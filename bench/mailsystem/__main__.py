"""
Send two issues through Postfix, Dovecot and postgrey; each kind of address must end right.

    python -m bench.mailsystem      as root; it says which packages are missing

The first issue goes to a server that answers each kind of address at once, the second to a
relay that takes everything and brings back by mail what it could not deliver. The clock of
the sender is moved on, so that 48 hours of retries take seconds. Exit 1 if anything ends
in another state than it must.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from bench.mailsystem import postfix
from digest import delivery, readership
from digest.config import Loaded
from digest.errors import SenderFault
from digest.model import DeliveryState, IssueState
from digest.model.settings import Settings
from digest.store import Database, issues, ledger, subscriptions, upgrade
from tests import audience, imapserver

SENT, FAILED = DeliveryState.SENT, DeliveryState.FAILED
MAILBOX = "bounces@bounces.test"

#: What the first issue's readers must end as: state, copies in their mailbox, subscription.
AT_ONCE = {
    **{f"ok{n}@inbox.test": (SENT, 1, "active") for n in range(1, 21)},
    "jörg@inbox.test": (SENT, 1, "active"),
    "grey1@grey.test": (SENT, 1, "active"),
    "grey2@grey.test": (SENT, 1, "active"),
    "nouser@inbox.test": (FAILED, 0, "suppressed"),
    "quota@inbox.test": (FAILED, 0, "active"),
    "full@inbox.test": (FAILED, 0, "active"),
    "slow@inbox.test": (FAILED, 0, "active"),
    "throttle@inbox.test": (FAILED, 0, "active"),
    "policy@inbox.test": (FAILED, 0, "active"),
}
#: The second's: the relay takes all of it.
BY_MAIL = {
    "alice@inbox.test": (SENT, 1, "active"),
    "gone@dead.test": (SENT, 0, "suppressed"),
    "box@full.test": (SENT, 0, "active"),
}


@dataclass
class Clock:
    """The time since the freeze, moved on by whoever does not want to wait."""

    began: float = field(default_factory=time.monotonic)
    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return audience.NOW + timedelta(seconds=time.monotonic() - self.began) + self.ahead


def main() -> int:
    if os.getuid() != 0 or (missing := postfix.missing()):
        what = (
            "apt-get install --no-install-recommends " + " ".join(missing)
            if os.getuid() == 0
            else "sudo"
        )
        print(f"A mail system needs root and programs. Type: {what}")
        return 1
    names = [address.partition("@")[0] for address in (*AT_ONCE, *BY_MAIL)]
    with imapserver.running(_refuse) as imap, postfix.running(imap.folder / "box", names) as mail:
        rows = [*_at_once(mail), *_by_mail(mail, imap)]
    _tell(rows)
    return int(any(want != got for _, want, got in rows))


def _refuse(_what: str, why: str) -> None:
    raise SystemExit(why)


def _at_once(mail: postfix.Postfix) -> list[tuple[str, object, object]]:
    with _installed(mail.front, None) as (database, loaded):
        issue = _issue(database, AT_ONCE)
        clock, rounds = Clock(), 0
        while _state(database, issue) is not IssueState.FINISHED and rounds < 40:
            _settle(database, loaded, issue, clock)
            rounds += 1
            if rounds == 1:
                time.sleep(6)  # postgrey's own clock cannot be moved
            with database.read() as conn:
                due = ledger.next_due(conn, issue)
            clock.ahead += max(due - clock(), timedelta()) if due else timedelta()
        readership.take_refusals(database, loaded, now=clock())
        return [*_found(database, issue, mail, AT_ONCE), *_sum(database, issue)]


def _by_mail(
    mail: postfix.Postfix, imap: imapserver.ImapServer
) -> list[tuple[str, object, object]]:
    with _installed(mail.relay, imap.port) as (database, loaded):
        issue = _issue(database, BY_MAIL)
        clock = Clock()
        _settle(database, loaded, issue, clock)
        deadline = time.monotonic() + 60
        while mail.queued() and time.monotonic() < deadline:
            time.sleep(1)
        followed = readership.read_mailboxes(database, loaded, now=clock())
        again = readership.read_mailboxes(database, loaded, now=clock())
        return [
            *_found(database, issue, mail, BY_MAIL),
            (
                "bounces by mail",
                {"suppressed": 1, "counted": 1},
                {str(k): n for k, n in followed.items()},
            ),
            ("read again", {}, dict(again)),
            *_sum(database, issue),
        ]


@contextmanager
def _installed(smtp: int, imap: int | None) -> Iterator[tuple[Database, Loaded]]:
    bounces = {"address": MAILBOX}
    if imap:
        bounces |= {
            "imap": "127.0.0.1",
            "port": imap,
            "tls": "none",
            "user": "bounces",
            "password": "s3cret",
        }
    settings = Settings.model_validate(
        {
            "public_url": "https://recap.example.org",
            "token_key": "k" * 64,
            "smtp": {"host": "127.0.0.1", "port": smtp, "tls": "none"},
            "bounces": bounces,
            "newsletters": {
                "weekly-recap": {
                    "title": "Weekly Recap",
                    "from": "Weekly Recap <recap@example.org>",
                    "postal_address": "12 Harbour Road, Springfield",
                }
            },
        }
    )
    with tempfile.TemporaryDirectory(prefix="recap-bench-") as folder:
        database = Database(f"sqlite:///{folder}/recap.db")
        upgrade.upgrade(database)
        yield (
            database,
            Loaded(settings=settings, folder=Path(folder), path=Path(folder) / "config.yaml"),
        )
        database.close()


def _issue(database: Database, addresses: dict[str, object]) -> int:
    issue = audience.an_issue(database)
    audience.readers(database, addresses)
    audience.frozen(database, issue)
    return issue


def _settle(database: Database, loaded: Loaded, issue: int, clock: Clock) -> None:
    """Send to who is due; where the server blames us, a person looks and goes on."""
    try:
        delivery.settle(database, loaded, issue, clock=clock)
    except SenderFault:
        with database.write() as conn:
            issues.set_state(
                conn, issue, (IssueState.STOPPED,), IssueState.SENDING, now=clock(), actor="bench"
            )


def _state(database: Database, issue: int) -> IssueState:
    with database.read() as conn:
        return issues.by_id(conn, issue).state


def _found(
    database: Database,
    issue: int,
    mail: postfix.Postfix,
    wanted: dict[str, tuple[object, int, str]],
) -> list[tuple[str, object, object]]:
    with database.read() as conn:
        rows = {row.recipient.address: row for row in ledger.listed(conn, issue, limit=1000)}
        stands = {
            address: subscriptions.of_subscriber(conn, row.recipient.subscriber)[0].state
            for address, row in rows.items()
        }
    return [
        (
            address,
            tuple(map(str, want)),
            (
                str(rows[address].state),
                str(mail.copies(address.partition("@")[0])),
                str(stands[address]),
            ),
        )
        for address, want in wanted.items()
    ]


def _sum(database: Database, issue: int) -> list[tuple[str, object, object]]:
    with database.read() as conn:
        tally = ledger.tally(conn, issue)
    return [("the ledger adds up, nobody is owed", (True, 0), (tally.holds, tally.owed))]


def _tell(rows: list[tuple[str, object, object]]) -> None:
    for who, want, got in rows:
        told = " ".join(map(str, got)) if isinstance(got, tuple) else got
        wanted = "" if want == got else f"   (must be {want})"
        print(f"{'MISS' if wanted else 'ok  '}  {who:<36}  {told}{wanted}")


if __name__ == "__main__":
    sys.exit(main())

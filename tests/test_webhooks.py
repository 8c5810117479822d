"""Webhooks out: what is told, how it is signed, and that nothing is lost or told without end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from digest import readership, webhooks, weekly
from digest.errors import FetchFailed
from digest.http import post
from digest.model import IssueState
from digest.model.settings import Webhook
from digest.store import Database, consents, hooks, issues, newsletters, schema
from tests import friday
from tests.readership import NEWSLETTER, NOW, Readership

ON_ONE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SECRET = "s" * 40
ANA, BEN = "ana@example.org", "ben@example.org"
HERE = "https://members.example.org/hook"
DAY = timedelta(days=1)


@dataclass
class Hearing:
    """Somebody who is told: a double that keeps what came, and answers as a test wants."""

    status: int | None = 200
    calls: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        self.calls.append((url, body, headers))
        if self.status is None:
            raise FetchFailed("no answer in time")
        return self.status

    @property
    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        bodies = [json.loads(body) for _, body, _ in self.calls]
        return [(body["type"], body["data"]) for body in bodies]


class House(Readership):
    """Readers, and programs that are told of them."""

    def told(self, hearing: Hearing, at: datetime = NOW, **told: Any) -> int:
        """Let the webhooks be called at that instant."""
        usual = {"webhooks": (Webhook(url=HERE),), "webhook_secret": SECRET}
        settings = self.loaded.settings.model_copy(update=usual | told)
        loaded = type(self.loaded)(settings, self.loaded.folder, self.loaded.path)
        return webhooks.deliver(self.database, loaded, clock=lambda: at, send=hearing)

    def calls(self) -> list[tuple[str, int, str]]:
        query = select(schema.hook_calls).order_by(schema.hook_calls.c.id)
        with self.database.read() as conn:
            return [(row.state, row.attempts, row.answer) for row in conn.execute(query)]


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(database, tmp_path)


def joined(house: House, address: str) -> int:
    """Join with that address, and confirm it; the reader's number."""
    token = readership.ask(
        house.database, house.loaded, NEWSLETTER, address, source="a form", proof={}, now=NOW
    )
    readership.confirm(house.database, house.loaded, token, proof={}, now=NOW)
    return house.of(address).subscriber


# --- what is told -------------------------------------------------------------------------


def test_joining_leaving_and_bouncing_are_told(house: House) -> None:
    """Who confirms, leaves, comes back, bounces or is erased is told in that order, once."""
    whose = joined(house, ANA)
    house.leave(house.token(ANA))
    house.undo(house.token(ANA))
    with house.database.write() as conn:
        act = {"subscriber": whose, "at": NOW, "what": "suppressed", "source": "bounce"}
        consents.prove(conn, NEWSLETTER, [act])
    hearing = Hearing()
    assert house.told(hearing) == 4
    assert house.told(hearing) == 0
    about = {"newsletter": NEWSLETTER, "subscriber": whose, "address": ANA}
    assert hearing.heard == [
        ("reader.joined", about | {"source": "link"}),
        ("reader.left", about | {"source": "link"}),
        ("reader.joined", about | {"source": "link"}),
        ("reader.bounced", about | {"source": "bounce"}),
    ]
    house.erase(ANA)
    assert house.told(hearing) == 1
    assert hearing.heard[-1] == ("reader.left", about | {"address": None, "source": "erased"})


def test_an_import_is_not_told_reader_by_reader(house: House) -> None:
    """Who comes in by a list is no event; who leaves by a later one is."""
    house.bring(f"email\n{ANA}\n{BEN}\n")
    house.bring(f"email,state\n{ANA},unsubscribed\nnew@example.org,unsubscribed\n")
    hearing = Hearing()
    house.told(hearing)
    assert [(kind, data["address"]) for kind, data in hearing.heard] == [("reader.left", ANA)]


def test_an_issue_that_is_finished_is_told_with_its_sums(
    database: Database, tmp_path: Path
) -> None:
    """The ledger's own numbers, as they are when it is told."""
    house, loaded = House(database, tmp_path), friday.a_loaded(tmp_path)
    with database.write() as conn:
        newsletters.started(conn, "recap", now=friday.MONDAY)
    friday.publish(database, *friday.TITLES)
    friday.subscribe(database, 3)
    issue = friday.prepared(database, loaded)
    issue = weekly.approve(database, loaded, issue, by="editor", now=friday.BEFORE)
    weekly.freeze(database, loaded, issue, now=friday.SEND_HOUR)
    with database.write() as conn:
        conn.execute(schema.deliveries.update().values(state="sent"))
        issues.set_state(
            conn, issue.id, (IssueState.SENDING,), IssueState.FINISHED, now=NOW, actor="a test"
        )
    hearing = Hearing()
    house.told(hearing, webhooks=(Webhook(url=HERE, events=("sent",)),))
    sums = {"frozen": 3, "sent": 3, "failed": 0, "skipped": 0, "uncertain": 0}
    assert hearing.heard == [("issue.sent", {"newsletter": "recap", "issue": issue.of.key} | sums)]


def test_each_hears_of_what_it_wants(house: House) -> None:
    """Two programs with different events, and what nobody wants is not kept."""
    joined(house, ANA)
    house.leave(house.token(ANA))
    hearing = Hearing()
    one, other = f"{HERE}/1", f"{HERE}/2"
    house.told(
        hearing,
        webhooks=(
            Webhook(url=one, events=("joined", "left")),
            Webhook(url=other, events=("left",)),
        ),
    )
    assert sorted((url, json.loads(body)["type"]) for url, body, _ in hearing.calls) == [
        (one, "reader.joined"),
        (one, "reader.left"),
        (other, "reader.left"),
    ]
    keys = {headers["webhook-id"] for url, _, headers in hearing.calls if url == one}
    assert len(keys) == 2
    house.undo(house.token(ANA))
    house.told(Hearing(), webhooks=())
    with house.database.read() as conn:
        assert conn.execute(select(func.count()).select_from(schema.happenings)).scalar() == 2


def test_what_is_rolled_back_is_not_told(house: House) -> None:
    """A happening is part of the transaction that made it."""
    house.bring(f"email\n{ANA}\n")
    whose = house.of(ANA).subscriber
    with pytest.raises(OSError, match="disk"), house.database.write() as conn:
        act = {"subscriber": whose, "at": NOW, "what": "left", "source": "link"}
        consents.prove(conn, NEWSLETTER, [act])
        raise OSError("disk")
    hearing = Hearing()
    assert (house.told(hearing), hearing.calls) == (0, [])


# --- that nothing is lost -----------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 302, 404, None])
def test_what_is_not_taken_is_told_again(house: House, status: int | None) -> None:
    """No answer, an error or a redirect: later, under the same id, until it is taken."""
    joined(house, ANA)
    hearing = Hearing(status)
    assert house.told(hearing) == 0
    assert house.told(hearing) == 0
    assert len(hearing.calls) == 1
    assert house.told(hearing, at=NOW + DAY) == 0
    hearing.status = 204
    assert house.told(hearing, at=NOW + 2 * DAY) == 1
    assert len({headers["webhook-id"] for _, _, headers in hearing.calls}) == 1
    assert house.calls() == [("sent", 3, "204")]


def test_an_address_that_never_answers_is_given_up(house: House) -> None:
    """After two days of growing waits a call has failed, and says so."""
    joined(house, ANA)
    hearing, at = Hearing(None), NOW
    for _ in range(400):
        house.told(hearing, at=at)
        at += timedelta(minutes=10)
    ((state, attempts, answer),) = house.calls()
    assert (state, attempts) == ("failed", len(hearing.calls))
    assert 8 <= attempts <= 40
    assert answer.startswith("given up after 48 hours: no answer in time")


def test_who_is_gone_is_not_asked_again(house: House) -> None:
    """410 ends a call, and an address that config.yaml has no more is not called."""
    joined(house, ANA)
    house.told(Hearing(410))
    assert [state for state, *_ in house.calls()] == ["failed"]
    house.leave(house.token(ANA))
    house.told(Hearing(500))
    silent = Hearing()
    house.told(silent, at=NOW + DAY, webhooks=())
    assert silent.calls == []
    assert [state for state, *_ in house.calls()] == ["failed", "skipped"]


def test_one_that_fails_holds_up_no_other(house: House) -> None:
    """Of an address that fails one call is tried in a round; the other address hears of all."""
    for n in range(5):
        joined(house, f"r{n}@example.org")
    bad = f"{HERE}/bad"

    class Half(Hearing):
        def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
            super().__call__(url, body, headers)
            return 500 if url == bad else 200

    hearing = Half()
    assert house.told(hearing, webhooks=(Webhook(url=bad), Webhook(url=HERE))) == 5
    assert [url for url, *_ in hearing.calls].count(bad) == 1


def test_a_caller_that_dies_is_followed(house: House) -> None:
    """A call that was claimed and not settled comes again after its lease, once."""
    joined(house, ANA)
    with house.database.write() as conn:
        hooks.fan_out(conn, [(HERE, ("joined",))], now=NOW)
        (call,) = hooks.claim(conn, now=NOW, lease=webhooks.LEASE, size=9)
    hearing = Hearing()
    assert house.told(hearing) == 0
    assert house.told(hearing, at=NOW + webhooks.LEASE + DAY) == 1
    assert hearing.calls[0][2]["webhook-id"] == call.key


def test_without_a_secret_nothing_is_told_and_nothing_lost(house: House) -> None:
    """What waited is told once there is a secret."""
    joined(house, ANA)
    hearing = Hearing()
    assert house.told(hearing, webhook_secret="") == 0
    assert (hearing.calls, [state for state, *_ in house.calls()]) == ([], ["pending"])
    assert house.told(hearing) == 1


def test_what_was_told_is_not_kept_for_ever(house: House) -> None:
    """Happenings go with the small mails, by the same schedule."""
    joined(house, ANA)
    house.told(Hearing())
    kept = readership.keep_schedule(house.database, house.loaded, now=NOW + 31 * DAY)
    assert kept["happenings"] == 1
    assert house.calls() == []


# --- how it is signed ---------------------------------------------------------------------


def _documented() -> Any:
    """The function that the how-to tells receivers to use."""
    page = (Path(__file__).parents[1] / "docs" / "how-to" / "webhooks.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    told: dict[str, Any] = {}
    exec(code, told)
    return told["is_genuine"]


@given(st.binary(max_size=200), st.text("abc123", min_size=1, max_size=40))
def test_the_documented_check_knows_ours_from_others(body: bytes, secret: str) -> None:
    """Body, id, time and secret are all signed; old calls and cut ones are refused."""
    is_genuine, at = _documented(), datetime.now(tz=NOW.tzinfo)
    told = webhooks.headers(f"{secret}, old", "an-id", body, at=at)
    assert is_genuine(secret, told, body)
    assert is_genuine("old", told, body)
    assert not is_genuine(secret + "x", told, body)
    assert not is_genuine(secret, told, body + b" ")
    assert not is_genuine(secret, told | {"webhook-id": "another"}, body)
    assert not is_genuine(secret, told | {"webhook-timestamp": str(int(time.time()) + 9)}, body)
    stale = webhooks.headers(secret, "an-id", body, at=at - timedelta(minutes=6))
    assert not is_genuine(secret, stale, body)


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The specification's own example, whose secret is base64 after its prefix."""
    told = webhooks.headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        at=datetime.fromtimestamp(1614265330, NOW.tzinfo),
    )
    assert told["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


# --- over the wire ------------------------------------------------------------------------


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((dict(self.headers), body))  # type: ignore[attr-defined]
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    server.got = []  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@ON_ONE
def test_a_real_receiver_gets_it(house: House, receiver: ThreadingHTTPServer) -> None:
    """One POST with body and signature, no redirect followed; a closed port is a failure."""
    joined(house, ANA)
    root = f"http://127.0.0.1:{receiver.server_address[1]}"
    settings = house.loaded.settings.model_copy(
        update={"webhooks": (Webhook(url=root),), "webhook_secret": SECRET}
    )
    loaded = type(house.loaded)(settings, house.loaded.folder, house.loaded.path)
    assert webhooks.deliver(house.database, loaded, clock=lambda: datetime.now(NOW.tzinfo)) == 1
    ((headers, body),) = receiver.got  # type: ignore[attr-defined]
    assert _documented()(SECRET, {k.lower(): v for k, v in headers.items()}, body)
    assert post(f"{root}/moved", b"{}", {}) == 302
    assert len(receiver.got) == 2  # type: ignore[attr-defined]
    with pytest.raises(FetchFailed, match=r"127\.0\.0\.1:1"):
        post("http://127.0.0.1:1/", b"{}", {})

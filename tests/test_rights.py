"""What people may ask of us: to see all, to be forgotten for good, not to be kept for longer."""

from __future__ import annotations

import codecs
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from digest import readership, tokens
from digest.errors import ReaderError, StoreError
from digest.readership import files
from digest.store import Database, erasures, schema, subscribers, subscriptions, tasks
from tests.readership import KEY, NEWSLETTER, NOW, Readership

ON_ONE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ANA, BEN = "ana@example.org", "ben@example.org"
DAY = timedelta(days=1)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Readership:
    return Readership(database, tmp_path)


def journal(house: Readership) -> Path:
    return erasures.journal(house.database, house.folder)


def confirmed(house: Readership, address: str, *, at: datetime) -> None:
    """Join with that address, and confirm it."""
    token = readership.ask(
        house.database, house.loaded, NEWSLETTER, address, source="a form", proof={}, now=at
    )
    readership.confirm(house.database, house.loaded, token, proof={}, now=at)


# --- seeing all ---------------------------------------------------------------------------


def test_all_mail_is_shown_to_who_got_it(house: Readership) -> None:
    """What went to a person, and when, is part of all that is known of them."""
    confirmed(house, ANA, at=NOW)
    shown = readership.show(house.database, house.loaded, ANA)
    assert [mail.kind for mail in shown["mails"]] == ["welcome"]
    assert [act.what for act in shown["subscriptions"][0]["consent"]] == ["asked", "confirmed"]
    assert (shown["issues"], shown["invitations"], shown["suppressed"]) == ([], 0, False)


# --- being forgotten ----------------------------------------------------------------------


def test_a_backup_brings_nobody_back(house: Readership) -> None:
    """Erased after the backup, a person is erased again when it is put back; others stay."""
    house.bring(f"email\n{ANA}\n{BEN}\n")
    before = _saved(house.database)
    house.erase(ANA)
    assert readership.erase_again(house.database, house.loaded, now=NOW) == 0
    _put_back(house.database, before)
    assert house.addresses() == [ANA, BEN]
    assert readership.erase_again(house.database, house.loaded, now=NOW) == 1
    assert house.addresses() == [BEN]
    assert house.bring(f"email\n{ANA}\n").barred == 1
    assert readership.erase_again(house.database, house.loaded, now=NOW) == 0


def test_who_moves_to_an_address_that_was_erased_stays(house: Readership) -> None:
    """Whoever reads a mailbox that somebody was erased under has it now: no start forgets them."""
    house.bring(f"email\n{ANA}\n{BEN}\n")
    house.erase(BEN)
    moved = _moved(house, ANA, BEN)
    readership.move(house.database, house.loaded, moved, now=NOW)
    assert house.addresses() == [BEN]
    assert readership.erase_again(house.database, house.loaded, now=NOW) == 0
    assert house.addresses() == [BEN]


def test_no_mail_waits_for_where_an_erased_person_wanted_to_move(house: Readership) -> None:
    """The new address that nobody confirmed is forgotten with the old one."""
    house.bring(f"email\n{ANA}\n")
    _moved(house, ANA, BEN)
    assert _rows(house, schema.outbox) == 1
    house.erase(ANA)
    assert _rows(house, schema.outbox) == 0


def test_mail_to_an_erased_mailbox_goes_however_it_was_typed(house: Readership) -> None:
    """Somebody asks again in capitals: that mail is to the same person, and is shown and erased."""
    _asked_twice(house)
    shown = readership.show(house.database, house.loaded, ANA)
    assert len(shown["mails"]) == _rows(house, schema.outbox) == 2
    house.erase(ANA)
    assert _rows(house, schema.outbox) == 0


def test_mail_to_who_never_confirmed_goes_however_it_was_typed(house: Readership) -> None:
    """With whoever asked and never pressed the button goes each mail that asked for it."""
    _asked_twice(house)
    _kept(house, NOW + 91 * DAY)
    assert _rows(house, schema.outbox) == 0


def _asked_twice(house: Readership) -> None:
    """Ask for ANA, then in capitals, within two days."""
    told: dict[str, Any] = {"source": "form", "proof": {}}
    for typed, now in ((ANA, NOW), (ANA.upper(), NOW + DAY)):
        readership.invite(house.database, house.loaded, NEWSLETTER, typed, now=now, **told)


def _moved(house: Readership, old: str, new: str) -> str:
    """Ask to move there; the token in the mail that asks whether it is wanted."""
    person = house.of(old).subscriber
    fresh = tokens.make_until(KEY, "preferences", NOW + DAY, person, NEWSLETTER)
    readership.ask_to_move(house.database, house.loaded, fresh, new, now=NOW)
    with house.database.read() as conn:
        text = conn.execute(select(schema.outbox.c.text)).scalars().all()[-1]
    (token,) = re.findall(r"/move/(\S+)", text)
    return str(token)


def test_an_older_backup_still_bars_who_was_never_in_it(house: Readership) -> None:
    """Of somebody whom the backup does not know at all the hash comes back alone."""
    before = _saved(house.database)
    house.bring(f"email\n{ANA}\n")
    house.erase(ANA)
    _put_back(house.database, before)
    assert readership.erase_again(house.database, house.loaded, now=NOW) == 0
    assert house.bring(f"email\n{ANA}\n").barred == 1


def test_who_came_back_is_not_erased_again(house: Readership) -> None:
    """An erased person who joins anew is a reader, whatever the journal says of before."""
    house.bring(f"email\n{ANA}\n")
    house.erase(ANA)
    confirmed(house, ANA, at=NOW + DAY)
    assert readership.erase_again(house.database, house.loaded, now=NOW + DAY) == 0
    assert house.addresses() == [ANA]
    assert erasures.standing(journal(house)) == {}
    house.erase(ANA)
    assert list(erasures.standing(journal(house))) == [tokens.address_hash(KEY, ANA)]


@ON_ONE
def test_the_journal_has_hashes_only_and_bears_a_cut_line(house: Readership) -> None:
    """Nobody else may read it, no address is in it, and a crash in a line costs that line."""
    house.bring(f"email\n{ANA}\n{BEN}\n")
    house.erase(ANA)
    with journal(house).open("a") as file:
        file.write("2026-05-01T12:00:00+00:00 erased 0123")
    house.erase(BEN)
    assert len(erasures.standing(journal(house))) == 2
    assert "@" not in journal(house).read_text()
    assert journal(house).stat().st_mode & 0o777 == 0o600


@ON_ONE
def test_without_the_journal_nobody_is_erased(house: Readership) -> None:
    """If the journal cannot be written, nothing is forgotten, and the error says why."""
    house.bring(f"email\n{ANA}\n")
    journal(house).mkdir()
    with pytest.raises(StoreError, match="would bring erased people back"):
        house.erase(ANA)
    assert house.addresses() == [ANA]


@ON_ONE
def test_lists_of_ones_own_are_named_and_cleared(house: Readership) -> None:
    """Rows with the address are told by file and line, and go with `in_files`; no other does."""
    folder = house.folder / "subscribers"
    folder.mkdir()
    (folder / "board.csv").write_text(
        f'name,email,notes\nBen,{BEN},x\nAna,ANA@Example.org,"two\nlines"\nCy,c@example.org,\n'
    )
    (folder / "press.csv").write_text(f"email\n{BEN}\n")
    (folder / "other.txt").write_text(f"{ANA}\n")
    told = readership.erase(house.database, house.loaded, ANA, now=NOW)
    assert (told.was_known, told.mentions) == (False, ((folder / "board.csv", 3),))
    assert "Ana" in (folder / "board.csv").read_text()
    readership.erase(house.database, house.loaded, ANA, in_files=True, now=NOW)
    assert (folder / "board.csv").read_text() == (
        f"name,email,notes\nBen,{BEN},x\nCy,c@example.org,\n"
    )
    assert (folder / "press.csv").read_text() == f"email\n{BEN}\n"
    assert sorted(path.name for path in folder.iterdir()) == ["board.csv", "other.txt", "press.csv"]
    assert house.bring(f"email\n{ANA}\n").barred == 1
    with pytest.raises(ReaderError, match="nobody here"):
        readership.erase(house.database, house.loaded, ANA, now=NOW)


@ON_ONE
def test_a_row_is_found_however_it_writes_the_address(house: Readership) -> None:
    """What an import takes for somebody's address, their erasure finds."""
    folder = house.folder / "subscribers"
    folder.mkdir()
    told = f'Ana <{ANA}>\n"Lima, Ana" <ANA@Example.org>\nmailto:{ANA},\n{BEN}\n'
    (folder / "bare.csv").write_text(told)
    assert [row.line for row in files.mentions(house.folder, ANA)] == [1, 2, 3]
    files.remove(house.folder, ANA)
    assert (folder / "bare.csv").read_text() == f"{BEN}\n"


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.sampled_from(['"Zoë",zoe@example.org', "\x81;x@example.org", "Ünal,ü@example.org", ""])
        | st.text('abc,;"é ', max_size=12),
        max_size=6,
    ),
    at=st.integers(0, 6),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16-le", "utf-16-be"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_not_taken_out_stays_to_the_last_octet(
    tmp_path: Path, lines: list[str], at: int, encoding: str, end: str
) -> None:
    """Whatever the file's encoding and line ends, the other lines are not touched."""
    folder = tmp_path / "subscribers"
    folder.mkdir(exist_ok=True)
    lines = [line.replace('"', "") for line in lines]

    def octets(all_lines: list[str]) -> bytes:
        mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding)
        text = end.join(["email,name", *all_lines, ""])
        return (mark or b"") + text.encode(encoding, "replace")

    file = folder / "list.csv"
    file.write_bytes(octets([*lines[:at], f"{ANA},Ana", *lines[at:]]))
    assert len(files.remove(tmp_path, ANA)) == 1
    assert file.read_bytes() == octets(lines)
    assert files.mentions(tmp_path, ANA) == []


# --- not being kept for longer ------------------------------------------------------------


def test_who_never_confirms_is_forgotten(house: Readership) -> None:
    """After 30 days without an answer a pending person is gone; who asks again is waited for."""
    for address in (ANA, BEN):
        readership.invite(
            house.database, house.loaded, NEWSLETTER, address, source="a form", proof={}, now=NOW
        )
    confirmed(house, "cy@example.org", at=NOW)
    readership.ask(
        house.database, house.loaded, NEWSLETTER, BEN, source="a form", proof={}, now=NOW + 20 * DAY
    )
    assert _kept(house, NOW + 29 * DAY) == {}
    assert _due(house, NOW + 31 * DAY)["pending"] == 1
    assert _kept(house, NOW + 31 * DAY)["pending"] == 1
    assert house.addresses() == [BEN, "cy@example.org"]
    assert _rows(house, schema.subscribers) == 2
    assert _due(house, NOW + 31 * DAY)["pending"] == 0


def test_a_person_with_another_subscription_stays(house: Readership) -> None:
    """What was never confirmed goes; the newsletter that the same person reads stays."""
    house.bring(f"email\n{ANA}\n")
    with house.database.write() as conn:
        whose = subscribers.numbers(conn, [ANA])[ANA]
        told = {"subscriber_id": whose, "newsletter": "other", "state": "pending",
                "source": "x", "changed_at": NOW}  # fmt: skip
        subscriptions.add(conn, [told])
    assert _kept(house, NOW + 31 * DAY)["pending"] == 1
    assert house.addresses() == [ANA]


def test_the_ledger_forgets_addresses_not_sums(house: Readership) -> None:
    """90 days after an issue's end no row has an address; its state and answer stay."""
    house.bring(f"email\n{ANA}\n")
    whose = house.of(ANA).subscriber
    _an_old_issue(house, whose, ended=NOW)
    assert _kept(house, NOW + 89 * DAY) == {}
    assert _due(house, NOW + 91 * DAY)["addresses"] == 1
    assert _kept(house, NOW + 91 * DAY) == {"addresses": 1}
    with house.database.read() as conn:
        row = conn.execute(select(schema.deliveries)).one()
    assert (row.address, row.state, row.answer) == (None, "sent", "250 ok")


def test_small_mail_is_not_kept_for_ever(house: Readership) -> None:
    """A welcome that went is gone after 30 days; one that waits stays until it went."""
    confirmed(house, ANA, at=NOW)
    assert "mails" not in _kept(house, NOW + 31 * DAY)
    with house.database.write() as conn:
        conn.execute(update(schema.outbox).values(state="sent"))
    assert "mails" not in _kept(house, NOW + 29 * DAY)
    assert _kept(house, NOW + 31 * DAY)["mails"] == 1
    assert _rows(house, schema.outbox) == 0


def test_what_was_asked_for_at_the_desk_goes_after_a_time(house: Readership) -> None:
    """Checks and rehearsals with all they found, ninety days after they were last heard of."""
    with house.database.write() as conn:
        for _ in range(2):
            tasks.begin(conn, NEWSLETTER, "rehearsal", asked={}, by=ANA, now=NOW)
        tasks.ended(conn, 2, found=["much"], now=NOW + 2 * DAY)
    assert _kept(house, NOW + 90 * DAY) == {}
    assert _due(house, NOW + 91 * DAY)["tasks"] == 1
    assert _kept(house, NOW + 91 * DAY) == {"tasks": 1}
    assert _rows(house, schema.tasks) == 1


def test_who_left_is_forgotten_only_if_asked_for(house: Readership) -> None:
    """By default a consent stays proved; with `retention.left` only the hash is kept."""
    house.bring(f"email\n{ANA}\n{BEN}\n")
    house.leave(house.token(ANA))
    assert "left" not in _kept(house, NOW + 4000 * DAY)
    kept = house.loaded.settings.retention.model_copy(update={"left": 365 * DAY})
    settings = house.loaded.settings.model_copy(update={"retention": kept})
    house.loaded = type(house.loaded)(settings, house.loaded.folder, house.loaded.path)
    assert _kept(house, NOW + 364 * DAY) == {}
    assert _due(house, NOW + 366 * DAY)["left"] == 1
    assert _kept(house, NOW + 366 * DAY)["left"] == 1
    assert house.addresses() == [BEN]
    assert house.bring(f"email\n{ANA}\n").barred == 1


def _kept(house: Readership, at: datetime) -> dict[str, int]:
    return readership.keep_schedule(house.database, house.loaded, now=at)


def _due(house: Readership, at: datetime) -> dict[str, int]:
    rules = readership.schedule(house.database, house.loaded, now=at)
    return {rule.key: rule.due for rule in rules}


def _rows(house: Readership, table: Any) -> int:
    with house.database.read() as conn:
        return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


def _an_old_issue(house: Readership, subscriber: int, *, ended: datetime) -> None:
    with house.database.write() as conn:
        issue = conn.execute(
            schema.issues.insert()
            .values(
                newsletter=NEWSLETTER, rhythm="weekly", key="2026-05-01", window_start=NOW,
                window_end=NOW, sends_at=NOW, state="finished", version=1, reasons=[], edits={},
                created_at=NOW, frozen_at=NOW, finished_at=ended,
            )
            .returning(schema.issues.c.id)
        ).scalar_one()  # fmt: skip
        conn.execute(
            schema.deliveries.insert().values(
                issue_id=issue, subscriber_id=subscriber, edition_id=1, variant_id=1, address=ANA,
                state="sent", due_at=NOW, answer="250 ok", changed_at=NOW,
            )
        )  # fmt: skip


def _saved(database: Database) -> Any:
    """The tables of readers as they are, as a backup has them."""
    with database.read() as conn:
        return {
            table: [row._asdict() for row in conn.execute(select(table))]
            for table in (
                schema.subscribers,
                schema.subscriptions,
                schema.consents,
                schema.suppressions,
            )
        }


def _put_back(database: Database, saved: Any) -> None:
    with database.write() as conn:
        for table in reversed(saved):
            conn.execute(table.delete())
        for table, rows in saved.items():
            if rows:
                conn.execute(table.insert(), rows)

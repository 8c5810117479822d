"""What keeps an issue from going out alone, and who hears when one did not go out at all."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from digest import packaged, staff, weekly
from digest.config import Loaded
from digest.errors import Held
from digest.model import DeliveryState, Issue, IssueState
from digest.schedule import Watch
from digest.store import Database, history, newsletters, outbox, schema
from digest.weekly import safety
from digest.weekly.deadman import GRACE
from tests import friday
from tests.friday import BEFORE, SEND_HOUR


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return friday.a_loaded(tmp_path)


@pytest.fixture
def issue(database: Database, loaded: Loaded) -> Issue:
    """This week's draft, after an issue that went out; nothing speaks against it."""
    friday.sent_before(database, loaded)
    friday.publish(database, *friday.TITLES)
    return friday.prepared(database, loaded)


def objections(database: Database, loaded: Loaded, issue: Issue, **told: Any) -> tuple[str, ...]:
    facts = {"now": SEND_HOUR} | told
    return safety.objections(database, loaded, issue, **facts)


def test_nothing_speaks_against_a_usual_week(
    database: Database, loaded: Loaded, issue: Issue
) -> None:
    """The rules hold what is wrong, and only that."""
    assert objections(database, loaded, issue) == ()


@pytest.mark.parametrize(("weeks", "usual", "held"), [(4, 1, True), (4, 2, False), (3, 1, False)])
def test_far_more_than_usual_is_held(
    database: Database, loaded: Loaded, issue: Issue, weeks: int, usual: int, held: bool
) -> None:
    """Twice the usual is the most, once there are four issues that tell what is usual."""
    with database.write() as conn:
        sent = conn.execute(
            select(schema.issues).where(schema.issues.c.frozen_at.is_not(None))
        ).one()
        used = conn.execute(select(schema.uses.c.publication_id)).scalars().all()
        conn.execute(schema.uses.delete())
        row = sent._asdict() | {"frozen": sent.frozen}
        for week in range(weeks):
            number = sent.id if week == 0 else _again(conn, row, week)
            for publication in used[:usual]:
                conn.execute(
                    schema.uses.insert().values(
                        newsletter="recap",
                        rhythm=f"weekly{week or ''}",
                        publication_id=publication,
                        issue_id=number,
                    )
                )
    said = [each for each in objections(database, loaded, issue) if "twice the usual" in each]
    assert bool(said) is held


def _again(conn: Any, row: dict[str, Any], week: int) -> int:
    """A copy of a sent issue, some weeks before."""
    earlier = {name: value for name, value in row.items() if name != "id"}
    for edge in ("window_start", "window_end"):
        earlier[edge] -= timedelta(days=7 * week)
    earlier["key"] = f"{earlier['window_end']:%Y-%m-%d}"
    return int(
        conn.execute(
            schema.issues.insert().values(earlier).returning(schema.issues.c.id)
        ).scalar_one()
    )


def test_feeds_that_nobody_reads_hold(database: Database, loaded: Loaded, issue: Issue) -> None:
    """If no feed was read within its interval, nobody knows what the week brought."""
    with database.write() as conn:
        conn.execute(update(schema.feeds).values(next_fetch_at=SEND_HOUR - timedelta(hours=2)))
    assert objections(database, loaded, issue) == ()
    with database.write() as conn:
        conn.execute(update(schema.feeds).values(next_fetch_at=SEND_HOUR - timedelta(hours=4)))
    assert "No feed was read within its interval" in objections(database, loaded, issue)[0]


@pytest.mark.parametrize(
    ("left", "held"), [(DeliveryState.PENDING, True), (DeliveryState.DEFERRED, False)]
)
def test_an_unfinished_issue_before_holds(
    database: Database, loaded: Loaded, left: DeliveryState, held: bool
) -> None:
    """Readers nobody tried hold the next issue; mail put off by its readers' servers does not."""
    friday.subscribe(database, 2)
    before = friday.sent_before(database, loaded)
    with database.write() as conn:
        conn.execute(
            update(schema.issues)
            .where(schema.issues.c.id == before.id)
            .values(state=IssueState.STOPPED)
        )
        conn.execute(update(schema.deliveries).values(state=left))
    friday.publish(database, *friday.TITLES)
    said = objections(database, loaded, friday.prepared(database, loaded))
    assert [("not finished: 2 readers" in each) for each in said] == ([True] if held else [])


def test_changed_templates_hold_until_somebody_looked(
    database: Database, loaded: Loaded, issue: Issue, tmp_path: Path
) -> None:
    """A new template is seen by a person before it goes to every reader."""
    ours = packaged.templates(loaded.folder)[-1] / "mail" / "recap"
    mine = tmp_path / "templates" / "mail" / "recap"
    mine.mkdir(parents=True)
    for file in ours.iterdir():
        (mine / file.name).write_bytes(file.read_bytes())
    (mine / "subject.txt").write_text((ours / "subject.txt").read_text() + "\n", encoding="utf-8")
    assert "nobody looked at the mail since" in objections(database, loaded, issue)[0]
    weekly.seen(database, loaded, issue, by="ana@example.org", now=BEFORE)
    weekly.seen(database, loaded, issue, by="ana@example.org", now=BEFORE)
    assert objections(database, loaded, issue) == ()
    with database.read() as conn:
        assert len(history.told(conn, issue.id, "previewed")) == 1


def test_four_eyes(database: Database, tmp_path: Path) -> None:
    """Whoever changed the issue does not approve it, nor does the hour; somebody else may."""
    loaded = friday.a_loaded(tmp_path, four_eyes=True)
    friday.sent_before(database, loaded)
    ids = friday.publish(database, *friday.TITLES)
    issue = friday.prepared(database, loaded)
    assert objections(database, loaded, issue) == ()
    edits = weekly_edits(ids[0])
    issue = weekly.edit(database, loaded, issue, edits, now=BEFORE, actor="ana@example.org")
    assert objections(database, loaded, issue) == (
        "ana@example.org changed it, and nobody else approved it.",
    )
    with pytest.raises(Held, match="four eyes"):
        weekly.approve(database, loaded, issue, by="ana@example.org", now=BEFORE)
    approved = weekly.approve(database, loaded, issue, by="ben@example.org", now=BEFORE)
    assert approved.state is IssueState.APPROVED


def test_another_address_makes_nobody_another_pair_of_eyes(
    database: Database, tmp_path: Path
) -> None:
    """Who changed the issue does not approve it after taking another address, or two."""
    loaded = friday.a_loaded(tmp_path, four_eyes=True)
    friday.sent_before(database, loaded)
    ids = friday.publish(database, *friday.TITLES)
    issue = friday.prepared(database, loaded)
    edits = weekly_edits(ids[0])
    issue = weekly.edit(database, loaded, issue, edits, now=BEFORE, actor="ana@example.org")
    account = staff.add(database, "ana@example.org", staff.Role.PUBLISHER, now=BEFORE)
    for address in ("anna@example.org", "anne@example.org"):
        staff.mail_new_address(database, loaded, account, address, prefix="", now=BEFORE)
        with database.read() as conn:
            sent = select(schema.outbox.c.text).where(schema.outbox.c.address == address)
            link = re.findall(r"/new-address/([\w-]+)", conn.scalars(sent).one())[0]
        account = staff.move(database, loaded, link, now=BEFORE)
    with pytest.raises(Held, match="four eyes"):
        weekly.approve(database, loaded, issue, by=account.address, now=BEFORE)


def weekly_edits(publication: int) -> Any:
    from digest.model import Edits

    return Edits(pins=(publication,))


def test_without_four_eyes_one_person_is_enough(
    database: Database, loaded: Loaded, issue: Issue
) -> None:
    """One person edits and approves, as most newsletters do."""
    draft = friday.draft_of(database, issue)
    first = next(each.publication for each in draft.candidates if each.included)
    issue = weekly.edit(database, loaded, issue, weekly_edits(first), now=BEFORE, actor="ana")
    assert weekly.approve(database, loaded, issue, by="ana", now=BEFORE).state == "approved"


# --- the dead man's switch ----------------------------------------------------------------

LATE = SEND_HOUR + GRACE


def overdue(database: Database, loaded: Loaded, **told: Any) -> weekly.Overdue | None:
    return weekly.overdue(database, loaded, "recap", **({"now": LATE} | told))


def test_a_draft_that_nothing_took_up_is_overdue(
    database: Database, loaded: Loaded, issue: Issue
) -> None:
    """Half an hour after its send hour, and not before."""
    assert overdue(database, loaded, now=LATE - timedelta(seconds=1)) is None
    found = overdue(database, loaded)
    assert found
    assert found.key == issue.of.key
    assert found.sentence == (
        "It was due at 09:00 on Fri 22 Sep, and it is still draft: nothing took it up."
    )


def test_a_week_without_any_issue_is_overdue(database: Database, loaded: Loaded) -> None:
    """Also where the bell died before it made a draft; but not before the newsletter began."""
    assert overdue(database, loaded) is None
    with database.write() as conn:
        newsletters.started(conn, "recap", now=BEFORE - timedelta(days=30))
    found = overdue(database, loaded)
    assert found
    assert "not even a draft" in found.sentence


def test_a_sender_that_never_began_is_overdue(
    database: Database, loaded: Loaded, issue: Issue
) -> None:
    """An issue in the ledger of which no mail left; one attempt is enough to be on its way."""
    friday.subscribe(database, 1)
    approved = weekly.approve(database, loaded, issue, by="ana", now=BEFORE)
    weekly.freeze(database, loaded, approved, now=SEND_HOUR)
    found = overdue(database, loaded)
    assert found
    assert "no mail has left" in found.sentence
    with database.write() as conn:
        conn.execute(update(schema.deliveries).values(attempts=1))
    assert overdue(database, loaded) is None


def test_readers_on_clocks_of_their_own_are_not_late(
    database: Database, loaded: Loaded, issue: Issue
) -> None:
    """Where the hour strikes later for all readers, it is overdue only after the first of them."""
    friday.subscribe(database, 1)
    approved = weekly.approve(database, loaded, issue, by="ana", now=BEFORE)
    weekly.freeze(database, loaded, approved, now=SEND_HOUR)
    theirs = SEND_HOUR + timedelta(hours=15)
    with database.write() as conn:
        conn.execute(update(schema.deliveries).values(due_at=theirs))
    assert overdue(database, loaded) is None
    assert overdue(database, loaded, now=theirs + GRACE) is not None


@pytest.mark.parametrize(
    "state", [IssueState.HELD, IssueState.CANCELLED, IssueState.STOPPED, IssueState.FINISHED]
)
def test_what_editors_were_told_of_is_not_overdue(
    database: Database, loaded: Loaded, issue: Issue, state: IssueState
) -> None:
    """A held or finished issue has its own mail."""
    with database.write() as conn:
        conn.execute(
            update(schema.issues).where(schema.issues.c.id == issue.id).values(state=state)
        )
    assert overdue(database, loaded) is None


def test_editors_hear_of_it_once(database: Database, loaded: Loaded, issue: Issue) -> None:
    """However often and in however many processes it is looked at, each editor gets one mail."""
    for _ in range(3):
        assert len(weekly.alarm(database, loaded, "recap", now=LATE)) == 1
    with database.read() as conn:
        told = outbox.latest(conn, "overdue:recap:2023-09-22:", most=9)
    assert [each.address for each in told] == ["editor@example.org"]


def test_the_watch_needs_no_bell(
    database: Database, loaded: Loaded, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The web process alone writes the mail and sends it, though nothing else runs."""
    sent: list[object] = []
    monkeypatch.setattr("digest.schedule.notices.deliver_outbox", lambda *_, **__: sent.append(1))
    watch = Watch(database, lambda: loaded, clock=lambda: LATE)
    assert [each.key for each in watch.look()] == ["2023-09-22"]
    assert sent == [1]

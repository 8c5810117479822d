"""An issue's life up to the freeze, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from digest import readership, weekly
from digest.config import Loaded
from digest.errors import Held, IssueError, WrongState
from digest.model import DeliveryState, Edits, Issue, IssueState, Window
from digest.store import Database, issues, ledger, publications, uses
from digest.store.schema import editions, feeds, outbox, subscriptions
from digest.store.schema import issues as issue_rows
from digest.store.schema import publications as published
from digest.themes import count
from digest.weekly import approval, remembered
from tests.friday import (
    BEFORE,
    CLOSING,
    MONDAY,
    SEND_HOUR,
    TITLES,
    a_loaded,
    draft_of,
    prepared,
    publish,
    sent_before,
    subscribe,
)


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return a_loaded(tmp_path)


@pytest.fixture
def fed(database: Database) -> Database:
    """A feed store with four publications of that week, and ten readers."""
    publish(database, *TITLES)
    subscribe(database, 10)
    return database


# --- content ------------------------------------------------------------------------------


def test_preparing_makes_a_draft_with_a_reason_for_everything(fed, loaded):
    """Every publication of the week is a candidate with a reason, and the recap names themes."""
    issue = prepared(fed, loaded)

    draft = draft_of(fed, issue)
    assert issue.state is IssueState.DRAFT
    assert len(draft.candidates) == 4
    assert all(candidate.reason for candidate in draft.candidates)
    assert len(draft.recap.themes) == 3


def test_preparing_twice_writes_nothing(fed, loaded):
    """A second composition of the same material leaves the record's version alone."""
    once = prepared(fed, loaded)
    assert prepared(fed, loaded).version == once.version


def test_a_new_publication_changes_the_draft_and_edits_stay(fed, loaded):
    """A refresh brings what is new and keeps what an editor wrote and threw out."""
    issue = prepared(fed, loaded)
    dropped = draft_of(fed, issue).recap.items[1].publication
    edits = Edits(headline="My Own Words", exclusions=(dropped,))
    weekly.edit(fed, loaded, issue, edits, now=BEFORE, actor="editor")

    publish(fed, "Floods and the Insurance Market")
    issue = prepared(fed, loaded)

    draft = draft_of(fed, issue)
    assert draft.edits == edits
    assert draft.recap.headline == "My Own Words"
    shown = {item.publication for item in draft.recap.items}
    assert dropped not in shown
    assert len(shown) == 4


def test_a_remembered_history_is_the_one_in_the_store(fed):
    """What was counted for the draft before follows what came, went and was rewritten since."""
    dated = MONDAY - timedelta(days=20)
    [first, second] = publish(fed, "Ferries of Norway", "Wolves in the Alps", on=dated)
    for change in (
        lambda conn: None,
        lambda conn: publications.edit(conn, first, title="Milking Robots"),
        lambda conn: publications.edit(conn, second, summary="Shepherds of the Tyrol keep watch."),
    ):
        with fed.write() as conn:
            change(conn)
        with fed.read() as conn:
            kept = remembered.counted(conn, "recap", before=BEFORE)
            anew = count(publications.history(conn, "recap", before=BEFORE))
        assert (kept.count, kept.ids, kept.used) == (anew.count, anew.ids, anew.used)
        assert vars(kept.casing) == vars(anew.casing)
    with fed.read() as conn:
        assert remembered.counted(conn, "recap", before=dated).count == 0


def test_a_draft_of_what_has_not_changed_is_not_made_again(fed, loaded):
    """The bell that asks again gets the same draft; a word rewritten in the store makes another."""
    issue = prepared(fed, loaded)
    first = weekly.tried(fed, loaded, issue, Edits())
    assert weekly.tried(fed, loaded, issue, Edits()) is first

    with fed.write() as conn:
        conn.execute(update(published).values(title="Something Else"))
    anew = weekly.tried(fed, loaded, issue, Edits())
    assert first.recap
    assert anew.recap
    assert {item.title for item in first.recap.items} <= set(TITLES)
    assert {item.title for item in anew.recap.items} == {"Something Else"}


def test_the_past_of_two_open_issues_is_counted_once_each(fed):
    """Two issues that look back by turns, as under the bell, do not make each other count anew."""
    earlier, later = BEFORE - timedelta(days=30), BEFORE
    with fed.read() as conn:
        first = [remembered.counted(conn, "recap", before=at) for at in (earlier, later)]
        again = [remembered.counted(conn, "recap", before=at) for at in (earlier, later)]
    assert [each.count for each in first] == [0, len(TITLES)]
    assert all(one is other for one, other in zip(first, again, strict=True))


def test_two_editors_do_not_overwrite_each_other(fed, loaded):
    """Who edits a version that somebody else has changed meanwhile is told so."""
    issue = prepared(fed, loaded)
    weekly.edit(fed, loaded, issue, Edits(headline="First"), now=BEFORE, actor="one")

    with pytest.raises(WrongState, match="somebody else"):
        weekly.edit(fed, loaded, issue, Edits(headline="Second"), now=BEFORE, actor="two")


# --- approval -----------------------------------------------------------------------------


def test_approval_freezes_what_preview_shows(fed, loaded):
    """After approval a change in the feed store does not change a byte of the edition."""
    issue = weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)
    frozen = weekly.preview(fed, loaded, issue)
    with fed.write() as conn:
        conn.execute(update(published).values(title="Something Else"))

    assert weekly.preview(fed, loaded, prepared(fed, loaded)) == frozen
    assert issue.state is IssueState.APPROVED
    assert issue.number == 1


def test_what_changed_since_it_was_read_is_not_approved(fed, loaded):
    """An approval names the version that was looked at; a newer one needs another look."""
    seen = prepared(fed, loaded)
    publish(fed, "Something New This Morning")
    prepared(fed, loaded)

    with pytest.raises(WrongState, match="somebody else"):
        weekly.approve(fed, loaded, seen, by="editor", now=BEFORE)


def test_a_publication_is_used_once(fed, loaded):
    """What an approved issue shows is out of the next one, with that issue's key as reason."""
    weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)

    following = prepared(fed, loaded, CLOSING + timedelta(days=7))

    out = draft_of(fed, following).candidates
    assert {c.code for c in out} == {"used"}
    assert all("2023-09-22" in c.reason or "Sep 22" in c.reason for c in out)


def test_two_issues_do_not_use_up_one_publication(fed, loaded):
    """Whoever is second is told so, and the first keeps what it shows."""
    first = prepared(fed, loaded)
    second = prepared(fed, loaded, CLOSING + timedelta(days=7))
    with fed.write() as conn:
        uses.use_up(conn, first, [1])
        with pytest.raises(WrongState, match="used by another issue"):
            uses.use_up(conn, second, [2, 1])
        assert uses.used(conn, "recap", first.of.rhythm, but=0) == {1: first.of.key}


def test_two_issues_never_have_one_number(fed, loaded, monkeypatch):
    """Of two that are approved at the same moment one is refused, and gets the next number."""
    issue = prepared(fed, loaded)
    window = Window(MONDAY, MONDAY + timedelta(days=1))
    told = {"by": "editor", "now": BEFORE}
    extra = weekly.plan_extra(fed, loaded, "recap", window, SEND_HOUR, **told)
    publish(fed, "Floods", on=MONDAY + timedelta(hours=1))
    extra = weekly.prepare(fed, loaded, "recap", weekly.slot_of(extra), now=BEFORE)
    edits = Edits(exclusions=tuple(i.publication for i in draft_of(fed, issue).recap.items))
    extra = weekly.edit(fed, loaded, extra, edits, now=BEFORE, actor="editor")
    other, approved = approval.rendered, []

    def rendered(*given):
        """While the one is being rendered, the other one is approved."""
        if not approved:
            approved.append(None)
            approved.append(weekly.approve(fed, loaded, extra, **told))
        return other(*given)

    monkeypatch.setattr(approval, "rendered", rendered)
    with pytest.raises(WrongState, match=r"No\. 1 now"):
        weekly.approve(fed, loaded, issue, **told)
    assert weekly.approve(fed, loaded, issue, **told).number == approved[1].number + 1


def test_editing_takes_the_approval_back(fed, loaded):
    """An approved issue that is edited is a draft again, and its publications are free."""
    issue = weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)
    issue = weekly.edit(fed, loaded, issue, Edits(headline="Mine"), now=BEFORE, actor="editor")

    assert issue.state is IssueState.DRAFT
    assert issue.approved_by is None
    with fed.read() as conn:
        assert uses.used(conn, "recap", issue.of.rhythm, but=0) == {}


def test_an_issue_without_items_cannot_be_approved(database, loaded):
    """Nothing to send is an error for a person too, not an empty mail."""
    with pytest.raises(IssueError, match="no items"):
        weekly.approve(database, loaded, prepared(database, loaded), by="editor", now=BEFORE)


def test_a_placeholder_address_blocks_approval(fed, tmp_path):
    """No issue goes out without the postal address that the law asks for."""
    loaded = a_loaded(tmp_path, postal_address="Your postal address here")
    with pytest.raises(Held, match="address"):
        weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)


@pytest.mark.parametrize("state", ["approved", "sending", "finished", "cancelled", "missed"])
def test_only_a_draft_can_be_approved(fed, loaded, state):
    """From any later state an approval changes nothing and says which state it is in."""
    issue = prepared(fed, loaded)
    with fed.write() as conn:
        issue = issues.set_state(
            conn, issue.id, (IssueState.DRAFT,), IssueState(state), now=BEFORE, actor="test"
        )
    with pytest.raises(WrongState, match=state):
        weekly.approve(fed, loaded, issue, by="editor", now=BEFORE)


# --- hold, cancel, freeze -----------------------------------------------------------------


def test_holding_an_approved_issue_frees_its_publications(fed, loaded):
    """A held issue must be approved again, and keeps nothing from others."""
    issue = weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)
    issue = weekly.hold(fed, issue, by="editor", reasons=("Wait for legal.",), now=BEFORE)

    assert issue.state is IssueState.HELD
    assert issue.reasons == ("Wait for legal.",)
    with fed.read() as conn:
        assert uses.used(conn, "recap", issue.of.rhythm, but=0) == {}
    assert weekly.release(fed, issue, by="editor", now=BEFORE).state is IssueState.DRAFT


def test_freezing_writes_the_audience_once(fed, loaded):
    """Ten active readers make ten rows; freezing again neither fails nor adds any."""
    issue = weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)
    issue = weekly.freeze(fed, loaded, issue, now=SEND_HOUR)
    subscribe(fed, 5)
    again = weekly.freeze(fed, loaded, issue, now=SEND_HOUR)

    with fed.read() as conn:
        tally = ledger.tally(conn, issue.id)
    assert again == issue
    assert tally.frozen == 10
    assert tally.count(DeliveryState.PENDING) == 10
    assert tally.holds


def test_what_was_approved_last_is_what_is_frozen(fed, loaded):
    """Corrected and approved again after the sender looked, an issue goes out as it is now."""
    seen = weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)
    edits = Edits(headline="Better Words")
    issue = weekly.edit(fed, loaded, seen, edits, now=BEFORE, actor="editor")
    newest = weekly.approve(fed, loaded, issue, by="editor", now=BEFORE)
    weekly.freeze(fed, loaded, seen, now=SEND_HOUR)

    with fed.read() as conn:
        assert {row.edition for row in ledger.listed(conn, seen.id)} == {newest.edition_id}


def test_a_tampered_edition_is_not_sent(fed, loaded):
    """The hash that was approved is checked again before the audience is frozen."""
    issue = weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)
    with fed.write() as conn:
        conn.execute(update(editions).values(subject="Buy now"))

    with pytest.raises(IssueError, match="approved"):
        weekly.freeze(fed, loaded, issue, now=SEND_HOUR)
    with fed.read() as conn:
        assert issues.by_id(conn, issue.id).state is IssueState.APPROVED


def test_cancelling_skips_the_rest_and_frees_what_nobody_got(fed, loaded):
    """Cancelled before the first message: all skipped, publications free again."""
    issue = weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)
    issue = weekly.freeze(fed, loaded, issue, now=SEND_HOUR)
    issue = weekly.cancel(fed, issue, by="editor", now=SEND_HOUR)

    with fed.read() as conn:
        tally = ledger.tally(conn, issue.id)
        used = uses.used(conn, "recap", issue.of.rhythm, but=0)
    assert issue.state is IssueState.CANCELLED
    assert tally.count(DeliveryState.SKIPPED) == 10
    assert used == {}


def test_cancelling_what_began_meanwhile_owes_nobody(fed, loaded):
    """Whoever cancels an issue that has gone out since they looked at it leaves nobody owed."""
    seen = weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)
    weekly.freeze(fed, loaded, seen, now=SEND_HOUR)
    weekly.cancel(fed, seen, by="editor", now=SEND_HOUR)

    with fed.read() as conn:
        assert ledger.tally(conn, seen.id).owed == 0


@pytest.mark.parametrize("program", ["this one", "an older one"])
def test_the_addresses_of_a_cancelled_issue_go_in_time(fed, loaded, program):
    """A ledger that was cut short is kept no longer than one that was finished."""
    issue = weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)
    issue = weekly.freeze(fed, loaded, issue, now=SEND_HOUR)
    weekly.cancel(fed, issue, by="editor", now=SEND_HOUR)
    if program == "an older one":
        with fed.write() as conn:
            conn.execute(update(issue_rows).values(finished_at=None))

    kept, later = loaded.settings.retention, timedelta(hours=1)
    early = readership.keep_schedule(fed, loaded, now=SEND_HOUR + kept.addresses - later)
    in_time = readership.keep_schedule(fed, loaded, now=SEND_HOUR + kept.addresses + later)
    assert ("addresses" in early, in_time["addresses"]) == (False, 10)
    with fed.read() as conn:
        assert ledger.issues_to_put_away(conn, before=SEND_HOUR + later) == [issue.id]


def test_pausing_and_resuming_owe_the_same_readers(fed, loaded):
    """A paused issue forgets nobody."""
    issue = weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)
    issue = weekly.freeze(fed, loaded, issue, now=SEND_HOUR)
    issue = weekly.pause(fed, issue, by="editor", now=SEND_HOUR)
    assert issue.state is IssueState.STOPPED
    assert weekly.resume(fed, issue, by="editor", now=SEND_HOUR).state is IssueState.SENDING
    with fed.read() as conn:
        assert ledger.tally(conn, issue.id).owed == 10


# --- unattended ---------------------------------------------------------------------------


def alone(database: Database, loaded: Loaded, now: datetime) -> Issue:
    """Ring the bell once, and return that week's issue."""
    weekly.advance(database, loaded, "recap", now=now)
    with database.read() as conn:
        found = [i for i in issues.listed(conn, "recap") if i.of.key == CLOSING.isoformat()]
    return found[0]


def test_a_second_clean_issue_goes_out_alone(fed, loaded):
    """With a history and nothing wrong, the send hour approves and freezes by itself."""
    sent_before(fed, loaded)
    assert alone(fed, loaded, BEFORE).state is IssueState.DRAFT

    issue = alone(fed, loaded, SEND_HOUR)

    assert issue.state is IssueState.SENDING, issue.reasons
    assert issue.approved_by == "bell"


def test_the_first_issue_never_goes_out_alone(fed, loaded):
    """A newsletter's first issue is held until a person approves it."""
    weekly.advance(fed, loaded, "recap", now=BEFORE - timedelta(days=3))
    issue = alone(fed, loaded, SEND_HOUR)
    assert issue.state is IssueState.HELD
    assert any("first issue" in reason for reason in issue.reasons)


def test_without_items_it_is_held(database, loaded):
    """An empty week is held with the reason, not sent and not dropped silently."""
    subscribe(database, 10)
    sent_before(database, loaded)
    issue = alone(database, loaded, SEND_HOUR)
    assert issue.state is IssueState.HELD
    assert any("no items" in reason for reason in issue.reasons)


def test_a_thin_week_rolls_over(database, loaded):
    """Two items under a minimum of three wait for the next issue, which looks further back."""
    subscribe(database, 10)
    sent_before(database, loaded)
    publish(database, *TITLES[:2], on=datetime(2023, 9, 16, 12, tzinfo=UTC))
    issue = alone(database, loaded, SEND_HOUR)
    assert issue.state is IssueState.CANCELLED
    assert "roll over" in issue.reasons[0]

    publish(database, TITLES[2], on=MONDAY + timedelta(days=7))
    following = prepared(database, loaded, CLOSING + timedelta(days=7))

    shown = {item.title for item in draft_of(database, following).recap.items}
    assert shown == set(TITLES[:3])


def test_a_late_arrival_of_a_thin_week_is_not_forgotten(database, loaded):
    """What a feed brought late into a week that rolled over is late for the next one too."""
    subscribe(database, 10)
    sent_before(database, loaded)
    [late] = publish(
        database,
        TITLES[3],
        on=datetime(2023, 9, 1, tzinfo=UTC),
        first_seen=datetime(2023, 9, 18, tzinfo=UTC),
    )
    assert alone(database, loaded, SEND_HOUR).state is IssueState.CANCELLED

    following = prepared(database, loaded, CLOSING + timedelta(days=7))
    assert [item.publication for item in draft_of(database, following).recap.items] == [late]


def test_an_issue_keeps_its_window_when_the_calendar_changes(fed, loaded, tmp_path):
    """A newsletter that closes on Thursdays from now on can still edit Friday's draft."""
    issue = prepared(fed, loaded)
    moved = a_loaded(tmp_path, closes="thursday 06:00")
    edited = weekly.edit(fed, moved, issue, Edits(headline="Mine"), now=BEFORE, actor="editor")
    assert edited.window == issue.window
    assert len(draft_of(fed, edited).recap.items) == 4


@pytest.mark.parametrize(
    ("joined", "left", "held"), [(2, 0, False), (3, 0, True), (0, 2, False), (0, 3, True)]
)
def test_a_changed_audience_is_held(fed, loaded, joined, left, held):
    """Up to 20 % more or fewer readers than last time is usual; what is beyond needs a look."""
    sent_before(fed, loaded)
    subscribe(fed, joined)
    with fed.write() as conn:
        gone = subscriptions.c.subscriber_id <= left
        conn.execute(update(subscriptions).where(gone).values(state="left"))
    issue = alone(fed, loaded, SEND_HOUR)
    assert (issue.state is IssueState.HELD) is held
    assert any("20 %" in reason for reason in issue.reasons) is held


def test_a_dead_feed_holds(fed, loaded):
    """A feed that has failed for days is a reason to look before sending."""
    sent_before(fed, loaded)
    with fed.write() as conn:
        conn.execute(
            update(feeds).values(
                failures=40,
                error="503 Service Unavailable",
                succeeded_at=SEND_HOUR - timedelta(days=5),
            )
        )
    issue = alone(fed, loaded, SEND_HOUR)
    assert issue.state is IssueState.HELD
    assert any("503" in reason for reason in issue.reasons)


def test_a_template_error_holds(fed, loaded, tmp_path):
    """A broken template of an editor's holds the issue with the place of the error."""
    sent_before(fed, loaded)
    broken = tmp_path / "templates" / "mail" / "recap" / "body.mjml"
    broken.parent.mkdir(parents=True)
    broken.write_text("<mjml>{{ no_such_name }}</mjml>")
    issue = alone(fed, loaded, SEND_HOUR)
    assert issue.state is IssueState.HELD
    assert any("body.mjml" in reason for reason in issue.reasons)


def test_required_approval_holds_without_a_person(fed, tmp_path):
    """Policy `required`: the hour alone sends nothing."""
    loaded = a_loaded(tmp_path, approval="required")
    sent_before(fed, loaded)
    issue = alone(fed, loaded, SEND_HOUR)
    assert issue.state is IssueState.HELD
    assert any("approved" in reason for reason in issue.reasons)


@pytest.mark.parametrize(("late", "state"), [(5, "sending"), (7, "held")])
def test_catch_up_has_a_limit(fed, loaded, late, state):
    """Five hours late is caught up; seven, beyond `catch_up`, is held."""
    sent_before(fed, loaded)
    issue = alone(fed, loaded, SEND_HOUR + timedelta(hours=late))
    assert issue.state == state


@pytest.mark.parametrize("days", [0, 30])
def test_who_approves_late_gets_it_sent(fed, loaded, days):
    """An approval long after the hour, of whichever week, is sent by the next bell."""
    issue = prepared(fed, loaded)
    then = SEND_HOUR + timedelta(days=days, hours=9)
    weekly.hold(fed, issue, by="editor", reasons=("Wait.",), now=BEFORE)
    with fed.read() as conn:
        issue = issues.by_id(conn, issue.id)
    weekly.approve(fed, loaded, issue, by="editor", now=then)
    assert alone(fed, loaded, then + timedelta(minutes=1)).state is IssueState.SENDING


def test_an_approval_that_nobody_could_act_on_is_held(fed, loaded):
    """Approved in time, but the machine was down for a day: ask again before sending."""
    weekly.approve(fed, loaded, prepared(fed, loaded), by="editor", now=BEFORE)
    issue = alone(fed, loaded, SEND_HOUR + timedelta(days=1))
    assert issue.state is IssueState.HELD
    assert "late" in issue.reasons[0]


@pytest.mark.parametrize(("policy", "state"), [("auto", "sending"), ("auto_if_clean", "held")])
def test_an_error_that_a_person_may_accept_holds_a_strict_newsletter(fed, tmp_path, policy, state):
    """A subject that begins like an answer holds under `auto_if_clean`, not under `auto`."""
    loaded = a_loaded(tmp_path, approval=policy)
    sent_before(fed, loaded)
    weekly.edit(
        fed, loaded, prepared(fed, loaded), Edits(headline="Re: Us"), now=BEFORE, actor="editor"
    )
    assert alone(fed, loaded, SEND_HOUR).state == state


def test_an_old_draft_is_missed_not_sent(fed, loaded):
    """What lay unsent while nothing ran for two weeks is marked missed."""
    sent_before(fed, loaded)
    prepared(fed, loaded)
    issue = alone(fed, loaded, SEND_HOUR + timedelta(days=14))
    assert issue.state is IssueState.MISSED


def test_the_configured_spread_and_clocks_reach_the_ledger(fed, tmp_path):
    """`spread` and `own_clock` of config.yaml decide when each reader is owed the issue."""
    with fed.write() as conn:
        one = subscriptions.c.subscriber_id == 1
        conn.execute(update(subscriptions).where(one).values(timezone="Asia/Tokyo"))
    own = a_loaded(tmp_path, spread="2h", own_clock=True)
    issue = weekly.approve(fed, own, prepared(fed, own), by="editor", now=BEFORE)
    issue = weekly.freeze(fed, own, issue, now=SEND_HOUR)

    with fed.read() as conn:
        due = {row.recipient.subscriber: row.due_at for row in ledger.listed(conn, issue.id)}
    assert due.pop(1) >= SEND_HOUR + timedelta(hours=11)
    assert len(set(due.values())) > 4
    assert max(due.values()) < SEND_HOUR + timedelta(hours=2)


def test_two_bells_freeze_once(fed, loaded):
    """Two bells on one database at the same moment: one issue, one audience, one approval."""
    sent_before(fed, loaded)

    def ring(_: int) -> None:
        for _ in range(3):
            weekly.advance(fed, loaded, "recap", now=SEND_HOUR)

    with ThreadPoolExecutor(3) as bells:
        list(bells.map(ring, range(3)))

    with fed.read() as conn:
        [issue] = [i for i in issues.listed(conn, "recap") if i.of.key == CLOSING.isoformat()]
        tally = ledger.tally(conn, issue.id)
        kept = conn.execute(select(editions.c.id).where(editions.c.issue_id == issue.id)).all()
    assert issue.state is IssueState.SENDING
    assert tally.frozen == 10
    assert len(kept) == 1


# --- announcements ------------------------------------------------------------------------


def test_editors_are_told_once(fed, loaded):
    """Held is told to every editor once, however often the bell rings."""
    weekly.advance(fed, loaded, "recap", now=BEFORE - timedelta(days=3))
    alone(fed, loaded, SEND_HOUR)
    for _ in range(3):
        weekly.announce(fed, loaded, "recap", now=SEND_HOUR)

    with fed.read() as conn:
        mails = conn.execute(select(outbox.c.kind, outbox.c.address)).all()
    assert [tuple(m) for m in mails] == [("held", "editor@example.org")]


def test_the_draft_is_announced_when_its_window_has_closed(fed, loaded):
    """Before the close nobody is woken; after it the draft is ready, then comes a last call."""
    told = []
    for now in (
        datetime(2023, 9, 22, 9, 59, tzinfo=UTC),
        datetime(2023, 9, 22, 10, 1, tzinfo=UTC),
        BEFORE,
    ):
        weekly.advance(fed, loaded, "recap", now=now)
        weekly.announce(fed, loaded, "recap", now=now)
        with fed.read() as conn:
            told.append([row.kind for row in conn.execute(select(outbox).order_by(outbox.c.id))])
    assert told == [[], ["draft-ready"], ["draft-ready", "reminder"]]


def test_nothing_breaks_a_draft_by_hand_edits(fed, loaded):
    """Edits that name publications which are gone are laid over without an error."""
    issue = prepared(fed, loaded)
    edits = Edits(pins=(999_999,), exclusions=(888_888,), order=(777_777,))
    issue = weekly.edit(fed, loaded, issue, edits, now=BEFORE, actor="editor")
    assert issue.state is IssueState.DRAFT

"""From approval to proof: approve, hold, send, pause, resume, cancel, status, test."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.context import AsJson, NewsletterKey, Where
from digest.cli.issue.chosen import ACTOR, Chosen, Closing, choose
from digest.cli.issue.content import title
from digest.errors import DigestError, IssueError

if TYPE_CHECKING:
    from digest.conditions import Condition
    from digest.model import Issue, Tally


#: Readers in one table; a longer list comes as several.
PAGE = 1000


def approve(
    newsletter: NewsletterKey = None,
    closing: Closing = None,
    by: Annotated[str, typer.Option(help="Who approves, for the record.")] = ACTOR,
    json: AsJson = False,
) -> None:
    """
    Freeze the edition: what you approve is what is sent.

    Example: digest issue approve --closing 2023-09-22
    """
    from digest import weekly

    chosen = choose(newsletter, closing)
    installation = chosen.installation
    weekly.approve(
        installation.database, installation.loaded, chosen.issue(), by=by, now=chosen.now
    )
    _told(chosen, json=json)


def hold(
    newsletter: NewsletterKey = None,
    closing: Closing = None,
    reason: Annotated[str, typer.Option(help="Why, for the others.")] = "Held by hand.",
    json: AsJson = False,
) -> None:
    """
    Keep the issue from going out; an approval is taken back.

    Example: digest issue hold --reason "The lead story changed."
    """
    from digest import weekly
    from digest.render.plain import plain

    chosen = choose(newsletter, closing)
    weekly.hold(
        chosen.installation.database,
        chosen.issue(),
        by=ACTOR,
        reasons=(plain(reason),),
        now=chosen.now,
    )
    _told(chosen, json=json)


def release(
    newsletter: NewsletterKey = None, closing: Closing = None, json: AsJson = False
) -> None:
    """
    Make a held issue a draft again.

    Example: digest issue release
    """
    from digest import weekly

    chosen = choose(newsletter, closing)
    weekly.release(chosen.installation.database, chosen.issue(), by=ACTOR, now=chosen.now)
    _told(chosen, json=json)


def pause(newsletter: NewsletterKey = None, closing: Closing = None, json: AsJson = False) -> None:
    """
    Stop sending after what is in flight; who is owed the issue stays owed.

    Example: digest issue pause
    """
    from digest import weekly

    chosen = choose(newsletter, closing)
    weekly.pause(
        chosen.installation.database,
        chosen.issue(),
        by=ACTOR,
        now=chosen.now,
        reason="Paused by hand.",
    )
    _told(chosen, json=json)


def resume(newsletter: NewsletterKey = None, closing: Closing = None, json: AsJson = False) -> None:
    """
    Let a stopped issue go on: `digest issue send`, or the bell, takes it up.

    Example: digest issue resume && digest issue send
    """
    from digest import weekly

    chosen = choose(newsletter, closing)
    weekly.resume(chosen.installation.database, chosen.issue(), by=ACTOR, now=chosen.now)
    _told(chosen, json=json)


def cancel(
    newsletter: NewsletterKey = None,
    closing: Closing = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """
    End the issue; whoever has not got it by now will not.

    Example: digest issue cancel --closing 2023-09-22 --yes
    """
    from digest import weekly

    chosen = choose(newsletter, closing)
    issue = chosen.issue()
    owed = _tally(chosen, issue).owed
    if not yes:
        typer.confirm(
            f"Cancel issue {issue.of.key} ({issue.state}, {owed} readers still owed)?", abort=True
        )
    weekly.cancel(chosen.installation.database, issue, by=ACTOR, now=chosen.now)
    _told(chosen, json=json)


# --- sending ------------------------------------------------------------------------------


def send(
    newsletter: NewsletterKey = None,
    closing: Closing = None,
    where: Where = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --where: do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """
    Send an approved issue to everybody who is owed it; running it again is safe.

    With --where it goes to those readers alone, and the others never get it.

    Example: digest issue send --closing 2023-09-22
    """
    from digest import delivery, weekly
    from digest.cli import terminal
    from digest.model import IssueState

    chosen = choose(newsletter, closing)
    database, loaded = chosen.installation.database, chosen.installation.loaded
    issue = chosen.issue()
    if issue.state is IssueState.FINISHED:
        _told(chosen, json=json)
        return
    if not _has_readers(chosen, issue):
        raise IssueError(
            f"issue {issue.of.key} has no readers", remedy=f"Nothing was sent. Run: {_IMPORT}"
        )
    meant = _agreed(chosen, issue, where, yes=yes) if where is not None else None
    issue = weekly.freeze(database, loaded, issue, now=chosen.now, where=meant)
    with terminal.progress("Sending", _tally(chosen, issue).owed) as advance:
        delivery.settle(
            database, loaded, issue.id, clock=lambda: datetime.now(UTC), progress=advance
        )
    _told(chosen, json=json)
    if chosen.issue().state is IssueState.STOPPED:
        raise typer.Exit(1)


#: How a newsletter comes to readers.
_IMPORT = 'digest subscribers import FILE --source "…"'


def _has_readers(chosen: Chosen, issue: Issue) -> bool:
    """Whether anybody would get the issue, or does; a correction has those of its issue."""
    return issue.frozen_at is not None or issue.of.is_correction or _reached(chosen, issue) > 0


def _reached(chosen: Chosen, issue: Issue, where: Condition | None = None) -> int:
    """Return how many readers a freeze would write now, of those who meet *where*."""
    from digest import weekly
    from digest.store import ledger

    with chosen.installation.database.read() as conn:
        return ledger.audience(
            conn,
            issue.of.newsletter,
            issue.of.rhythm,
            at=chosen.now,
            where=weekly.audience_of(chosen.newsletter, where),
        )


def _agreed(chosen: Chosen, issue: Issue, where: str, *, yes: bool) -> Condition:
    """Return *where* as a condition, once somebody has seen how many readers meet it."""
    from digest.cli import context

    meant = context.condition(chosen.installation, issue.of.newsletter, where)
    assert meant is not None  # noqa: S101 - the caller looked
    everybody, some = (_reached(chosen, issue, only) for only in (None, meant))
    if not some:
        raise IssueError(
            f"none of {everybody:,} readers meets: {where}",
            remedy=f"Nothing was sent. Try it: digest subscribers list --where '{where}'",
        )
    if not yes:
        some_of_them = f"{some:,} of {everybody:,} readers, and to nobody else?"
        typer.confirm(f"Send issue {issue.of.key} to {some_of_them}", abort=True)
    return meant


def resend(
    newsletter: NewsletterKey = None,
    closing: Closing = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="To readers whose server refused it, instead.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """
    Send again to readers of whom nobody knows whether they got it; some may get it twice.

    Both mails carry the same Message-ID. Nobody else gets anything.

    Example: digest issue resend --closing 2023-09-22
    """
    from digest import delivery
    from digest.model import DeliveryState

    chosen = choose(newsletter, closing)
    issue = chosen.issue()
    whom = DeliveryState.FAILED if failed else DeliveryState.UNCERTAIN
    count = _tally(chosen, issue).count(whom)
    if count and not yes:
        typer.confirm(f"Send issue {issue.of.key} again to {count:,} {whom} readers?", abort=True)
    delivery.resend(chosen.installation.database, issue.id, whom, now=chosen.now, actor=ACTOR)
    if count:
        send(newsletter, closing, json=json)
    else:
        _told(chosen, json=json)


def reconcile(
    logs: Annotated[
        list[Path], typer.Argument(help="The mail server's log; any text with Message-IDs.")
    ],
    newsletter: NewsletterKey = None,
    closing: Closing = None,
    json: AsJson = False,
) -> None:
    """
    Let the mail server's log tell which uncertain readers got the issue: they become sent.

    Each mail has a Message-ID of its own, which a mail server writes down when it takes
    the mail. Who is not in the log stays uncertain; `digest issue resend` is for them.

    Example: digest issue reconcile /var/log/mail.log --closing 2023-09-22
    """
    from digest import delivery
    from digest.cli import terminal

    chosen = choose(newsletter, closing)
    issue = chosen.issue()
    sent = left = 0
    for log in logs:
        try:
            with log.open(encoding="utf-8", errors="replace") as lines:
                sent_now, left = delivery.reconcile(
                    chosen.installation.database,
                    chosen.installation.loaded,
                    issue,
                    lines,
                    source=log.name,
                    now=chosen.now,
                    actor=ACTOR,
                )
        except OSError as e:
            raise DigestError(f"{log} cannot be read ({e.strerror})") from e
        sent += sent_now
    if json:
        terminal.as_json({"issue": issue.of.key, "sent": sent, "uncertain": left})
        return
    facts: list[tuple[str, object]] = [
        ("Sent", f"{sent:,} uncertain readers are in the log"),
        ("Uncertain", f"{left:,} are not"),
    ]
    if left:
        facts.append(("Next", f"digest issue resend {chosen.closing}   sends to those"))
    terminal.facts(facts)


def status(
    newsletter: NewsletterKey = None,
    closing: Closing = None,
    readers: Annotated[
        bool, typer.Option("--readers", help="List every reader with what became of theirs.")
    ] = False,
    json: AsJson = False,
) -> None:
    """
    Tell what is owed, what was sent, and that the ledger adds up.

    Example: digest issue status --closing 2023-09-22 --readers
    """
    chosen = choose(newsletter, closing)
    _told(chosen, json=json, listed=readers)
    if readers and not json:
        tell_readers(chosen, chosen.issue())


def tell_readers(chosen: Chosen, issue: Issue) -> None:
    """Print a line for every reader of the issue: who, what became of it, the server's words."""
    from digest.cli import terminal
    from digest.store import ledger

    after = None
    while True:
        with chosen.installation.database.read() as conn:
            page = ledger.listed(conn, issue.id, after=after, limit=PAGE)
        if page:
            rows = [(d.recipient.address, d.state, d.attempts, d.answer) for d in page]
            terminal.table(("reader", "state", "tries", "answer"), rows)
            after = page[-1].recipient.subscriber
        if len(page) < PAGE:
            return


def _tally(chosen: Chosen, issue: Issue) -> Tally:
    from digest.store import ledger

    with chosen.installation.database.read() as conn:
        return ledger.tally(conn, issue.id)


def _told(chosen: Chosen, *, json: bool, listed: bool = False) -> None:
    from digest.cli import terminal

    issue = chosen.issue()
    tally = _tally(chosen, issue)
    if json:
        terminal.as_json(
            {
                "issue": issue,
                "frozen": tally.frozen,
                "by_state": tally.by_state,
                "owed": tally.owed,
                "holds": tally.holds,
            }
        )
        return
    terminal.say(title(chosen, issue))
    # Where the readers follow, the step that would list them is taken already.
    taken = ("Next", _listing(chosen)) if listed else None
    terminal.facts([fact for fact in standing(chosen, issue, tally) if fact != taken])


def _listing(chosen: Chosen) -> str:
    return f"digest issue status {chosen.closing} --readers"


def standing(chosen: Chosen, issue: Issue, tally: Tally) -> list[tuple[str, object]]:
    """Return the facts of an issue's state: its reasons, the ledger, what to do next."""
    from digest.model import DeliveryState, IssueState

    facts: list[tuple[str, object]] = [("Why", reason) for reason in issue.reasons]
    if issue.state in (IssueState.APPROVED, IssueState.DRAFT):
        facts.append(("Sends", _hour(chosen, issue)))
        if not _has_readers(chosen, issue):
            facts.append(("Readers", f"none yet: {_IMPORT}"))
    if issue.state in (IssueState.APPROVED, IssueState.DRAFT, IssueState.SENDING):
        facts += _finish(chosen, issue)
    if issue.frozen_at is not None:
        parts = [(state, tally.count(state)) for state in DeliveryState]
        shown = [
            f"{state} {count}"
            for state, count in parts
            if count or state in (DeliveryState.SENT, DeliveryState.UNCERTAIN)
        ]
        facts += [
            ("Sent", f"{tally.count(DeliveryState.SENT)} of {tally.frozen}"),
            ("Ledger", f"frozen {tally.frozen} = {' + '.join(shown)}"),
            ("Adds up", "yes" if tally.holds else "NO: run digest doctor"),
            *_editions(chosen, issue),
            *_due_again(chosen, issue),
        ]
    steps = {
        IssueState.APPROVED: f"digest issue send {chosen.closing}",
        IssueState.SENDING: f"digest issue send {chosen.closing}",
        IssueState.STOPPED: f"digest issue resume {chosen.closing}",
        IssueState.HELD: f"digest issue release {chosen.closing}",
        IssueState.DRAFT: f"digest issue approve {chosen.closing}",
        IssueState.FINISHED: _listing(chosen),
    }
    if tally.count(DeliveryState.UNCERTAIN):
        facts.append(("Uncertain", "nobody can know whether these readers got it"))
        steps[IssueState.FINISHED] = f"digest issue resend {chosen.closing}"
    if step := steps.get(issue.state):
        facts.append(("Next", step))
    return facts


def _hour(chosen: Chosen, issue: Issue) -> str:
    """Return when the issue goes out: at its hour, or at once if it was approved after it."""
    from digest.model import IssueState

    local = issue.sends_at.astimezone(chosen.newsletter.zone)
    hour = f"{local:%a} {local.day} {local:%b %Y %H:%M %Z}"
    if issue.state is IssueState.APPROVED and (issue.approved_at or chosen.now) >= issue.sends_at:
        return f"at once where `digest serve` runs, as {hour} is past, or now by hand"
    return f"{hour}, or now by hand"


def _finish(chosen: Chosen, issue: Issue) -> list[tuple[str, object]]:
    """Return when the last reader is written to, where limits or a spread decide that."""
    from digest import delivery, weekly

    database, loaded = chosen.installation.database, chosen.installation.loaded
    meant, now = weekly.audience_of(chosen.newsletter), datetime.now(UTC)
    at = delivery.foretold(database, loaded, issue, where=meant, now=now)
    if at is None:
        return []
    local = at.astimezone(chosen.newsletter.zone)
    return [("Finishes", f"{local:%a} {local.day} {local:%b %H:%M}, by your limits")]


def _editions(chosen: Chosen, issue: Issue) -> list[tuple[str, object]]:
    """Return who has which edition, where there is more than one."""
    from digest.store import ledger

    with chosen.installation.database.read() as conn:
        found = ledger.by_edition(conn, issue.id)
    return [
        (
            f"Edition {number}",
            " + ".join(f"{state} {count:,}" for state, count in states.items()),
        )
        for number, states in found.items()
        if len(found) > 1
    ]


def _due_again(chosen: Chosen, issue: Issue) -> list[tuple[str, object]]:
    """Return when readers who were put off are next, if anybody waits for that."""
    from digest.model import IssueState
    from digest.store import ledger

    if issue.state is not IssueState.SENDING:
        return []
    with chosen.installation.database.read() as conn:
        due = ledger.next_due(conn, issue.id)
    if due is None or due <= chosen.now:
        return []
    local = due.astimezone(chosen.newsletter.zone)
    return [("Again", f"{local:%a} {local.day} {local:%b %H:%M %Z}, or soon after")]


# --- a test mail --------------------------------------------------------------------------


def send_test(
    to: Annotated[list[str], typer.Option("--to", help="An address; may be given again.")],
    newsletter: NewsletterKey = None,
    closing: Closing = None,
) -> None:
    """
    Send the mail, marked as a test, to the addresses you name; no reader is touched.

    Example: digest issue test --to editor@example.org
    """
    from digest import notices, weekly
    from digest.cli import terminal
    from digest.readership import mailbox

    addresses = [mailbox(address) for address in to]
    chosen = choose(newsletter, closing)
    database, loaded = chosen.installation.database, chosen.installation.loaded
    weekly.post_test(database, loaded, chosen.issue(), addresses, now=chosen.now)
    sent = notices.deliver_outbox(database, loaded, clock=lambda: datetime.now(UTC))
    if sent < len(addresses):
        raise IssueError(
            f"of {len(addresses)} tests {sent} were taken by the mail server",
            remedy="Run: digest doctor",
        )
    terminal.say(f"Sent a test of issue {chosen.slot.key} to {', '.join(addresses)}.")

"""`digest bounces`: mail that came back, read and acted upon."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.context import AsJson
from digest.errors import DigestError

if TYPE_CHECKING:
    from digest.bounces import Returned

app = typer.Typer(no_args_is_help=True)

Files = Annotated[
    list[Path] | None,
    typer.Argument(help="Mails or mboxes; - is standard input. Default: what config.yaml names."),
]
Number = Annotated[int, typer.Argument(help="Its number in `digest bounces tasks`.")]


@app.command()
def read(
    files: Files = None,
    maildir: Annotated[Path | None, typer.Option(help="A maildir to read.")] = None,
    json: AsJson = False,
) -> None:
    """
    Read bounces, complaints and requests to leave, and do what follows.

    A mail that was read before does nothing. `digest serve` reads the configured mailbox
    by itself.

    Example: digest bounces read
             digest bounces read - < bounce.eml
    """
    from digest import readership
    from digest.cli import context, terminal

    installation = context.open_installation()
    database, loaded = installation.database, installation.loaded
    now = datetime.now(UTC)
    if files or maildir:
        mails = [mail for file in files or () for mail in _mails(file)]
        followed = readership.read_mails(database, loaded, mails, now=now)
        if maildir:
            followed += readership.read_maildir(database, loaded, maildir, now=now)
    else:
        with terminal.progress("Reading") as advance:
            followed = readership.read_mailboxes(database, loaded, now=now, progress=advance)
    _tell(followed, json=json)


def _mails(file: Path) -> list[bytes]:
    from digest.bounces import places

    if str(file) == "-":
        return places.in_file(sys.stdin.buffer.read())
    try:
        return places.in_file(file.read_bytes())
    except OSError as e:
        raise DigestError(
            f"{file}: cannot be read ({e.strerror})",
            remedy="Name a file with a mail or many (mbox) that this user may read.",
        ) from e


def _tell(followed: Counter[Any], *, json: bool) -> None:
    from digest.cli import terminal
    from digest.readership import Outcome

    if json:
        terminal.as_json({str(each): followed[each] for each in Outcome})
        return
    if not followed:
        terminal.say("Nothing new came back.")
        return
    terminal.facts([(_SAID[each.name], followed[each]) for each in Outcome if followed[each]])
    if followed[Outcome.TASK]:
        terminal.say("See them with: digest bounces tasks")


_SAID = {
    "SUPPRESSED": "Suppressed",
    "COUNTED": "Counted, may pass",
    "OURS": "Our fault or reputation",
    "NOTED": "Noted only",
    "UNPROVEN": "Without proof, nothing done",
    "UNKNOWN": "About nobody of ours",
    "LEFT": "Left",
    "TASK": "For you to look at",
    "FORWARDED": "Passed on to editors",
}


@app.command("list")
def list_(
    outcome: Annotated[
        str | None, typer.Option(help="Only what led to this: suppressed, counted, ours, …")
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="So many at most.")] = 50,
    json: AsJson = False,
) -> None:
    """
    List what came back, the newest first, with the servers' words.

    Example: digest bounces list --outcome suppressed
    """
    from digest.cli import context, terminal
    from digest.readership import Outcome
    from digest.store import bounces

    if outcome is not None and outcome not in set(Outcome):
        raise typer.BadParameter(f"one of {', '.join(Outcome)}", param_hint="--outcome")
    with context.open_installation().database.read() as conn:
        facts = bounces.listed(conn, outcomes=[outcome] if outcome else (), limit=most)
    if json:
        terminal.as_json(facts)
        return
    if not facts:
        terminal.say("Nothing of that sort came back." if outcome else "Nothing came back yet.")
        return
    rows = [(f.at, f.kind, f.subscriber, f.verdict, f.outcome, f.said or f.address) for f in facts]
    terminal.table(("at", "kind", "reader", "means", "so", "words"), rows)


@app.command()
def tasks(json: AsJson = False) -> None:
    """
    List what waits for a person: requests to leave without proof, complaints without a name.

    Example: digest bounces tasks
    """
    from digest.cli import context, terminal
    from digest.readership import Outcome
    from digest.store import bounces

    with context.open_installation().database.read() as conn:
        facts = bounces.listed(conn, outcomes=[Outcome.TASK], waiting=True, limit=1000)
    if json:
        terminal.as_json(facts)
        return
    if not facts:
        terminal.say("Nothing waits for you.")
        return
    rows = [(str(f.id), f.at, f.kind, f.address, f.said) for f in facts]
    terminal.table(("number", "at", "kind", "who", "about"), rows)
    terminal.say("Let one go: digest bounces done NUMBER --leave")


@app.command()
def done(
    number: Number,
    leave: Annotated[
        bool, typer.Option("--leave", help="The reader it names leaves every newsletter.")
    ] = False,
) -> None:
    """
    Settle what waited for you.

    Example: digest bounces done 12 --leave
    """
    from digest import readership
    from digest.cli import context, terminal

    installation = context.open_installation()
    fact = readership.settle_task(
        installation.database, installation.loaded, number, leave=leave, now=datetime.now(UTC)
    )
    terminal.say(f"{fact.address or 'They'} left." if leave else "Settled.")


@app.command()
def explain(
    files: Annotated[list[Path], typer.Argument(help="Mails or mboxes; - is standard input.")],
    json: AsJson = False,
) -> None:
    """
    Tell what a mail that came back means; nothing is changed, and no configuration needed.

    Example: digest bounces explain bounce.eml
    """
    from digest.bounces import read as read_one
    from digest.cli import terminal

    found = [(file, read_one(mail)) for file in files for mail in _mails(file)]
    if json:
        terminal.as_json([{"file": file, "mail": mail} for file, mail in found])
        return
    for file, mail in found:
        terminal.facts([("File", file), ("Kind", mail.kind), *_explained(mail)])
        terminal.say()


def _explained(mail: Returned) -> list[tuple[str, object]]:
    told: list[tuple[str, object]] = []
    if mail.feedback:
        told.append(("Complaint", mail.feedback))
    for one in mail.refusals:
        waits = " (still in a queue)" if one.waiting else ""
        told += [
            ("Reader", one.address or "not named"),
            ("Means", f"{one.verdict}{waits}"),
            ("Code", one.status or "none"),
            ("Words", one.said),
        ]
    return told

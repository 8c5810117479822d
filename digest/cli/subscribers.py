"""`digest subscribers`: readers in, out, shown, forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.context import AsJson, NewsletterKey, Where

if TYPE_CHECKING:
    from digest.cli.context import Installation
    from digest.errors import ReaderError
    from digest.model import Subscription
    from digest.readership import ImportReport, Step
    from digest.readership.lists import OnRefused, Refused
    from digest.store.consents import Consent

app = typer.Typer(no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="The reader's mail address.")]
Source = Annotated[str, typer.Option(help="Where their consent came from; kept as proof.")]
List = Annotated[str | None, typer.Option("--list", help="A list of yours, such as staff.")]

#: Rows that are shown of each sort; --json has more of them.
SHOWN = 20


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="CSV files with a column of addresses.")
    ],
    source: Source,
    newsletter: NewsletterKey = None,
    list_: List = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Keep that column too, for conditions; repeatable."),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of the files, such as windows-1251. Default: found out.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it would change, and change nothing.")
    ] = False,
    refused: Annotated[
        Path | None, typer.Option(help="Write every row that is not taken into this CSV file.")
    ] = None,
    json: AsJson = False,
) -> None:
    """
    Import readers: good rows are taken, bad ones listed with line and reason.

    Nobody who left comes back by an import, here or by the list's own word. Importing
    again changes nothing; a stopped import is taken up by the same command.

    Example: digest subscribers import readers.csv --source "sign-up sheet, May 2026"
    """
    from digest import readership
    from digest.cli import context, terminal

    told = readership.List(
        files=tuple(files),
        source=source,
        name=list_ or "",
        attributes=tuple(attribute or ()),
        encoding=encoding,
    )
    installation = context.open_installation()
    key, _ = context.newsletter(installation, newsletter)
    steps: list[Step] = []

    def keep(step: Step) -> None:
        if step.outcome != "unchanged" and len(steps) <= SHOWN:
            steps.append(step)

    with terminal.progress("Importing") as advance, _into(refused) as on_refused:
        every: dict[str, Any] = {
            "now": datetime.now(UTC),
            "progress": advance,
            "on_refused": on_refused,
        }
        of = (installation.database, installation.loaded, key, told)
        report = (
            readership.rehearse_import(*of, **every, each=keep)
            if dry_run
            else readership.import_list(*of, **every)
        )
    if json:
        terminal.as_json(report)
    else:
        _tell(report, steps, dry_run=dry_run)
    if report.refused and report.rows == report.refused:
        raise typer.Exit(1)


@contextmanager
def _into(path: Path | None) -> Iterator[OnRefused | None]:
    """Give what writes refused rows into the file *path*; None without one."""
    import csv

    from digest.readership import harmless

    if path is None:
        yield None
        return

    def refuse(row: Refused) -> None:
        with _writing(path):
            written.writerow((row.file, row.line, harmless(row.reason)))

    with _writing(path):
        stream = path.open("w", newline="", encoding="utf-8")
        written = csv.writer(stream)
        written.writerow(("file", "line", "reason"))
    try:
        yield refuse
    finally:
        with _writing(path):
            stream.close()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Tell what fails within as a fault of the file *path*: nothing else may stand in it."""
    from digest.errors import ReaderError

    try:
        yield
    except OSError as e:
        raise ReaderError(f"{path}: cannot be written ({e.strerror})") from e


def _tell(report: ImportReport, steps: list[Step], *, dry_run: bool) -> None:
    from digest.cli import terminal

    if report.resumed:
        terminal.say("Taken up where it stopped; the numbers are of the whole list.")
    for name in report.headless:
        terminal.say(f"{name}: no line names the columns; the first line is taken for a reader.")
    would = "Would be " if dry_run else ""
    terminal.facts(
        [
            (f"{would}added".capitalize(), report.added),
            (f"{would}changed".capitalize(), report.changed),
            ("There before", report.unchanged),
            ("Left or suppressed here", report.barred),
            ("Left elsewhere", report.gone),
            ("Not taken", report.refused),
        ]
    )
    for step in steps[:SHOWN]:
        terminal.say(f"{_MARKS[step.outcome]} {step.row.address}  {_why(step)}".rstrip())
    if len(steps) > SHOWN:
        terminal.say("and more: these are the first.")
    for row in report.invalid[:SHOWN]:
        terminal.say(f"{row.file}:{row.line}: {row.reason}")
    if report.refused > SHOWN:
        more = report.refused - SHOWN
        terminal.say(f"and {more:,} more; --json lists them, --refused FILE writes them all")
    if dry_run:
        terminal.say("Nothing was changed. Without --dry-run the same command does it.")


_MARKS = {"added": "+", "changed": "~", "barred": "!", "gone": "-"}


def _why(step: Step) -> str:
    match step.outcome:
        case "changed":
            return f"{', '.join(step.changes)}"
        case "barred":
            return "left or suppressed here, stays so"
        case "gone":
            return f"{step.row.state} by the list's own word"
    return ""


@app.command()
def add(
    address: Address,
    source: Source,
    name: Annotated[str, typer.Option(help="As it stands in To:.")] = "",
    newsletter: NewsletterKey = None,
    list_: List = None,
) -> None:
    """
    Add one reader who asked for it; *source* says how.

    Nobody who left comes back by it: they do by the Undo behind their unsubscribe link, or
    by joining anew with a confirmation.

    Example: digest subscribers add ana@example.org --source "asked by phone, 3 May"
    """
    from digest import readership
    from digest.cli import context, terminal

    installation = context.open_installation()
    key, _ = context.newsletter(installation, newsletter)
    outcome = readership.add(
        installation.database,
        installation.loaded,
        key,
        address,
        name=name,
        source=source,
        lists=(list_,) if list_ else (),
        now=datetime.now(UTC),
    )
    if outcome == "barred":
        raise _barred(installation, key, address)
    told = {"added": "is a reader now.", "there": "was a reader before."}
    terminal.say(f"{address} {told[outcome]}")


def _barred(installation: Installation, newsletter: str, address: str) -> ReaderError:
    """Return why the person at *address* is not added, and what brings them back if anything."""
    from digest import readership
    from digest.errors import ReaderError

    joins = f"{installation.settings.public_url}/join/{newsletter}"
    if readership.can_return(installation.database, installation.loaded, newsletter, address):
        return ReaderError(
            f"{address} has left, and only they can undo that",
            remedy="The unsubscribe link of any issue they got has the button: Undo. Or they "
            f"join anew: {joins}",
        )
    return ReaderError(
        f"{address} must not be written to: erased, bounced, or gone by another list's word",
        remedy=f"No command lifts that. They can join anew, and confirm: {joins}",
    )


@app.command("list")
def listed(newsletter: NewsletterKey = None, where: Where = None, json: AsJson = False) -> None:
    """
    List the readers, the first thousand of them; `export` gives all.

    Example: digest subscribers list --where 'country = "DE"'
    """
    from digest.cli import context, terminal
    from digest.store import readers

    installation = context.open_installation()
    key, _ = context.newsletter(installation, newsletter)
    condition = context.condition(installation, key, where)
    with installation.database.read() as conn:
        page = readers.listed(conn, key, where=condition)
    if json:
        terminal.as_json(page)
    elif page:
        rows = [
            (r.subscriber.address, r.subscriber.name, one.state, one.rhythm, one.source)
            for r in page
            if (one := r.subscription)
        ]
        terminal.table(("address", "name", "state", "rhythm", "source"), rows)
    elif where:
        terminal.say("Nobody meets this condition.")
    else:
        terminal.say('No readers yet. Run: digest subscribers import FILE --source "…"')


@app.command()
def export(
    address: Annotated[
        str | None, typer.Argument(help="One reader: all that is known of them, as JSON.")
    ] = None,
    newsletter: NewsletterKey = None,
    where: Where = None,
) -> None:
    """
    Write all readers as CSV to standard output, or one reader whole, as JSON.

    Example: digest subscribers export --where 'list = "staff"' > staff.csv
    """
    import csv
    import sys

    from digest import readership
    from digest.cli import context

    if address is not None:
        show(address, json=True)
        return
    installation = context.open_installation()
    key, _ = context.newsletter(installation, newsletter)
    condition = context.condition(installation, key, where)
    rows = readership.exported(installation.database, key, where=condition)
    csv.writer(sys.stdout).writerows(rows)


@app.command()
def show(address: Address, json: AsJson = False) -> None:
    """
    Print all that is known of a person; as JSON to hand it to them.

    Example: digest subscribers show ana@example.org --json
    """
    from digest import readership
    from digest.cli import context, terminal

    installation = context.open_installation()
    known = readership.show(installation.database, installation.loaded, address)
    if json:
        terminal.as_json(known)
        return
    person = known["subscriber"]
    terminal.facts(
        [
            ("Address", person.address),
            ("Name", person.name),
            ("Language", person.language),
            ("Known since", person.created_at),
            ("Attributes", ", ".join(f"{k}: {v}" for k, v in person.attributes.items())),
            ("Suppressed", known["suppressed"]),
            ("Issues", len(known["issues"])),
            ("Other mail", len(known["mails"])),
        ]
    )
    for one in known["subscriptions"]:
        terminal.say()
        _tell_subscription(one["subscription"], one["consent"])


def _tell_subscription(one: Subscription, acts: list[Consent]) -> None:
    from digest.cli import terminal

    terminal.facts(
        [
            (one.newsletter, f"{one.state}, {one.rhythm}, {one.format}"),
            ("Topics", one.topics or "all"),
            ("Lists", one.lists),
            ("Source", one.source),
        ]
    )
    terminal.table(("at", "what", "source"), [(act.at, act.what, act.source) for act in acts])


@app.command()
def erase(
    address: Address,
    files: Annotated[
        bool, typer.Option("--files", help="Take them out of subscribers/*.csv too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """
    Forget a person in all newsletters; a keyed hash keeps imports from bringing them back.

    Lists in subscribers/ that have them are named, and with --files cleared of them.

    Example: digest subscribers erase ana@example.org --files --yes
    """
    from digest import readership
    from digest.cli import context, terminal

    installation = context.open_installation()
    if not yes and not typer.confirm(f"Erase {address} from all newsletters, for good?"):
        terminal.say("Nothing was erased.")
        raise typer.Exit(1)
    done = readership.erase(
        installation.database,
        installation.loaded,
        address,
        in_files=files,
        now=datetime.now(UTC),
    )
    if json:
        terminal.as_json(done)
        return
    terminal.say(f"{address} is forgotten.")
    for mention in done.mentions:
        said = "taken out" if files else "stands there still"
        terminal.say(f"{mention.file}:{mention.line}: {said}")
    if done.mentions and not files:
        terminal.say(f"Next  digest subscribers erase {address} --files")

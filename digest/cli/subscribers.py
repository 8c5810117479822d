"""`digest subscribers`: readers in, out, shown, forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.context import AsJson, NewsletterKey

if TYPE_CHECKING:
    from digest.cli.context import Installation
    from digest.errors import ReaderError
    from digest.model import Subscription
    from digest.readership import ImportReport
    from digest.store.readers import Consent

app = typer.Typer(no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="The reader's mail address.")]
Source = Annotated[str, typer.Option(help="Where their consent came from; kept as proof.")]
List = Annotated[str | None, typer.Option("--list", help="A list of yours, such as staff.")]

#: Bad rows that are shown; --json has them all.
SHOWN = 20


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file with a column of addresses.")],
    source: Source,
    newsletter: NewsletterKey = None,
    list_: List = None,
    json: AsJson = False,
) -> None:
    """
    Import readers: good rows are taken, bad ones listed with line and reason.

    Nobody who left comes back by an import, here or by the list's own word. Importing
    again changes nothing.

    Example: digest subscribers import readers.csv --source "sign-up sheet, May 2026"
    """
    from digest import readership
    from digest.cli import context, terminal

    installation = context.open_installation()
    key, _ = context.newsletter(installation, newsletter)
    with terminal.progress("Importing") as advance:
        report = readership.import_csv(
            installation.database,
            installation.loaded,
            key,
            file,
            source=source,
            list_name=list_,
            now=datetime.now(UTC),
            progress=advance,
        )
    if json:
        terminal.as_json(report)
    else:
        _tell(report, file)
    if report.invalid and report.rows == len(report.invalid):
        raise typer.Exit(1)


def _tell(report: ImportReport, file: Path) -> None:
    from digest.cli import terminal

    terminal.facts(
        [
            ("Added", report.added),
            ("Changed", report.changed),
            ("There before", report.unchanged),
            ("Left or suppressed here", report.barred),
            ("Left elsewhere", report.gone),
            ("Not taken", len(report.invalid)),
        ]
    )
    for line, reason in report.invalid[:SHOWN]:
        terminal.say(f"{file}:{line}: {reason}")
    if len(report.invalid) > SHOWN:
        terminal.say(f"and {len(report.invalid) - SHOWN:,} more; --json lists them all")


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

    Nobody who left comes back by it: they do by the Undo behind their unsubscribe link.

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

    if readership.can_return(installation.database, installation.loaded, newsletter, address):
        return ReaderError(
            f"{address} has left, and only they can undo that",
            remedy="The unsubscribe link of any issue they got has the button: Undo.",
        )
    return ReaderError(
        f"{address} must not be written to: erased, bounced, or gone by another list's word",
        remedy="No command lifts that; write to them yourself if they ask you to.",
    )


@app.command("list")
def listed(newsletter: NewsletterKey = None, json: AsJson = False) -> None:
    """
    List the readers, the first thousand of them; `export` gives all.

    Example: digest subscribers list
    """
    from digest.cli import context, terminal
    from digest.store import readers

    installation = context.open_installation()
    key, _ = context.newsletter(installation, newsletter)
    with installation.database.read() as conn:
        page = readers.listed(conn, key)
    if json:
        terminal.as_json(page)
    elif page:
        rows = [
            (r.subscriber.address, r.subscriber.name, one.state, one.rhythm, one.source)
            for r in page
            if (one := r.subscription)
        ]
        terminal.table(("address", "name", "state", "rhythm", "source"), rows)
    else:
        terminal.say('No readers yet. Run: digest subscribers import FILE --source "…"')


@app.command()
def export(newsletter: NewsletterKey = None) -> None:
    """
    Write all readers as CSV to standard output.

    Example: digest subscribers export > readers.csv
    """
    import csv
    import sys

    from digest import readership
    from digest.cli import context

    installation = context.open_installation()
    key, _ = context.newsletter(installation, newsletter)
    csv.writer(sys.stdout).writerows(readership.exported(installation.database, key))


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
            ("Suppressed", known["suppressed"]),
        ]
    )
    for one in known["subscriptions"]:
        terminal.say()
        _tell_subscription(one["subscription"], one["consent"])


def _tell_subscription(one: Subscription, acts: list[Consent]) -> None:
    from digest.cli import terminal

    terminal.facts(
        [
            (one.newsletter, f"{one.state}, {one.rhythm}"),
            ("Topics", one.topics or "all"),
            ("Lists", one.lists),
            ("Source", one.source),
        ]
    )
    terminal.table(("at", "what", "source"), [(act.at, act.what, act.source) for act in acts])


@app.command()
def erase(
    address: Address,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """
    Forget a person in all newsletters; a keyed hash keeps imports from bringing them back.

    Example: digest subscribers erase ana@example.org --yes
    """
    from digest import readership
    from digest.cli import context, terminal

    installation = context.open_installation()
    if not yes and not typer.confirm(f"Erase {address} from all newsletters, for good?"):
        terminal.say("Nothing was erased.")
        raise typer.Exit(1)
    readership.erase(installation.database, installation.loaded, address, now=datetime.now(UTC))
    terminal.say(f"{address} is forgotten.")

"""`digest demo`: the sample newsletter end to end, against the built-in inbox."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from digest.errors import DigestError

if TYPE_CHECKING:
    from digest.cli.context import Installation
    from digest.config import Loaded
    from digest.model import Draft, Issue

#: The sample's week, and the one after it.
CLOSING = date(2023, 9, 22)
FOLLOWING = date(2023, 9, 29)
#: When the feed brought what was published since, between those two.
LATER = datetime(2023, 9, 26, 12, tzinfo=UTC)
NEWSLETTER = "weekly-recap"
APPROVED_BY = "demo"


def demo() -> None:
    """
    Run the sample newsletter: import, compose, approve, send over SMTP, show the proof.

    In a folder without config.yaml it makes one, `recap-demo/`. A second run sends
    nothing twice.

    Example: digest demo
    """
    installation = _sample_installation()
    if NEWSLETTER not in installation.settings.newsletters:
        raise DigestError(
            f"{installation.folder} has newsletters of your own, and the sample is not among them",
            remedy="Run it in an empty folder: mkdir trial; cd trial; digest demo",
        )
    friday = _Friday(installation)
    friday.read_feeds()
    issue = friday.prepare(CLOSING)
    friday.read_subscribers()
    mail = installation.folder / "var" / "demo"
    issue = friday.send(issue, mail / "mail")
    friday.read_later_publications()
    following = friday.prepare(FOLLOWING)
    friday.tell(issue, following, mail)


def _sample_installation() -> Installation:
    """Open the sample newsletter: that of this folder, else one made beside it."""
    import os

    from digest.cli import context, init
    from digest.config import load
    from digest.store import upgrade

    named = context.chosen.get()
    config = named or Path("config.yaml")
    if named is None and not config.exists():
        config = _unpacked(Path("recap-demo"))
    init.ensure_environment(config.parent)
    upgrade.upgrade(context.open_database(load(config, os.environ)))
    return context.open_installation(config)


def _unpacked(folder: Path) -> Path:
    """Lay config.yaml and the feed files of the sample into *folder*; what is there stays."""
    from digest import packaged

    feeds = folder / "digest" / "sample"
    feeds.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yaml"
    if not config.exists():
        shutil.copy(packaged.sample_config(), config)
    for file in packaged.sample().glob("*.json"):
        shutil.copy(file, feeds)
    return config


@dataclass(frozen=True, slots=True)
class _Friday:
    """The steps of a Friday, each of which may be repeated."""

    installation: Installation

    @property
    def _now(self) -> datetime:
        return datetime.now(UTC)

    def read_feeds(self) -> None:
        from digest import intake

        intake.seed_feeds(self.installation.database, self.installation.loaded, now=self._now)
        intake.fetch_due(
            self.installation.database, self.installation.loaded, now=self._now, force=True
        )

    def read_later_publications(self) -> None:
        """What the same feed brought in the days after: its late arrivals count for next week."""
        from digest import intake, packaged

        newsletter = self.installation.settings.newsletters[NEWSLETTER]
        intake.import_file(
            self.installation.database,
            self.installation.loaded,
            NEWSLETTER,
            packaged.sample() / "security-cooperation-later.json",
            feed_url=newsletter.feeds[0].url,
            now=LATER,
        )

    def prepare(self, closing: date) -> Issue:
        from digest import weekly

        newsletter = self.installation.settings.newsletters[NEWSLETTER]
        return weekly.prepare(
            self.installation.database,
            self.installation.loaded,
            NEWSLETTER,
            weekly.slot(newsletter, closing, now=self._now),
            now=self._now,
            actor=APPROVED_BY,
        )

    def read_subscribers(self) -> None:
        from digest import packaged, readership

        sample = packaged.sample_subscribers()
        readership.import_list(
            self.installation.database,
            self.installation.loaded,
            NEWSLETTER,
            readership.List(files=(sample,), source="the sample list"),
            now=self._now,
        )

    def send(self, issue: Issue, mailbox: Path) -> Issue:
        """Send what is still owed of the issue, to an inbox of our own."""
        from digest import delivery, inbox, weekly
        from digest.model import IssueState
        from digest.store import issues

        database = self.installation.database
        with inbox.running(mailbox) as server:
            loaded = _with_smtp(self.installation, port=server.port)
            if issue.state in (IssueState.DRAFT, IssueState.HELD):
                issue = weekly.approve(database, loaded, issue, by=APPROVED_BY, now=self._now)
            if issue.state is IssueState.STOPPED:
                issue = weekly.resume(database, issue, by=APPROVED_BY, now=self._now)
            if issue.state is not IssueState.FINISHED:
                issue = weekly.freeze(database, loaded, issue, now=self._now)
                delivery.settle(database, loaded, issue.id, clock=lambda: datetime.now(UTC))
        with database.read() as conn:
            return issues.by_id(conn, issue.id)

    def tell(self, issue: Issue, following: Issue, folder: Path) -> None:
        from digest import weekly
        from digest.cli import terminal
        from digest.cli.issue.chosen import Chosen
        from digest.cli.issue.content import title, write_preview
        from digest.cli.issue.sending import tell_readers
        from digest.model import DeliveryState
        from digest.store import ledger

        newsletter = self.installation.settings.newsletters[NEWSLETTER]
        chosen = Chosen(
            installation=self.installation,
            key=NEWSLETTER,
            newsletter=newsletter,
            slot=weekly.slot(newsletter, CLOSING, now=self._now),
            now=self._now,
        )
        database, loaded = self.installation.database, self.installation.loaded
        edition = weekly.preview(database, loaded, issue)
        html, text = write_preview(edition, folder, f"issue-{issue.of.key}")
        with database.read() as conn:
            tally = ledger.tally(conn, issue.id)
        recap, later = self._draft(issue).recap, self._draft(following).recap
        assert recap is not None  # noqa: S101 - both were prepared above
        assert later is not None  # noqa: S101
        terminal.say(title(chosen, issue))
        terminal.facts([("Headline", recap.headline), ("Lead", recap.lead)])
        terminal.say()
        tell_readers(chosen, issue)
        terminal.say()
        web = f"http://{self.installation.settings.web.place}"
        terminal.facts(
            [
                (
                    "Sent",
                    f"{tally.count(DeliveryState.SENT)} of {tally.frozen}   "
                    f"uncertain {tally.count(DeliveryState.UNCERTAIN)}   "
                    f"adds up {'yes' if tally.holds else 'NO'}",
                ),
                ("HTML", _near(html)),
                ("Text", _near(text)),
                ("Mails", f"{_near(folder / 'mail')}/*.eml"),
                ("Waiting", f"{following.of.key}  {later.headline or 'no theme yet'}"),
                (
                    "Next",
                    f"digest serve        desk, with next week's draft: {web}\n"
                    "digest people add you@example.org --role admin   your way in\n"
                    f"digest issue why --closing {issue.of.key}\n"
                    f"digest inbox --keep {_near(folder / 'mail')}   the mails in a browser",
                ),
            ]
        )

    def _draft(self, issue: Issue) -> Draft:
        from digest.store import drafts

        with self.installation.database.read() as conn:
            return drafts.read(conn, issue.id)


def _near(path: Path) -> Path:
    """Return the path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _with_smtp(installation: Installation, *, port: int) -> Loaded:
    """Return the configuration with the built-in inbox as its mail server."""
    settings = installation.settings
    smtp = settings.smtp.model_copy(
        update={"host": "127.0.0.1", "port": port, "tls": "none", "user": None, "limit": None}
    )
    return replace(installation.loaded, settings=settings.model_copy(update={"smtp": smtp}))


app = typer.Typer()
app.command("demo")(demo)

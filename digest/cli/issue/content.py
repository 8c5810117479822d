"""What an issue says and why: prepare, show, why, edit, check, preview, list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.context import AsJson, NewsletterKey
from digest.cli.issue.chosen import ACTOR, Chosen, Closing, choose
from digest.errors import IssueError

if TYPE_CHECKING:
    from digest.model import Candidate, Draft, Edition, Issue, Recap

#: Why a candidate is out, where several are out for the same reason.
_ALIKE = {
    "old": "older than look-back",
    "after-close": "after the close",
    "kind": "kind excluded",
    "topic": "topic excluded",
    "word": "word excluded",
    "used": "used by another issue",
    "limit": "over a limit",
    "duplicate": "the same as another",
    "hidden": "hidden by an editor",
    "excluded": "excluded by an editor",
}


def prepare(
    newsletter: NewsletterKey = None, closing: Closing = None, json: AsJson = False
) -> None:
    """
    Compose the issue from the feed store, under the edits it has.

    Example: digest issue prepare --closing 2023-09-22
    """
    from digest import weekly

    chosen = choose(newsletter, closing)
    weekly.prepare(
        chosen.installation.database,
        chosen.installation.loaded,
        chosen.key,
        chosen.slot,
        now=chosen.now,
        actor=ACTOR,
    )
    _tell(chosen, json=json)


def show(newsletter: NewsletterKey = None, closing: Closing = None, json: AsJson = False) -> None:
    """
    Tell what the issue says, and where it stands.

    Example: digest issue show --closing 2023-09-22
    """
    _tell(choose(newsletter, closing), json=json)


def _tell(chosen: Chosen, *, json: bool) -> None:
    from digest.cli import terminal

    issue, draft = chosen.issue(), _draft(chosen)
    if json:
        terminal.as_json({"issue": issue, "recap": draft.recap, "edits": draft.edits})
        return
    terminal.say(title(chosen, issue))
    if draft.recap is None:
        terminal.say(f"Nothing is composed yet. Run: digest issue prepare {chosen.closing}")
        return
    recap = draft.recap
    terminal.facts(
        [
            ("Headline", recap.headline or "none: no theme was found"),
            ("Lead", recap.lead),
            ("Themes", "\n".join(theme.label for theme in recap.themes)),
            ("Items", len(recap.items)),
            *(("Reason", reason) for reason in issue.reasons),
            ("Next", _next(chosen, issue, recap)),
        ]
    )


def title(chosen: Chosen, issue: Issue) -> str:
    """Return one line that names the issue, its window in local time and its state."""
    zone = chosen.newsletter.zone
    start, end = issue.window.start.astimezone(zone), issue.window.end.astimezone(zone)
    days = f"{start:%b} {start.day}–" + (
        f"{end.day}" if start.month == end.month else f"{end:%b} {end.day}"
    )
    by = f" · approved by {issue.approved_by}" if issue.approved_by else ""
    state = "" if by and issue.state == "approved" else f" · {issue.state}"
    return f"{chosen.newsletter.title} · {days}, {end.year}{state}{by}"


def _next(chosen: Chosen, issue: Issue, recap: Recap) -> str:
    if issue.state == "draft" and not recap.items:
        return f"digest issue why {chosen.closing}"
    steps = {
        "draft": f"digest issue approve {chosen.closing}",
        "held": f"digest issue release {chosen.closing}",
        "approved": f"digest issue send {chosen.closing}",
        "sending": f"digest issue send {chosen.closing}",
        "stopped": f"digest issue resume {chosen.closing}",
    }
    return steps.get(issue.state, f"digest issue status {chosen.closing}")


def _draft(chosen: Chosen) -> Draft:
    from digest.store import drafts

    issue = chosen.issue()
    with chosen.installation.database.read() as conn:
        return drafts.read(conn, issue.id)


# --- why ----------------------------------------------------------------------------------


def why(newsletter: NewsletterKey = None, closing: Closing = None, json: AsJson = False) -> None:
    """
    Tell for every publication why it is in or out.

    Example: digest issue why --closing 2023-09-22
    """
    from digest.cli import terminal

    chosen = choose(newsletter, closing)
    draft = _draft(chosen)
    candidates, recap = draft.candidates, draft.recap
    if json:
        terminal.as_json(
            {
                "newsletter": chosen.key,
                "closing": chosen.slot.key,
                "candidates": candidates,
                "themes": recap.themes if recap else (),
                "others": recap.others if recap else (),
            }
        )
        return
    inside = [c for c in candidates if c.included]
    outside = [c for c in candidates if not c.included]
    close = chosen.slot.window.end.astimezone(chosen.newsletter.zone)
    terminal.say(
        f"{chosen.newsletter.title}, closing {close:%a} {close.day} {close:%b %Y %H:%M %Z}"
    )
    terminal.say(f"{len(candidates)} seen: {len(inside)} in, {len(outside)} out")
    rows: list[Sequence[object]] = [
        ("in", c.rank, c.publication, c.title, c.reason)
        for c in sorted(inside, key=lambda c: c.rank or 0)
    ]
    rows += _outside(outside)
    terminal.table(("", "#", "id", "title", "why"), rows)
    if recap and recap.themes:
        terminal.say()
        terminal.table(("", "theme", "ids", "why"), _weighed(recap))
    if outside:
        terminal.say(
            f"Next  digest issue edit {chosen.closing} --pin ID   to have one in all the same"
        )


def _weighed(recap: Recap) -> list[Sequence[object]]:
    """One row a theme: those of the headline in its order, then those that could have been."""
    themes = [("headline", t) for t in recap.themes] + [("", t) for t in recap.others]
    return [
        (
            place,
            theme.label,
            ", ".join(map(str, theme.publications)),
            "; ".join([theme.evidence.reason, *theme.edited]),
        )
        for place, theme in themes
    ]


def _outside(candidates: Sequence[Candidate]) -> list[Sequence[object]]:
    """One row for the first of each reason, and one that counts the others."""
    rows: list[Sequence[object]] = []
    for code in dict.fromkeys(c.code for c in candidates):
        alike = [c for c in candidates if c.code == code]
        first, *rest = alike
        rows.append(("out", None, first.publication, first.title, first.reason))
        if len(rest) == 1:
            rows.append(("", None, rest[0].publication, rest[0].title, rest[0].reason))
        elif rest:
            rows.append(("", None, None, f"{len(rest)} more", _ALIKE.get(code, first.reason)))
    return rows


# --- edit ---------------------------------------------------------------------------------


def edit(
    newsletter: NewsletterKey = None,
    closing: Closing = None,
    pin: Annotated[
        list[int] | None, typer.Option(metavar="ID", help="Have it in, whatever the rules say.")
    ] = None,
    exclude: Annotated[list[int] | None, typer.Option(metavar="ID", help="Have it out.")] = None,
    headline: Annotated[str | None, typer.Option(help="Your words instead of ours.")] = None,
    lead: Annotated[str | None, typer.Option(help="Your words instead of ours.")] = None,
    json: AsJson = False,
) -> None:
    """
    Change what the issue says; a refresh of the feeds never undoes it.

    Without options the whole overlay opens in $EDITOR.

    Example: digest issue edit --closing 2023-09-22 --pin 8
    """
    from digest import weekly
    from digest.cli.issue import overlay

    chosen = choose(newsletter, closing)
    issue, draft = chosen.issue(), _draft(chosen)
    if pin or exclude or headline is not None or lead is not None:
        edits = overlay.added(
            draft.edits, pins=pin or (), exclusions=exclude or (), headline=headline, lead=lead
        )
        overlay.require_known(edits, draft)
    else:
        edits = overlay.edited(draft, name=chosen.slot.key)
    weekly.edit(
        chosen.installation.database,
        chosen.installation.loaded,
        issue,
        edits,
        now=chosen.now,
        actor=ACTOR,
    )
    _tell(chosen, json=json)


# --- check and preview --------------------------------------------------------------------


def check(
    newsletter: NewsletterKey = None,
    closing: Closing = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nobody where the links lead.")
    ] = False,
    json: AsJson = False,
) -> None:
    """
    Look for what would be wrong with the mail; exit 1 if something must be mended first.

    Every link is asked where it leads. What cannot be asked is told, and is no error.

    Example: digest issue check
    """
    from digest import weekly
    from digest.cli import terminal

    chosen = choose(newsletter, closing)
    found = weekly.findings(
        chosen.installation.database,
        chosen.installation.loaded,
        chosen.issue(),
        online=not offline,
    )
    if json:
        terminal.as_json(found)
    elif found:
        terminal.table(
            ("", "finding", "what to do"), [(f.level, f.sentence, f.remedy) for f in found]
        )
    else:
        terminal.say("Nothing to mend.")
    if any(finding.level == "error" for finding in found):
        raise typer.Exit(1)


def preview(
    newsletter: NewsletterKey = None,
    closing: Closing = None,
    topics: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="As readers get it who chose these topics."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Where to. Default: var/preview.")
    ] = None,
    json: AsJson = False,
) -> None:
    """
    Write HTML and text as they will go out, with a sample reader's links.

    Example: digest issue preview --closing 2023-09-22 --topics "Ukraine,Space"
    """
    from digest import weekly
    from digest.cli import terminal

    chosen = choose(newsletter, closing)
    wanted = weekly.offered(chosen.newsletter, topics or "")
    edition = weekly.preview(
        chosen.installation.database, chosen.installation.loaded, chosen.issue(), wanted
    )
    folder = to or chosen.installation.folder / "var" / "preview"
    name = "-".join(re.sub(r"\W+", "-", each.lower()) for each in (chosen.slot.key, *wanted))
    written = write_preview(edition, folder, f"issue-{name}")
    if json:
        terminal.as_json({"subject": edition.subject, "files": written})
        return
    terminal.facts(
        [("Subject", edition.subject), *((path.suffix[1:].upper(), path) for path in written)]
    )


def write_preview(edition: Edition, folder: Path, name: str) -> list[Path]:
    """Write the edition with sample values as NAME.html and NAME.txt; return both paths."""
    from digest.render import sample

    html, text = sample(edition)
    written = [folder / f"{name}.html", folder / f"{name}.txt"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in zip(written, (html, text), strict=True):
            path.write_text(content, encoding="utf-8")
    except OSError as e:
        raise IssueError(
            f"{folder}: the preview cannot be written ({e.strerror})",
            remedy="Name another folder with --to.",
        ) from e
    return written


def listed(newsletter: NewsletterKey = None, json: AsJson = False) -> None:
    """
    List the issues, the newest first.

    Example: digest issue list
    """
    from digest.cli import context, terminal
    from digest.store import issues

    installation = context.open_installation()
    with installation.database.read() as conn:
        found = issues.listed(conn, newsletter)
    if json:
        terminal.as_json(found)
        return
    if not found:
        terminal.say("No issue yet. Run: digest issue prepare")
        return
    terminal.table(
        ("newsletter", "closing", "no.", "state", "sends", "why"),
        [
            (i.of.newsletter, i.of.key, i.number, i.state, i.sends_at, "; ".join(i.reasons))
            for i in found
        ],
    )

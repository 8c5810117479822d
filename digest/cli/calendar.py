"""`digest calendar`: when the next issues go out, and the days on which none does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.context import AsJson, NewsletterKey

if TYPE_CHECKING:
    from digest.calendar import Place
    from digest.cli.context import Installation
    from digest.model.settings import NewsletterSettings

app = typer.Typer()

#: Send times that are shown where nobody asks for more.
SHOWN = 5
#: Who the audit log says it was.
ACTOR = "command line"

Day = Annotated[str, typer.Argument(metavar="DAY", help="The day it would go out: 2026-12-25.")]


@app.callback(invoke_without_command=True)
def shown(
    context: typer.Context,
    newsletter: NewsletterKey = None,
    count: Annotated[int, typer.Option(min=1, max=100, help="So many send times.")] = SHOWN,
    json: AsJson = False,
) -> None:
    """
    Tell when the next issues go out, in the newsletter's zone and in UTC.

    Example: digest calendar --count 10
    """
    if context.invoked_subcommand is None:
        installation, key, settings = _opened(newsletter)
        _tell(installation, key, settings, count, json=json)


@app.command()
def skip(
    day: Day,
    newsletter: NewsletterKey = None,
    reason: Annotated[str, typer.Option(help="Why, for the others.")] = "",
    json: AsJson = False,
) -> None:
    """
    Let no issue go out on a day; the next one has its publications.

    Example: digest calendar skip 2026-12-25 --reason "Christmas Day"
    """
    from digest import weekly

    asked = _day(day)
    installation, key, settings = _opened(newsletter)
    weekly.skip(
        installation.database,
        installation.loaded,
        key,
        asked,
        reason=reason,
        by=ACTOR,
        now=datetime.now(UTC),
    )
    _tell(installation, key, settings, SHOWN, json=json)


@app.command()
def unskip(day: Day, newsletter: NewsletterKey = None, json: AsJson = False) -> None:
    """
    Put a day back that was left out; its draft is there again.

    Example: digest calendar unskip 2026-12-25
    """
    from digest import weekly

    asked = _day(day)
    installation, key, settings = _opened(newsletter)
    weekly.unskip(
        installation.database, installation.loaded, key, asked, by=ACTOR, now=datetime.now(UTC)
    )
    _tell(installation, key, settings, SHOWN, json=json)


def _opened(newsletter: str | None) -> tuple[Installation, str, NewsletterSettings]:
    from digest.cli import context

    installation = context.open_installation()
    return installation, *context.newsletter(installation, newsletter)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no day; write it like 2026-12-25.", param_hint="DAY"
        ) from None


def _tell(
    installation: Installation,
    key: str,
    settings: NewsletterSettings,
    count: int,
    *,
    json: bool,
) -> None:
    from digest import weekly
    from digest.cli import terminal

    now = datetime.now(UTC)
    places, extras = weekly.coming(installation.database, installation.loaded, key, count, now=now)
    if json:
        facts: list[Any] = [_facts(place) for place in places]
        told = {"newsletter": key, "closes": str(settings.closes), "sends": str(settings.sends)}
        terminal.as_json({**told, "places": facts, "extra": extras})
        return
    rows = [(each.sends_at, each.closing.isoformat(), _left_out(each)) for each in places]
    rows += [(each.sends_at, each.of.key, f"extra, {each.state}") for each in extras]
    terminal.say(f"{settings.title} closes {settings.closes}, sends {settings.sends}")
    terminal.table(
        ("sends", "UTC", "closing", ""),
        [
            (_local(at, settings.zone), f"{at:%a %d %b %H:%M}", closing, said)
            for at, closing, said in sorted(rows)
        ],
    )


def _left_out(place: Place) -> str:
    if place.holiday is None:
        return ""
    return f"left out: {place.holiday.name}" if place.holiday.name else "left out"


def _local(at: datetime, zone: Any) -> str:
    return f"{at.astimezone(zone):%a %d %b %Y %H:%M %Z}"


def _facts(place: Place) -> dict[str, Any]:
    return {
        "closing": place.closing.isoformat(),
        "closes_at": place.close,
        "sends_at": place.sends_at,
        "left_out": place.holiday is not None,
        "why": place.holiday.name if place.holiday else "",
    }

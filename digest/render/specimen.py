"""A recap that shows everything a template may meet, for checking templates."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from digest.model import Block, Image, Item, Recap, Section, Theme, Window

_CLOSE = datetime(2023, 9, 22, 10, tzinfo=UTC)

_PICTURE = Image(
    url="https://example.org/pictures/1.jpg",
    alt="A harbour seen from a hill",
    credit="Photo by Example",
)


def _item(publication: int, title: str, **told: Any) -> Item:
    facts: dict[str, Any] = {
        "summary": "One sentence says what it is about, with “quotes”, <angles> & an ampersand.",
        "kind": "Commentary",
        "link": f"https://example.org/publications/{publication}?a=1&b=2",
        "published_on": date(2023, 9, 19),
    }
    return Item(publication=publication, title=title, **(facts | told))


def recap() -> Recap:
    """Return it: themes, items with and without picture, link and language, events, blocks."""
    items = (
        _item(1, "A Title with a Picture", image=_PICTURE, authors=("A. Author", "B. Author")),
        _item(2, "A Title Without a Link", link=None, summary=""),
        _item(3, "Ein Titel in einer anderen Sprache", language="de"),
        _item(4, "More of the Week <b>Not Bold</b>", kind="Report", image=Image(caption="Alone")),
        _item(5, "An Event", kind="Event", starts_at=datetime(2023, 9, 28, 18, tzinfo=UTC)),
    )
    sponsor = Block(
        key="sponsor",
        title="A Sponsor",
        markdown="Words of *theirs*.",
        link="https://example.org/sponsor",
        image=_PICTURE,
        sponsor=True,
    )
    intro = Block(key="intro", markdown="An **intro** with a [link](https://example.org/intro).")
    return Recap(
        title="A Weekly",
        window=Window(datetime(2023, 9, 15, 10, tzinfo=UTC), _CLOSE),
        headline="First Theme, Second Theme",
        lead="This weekly recap focuses on the first theme, the second, and more.",
        subject="First Theme, Second Theme: A Weekly",
        preheader="On the first theme, the second, and more.",
        themes=(
            Theme(label="First Theme", publications=(1, 2)),
            Theme(label="Second Theme", publications=(3,)),
        ),
        items=items,
        sections=(
            Section(key="intro", block=intro),
            Section(key="themes", items=(1, 2, 3)),
            Section(key="more", title="More this week", items=(4,)),
            Section(key="upcoming", title="Upcoming", items=(5,)),
            Section(key="sponsor", block=sponsor),
        ),
    )


#: What the small mails are given.
NOTICE_VALUES: dict[str, Any] = {
    "headline": "First Theme, Second Theme",
    "lead": "This weekly recap focuses on the first theme, the second, and more.",
    "themes": ["First Theme", "Second Theme"],
    "item_count": 5,
    "reasons": ["A feed has failed for two days."],
    "sends_at": datetime(2023, 9, 22, 13, tzinfo=UTC),
    "desk_url": "https://example.org/",
    "approve_url": "https://example.org/desk/issues/1/decide/approve",
    "hold_url": "https://example.org/desk/issues/1/decide/hold",
    "stories": [["First Theme", "Its Leading Title", "What it says."]],
    "pictured": True,
    "bounces": 7,
    "complaints": 1,
    "left": 4,
    "ours": 30,
    "said": ["550 5.7.1 Blocked by our policy."],
    "frozen": 12_416,
    "sent": 12_403,
    "failed": 2,
    "skipped": 10,
    "uncertain": 1,
    "confirm_url": "https://example.org/confirm/example",
    "unsubscribe_url": "https://example.org/unsubscribe/example",
    "latest_url": "https://example.org/issues/recap/2023-09-22",
    "undo_url": "https://example.org/undo/example",
    "asked": 300,
    "url": "https://example.org/password/example",
    "minutes": 60,
    "change": "token",
    "name": "Friday script",
    "at": datetime(2023, 9, 22, 13, tzinfo=UTC),
    "others_at": datetime(2023, 9, 22, 13, 15, tzinfo=UTC),
    "stop_url": "https://example.org/stop/example",
    "sender": "reader@example.org",
    "about": "A question",
    "words": ["A question of a reader's, in their own words."],
    "preferences_url": "https://example.org/preferences/example",
    "move_url": "https://example.org/move/example",
}

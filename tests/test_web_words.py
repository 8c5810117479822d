"""Times, states and colours as the desk tells them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.model import DeliveryState, Issue, IssueId, IssueState, Rhythm, Tally, Window
from digest.model.colours import contrast
from digest.web import look, words
from digest.web.desk import preview
from tests.website import NOW, SEND_HOUR, WEEK, a_loaded

NEW_YORK = ZoneInfo("America/New_York")


def an_issue(state: IssueState, **told: object) -> Issue:
    of = IssueId("recap", Rhythm.WEEKLY, "2023-09-22")
    issue = Issue(id=1, of=of, number=None, window=WEEK, sends_at=SEND_HOUR, state=state, version=1)
    return replace(issue, **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (
            "draft",
            "Draft. Its send hour, Friday 09:00 New York, has passed. "
            "Approved now, it goes out at once.",
        ),
        ("approved", "Approved. Goes out at once."),
    ],
)
def test_a_send_hour_that_has_passed_is_not_announced(
    tmp_path: Path, state: str, said: str
) -> None:
    """After the hour the desk says what an approval does now, not when it would have been."""
    """After the hour the desk says what an approval does now, not when it would have been."""
    later = SEND_HOUR + timedelta(days=1)
    newsletter = a_loaded(tmp_path).settings.newsletters["recap"]
    standing = words.standing(an_issue(IssueState(state)), newsletter, now=later)
    assert f"{standing.state} {standing.consequence}" == said


@pytest.mark.parametrize(
    ("state", "told", "asked", "said"),
    [
        (
            "planned",
            {},
            {},
            "Planned. The draft is made when the week closes, Friday 06:00 New York.",
        ),
        ("draft", {}, {}, "Draft. Sends Friday 09:00 New York, in 2 h 14 min, unless held."),
        (
            "draft",
            {},
            {"needs_approval": True},
            "Draft. Sends Friday 09:00 New York, in 2 h 14 min, "
            "if somebody approves it before; otherwise it is held.",
        ),
        (
            "draft",
            {},
            {"blocked": True},
            "Draft. Cannot be sent as it is. Will be held Friday 09:00 New York, "
            "in 2 h 14 min, unless what blocks it is mended.",
        ),
        (
            "draft",
            {},
            {"thin": 2, "needs_approval": True},
            "Draft. Only 2 items: rolls over into next week Friday 09:00 New York, "
            "in 2 h 14 min, unless somebody approves it before.",
        ),
        (
            "approved",
            {"approved_by": "ana@example.org"},
            {},
            "Approved by ana@example.org. Sends Friday 09:00 New York, in 2 h 14 min, unless held.",
        ),
        (
            "held",
            {"reasons": ("The lead is wrong",)},
            {},
            "Held. The lead is wrong. Nothing goes out until it is released.",
        ),
        (
            "missed",
            {"reasons": ("Nothing ran.",)},
            {},
            "Missed. Nothing ran. It is never sent late.",
        ),
        ("cancelled", {}, {}, "Cancelled. It will not be sent."),
    ],
)
def test_a_state_is_said_with_its_consequence(
    tmp_path: Path, state: str, told: dict[str, object], asked: dict[str, int], said: str
) -> None:
    """Every state is a word and what follows from it."""
    newsletter = a_loaded(tmp_path).settings.newsletters["recap"]
    standing = words.standing(an_issue(IssueState(state), **told), newsletter, now=NOW, **asked)  # type: ignore[arg-type]
    assert f"{standing.state} {standing.consequence}" == said


@pytest.mark.parametrize("state", list(IssueState))
def test_no_state_is_without_words(tmp_path: Path, state: IssueState) -> None:
    """A state that is added gets words, or this fails."""
    newsletter = a_loaded(tmp_path).settings.newsletters["recap"]
    standing = words.standing(
        an_issue(state), newsletter, now=NOW, tally=Tally(frozen=1, by_state={})
    )
    assert standing.state
    assert standing.consequence


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0.5, "in less than a minute"),
        (14, "in 14 min"),
        (134, "in 2 h 14 min"),
        (120, "in 2 h"),
        (24 * 60, "in 1 day"),
        (26 * 60, "in 1 d 2 h"),
        (48 * 60, "in 2 days"),
        (9 * 24 * 60 + 300, "in 9 days"),
        (0, "less than a minute ago"),
        (-5, "5 min ago"),
    ],
)
def test_a_distance_has_two_units_at_most(minutes: float, said: str) -> None:
    """How long it is until something, in the units that matter."""
    assert words.distance(timedelta(minutes=minutes)) == said


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2023-09-15", "2023-09-22", "September 15–22, 2023"),
        ("2023-09-29", "2023-10-06", "September 29 – October 6, 2023"),
        ("2023-12-29", "2024-01-05", "December 29, 2023 – January 5, 2024"),
    ],
)
def test_a_week_is_written_once(start: str, end: str, said: str) -> None:
    """Month and year stand once where they are the same."""
    first, last = (
        datetime.fromisoformat(f"{day}T10:00").replace(tzinfo=UTC) for day in (start, end)
    )
    assert words.stretch(Window(first, last), NEW_YORK) == said


def test_a_far_moment_names_its_date() -> None:
    """A weekday alone is enough within six days, not beyond."""
    assert words.moment(SEND_HOUR, NEW_YORK, NOW) == "Friday 09:00 New York"
    later = SEND_HOUR + timedelta(days=7)
    assert words.moment(later, NEW_YORK, NOW) == "Fri 29 Sep 2023, 09:00 New York"


def test_a_ledger_that_does_not_add_up_is_told() -> None:
    """The sentence of the invariant says when it is broken, and by how much."""
    broken = Tally(frozen=3, by_state={DeliveryState.SENT: 2})
    assert words.invariant(broken) == "3 frozen = 2 sent. That makes 2: the ledger does not add up."
    whole = Tally(frozen=0, by_state={})
    assert words.invariant(whole) == "0 frozen = 0. Every reader is accounted for."


def test_a_feed_keeps_its_password_to_itself() -> None:
    """A name and password in a feed's address are not shown."""
    assert words.without_secret("https://ana:pass@example.org/a@b") == "https://example.org/a@b"


@given(st.integers(0, 0xFFFFFF))
def test_every_accent_can_be_read(colour: int) -> None:
    """Whatever accent a newsletter has, its links and buttons have the contrast of WCAG."""
    light, dark = look.style(f"#{colour:06x}").split("@media")
    for sheet, ground in ((light, "#f6f5f2"), (dark, "#1d2025")):
        accent, on_accent = sheet.split("--accent:")[1][:7], sheet.split("--on-accent:")[1][:7]
        assert contrast(accent, ground) >= 4.5
        assert contrast(accent, on_accent) >= 4.5


@pytest.mark.parametrize(
    ("scheme", "holds"), [("dark", "(min-width:0)"), ("light", "(max-width:0)")]
)
def test_a_frame_decides_the_colour_scheme(scheme: str, holds: str) -> None:
    """Question and declaration of the colour scheme are settled, and nothing else is touched."""
    html = (
        '<meta name="color-scheme" content="light dark">'
        "<style>:root{color-scheme:light dark}"
        "@media (prefers-color-scheme: dark){p{color:red}}</style>"
        "<p>prefers-color-scheme</p>"
    )
    assert preview.in_scheme(html, scheme) == (
        f'<meta name="color-scheme" content="{scheme}">'
        f"<style>:root{{color-scheme:{scheme}}}@media {holds}{{p{{color:red}}}}</style>"
        "<p>prefers-color-scheme</p>"
    )

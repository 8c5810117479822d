"""`digest calendar`, as typed: when issues go out, and days on which none does."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from digest.cli.context import open_installation
from tests.readership import Typed, typing_in


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    call = typing_in(tmp_path, monkeypatch)
    open_installation(create=True)
    return call


def places(typed: Typed, *words: str) -> list[dict[str, Any]]:
    done = typed("calendar", *words, "--json")
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.output)["places"]
    return found


def test_the_next_times_are_told(typed: Typed) -> None:
    """Five, or as many as asked for, a week apart, with the rule that makes them."""
    assert len(places(typed)) == 5
    days = [date.fromisoformat(each["closing"]) for each in places(typed, "--count", "8")]
    assert len(days) == 8
    assert {later - day for day, later in pairwise(days)} == {timedelta(days=7)}
    assert "Weekly Recap closes friday 06:00, sends" in typed("calendar").output


def test_a_day_is_left_out_and_put_back(typed: Typed) -> None:
    """Why stands beside it; twice, or for a day without an issue, nothing happens but a reason."""
    second = places(typed)[1]
    day = str(datetime.fromisoformat(second["sends_at"]).date())
    left_out = places(typed, "skip", day, "--reason", "Christmas Day")[1]
    assert (left_out["left_out"], left_out["why"]) == (True, "Christmas Day")
    assert "left out: Christmas Day" in typed("calendar").output
    again = typed("calendar", "skip", day)
    assert (again.exit_code, "left out already" in again.output) == (1, True)
    between = str(date.fromisoformat(day) - timedelta(days=1))
    none = typed("calendar", "skip", between)
    assert (none.exit_code, "The next ones go out on" in none.output) == (1, True)
    assert not places(typed, "unskip", day)[1]["left_out"]
    assert typed("calendar", "unskip", day).exit_code == 1


def test_what_is_no_day_is_told_as_a_slip(typed: Typed) -> None:
    """The words are wrong: exit code 2, with how a day is written."""
    done = typed("calendar", "skip", "christmas")
    assert (done.exit_code, "2026-12-25" in done.output) == (2, True)

"""Themes of the issues before: what readers just had is less of a theme, on both databases."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from digest import weekly
from digest.model import Issue, Recap, Rhythm
from digest.store import Database, precedents
from tests.friday import (
    BEFORE,
    CLOSING,
    MONDAY,
    SEND_HOUR,
    TITLES,
    a_loaded,
    draft_of,
    prepared,
    publish,
    subscribe,
)

WEEK = timedelta(days=7)


def losses(recap: Recap) -> dict[str, float]:
    """What each theme loses, in the headline or beside it, by its label."""
    themes = (*recap.themes, *recap.others)
    return {theme.label: theme.evidence.parts.get("repeated", 0.0) for theme in themes}


def test_what_went_out_last_week_is_less_of_a_theme(database: Database, tmp_path: Path) -> None:
    """A theme of an issue that went out loses weight in the next; a mere draft counts nothing."""
    loaded = a_loaded(tmp_path)
    publish(database, *TITLES)
    subscribe(database, 1)
    issue = weekly.approve(database, loaded, prepared(database, loaded), by="editor", now=BEFORE)
    said = draft_of(database, issue).recap.themes[0].label
    news = (f"{said}: What Next?", "Hydrogen Buses in Norway", "Long Waits for Dentists")
    publish(database, *news, on=MONDAY + WEEK)

    def following() -> Issue:
        return prepared(database, loaded, CLOSING + WEEK, now=BEFORE + WEEK)

    before = losses(draft_of(database, following()).recap)
    weekly.freeze(database, loaded, issue, now=SEND_HOUR)
    after = losses(draft_of(database, following()).recap)

    assert set(before.values()) == {0.0}
    assert after[said] < 0
    assert after["Hydrogen Buses in Norway"] == 0


def test_labels_of_the_last_issues_are_remembered(database: Database, tmp_path: Path) -> None:
    """Those of issues that went out before then, for that rhythm alone, and no more than asked."""
    loaded = a_loaded(tmp_path)
    publish(database, *TITLES)
    subscribe(database, 1)
    issue = weekly.approve(database, loaded, prepared(database, loaded), by="editor", now=BEFORE)
    issue = weekly.freeze(database, loaded, issue, now=SEND_HOUR)
    close = issue.window.end
    said = tuple(theme.label for theme in draft_of(database, issue).recap.themes)

    with database.read() as conn:
        assert precedents.labels(conn, "recap", Rhythm.WEEKLY, before=close, limit=4) == []
        later = close + WEEK
        assert precedents.labels(conn, "recap", Rhythm.WEEKLY, before=later, limit=4) == [said]
        assert precedents.labels(conn, "recap", Rhythm.MONTHLY, before=later, limit=4) == []
        assert precedents.labels(conn, "recap", Rhythm.WEEKLY, before=later, limit=0) == []

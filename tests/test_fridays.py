"""A year of Fridays in fast time, as far as it comes in half a minute on each database."""

from __future__ import annotations

from pathlib import Path

import pytest

from digest.store import Database
from tests.fridays import fast

#: On each kind of database. `python -m bench.year` takes ten minutes.
SECONDS = 30


@pytest.mark.slow
def test_each_friday_happens_once_whoever_is_killed(database: Database, tmp_path: Path) -> None:
    """Two desks and two bells die at random: one issue a week, one mail a reader, or a reason."""
    outcome = fast(database, tmp_path, seconds=SECONDS)
    assert not outcome.faults, f"{outcome}\n" + "\n".join(outcome.faults)
    assert outcome.killed["bell"]
    assert outcome.states["finished"]

"""Consent: the table of what each act makes of a subscription."""

from __future__ import annotations

import pytest

from digest import consent
from digest.consent import Act
from digest.errors import ReaderError
from digest.model import SubscriptionState as S

EVERY = (None, *S)


def table() -> list[list[str]]:
    """The table as the module's docstring shows it: the head, then a row for each state."""
    lines = (consent.__doc__ or "").splitlines()
    rows = [line.split() for line in lines if line.startswith("    ")]
    return [["(state)", *rows[0]], *rows[1:]]


def test_the_table_in_the_documentation_is_true() -> None:
    """Each cell of the docstring's table is what the function says; – is an error."""
    head, *rows = table()
    assert [row[0] for row in rows] == ["(none)", *S]
    assert head[1:] == list(Act)
    for name, *cells in rows:
        state = None if name == "(none)" else S(name)
        for act, cell in zip(Act, cells, strict=True):
            if cell == "–":
                assert not consent.allows(state, act)
                with pytest.raises(ReaderError, match=f"cannot be {act}"):
                    consent.after(state, act)
            else:
                assert consent.after(state, act) == cell


@pytest.mark.parametrize("state", [S.LEFT, S.SUPPRESSED, S.PENDING, S.PAUSED])
def test_an_import_revives_nobody(state: S) -> None:
    """Whoever is there stays as they are, however often a list says otherwise."""
    assert consent.after(state, Act.IMPORTED) is state


@pytest.mark.parametrize("act", [act for act in Act if act not in (Act.CONFIRMED, Act.SUPPRESSED)])
def test_only_a_confirmation_ends_a_suppression(act: Act) -> None:
    """No act but the owner's own confirmation makes a suppressed reader anything else."""
    if consent.allows(S.SUPPRESSED, act):
        assert consent.after(S.SUPPRESSED, act) is S.SUPPRESSED


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("state", EVERY)
def test_an_act_twice_is_the_act_once(state: S | None, act: Act) -> None:
    """Every act can be repeated without another effect."""
    if consent.allows(state, act):
        once = consent.after(state, act)
        assert consent.after(once, act) is once


def test_nobody_becomes_a_reader_by_asking() -> None:
    """From no state does asking alone make somebody active who was not."""
    assert [s for s in EVERY if s is not S.ACTIVE and consent.after(s, Act.ASKED) is S.ACTIVE] == []

"""
What each act of a reader, an import or a server makes of a subscription.

               asked      confirmed imported   left       undone paused resumed changed suppressed
    (none)     pending    –         active     –          –      –      –       –       suppressed
    pending    pending    active    pending    left       –      –      –       –       suppressed
    active     active     active    active     left       active paused active  active  suppressed
    paused     paused     paused    paused     left       paused paused active  paused  suppressed
    left       left       active    left       left       active –      –       –       suppressed
    suppressed suppressed active    suppressed suppressed –      –      –       –       suppressed

An import never revives who left or was suppressed: that takes a confirmation, which only
the owner of the mailbox can give (GDPR 7(3), 21(3)). Leaving twice is leaving once (RFC
8058 section 3.2).
"""

from __future__ import annotations

from enum import StrEnum

from digest.errors import ReaderError
from digest.model import SubscriptionState as S


class Act(StrEnum):
    """What can happen to a subscription; the audit log has these words."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    IMPORTED = "imported"
    LEFT = "left"
    UNDONE = "undone"
    PAUSED = "paused"
    RESUMED = "resumed"
    CHANGED = "changed"
    SUPPRESSED = "suppressed"


_AFTER: dict[Act, dict[S | None, S]] = {
    Act.ASKED: {
        None: S.PENDING,
        S.PENDING: S.PENDING,
        S.ACTIVE: S.ACTIVE,
        S.PAUSED: S.PAUSED,
        S.LEFT: S.LEFT,
        S.SUPPRESSED: S.SUPPRESSED,
    },
    Act.CONFIRMED: {
        S.PENDING: S.ACTIVE,
        S.ACTIVE: S.ACTIVE,
        S.PAUSED: S.PAUSED,
        S.LEFT: S.ACTIVE,
        S.SUPPRESSED: S.ACTIVE,
    },
    Act.IMPORTED: {
        None: S.ACTIVE,
        S.PENDING: S.PENDING,
        S.ACTIVE: S.ACTIVE,
        S.PAUSED: S.PAUSED,
        S.LEFT: S.LEFT,
        S.SUPPRESSED: S.SUPPRESSED,
    },
    Act.LEFT: {
        S.PENDING: S.LEFT,
        S.ACTIVE: S.LEFT,
        S.PAUSED: S.LEFT,
        S.LEFT: S.LEFT,
        S.SUPPRESSED: S.SUPPRESSED,
    },
    Act.UNDONE: {S.LEFT: S.ACTIVE, S.ACTIVE: S.ACTIVE, S.PAUSED: S.PAUSED},
    Act.PAUSED: {S.ACTIVE: S.PAUSED, S.PAUSED: S.PAUSED},
    Act.RESUMED: {S.PAUSED: S.ACTIVE, S.ACTIVE: S.ACTIVE},
    Act.CHANGED: {S.PAUSED: S.PAUSED, S.ACTIVE: S.ACTIVE},
    Act.SUPPRESSED: dict.fromkeys((None, *S), S.SUPPRESSED),
}


def after(state: S | None, act: Act) -> S:
    """Return the state after *act*; None is no subscription. ReaderError where it has no sense."""
    try:
        return _AFTER[act][state]
    except KeyError:
        raise ReaderError(
            f"a subscription that is {state or 'not there'} cannot be {act}",
            remedy="Run: digest subscribers show ADDRESS",
        ) from None


def allows(state: S | None, act: Act) -> bool:
    """Tell whether *act* has sense for a subscription in that state."""
    return state in _AFTER[act]

"""
An issue's life up to the freeze.

    planned ──prepare──▶ draft ──approve──▶ approved ──freeze──▶ sending ⇄ stopped ─▶ finished
                          │  ▲                 │
                        hold release       withdraw (back to draft)
                          ▼  │
                          held            cancel: from anywhere before finished
                                          missed: its hour passed while nothing ran

Every step is one transaction that names the state it starts from, so of two processes
that try the same step one wins and the other gets WrongState.
"""

from digest.model import OPEN
from digest.weekly.announcements import announce
from digest.weekly.approval import BARRING, approve, audience_of, freeze
from digest.weekly.blocks import PLACES as BLOCK_PLACES
from digest.weekly.blocks import key_of as block_of
from digest.weekly.blocks import write as write_block
from digest.weekly.content import (
    ROLLED_OVER,
    edit,
    open_issue,
    prepare,
    rules,
    slot,
    slot_of,
    tried,
)
from digest.weekly.correcting import correct, reach
from digest.weekly.deadman import Overdue, alarm, overdue
from digest.weekly.editions import (
    asked_of_the_web,
    findings,
    post_test,
    preview,
    seen,
    sets,
    test_key,
)
from digest.weekly.learning import answer, proposals, take_back
from digest.weekly.planning import (
    SKIPPED,
    coming,
    move_extra,
    plan_extra,
    planned,
    skip,
    unskip,
    wall,
    window_of,
)
from digest.weekly.rehearsal import rehearse
from digest.weekly.retracing import Retrace, redo, retrace, undo
from digest.weekly.steps import (
    ENDED,
    cancel,
    hold,
    pause,
    release,
    resume,
    withdraw,
)
from digest.weekly.stopping import stop, stoppable
from digest.weekly.unattended import Step, advance, thin
from digest.weekly.variants import offered

__all__ = [
    "BARRING",
    "BLOCK_PLACES",
    "ENDED",
    "OPEN",
    "ROLLED_OVER",
    "SKIPPED",
    "Overdue",
    "Retrace",
    "Step",
    "advance",
    "alarm",
    "announce",
    "answer",
    "approve",
    "asked_of_the_web",
    "audience_of",
    "block_of",
    "cancel",
    "coming",
    "correct",
    "edit",
    "findings",
    "freeze",
    "hold",
    "move_extra",
    "offered",
    "open_issue",
    "overdue",
    "pause",
    "plan_extra",
    "planned",
    "post_test",
    "prepare",
    "preview",
    "proposals",
    "reach",
    "redo",
    "rehearse",
    "release",
    "resume",
    "retrace",
    "rules",
    "seen",
    "sets",
    "skip",
    "slot",
    "slot_of",
    "stop",
    "stoppable",
    "take_back",
    "test_key",
    "thin",
    "tried",
    "undo",
    "unskip",
    "wall",
    "window_of",
    "withdraw",
    "write_block",
]

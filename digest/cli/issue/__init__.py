"""`digest issue`: one mailing, from its draft to its proof."""

from collections.abc import Callable

import typer

from digest.cli.issue import content, correcting, extra, sending
from digest.cli.issue.chosen import with_rhythm

app = typer.Typer(no_args_is_help=True)

_COMMANDS: dict[str, Callable[..., None]] = {
    "prepare": content.prepare,
    "show": content.show,
    "why": content.why,
    "edit": content.edit,
    "check": content.check,
    "preview": content.preview,
    "test": sending.send_test,
    "approve": sending.approve,
    "hold": sending.hold,
    "release": sending.release,
    "send": sending.send,
    "resend": sending.resend,
    "reconcile": sending.reconcile,
    "pause": sending.pause,
    "resume": sending.resume,
    "cancel": sending.cancel,
    "correct": correcting.correct,
    "extra": extra.extra,
    "list": content.listed,
    "status": sending.status,
}
for name, command in _COMMANDS.items():
    app.command(name)(with_rhythm(command))

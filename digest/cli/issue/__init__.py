"""`digest issue`: one mailing, from its draft to its proof."""

import typer

from digest.cli.issue import content, sending

app = typer.Typer(no_args_is_help=True)

for name, command in {
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
    "pause": sending.pause,
    "resume": sending.resume,
    "cancel": sending.cancel,
    "list": content.listed,
    "status": sending.status,
}.items():
    app.command(name)(command)

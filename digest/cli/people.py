"""`digest people`: accounts of the desk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.context import AsJson
from digest.errors import DigestError

if TYPE_CHECKING:
    from digest.staff import Role as StaffRole
    from digest.store.history import Log

app = typer.Typer(no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="The person's mail address.")]
_ROLES = "viewer, editor, publisher or admin."
Role = Annotated[str, typer.Option(help=_ROLES)]


@app.command()
def add(address: Address, role: Role = "editor") -> None:
    """
    Add an account, or give the one there another role; prints a one-time link.

    Example: digest people add editor@example.org --role publisher
    """
    from digest import staff
    from digest.cli import context, terminal

    wanted = _role(role)
    installation = context.open_installation()
    now = datetime.now(UTC)
    log = _log("added", staff.mailbox(address), role=wanted)
    account = staff.add(installation.database, address, wanted, now=now, log=log)
    url = staff.one_time_link(installation.database, installation.loaded, account.address, now=now)
    terminal.facts([("Account", f"{account.address}, {account.role}"), ("Sign in", url)])


@app.command("role")
def change_role(address: Address, role: Annotated[str, typer.Argument(help=_ROLES)]) -> None:
    """
    Give an account another role, from its next click on.

    Example: digest people role editor@example.org viewer
    """
    from digest import staff
    from digest.cli import context, terminal

    wanted, database = _role(role), context.open_installation().database
    had = staff.account(database, address)
    log = _log("gave a role", had.address, {"role": had.role}, role=wanted)
    account = staff.change_role(database, address, wanted, now=datetime.now(UTC), log=log)
    terminal.say(f"{account.address} is {_article(account.role)} now.")


@app.command()
def password(address: Address) -> None:
    """
    Ask for a new password of an account and keep its hash; its sessions end.

    Example: digest people password editor@example.org
    """
    from digest import staff
    from digest.cli import context, terminal

    installation = context.open_installation()
    words, now, log = _typed_unseen(), datetime.now(UTC), _log("set a password", address)
    staff.set_password(installation.database, installation.loaded, address, words, now=now, log=log)
    terminal.say(f"{address} has a new password, and is signed out everywhere.")


def _typed_unseen() -> str:
    """Return what is typed twice at the terminal; DigestError where there is none."""
    from getpass import GetPassWarning
    from warnings import catch_warnings, simplefilter

    with catch_warnings():
        simplefilter("error", GetPassWarning)
        try:
            told: str = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
        except GetPassWarning as e:
            raise DigestError(
                "a password is typed at a terminal, where nobody sees it, and here is none",
                remedy="Print a link instead: digest people link ADDRESS",
            ) from e
    return told


@app.command()
def link(address: Address) -> None:
    """
    Print a link that signs the person in, once, within a day.

    Example: digest people link editor@example.org
    """
    from digest import staff
    from digest.cli import context, terminal

    installation = context.open_installation()
    log = _log("made a way in", address)
    secret = staff.link(installation.database, address, now=datetime.now(UTC), log=log)
    terminal.say(f"{staff.desk_url(installation.loaded)}/sign-in/{secret}")


@app.command("sign-out")
def sign_out(address: Address) -> None:
    """
    End all sessions and one-time links of an account, at once.

    Example: digest people sign-out editor@example.org
    """
    from digest import staff
    from digest.cli import context, terminal

    database = context.open_installation().database
    staff.sign_out_everywhere(database, address, log=_log("signed out", address))
    terminal.say(f"{address} is signed out everywhere.")


@app.command("reset-totp")
def reset_totp(address: Address) -> None:
    """
    Take an account's second factor off, and sign it out: for a lost app and lost codes.

    Example: digest people reset-totp editor@example.org
    """
    from digest import staff
    from digest.cli import context, terminal

    installation, now = context.open_installation(), datetime.now(UTC)
    log = _log("took a second factor off", address)
    staff.drop_factor(installation.database, installation.loaded, address, now=now, log=log)
    terminal.say(f"{address} signs in without a second factor now, and is signed out everywhere.")


@app.command()
def token(
    address: Address,
    name: Annotated[str, typer.Option(help="Which program has it.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it may: issues:read, issues:write, send, …; more than one is fine."
        ),
    ],
    days: Annotated[
        int, typer.Option(help="How long it opens; 0: until it is revoked.", min=0, max=36500)
    ] = 90,
) -> None:
    """
    Make a token of the API, within what the person may, and print it this once.

    Example: digest people token editor@example.org --name "Friday script" --scope issues:read
    """
    from datetime import timedelta

    from digest import staff
    from digest.cli import context, terminal

    installation, now = context.open_installation(), datetime.now(UTC)
    database = installation.database
    lasts = timedelta(days=days) if days else None
    secret = staff.make_token(
        database,
        installation.loaded,
        staff.account(database, address),
        name=name,
        scopes=scope,
        lasts=lasts,
        now=now,
        log=_log("made an API token", address, token=name, scopes=list(scope)),
    )
    terminal.say(secret)


@app.command()
def tokens(json: AsJson = False) -> None:
    """
    List the tokens of the API that are not revoked.

    Example: digest people tokens
    """
    from digest import staff
    from digest.cli import context, terminal

    found = staff.api_tokens(context.open_installation().database)
    if json:
        terminal.as_json(found)
    elif found:
        terminal.table(
            ("number", "whose", "name", "may", "used", "ends"),
            [
                (
                    t.id,
                    t.whose,
                    t.name,
                    ", ".join(t.scopes),
                    t.used_at or "never",
                    t.expires_at or "",
                )
                for t in found
            ],
        )
    else:
        terminal.say("No program has one. Run: digest people token ADDRESS --name … --scope …")


@app.command()
def revoke(
    number: Annotated[int, typer.Argument(help="As digest people tokens lists it.")],
) -> None:
    """
    End a token of the API, at once.

    Example: digest people revoke 3
    """
    from digest import staff
    from digest.cli import context, terminal

    database, now = context.open_installation().database, datetime.now(UTC)
    found = next((each for each in staff.api_tokens(database) if each.id == number), None)
    log = _log("revoked an API token", found.whose, token=found.name) if found else None
    if log is None or not staff.revoke_token(database, number, now=now, log=log):
        raise DigestError(f"no token has the number {number}", remedy="Run: digest people tokens")
    terminal.say(f"Token {number} opens nothing any more.")


@app.command()
def remove(address: Address) -> None:
    """
    Close an account; its sessions and API tokens end at once.

    Example: digest people remove editor@example.org
    """
    from digest import staff
    from digest.cli import context, terminal

    installation = context.open_installation()
    log = _log("closed an account", address)
    staff.remove(installation.database, address, now=datetime.now(UTC), log=log)
    terminal.say(f"{address} has no account any more.")


@app.command("list")
def listed(json: AsJson = False) -> None:
    """
    List the accounts.

    Example: digest people list
    """
    from digest import staff
    from digest.cli import context, terminal

    found = staff.listed(context.open_installation().database)
    if json:
        terminal.as_json(found)
    elif found:
        terminal.table(
            ("address", "role", "since", "second factor"),
            [(a.address, a.role, a.created_at, a.totp_since or "") for a in found],
        )
    else:
        terminal.say("Nobody yet. Run: digest people add ADDRESS --role admin")


def _log(what: str, address: str, before: dict[str, object] | None = None, **after: object) -> Log:
    from digest.cli.calendar import ACTOR
    from digest.store import history

    detail = {"before": before or {}, "after": {"whose": address, **after}}
    return history.entry(what, actor=ACTOR, at=datetime.now(UTC), detail=detail)


def _article(role: str) -> str:
    return f"an {role}" if role[0] in "ae" else f"a {role}"


def _role(word: str) -> StaffRole:
    from digest import staff

    try:
        return staff.Role(word)
    except ValueError:
        allowed = ", ".join(staff.Role)
        raise typer.BadParameter(
            f"{word!r} is no role; there are: {allowed}.", param_hint="role"
        ) from None

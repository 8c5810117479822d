"""
Accounts of the desk: who may come, by which way in, for how long.

Signing in is by a one-time link, handed over or mailed, or a password, and by a second
factor where somebody set one up. Guesses are slowed by argon2id (RFC 9106) and by a wait
that grows with each. What opens an account does not change without a mail to its address.
"""

from digest.staff.accounts import Role, account, add, change_role, listed, mailbox, remove
from digest.staff.api_tokens import (
    Program,
    Scope,
    api_tokens,
    make_token,
    program,
    revoke_token,
)
from digest.staff.entering import (
    LINK_LASTS,
    desk_url,
    enter,
    link,
    one_time_link,
    sign_in,
    sign_in_by_password,
    welcome,
)
from digest.staff.mailing import MAILED_LINK_LASTS, RESET_LASTS, mail_link, mail_reset
from digest.staff.moving import (
    NEW_ADDRESS_LASTS,
    is_taken,
    mail_new_address,
    move,
    new_address,
    prove,
)
from digest.staff.passwords import (
    PASSWORD_LETTERS,
    change_password,
    has_password,
    reset,
    reset_waits,
    set_password,
)
from digest.staff.second_factor import (
    Offer,
    codes_left,
    confirm_factor,
    drop_factor,
    new_codes,
    offer_factor,
    second_step,
    take_factor_off,
)
from digest.staff.secret_ages import secrets_in_use
from digest.staff.sessions import (
    SESSION_SECONDS,
    Signed,
    browsers,
    end_others,
    end_session,
    half_signed,
    open_sessions,
    renewed,
    session,
    sign_out,
    sign_out_everywhere,
    signed,
)
from digest.store.api_tokens import ApiToken
from digest.store.sessions import Session
from digest.store.staff import Account

__all__ = [
    "LINK_LASTS",
    "MAILED_LINK_LASTS",
    "NEW_ADDRESS_LASTS",
    "PASSWORD_LETTERS",
    "RESET_LASTS",
    "SESSION_SECONDS",
    "Account",
    "ApiToken",
    "Offer",
    "Program",
    "Role",
    "Scope",
    "Session",
    "Signed",
    "account",
    "add",
    "api_tokens",
    "browsers",
    "change_password",
    "change_role",
    "codes_left",
    "confirm_factor",
    "desk_url",
    "drop_factor",
    "end_others",
    "end_session",
    "enter",
    "half_signed",
    "has_password",
    "is_taken",
    "link",
    "listed",
    "mail_link",
    "mail_new_address",
    "mail_reset",
    "mailbox",
    "make_token",
    "move",
    "new_address",
    "new_codes",
    "offer_factor",
    "one_time_link",
    "open_sessions",
    "program",
    "prove",
    "remove",
    "renewed",
    "reset",
    "reset_waits",
    "revoke_token",
    "second_step",
    "secrets_in_use",
    "session",
    "set_password",
    "sign_in",
    "sign_in_by_password",
    "sign_out",
    "sign_out_everywhere",
    "signed",
    "take_factor_off",
    "welcome",
]

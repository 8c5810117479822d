"""The desk's people and their history, and the bell's own notes."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from digest.store.schema.columns import Id, Instant, metadata, own_id

accounts = Table(
    "accounts",
    metadata,
    own_id(),
    Column("address_key", Text, nullable=False, unique=True),
    Column("address", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("password", Text),
    #: What TOKEN_KEY makes the second factor's secret of; alone it opens nothing.
    Column("totp_salt", String(32)),
    #: NULL while a second factor is being set up, and without one.
    Column("totp_since", Instant),
    #: The last step of 30 seconds whose code was used: none is taken twice (RFC 6238, 5.2).
    Column("totp_step", Id),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

#: Codes that stand in for the second factor, once each; only their hashes are kept.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("code_hash", String(64), primary_key=True),
)

#: One-time links and browser sessions; only hashes of their secrets are kept.
sessions = Table(
    "sessions",
    metadata,
    Column("secret_hash", String(64), primary_key=True),
    #: ``link``, ``reset`` and ``move`` (open once), ``half`` (waits for the second factor),
    #: ``session``.
    Column("kind", String(8), nullable=False),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    #: Browser and system, as far as they told.
    Column("device", Text, nullable=False, server_default=""),
    Column("seen_at", Instant),
    #: The account may do more than when it began: it gets another secret at its next page.
    Column("renews", Boolean, nullable=False, server_default="0"),
)

#: Wrong guesses at a sign-in, by address and by network: each makes the next one wait longer.
guesses = Table(
    "guesses",
    metadata,
    #: A keyed hash of the address, or of the asker's IP address cut to /24 or /64.
    Column("whose", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("until", Instant, nullable=False),
    Column("last_at", Instant, nullable=False, index=True),
)

#: What programs show instead of a session; only hashes of the secrets are kept.
api_tokens = Table(
    "api_tokens",
    metadata,
    own_id(),
    #: Whose role bounds the scopes; a closed account's tokens open nothing.
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("secret_hash", String(64), nullable=False, unique=True),
    #: ``issues:read``, ``send``, …, sorted.
    Column("scopes", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    #: NULL: until it is revoked.
    Column("expires_at", Instant),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
)

#: Who did what, in the transaction that did it.
events = Table(
    "events",
    metadata,
    own_id(),
    Column("at", Instant, nullable=False, index=True),
    #: ``bell``, ``command line``, or an account's address.
    Column("actor", Text, nullable=False),
    Column("issue_id", ForeignKey("issues.id"), index=True),
    Column("what", String(32), nullable=False),
    Column("detail", JSON, nullable=False),
)

#: What editors answered to what past issues suggest; an accepted one is a rule.
decisions = Table(
    "decisions",
    metadata,
    Column("newsletter", String(64), primary_key=True),
    #: The proposal's: ``exclude-kind:podcast``.
    Column("key", Text, primary_key=True),
    Column("change", String(32), nullable=False),
    Column("about", Text, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", Instant, nullable=False),
)

#: What somebody at the desk asked for that takes longer than a page: how far it is, what it found.
tasks = Table(
    "tasks",
    metadata,
    own_id(),
    Column("newsletter", String(64), nullable=False),
    Column("issue_id", ForeignKey("issues.id"), index=True),
    #: ``rehearsal``, ``check``.
    Column("kind", String(16), nullable=False),
    Column("asked", JSON, nullable=False),
    #: ``running``, ``done``, ``failed``.
    Column("state", String(8), nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    #: What it is at, or why it failed.
    Column("said", Text, nullable=False),
    Column("found", JSON, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    #: Not heard of since long, it died with its process.
    Column("heard_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Index("ix_tasks_newsletter", "newsletter", "kind", "id"),
)

#: Named leases: who holds one may do the work, until when.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", String(36), nullable=False),
    Column("until", Instant, nullable=False),
)

#: When the bell last did each thing, for the health page and catch-up.
ticks = Table(
    "ticks",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
)

#: Values that belong to the installation: bytes by name.
installation = Table(
    "installation",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

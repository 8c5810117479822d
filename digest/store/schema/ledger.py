"""The ledger and the outbox: what is owed to whom, and what came back."""

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
    UniqueConstraint,
)

from digest.store.schema.columns import Id, Instant, metadata, own_id

deliveries = Table(
    "deliveries",
    metadata,
    Column("issue_id", ForeignKey("issues.id"), primary_key=True),
    Column("subscriber_id", Id, primary_key=True, autoincrement=False),
    Column("edition_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    #: As it was at the freeze; NULL after erasure or retention.
    Column("address", Text),
    Column("state", String(12), nullable=False),
    #: Why skipped, or how far it got.
    Column("reason", String(16)),
    Column("due_at", Instant, nullable=False),
    #: Which sender holds it, or held it last.
    Column("claim", String(36)),
    #: How many had a result, or none after their sender's death.
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("answer", Text, nullable=False, server_default=""),
    Column("changed_at", Instant),
    Index("ix_deliveries_owed", "issue_id", "state", "due_at"),
)

#: What is kept of an issue once its rows in `deliveries` are put away into a file.
ledger_summaries = Table(
    "ledger_summaries",
    metadata,
    Column("issue_id", ForeignKey("issues.id"), primary_key=True),
    Column("at", Instant, nullable=False),
    #: The report's figures, as `digest.report` reads them back.
    Column("figures", JSON, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
)

#: Who is sending an issue now. A sender whose row is gone may not send.
senders = Table(
    "senders",
    metadata,
    Column("holder", String(36), primary_key=True),
    Column("issue_id", ForeignKey("issues.id"), nullable=False, index=True),
    #: Subscribers whose messages may be on their way; their rows in `deliveries` are `claimed`.
    Column("in_flight", JSON, nullable=False),
    #: Not heard of by then, it is dead.
    Column("until", Instant, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    own_id(),
    #: What makes this mail this mail: writing it twice keeps one row.
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("newsletter", String(64), nullable=False),
    #: ``confirm``, ``welcome``, ``draft-ready``, ``held``, …: the template's name.
    Column("kind", String(32), nullable=False),
    Column("address", Text),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("text", Text, nullable=False),
    #: The PNG that the HTML shows as ``cid:picture``; NULL where it shows none.
    Column("picture", LargeBinary),
    Column("state", String(12), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("claim", String(36)),
    Column("claimed_until", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("answer", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant),
    Index("ix_outbox_owed", "state", "due_at"),
)

#: Facts beside deliveries: what came back, one row a mail and recipient, read once.
bounces = Table(
    "bounces",
    metadata,
    own_id(),
    #: The mail's Message-ID or hash, and which of its recipients; ``ledger`` for refusals
    #: that our own conversation with a server brought.
    Column("key", Text, nullable=False),
    Column("place", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    #: ``bounce``, ``complaint``, ``automatic``, ``reply``.
    Column("kind", String(16), nullable=False),
    #: Whom it is about; NULL if nobody of ours.
    Column("subscriber_id", ForeignKey("subscribers.id"), index=True),
    Column("issue_id", ForeignKey("issues.id"), index=True),
    #: The verdict on a bounce, the type of a complaint; "" for the rest.
    Column("verdict", String(16), nullable=False),
    #: The server's words; of a reply, its subject.
    Column("said", Text, nullable=False),
    #: Whom a mail names or comes from; NULL after erasure.
    Column("address", Text),
    #: What followed from it.
    Column("outcome", String(16), nullable=False),
    #: When a person settled it; only for what waits for one.
    Column("done_at", Instant),
    UniqueConstraint("key", "place"),
    Index("ix_bounces_outcome", "outcome", "done_at"),
)

#: How far a mailbox was read: IMAP's numbers count only within one UIDVALIDITY (RFC 9051).
mailboxes = Table(
    "mailboxes",
    metadata,
    Column("place", Text, primary_key=True),
    Column("validity", Id, nullable=False),
    Column("last", Id, nullable=False),
    Column("read_at", Instant, nullable=False),
)

#: What other programs are to be told of, written in the transaction that did it.
happenings = Table(
    "happenings",
    metadata,
    own_id(),
    #: Its name for who hears of it, however often.
    Column("key", String(36), nullable=False, unique=True),
    Column("at", Instant, nullable=False, index=True),
    #: ``joined``, ``left``, ``bounced``, ``sent``.
    Column("what", String(16), nullable=False),
    Column("newsletter", String(64), nullable=False),
    Column("subscriber_id", Id),
    Column("issue_id", Id),
    Column("detail", JSON, nullable=False),
    #: Its calls are made.
    Column("told", Boolean, nullable=False, index=True),
)

#: One happening on its way to one address.
hook_calls = Table(
    "hook_calls",
    metadata,
    own_id(),
    Column("happening_id", ForeignKey("happenings.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("claimed_until", Instant),
    Column("attempts", Integer, nullable=False),
    Column("answer", Text, nullable=False),
    UniqueConstraint("happening_id", "url"),
    Index("ix_hook_calls_owed", "state", "due_at"),
)

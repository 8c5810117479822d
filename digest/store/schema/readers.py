"""Readers: people, their subscriptions, what proves a consent, lists that come in."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from digest.store.schema.columns import Instant, metadata, own_id

subscribers = Table(
    "subscribers",
    metadata,
    own_id(),
    #: As written; NULL after erasure.
    Column("address", Text),
    #: `digest.identity.address_key`: case-folded, IDNA; NULL after erasure.
    Column("address_key", Text, unique=True),
    #: Where they want their mail from now on; NULL once they confirmed it there.
    Column("wanted_address", Text),
    Column("name", Text, nullable=False, server_default=""),
    Column("language", String(35)),
    Column("attributes", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("erased_at", Instant),
)

#: An index of some rows serves only who asks for them in its own words.
CHOSE_TOPICS = "CAST(topics AS TEXT) <> '[]'"

subscriptions = Table(
    "subscriptions",
    metadata,
    own_id(),
    Column("subscriber_id", ForeignKey("subscribers.id"), nullable=False),
    Column("newsletter", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("rhythm", String(16), nullable=False),
    #: Sorted; empty: all of them.
    Column("topics", JSON, nullable=False),
    #: ``html`` or ``text``.
    Column("format", String(8), nullable=False, server_default="html"),
    #: Whose wall clock the send hour is read on; NULL: the newsletter's.
    Column("timezone", String(64)),
    Column("lists", JSON, nullable=False),
    Column("source", Text, nullable=False),
    Column("consented_at", Instant),
    Column("confirmed_at", Instant),
    Column("paused_until", Instant),
    Column("left_at", Instant),
    Column("left_reason", Text, nullable=False, server_default=""),
    Column("changed_at", Instant, nullable=False),
    UniqueConstraint("subscriber_id", "newsletter"),
    Index("ix_subscriptions_audience", "newsletter", "rhythm", "state", "subscriber_id"),
    Index("ix_subscriptions_changed_at", "changed_at"),
    # Of those who chose some: which sets there are is asked for every preview.
    Index(
        "ix_subscriptions_topics",
        "newsletter",
        "rhythm",
        "state",
        sqlite_where=text(CHOSE_TOPICS),
        postgresql_where=text(CHOSE_TOPICS),
    ),
    # Of the few who chose one.
    Index(
        "ix_subscriptions_timezone",
        "newsletter",
        "rhythm",
        "timezone",
        sqlite_where=text("timezone IS NOT NULL"),
        postgresql_where=text("timezone IS NOT NULL"),
    ),
)

#: What proves a consent, one row per act of a reader.
consents = Table(
    "consents",
    metadata,
    own_id(),
    Column("subscription_id", ForeignKey("subscriptions.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    #: ``asked``, ``confirmed``, ``imported``, ``left``, ``undone``, ``paused``, ``changed``.
    Column("what", String(16), nullable=False),
    Column("source", Text, nullable=False),
    #: Text and version of the form, truncated IP: whatever the source knows.
    Column("proof", JSON, nullable=False),
    #: Who left after an issue is asked for every issue.
    Index(
        "ix_consents_left_at",
        "at",
        sqlite_where=text("what = 'left'"),
        postgresql_where=text("what = 'left'"),
    ),
)

#: Who came and who went, by day in UTC. Rows are added and never changed, so that nobody waits for
#: another one's counter; those of days that are over are summed up into one (`store.turnover`).
turnover = Table(
    "turnover",
    metadata,
    own_id(),
    Column("newsletter", String(64), nullable=False),
    #: ``2026-12-25``.
    Column("day", String(10), nullable=False),
    #: Below zero where somebody is forgotten.
    Column("joined", Integer, nullable=False),
    Column("left", Integer, nullable=False),
    Index("ix_turnover_day", "newsletter", "day"),
)

#: Keyed hashes of addresses that get nothing, whoever imports them again.
suppressions = Table(
    "suppressions",
    metadata,
    Column("address_hash", String(64), primary_key=True),
    Column("reason", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
)

#: Lists that were taken in, and how far a stopped one has come.
imports = Table(
    "imports",
    metadata,
    own_id(),
    Column("newsletter", String(64), nullable=False),
    #: SHA-256 of the files and of how they are read: the same command has the same one.
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("files", JSON, nullable=False),
    Column("source", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    #: Rows that are written, of those that could be taken.
    Column("done", Integer, nullable=False),
    #: What became of them: {outcome: count}.
    Column("counts", JSON, nullable=False),
    Column("finished_at", Instant),
)

#: Lists that editors gave the desk: compared first, and taken in once somebody says so.
uploads = Table(
    "uploads",
    metadata,
    own_id(),
    Column("newsletter", String(64), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    #: The account's address.
    Column("by", Text, nullable=False),
    #: As the file was called; where it lies is ours to say.
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
    #: The list of ours that its people are put on, and the columns kept as attributes.
    Column("list", Text, nullable=False),
    Column("attributes", JSON, nullable=False),
    #: ``comparing``, ``compared``, ``importing``, ``imported``, ``refused``, ``dropped``.
    Column("state", String(12), nullable=False),
    #: Rows seen so far in this state.
    Column("rows", Integer, nullable=False),
    #: What the comparison found, and what the import came to; NULL before.
    Column("compared", JSON(none_as_null=True)),
    Column("imported", JSON(none_as_null=True)),
    #: Why it was refused, and what to do.
    Column("error", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

#: Each time somebody asked to join: what holds back who would bomb a mailbox with mail.
knocks = Table(
    "knocks",
    metadata,
    own_id(),
    Column("at", Instant, nullable=False, index=True),
    #: Keyed, and only where a mail went; "" otherwise.
    Column("address_hash", String(64), nullable=False, index=True),
    Column("domain", Text, nullable=False),
    #: Of the asker's IP address, /24 or /64; "" where a proxy hides it.
    Column("prefix", String(64), nullable=False),
    #: A confirmation mail went.
    Column("mailed", Boolean, nullable=False),
    #: And somebody confirmed since.
    Column("answered", Boolean, nullable=False),
)

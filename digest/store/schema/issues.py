"""Issues: their content, editions and variants."""

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
)

from digest.store.schema.columns import Instant, metadata, own_id

newsletters = Table(
    "newsletters",
    metadata,
    Column("key", String(64), primary_key=True),
    #: Catch-up never looks before this.
    Column("started_at", Instant, nullable=False),
)

issues = Table(
    "issues",
    metadata,
    own_id(),
    Column("newsletter", String(64), nullable=False),
    Column("rhythm", String(16), nullable=False),
    Column("key", String(64), nullable=False),
    Column("number", Integer),
    Column("window_start", Instant, nullable=False),
    Column("window_end", Instant, nullable=False),
    Column("sends_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("reasons", JSON, nullable=False),
    #: Recap, candidates and edits as JSON; NULL until prepared.
    Column("recap", JSON),
    #: The recap's, to be found by; "" until prepared.
    Column("subject", Text, nullable=False, server_default=""),
    Column("candidates", JSON),
    Column("edits", JSON, nullable=False),
    #: What the recap would be without any edits, and without the words that people wrote; NULL
    #: where there are none.
    Column("unedited", JSON(none_as_null=True)),
    Column("unworded", JSON(none_as_null=True)),
    Column("created_at", Instant, nullable=False),
    Column("approved_at", Instant),
    Column("approved_by", Text),
    Column("frozen_at", Instant),
    #: How many ledger rows the freeze wrote, and whom it left out: {reason: count}.
    Column("frozen", Integer),
    Column("excluded", JSON),
    #: Ledger rows by state when the issue ended: {state: count}; the ledger itself stays the truth.
    Column("outcome", JSON),
    Column("finished_at", Instant),
    UniqueConstraint("newsletter", "rhythm", "key"),
    Index("ix_issues_state", "state"),
    Index("ix_issues_window_end", "newsletter", "window_end", "id"),
)

#: Days on which a newsletter's issue does not go out, beside the holidays of config.yaml.
skips = Table(
    "skips",
    metadata,
    Column("newsletter", String(64), primary_key=True),
    #: The local day on which it would have gone out: ``2026-12-25``.
    Column("day", String(10), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", Instant, nullable=False),
)

#: Issues that put another one right after it had begun to go out.
corrections = Table(
    "corrections",
    metadata,
    Column("issue_id", ForeignKey("issues.id"), primary_key=True),
    #: The issue that it corrects.
    Column("corrects", ForeignKey("issues.id"), nullable=False, index=True),
    #: What was wrong, for readers.
    Column("note", Text, nullable=False),
    #: Whether those who have the wrong edition get a mail.
    Column("mails", Boolean, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    #: The edition that its approval put in place of the wrong one; NULL until then.
    Column("edition_id", ForeignKey("editions.id")),
)

#: A publication is used up once per newsletter and rhythm.
uses = Table(
    "uses",
    metadata,
    Column("newsletter", String(64), primary_key=True),
    Column("rhythm", String(16), primary_key=True),
    Column("publication_id", ForeignKey("publications.id"), primary_key=True),
    Column("issue_id", ForeignKey("issues.id"), nullable=False, index=True),
)

editions = Table(
    "editions",
    metadata,
    own_id(),
    Column("issue_id", ForeignKey("issues.id"), nullable=False),
    #: 1 at approval; a correction adds 2.
    Column("number", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("notes", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("issue_id", "number"),
    #: So that asking when does not read through the mails.
    Index("ix_editions_created_at", "issue_id", "created_at"),
)

variants = Table(
    "variants",
    metadata,
    own_id(),
    Column("edition_id", ForeignKey("editions.id"), nullable=False),
    #: Topics, sorted and joined by newline; "" is the full issue.
    Column("topics", Text, nullable=False),
    #: ``html`` or ``text``.
    Column("format", String(8), nullable=False, server_default="html"),
    Column("subject", Text, nullable=False),
    Column("headline", Text, nullable=False),
    Column("lead", Text, nullable=False),
    Column("preheader", Text, nullable=False),
    Column("items", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    #: Places of the edition's fragments, and fragments of its own; NULL: the edition as it is.
    Column("html", JSON(none_as_null=True)),
    Column("text", JSON(none_as_null=True)),
    UniqueConstraint("edition_id", "topics", "format"),
)

#: Links of an edition that are counted, without a word about who followed them; most
#: editions have none.
counted_links = Table(
    "counted_links",
    metadata,
    Column("edition_id", ForeignKey("editions.id"), primary_key=True),
    #: Which of its links: 1 is the first.
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("url", Text, nullable=False),
    Column("followed", Integer, nullable=False),
)

#: What editors write beside the items; every version is a row, the newest one is shown.
blocks = Table(
    "blocks",
    metadata,
    own_id(),
    Column("newsletter", String(64), nullable=False),
    #: As `sections` may name it: ``sponsor``.
    Column("key", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    #: Title, link, picture, days, words, and where it stands; NULL: taken away.
    Column("said", JSON(none_as_null=True)),
    Column("written_at", Instant, nullable=False),
    Column("written_by", Text, nullable=False),
    UniqueConstraint("newsletter", "key", "version"),
)

#: Pictures that editors brought; their bytes are on the shelf of hosted pictures.
pictures = Table(
    "pictures",
    metadata,
    own_id(),
    Column("newsletter", String(64), nullable=False),
    #: The file on the shelf, named by the digest of its bytes.
    Column("name", String(64), nullable=False),
    Column("alt", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("brought_at", Instant, nullable=False),
    Column("brought_by", Text, nullable=False),
    #: Not offered any more; mails that show it keep it.
    Column("put_away_at", Instant),
    Index("ix_pictures_newsletter", "newsletter", "id"),
)

"""The public archive: what readers find again."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text

from digest.store.schema.columns import Instant, metadata, own_id

#: What the archive shows and finds: publications, and issues from their freeze on. The steps
#: of the schema add an index of the words: `archived_words`, FTS5 of SQLite, GIN of PostgreSQL.
archived = Table(
    "archived",
    metadata,
    own_id(),
    Column("publication_id", ForeignKey("publications.id", ondelete="CASCADE"), unique=True),
    Column("issue_id", ForeignKey("issues.id"), unique=True),
    #: When it was published or first seen; when the issue was frozen.
    Column("dated", Instant, nullable=False),
    #: `digest.store.archive.words` of title, summary, authors and topics.
    Column("words", Text, nullable=False),
    Index("ix_archived_dated", "dated", "id"),
)

archived_topics = Table(
    "archived_topics",
    metadata,
    #: `digest.identity.topic_key`.
    Column("topic", String(80), primary_key=True),
    Column("archived_id", ForeignKey("archived.id", ondelete="CASCADE"), primary_key=True),
    #: As in `archived`: a topic's newest are read off the index.
    Column("dated", Instant, nullable=False),
    #: The topic as it is written there.
    Column("name", Text, nullable=False),
    Index("ix_archived_topics_dated", "topic", "dated", "archived_id"),
    Index("ix_archived_topics_archived_id", "archived_id"),
)

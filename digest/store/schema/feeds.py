"""The feed store: feeds, what they brought, what was refused."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, text

from digest.store.schema.columns import Instant, metadata, own_id

feeds = Table(
    "feeds",
    metadata,
    own_id(),
    Column("url", Text, nullable=False, unique=True),
    #: FeedSettings as JSON.
    Column("settings", JSON, nullable=False),
    Column("title", Text, nullable=False, server_default=""),
    #: Where it now lives, after a permanent redirect; None: at `url`.
    Column("moved_to", Text),
    Column("enabled", Boolean, nullable=False),
    #: ``config``, ``desk`` or ``import``.
    Column("origin", String(16), nullable=False),
    #: When its first import was; NULL until then.
    Column("baseline_at", Instant),
    Column("etag", Text),
    Column("last_modified", Text),
    #: SHA-256 of the last body, to know an unchanged one.
    Column("body_hash", String(64)),
    Column("next_fetch_at", Instant),
    Column("fetched_at", Instant),
    Column("succeeded_at", Instant),
    #: In a row; 0 after a success.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
)

newsletter_feeds = Table(
    "newsletter_feeds",
    metadata,
    Column("newsletter", String(64), primary_key=True),
    Column("feed_id", ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True),
)

refusals = Table(
    "refusals",
    metadata,
    own_id(),
    Column("feed_id", ForeignKey("feeds.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("entry", Text, nullable=False),
    Column("why", Text, nullable=False),
)

publications = Table(
    "publications",
    metadata,
    own_id(),
    #: `digest.identity.link_key` of its link; NULL without a link.
    Column("link_key", Text, unique=True),
    #: `digest.identity.title_key`, for the same thing under another link.
    Column("title_key", Text, nullable=False, index=True),
    Column("title", Text, nullable=False),
    #: Whether its feed told no title, and its first words stand for one.
    Column("title_made", Boolean, nullable=False, server_default="0"),
    Column("summary", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("topics", JSON, nullable=False),
    Column("authors", JSON, nullable=False),
    Column("link", Text),
    Column("image", JSON),
    Column("language", String(35)),
    Column("starts_at", Instant),
    Column("published_at", Instant),
    Column("day_only", Boolean, nullable=False),
    Column("updated_at", Instant),
    Column("first_seen_at", Instant, nullable=False),
    Column("changed_at", Instant),
    Column("hidden", Boolean, nullable=False, server_default="0"),
    #: The fields that an editor wrote: a feed does not overwrite them.
    Column("edited", JSON, nullable=False),
    #: The feed whose words it has, the first that brought it: others only fill gaps.
    Column("feed_id", ForeignKey("feeds.id", ondelete="SET NULL")),
    Index("ix_publications_dated", "published_at"),
    Index("ix_publications_first_seen_at", "first_seen_at"),
    # Of the few that are events.
    Index(
        "ix_publications_starts_at",
        "starts_at",
        sqlite_where=text("starts_at IS NOT NULL"),
        postgresql_where=text("starts_at IS NOT NULL"),
    ),
)

publication_feeds = Table(
    "publication_feeds",
    metadata,
    Column("feed_id", ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True),
    #: The feed's own name for it; its link or title key where it has none.
    Column("guid", Text, primary_key=True),
    Column(
        "publication_id",
        ForeignKey("publications.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
)

#: The same thing twice, as an editor saw it: which publication stands for which other.
merges = Table(
    "merges",
    metadata,
    #: The one that is hidden since.
    Column(
        "publication_id",
        ForeignKey("publications.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column(
        "into_id",
        ForeignKey("publications.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    #: The feeds' names that moved with it, to be given back: [[feed_id, guid], …].
    Column("names", JSON, nullable=False),
    #: It was hidden already.
    Column("was_hidden", Boolean, nullable=False),
    Column("merged_at", Instant, nullable=False),
    Column("merged_by", Text, nullable=False),
)

#: Publications that look like one and are two, as an editor said: not proposed again.
distinctions = Table(
    "distinctions",
    metadata,
    #: The smaller of the two row numbers.
    Column(
        "first_id",
        ForeignKey("publications.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column(
        "second_id",
        ForeignKey("publications.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
    Column("said_at", Instant, nullable=False),
    Column("said_by", Text, nullable=False),
)

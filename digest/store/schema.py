"""Tables of the database. A change here needs a migration in `digest/store/migrations`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept in UTC on both databases; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive instant: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


#: SQLite counts rows only on INTEGER PRIMARY KEY; PostgreSQL wants the wider type.
Id = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[Any]:
    return Column("id", Id, primary_key=True, autoincrement=True)


# --- the feed store -----------------------------------------------------------------------

feeds = Table(
    "feeds",
    metadata,
    _id(),
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
    _id(),
    Column("feed_id", ForeignKey("feeds.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("entry", Text, nullable=False),
    Column("why", Text, nullable=False),
)

publications = Table(
    "publications",
    metadata,
    _id(),
    #: `digest.identity.link_key` of its link; NULL without a link.
    Column("link_key", Text, unique=True),
    #: `digest.identity.title_key`, for the same thing under another link.
    Column("title_key", Text, nullable=False, index=True),
    Column("title", Text, nullable=False),
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

# --- issues -------------------------------------------------------------------------------

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
    _id(),
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
    _id(),
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
    _id(),
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
    _id(),
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
    _id(),
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

# --- the public archive ---------------------------------------------------------------------

#: What the archive shows and finds: publications, and issues from their freeze on. The steps
#: of the schema add an index of the words: `archived_words`, FTS5 of SQLite, GIN of PostgreSQL.
archived = Table(
    "archived",
    metadata,
    _id(),
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

# --- readers ------------------------------------------------------------------------------

subscribers = Table(
    "subscribers",
    metadata,
    _id(),
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
    _id(),
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
    _id(),
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
    _id(),
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
    _id(),
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
    _id(),
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

# --- the ledger and the outbox ------------------------------------------------------------

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
    _id(),
    #: What makes this mail this mail: writing it twice keeps one row.
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("newsletter", String(64), nullable=False),
    #: ``confirm``, ``welcome``, ``draft-ready``, ``held``, …: the template's name.
    Column("kind", String(32), nullable=False),
    Column("address", Text),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("text", Text, nullable=False),
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
    _id(),
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
    _id(),
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
    _id(),
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

# --- staff, history, the bell -------------------------------------------------------------

accounts = Table(
    "accounts",
    metadata,
    _id(),
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
    #: ``link`` and ``reset`` (open once), ``half`` (waits for the second factor), ``session``.
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
    _id(),
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
    _id(),
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
    _id(),
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

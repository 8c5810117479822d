"""Find issues and publications in a public archive"""

from typing import Any

import sqlalchemy as sa
from alembic import op

# What is kept must be cut as the program cuts what is asked for: not a copy of the function.
from digest.identity import topic_key
from digest.store.archive.words import words

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)

_DATED = ("published_at", "first_seen_at")

#: FTS5 keeps no text of its own; what changes in the table is told to it by triggers.
_SQLITE = (
    "CREATE VIRTUAL TABLE archived_words USING fts5(words, content='archived',"
    " content_rowid='id', tokenize='ascii', prefix='3 4', detail='none')",
    "CREATE TRIGGER archived_words_added AFTER INSERT ON archived BEGIN"
    " INSERT INTO archived_words(rowid, words) VALUES (new.id, new.words); END",
    "CREATE TRIGGER archived_words_removed AFTER DELETE ON archived BEGIN"
    " INSERT INTO archived_words(archived_words, rowid, words)"
    " VALUES ('delete', old.id, old.words); END",
    "CREATE TRIGGER archived_words_changed AFTER UPDATE OF words ON archived BEGIN"
    " INSERT INTO archived_words(archived_words, rowid, words)"
    " VALUES ('delete', old.id, old.words);"
    " INSERT INTO archived_words(rowid, words) VALUES (new.id, new.words); END",
)
_POSTGRESQL = (
    "CREATE INDEX archived_words ON archived"
    " USING gin (array_to_tsvector(string_to_array(words, ' ')))",
)


def upgrade() -> None:
    op.create_table(
        "archived",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("publication_id", Id, nullable=True),
        sa.Column("issue_id", Id, nullable=True),
        sa.Column("dated", Instant, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_archived_issue_id")),
        sa.ForeignKeyConstraint(
            ["publication_id"],
            ["publications.id"],
            name=op.f("fk_archived_publication_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archived")),
        sa.UniqueConstraint("issue_id", name=op.f("uq_archived_issue_id")),
        sa.UniqueConstraint("publication_id", name=op.f("uq_archived_publication_id")),
    )
    with op.batch_alter_table("archived", schema=None) as batch_op:
        batch_op.create_index("ix_archived_dated", ["dated", "id"], unique=False)

    op.create_table(
        "archived_topics",
        sa.Column("topic", sa.String(length=80), nullable=False),
        sa.Column("archived_id", Id, nullable=False),
        sa.Column("dated", Instant, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["archived_id"],
            ["archived.id"],
            name=op.f("fk_archived_topics_archived_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("topic", "archived_id", name=op.f("pk_archived_topics")),
    )
    with op.batch_alter_table("archived_topics", schema=None) as batch_op:
        batch_op.create_index("ix_archived_topics_archived_id", ["archived_id"], unique=False)
        batch_op.create_index(
            "ix_archived_topics_dated", ["topic", "dated", "archived_id"], unique=False
        )

    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE if is_sqlite else _POSTGRESQL:
        op.get_bind().exec_driver_sql(statement)
    _take_in_what_is_there(op.get_bind())


def _take_in_what_is_there(conn: sa.Connection) -> None:
    found = sa.MetaData()
    sa.Table("archived", found, autoload_with=conn)
    sa.Table("archived_topics", found, autoload_with=conn)
    publications = _table(
        "publications", "title", "summary", "kind", json=("authors", "topics"), at=_DATED
    )
    for row in conn.execute(sa.select(publications)).all():
        said = words(row.title, row.summary, row.kind, *row.authors, *row.topics)
        _keep(conn, found, publication_id=row.id, row=(row[-2] or row[-1], said, row.topics))
    issues = _table("issues", json=("recap",), at=("frozen_at",))
    editions = sa.table("editions", sa.column("issue_id", Id), sa.column("subject"))
    subject = sa.select(sa.func.max(editions.c.subject)).where(editions.c.issue_id == issues.c.id)
    frozen = sa.select(issues, subject.scalar_subquery().label("subject"))
    for row in conn.execute(frozen.where(issues.c.frozen_at.is_not(None))).all():
        recap = row.recap or {"lead": "", "items": []}
        told = [item["title"] for item in recap["items"]]
        told += [author for item in recap["items"] for author in item["authors"]]
        topics = [topic for item in recap["items"] for topic in item["topics"]]
        said = words(row.subject or "", recap["lead"], *told, *topics)
        _keep(conn, found, issue_id=row.id, row=(row.frozen_at, said, topics))


def _table(name: str, *texts: str, json: tuple[str, ...], at: tuple[str, ...]) -> Any:
    columns = [sa.column("id", Id), *map(sa.column, texts)]
    columns += [sa.column(one, sa.JSON) for one in json]
    return sa.table(name, *columns, *(sa.column(one, Instant) for one in at))


def _keep(conn: sa.Connection, found: sa.MetaData, *, row: Any, **of: int) -> None:
    dated, said, topics = row
    archived, archived_topics = found.tables["archived"], found.tables["archived_topics"]
    one = archived.insert().values(dated=dated, words=said, **of).returning(archived.c.id)
    number = conn.execute(one).scalar_one()
    named = {key: topic for topic in reversed(topics) if (key := topic_key(topic))}
    rows = [
        {"topic": key, "archived_id": number, "dated": dated, "name": name}
        for key, name in named.items()
    ]
    if rows:
        conn.execute(archived_topics.insert(), rows)

"""A newsletter's configuration and lists on disk, for the tests about readers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from digest import readership, tokens
from digest.cli import app
from digest.config import Loaded, load
from digest.model import Subscription
from digest.readership import ImportReport
from digest.store import Database, consents, readers, schema, suppressions

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEY = "k" * 64
NEWSLETTER = "weekly-recap"
LIST_FIELDS = {"name", "attributes", "encoding"}
CONFIG = """\
public_url: https://recap.example.org
newsletters:
  weekly-recap:
    title: Weekly Recap
    from: Weekly Recap <recap@example.org>
    postal_address: 12 Harbour Road, Springfield
"""


#: Types a command: its words, and `answers` to what it asks.
Typed = Callable[..., Result]


def typing_in(folder: Path, monkeypatch: pytest.MonkeyPatch, *, config: str = CONFIG) -> Typed:
    """Return what types commands in *folder*, which becomes a newsletter's with that *config*."""
    (folder / "config.yaml").write_text(config)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TOKEN_KEY", KEY)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DIGEST_CONFIG", raising=False)

    def call(*words: str, answers: str = "") -> Result:
        return CliRunner().invoke(app, list(words), input=answers)

    return call


def installed(folder: Path, *, key: str = KEY) -> Loaded:
    """The configuration of one newsletter, read from a file in *folder*."""
    (folder / "config.yaml").write_text(CONFIG)
    return load(folder / "config.yaml", {"TOKEN_KEY": key} if key else {})


class Readership:
    """One newsletter's readers in a database; what a test does with them, in few words."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.loaded = installed(folder)

    def bring(
        self, content: str | bytes, *, list_name: str = "", at: datetime = NOW, **told: Any
    ) -> ImportReport:
        """Import a list of that content."""
        file = self.folder / "list.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self.take(file, name=list_name, at=at, **told)

    def take(
        self, *files: Path, source: str = "a sign-up sheet", at: datetime = NOW, **told: Any
    ) -> ImportReport:
        """Import the list in *files*."""
        of_list = {name: told.pop(name) for name in LIST_FIELDS & told.keys()}
        return readership.import_list(
            self.database,
            self.loaded,
            NEWSLETTER,
            readership.List(files=files, source=source, **of_list),
            now=at,
            **told,
        )

    def known(self) -> list[readers.Reader]:
        with self.database.read() as conn:
            return readers.listed(conn, NEWSLETTER)

    def addresses(self) -> list[str]:
        return [reader.subscriber.address for reader in self.known()]

    def of(self, address: str) -> Subscription:
        """The subscription of that address."""
        (found,) = (r.subscription for r in self.known() if r.subscriber.address == address)
        assert found is not None
        return found

    def acts(self, address: str) -> list[str]:
        """What was written down of that address, oldest first."""
        with self.database.read() as conn:
            proofs = consents.proofs(conn, self.of(address).subscriber, NEWSLETTER)
        return [proof.what for proof in proofs]

    def token(self, address: str) -> str:
        """The token in the unsubscribe link of that address."""
        return tokens.make(KEY, readership.PURPOSE, self.of(address).subscriber, NEWSLETTER)

    def leave(self, token: str) -> readership.Seat:
        return readership.leave(self.database, self.loaded, token, now=NOW)

    def undo(self, token: str) -> readership.Seat:
        return readership.undo(self.database, self.loaded, token, now=NOW)

    def erase(self, address: str) -> None:
        readership.erase(self.database, self.loaded, address, now=NOW)

    def suppress(self, address: str, *, at: datetime = NOW) -> None:
        """Keep that address from getting mail, as a complaint does."""
        with self.database.write() as conn:
            hashed = tokens.address_hash(KEY, address)
            suppressions.add(conn, hashed, reason="complaint", at=at)

    def everything(self) -> list[tuple[Any, ...]]:
        """Every reader with all acts, and every suppression, in an order of their own."""
        rows: list[tuple[Any, ...]] = []
        with self.database.read() as conn:
            for one in readers.listed(conn, NEWSLETTER):
                proofs = consents.proofs(conn, one.subscriber.id, NEWSLETTER)
                told = replace(one.subscriber, id=0)
                assert one.subscription is not None
                rows.append((told, replace(one.subscription, subscriber=0), proofs))
            rows += [tuple(row) for row in conn.execute(select(schema.suppressions))]
        return sorted(rows, key=repr)

    def empty(self) -> None:
        """Forget everybody, without a trace."""
        with self.database.write() as conn:
            for table in (
                schema.consents,
                schema.subscriptions,
                schema.subscribers,
                schema.suppressions,
                schema.imports,
            ):
                conn.execute(table.delete())

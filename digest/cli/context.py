"""What most commands need first: the configuration, the database, the newsletter meant."""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.errors import DigestError, StoreError

if TYPE_CHECKING:
    from digest.conditions import Condition
    from digest.config import Loaded
    from digest.model.settings import NewsletterSettings, Settings
    from digest.store import Database

#: The option `--newsletter` as every command declares it.
NewsletterKey = Annotated[
    str | None,
    typer.Option("--newsletter", help="Its key in config.yaml. Default: the only one."),
]
#: The option `--json` as every command that prints facts declares it.
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

#: The option `--where` as every command that can choose readers declares it.
Where = Annotated[
    str | None,
    typer.Option(help="Only readers who meet a condition or are in a segment of that name."),
]

#: What `digest --config FILE …` named; None if it named nothing.
chosen: ContextVar[Path | None] = ContextVar("chosen", default=None)
_opened: list[Database] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A newsletter folder, opened."""

    settings: Settings
    #: The folder of config.yaml; relative paths in it start here.
    folder: Path
    #: config.yaml itself.
    path: Path
    database: Database
    loaded: Loaded


def open_installation(config: Path | None = None, *, create: bool = False) -> Installation:
    """
    Read the configuration and open its database, whose schema is this program's.

    *config* goes before what `digest --config` named, that before DIGEST_CONFIG and
    ./config.yaml. The folder of an SQLite file is made; with *create* the tables are
    too, or brought up to date. The database is closed when the command ends. Raises
    ConfigError, StoreError, StoreOutdated.
    """
    from digest import config as configuration
    from digest.cli import terminal
    from digest.store import upgrade

    loaded = configuration.load(config or chosen.get(), os.environ)
    terminal.warn(*map(str, loaded.warnings))
    database = open_database(loaded)
    if create:
        upgrade.upgrade(database)
    upgrade.check(database)
    _keep_erased(database, loaded)
    return Installation(
        settings=loaded.settings,
        folder=loaded.folder,
        path=loaded.path,
        database=database,
        loaded=loaded,
    )


def _keep_erased(database: Database, loaded: Loaded) -> None:
    """Forget again whom a backup that was put back brought here."""
    from digest.cli import terminal
    from digest.store import erasures

    if not erasures.journal(database, loaded.folder).exists():
        return
    from digest import readership

    if count := readership.erase_again(database, loaded, now=datetime.now(UTC)):
        people = "1 person" if count == 1 else f"{count:,} people"
        terminal.warn(f"{people} had been erased before this backup was put back, and are again.")


def open_database(loaded: Loaded) -> Database:
    """Return the database that *loaded* names, whatever its schema; its folder is made."""
    from digest.store import Database

    database = Database(loaded.settings.database, folder=loaded.folder)
    if database.file:
        try:
            database.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise StoreError(
                f"{database.file.parent}: the folder of the database cannot be made ({e.strerror})",
                remedy="Make it, or name another under `database` in config.yaml.",
            ) from e
    _opened.append(database)
    return database


def close_all() -> None:
    """Close every database opened here; calling twice is safe."""
    while _opened:
        _opened.pop().close()


def newsletter(installation: Installation, key: str | None) -> tuple[str, NewsletterSettings]:
    """Return key and settings of the newsletter called *key*; None means the only one."""
    newsletters = installation.settings.newsletters
    if key is None and len(newsletters) == 1:
        key = next(iter(newsletters))
    if key is None:
        raise DigestError(
            f"{installation.path} has {len(newsletters)} newsletters",
            remedy=f"Say which: --newsletter {' | '.join(newsletters)}",
        )
    if key not in newsletters:
        raise DigestError(
            f"{installation.path} has no newsletter {key!r}",
            remedy=f"It has: {', '.join(newsletters)}",
        )
    return key, newsletters[key]


def condition(installation: Installation, key: str, where: str | None) -> Condition | None:
    """Return *where* as a condition on readers of that newsletter; ConditionError if it is none."""
    from digest import conditions

    segments = installation.settings.newsletters[key].segments
    return conditions.parse(where, segments) if where is not None else None

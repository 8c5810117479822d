"""
A backup: one file that holds the database and all that gives it meaning.

Beside the database it has config.yaml, `.env` with the token key (without which every
link in mails already sent is dead), templates, pictures, keys and lists. The archive is
an ordinary tar file with a manifest, so that it can be opened without this program too.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from digest import __version__, config
from digest.errors import DigestError, StoreError, StoreOutdated
from digest.model import Issue
from digest.store import Database, restorations, snapshot, upgrade
from digest.store.restorations import Restoration

if TYPE_CHECKING:
    from digest.config import Loaded

MANIFEST = "manifest.json"
DATABASE = "database"
#: What stands beside config.yaml; pictures, because mails already sent show them from here;
#: ledgers, because their rows are nowhere else.
_FOLDERS = ("templates", "subscribers", "var/pictures", "var/ledgers")
_FORMAT = 1
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds, and of when."""

    format: int
    program: str
    schema: str
    saved_at: str
    #: SHA-256 of each member, by its name in the archive.
    files: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came of a restoration."""

    manifest: Manifest
    #: Where the database is now.
    place: str
    #: Issues that were stopped or held, since they may have been sent after the backup.
    doubted: list[Issue]
    #: True if links in mails already sent do not work with the token key in force.
    foreign_key: bool


def save(database: Database, loaded: Loaded, to: Path, *, now: datetime) -> Manifest:
    """
    Write everything into the archive *to*, readable by its owner only; return its manifest.

    Safe while the program is at work: the database's copy is of one instant. The file
    appears whole or not at all. StoreError if *to* is there already or cannot be written.
    """
    if to.exists():
        raise StoreError(f"{to} is there already", remedy="Name another file.")
    try:
        with tempfile.TemporaryDirectory(dir=to.absolute().parent, prefix=".backup-") as scratch:
            copy = Path(scratch) / DATABASE
            snapshot.save(database, copy)
            members = {DATABASE: copy, **dict(_beside(loaded))}
            manifest = Manifest(
                format=_FORMAT,
                program=__version__,
                schema=upgrade.newest(),
                saved_at=now.isoformat(),
                files={name: _sha256(path) for name, path in members.items()},
            )
            archive = Path(scratch) / "archive"
            _pack(archive, manifest, members)
            os.link(archive, to)  # unlike a rename, it never replaces a file
    except OSError as e:
        raise StoreError(
            f"{to} cannot be written ({e.strerror or e})",
            remedy="See that its folder is there, can be written and has room.",
        ) from e
    return manifest


def _beside(loaded: Loaded) -> Iterator[tuple[str, Path]]:
    """Yield the installation's own files, by their names beside config.yaml."""
    yield "config.yaml", loaded.path
    dotenv = loaded.folder / ".env"
    if dotenv.is_file():
        yield ".env", dotenv
    named = [loaded.folder / name for name in _named(loaded)]
    for folder in _FOLDERS:
        named += sorted((loaded.folder / folder).rglob("*"))
    for path in dict.fromkeys(named):
        if path.is_file() and path.resolve().is_relative_to(loaded.folder.resolve()):
            yield path.relative_to(loaded.folder).as_posix(), path


def _named(loaded: Loaded) -> Iterator[str]:
    settings = loaded.settings
    if settings.dkim:
        yield settings.dkim.key
    if settings.smtp.ca_file:
        yield settings.smtp.ca_file
    for newsletter in settings.newsletters.values():
        pictures = (newsletter.look.logo, newsletter.look.header)
        yield from (each for each in pictures if each and "://" not in each)


def _pack(archive: Path, manifest: Manifest, members: Mapping[str, Path]) -> None:
    beside = archive.with_name(MANIFEST)
    beside.write_text(json.dumps(asdict(manifest), indent=1))
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        os.fdopen(descriptor, "wb") as file,
        tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as packed,
    ):
        for name, path in {MANIFEST: beside, **members}.items():
            packed.add(path, arcname=name, recursive=False)
        packed.close()
        file.flush()
        os.fsync(file.fileno())


# --- and back -----------------------------------------------------------------------------


def restore(
    archive: Path,
    folder: Path,
    *,
    environ: Mapping[str, str],
    now: datetime,
    database_only: bool = False,
) -> Restored:
    """
    Put back what `save` wrote into *archive*: the files into *folder*, and the database.

    Nothing is overwritten: the database must be empty, and a file that is there already
    must be the same. With *database_only* the files stay as they are in *folder*. Every
    checksum is tried before anything is written, an older schema is brought to this
    program's, and whatever could be sent twice is stopped (`restorations.mark`).

    StoreError, StoreOutdated or ConfigError, and *folder* as it was, if that cannot be.
    """
    with _scratch(folder) as scratch:
        unpacked = Path(scratch)
        manifest = _unpacked(archive, unpacked)
        _refuse_newer(manifest)
        if not database_only:
            _refuse_others(manifest, unpacked, folder)
        kept = config.load(unpacked / "config.yaml", {})
        loaded = config.load((folder if database_only else unpacked) / "config.yaml", environ)
        database = Database(loaded.settings.database, folder=folder)
        saved_at = datetime.fromisoformat(manifest.saved_at)
        try:
            doubted = _filled(database, unpacked / DATABASE, Restoration(saved_at, now))
        finally:
            database.close()
        if not database_only:
            _place(manifest, unpacked, folder)
        return Restored(
            manifest=manifest,
            place=database.place,
            doubted=doubted,
            foreign_key=loaded.settings.token_key != kept.settings.token_key,
        )


@contextmanager
def _scratch(folder: Path) -> Iterator[str]:
    """Give a folder within *folder*, gone afterwards; StoreError where there can be none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(dir=folder, prefix=".restore-")
    except OSError as e:
        raise StoreError(
            f"{folder} cannot be written ({e.strerror}); nothing was restored",
            remedy="Give this user the right to write there, or restore into another folder.",
        ) from e
    with made as scratch:
        yield scratch


def _unpacked(archive: Path, into: Path) -> Manifest:
    """Unpack the members that the manifest names, each with its checksum; StoreError if amiss."""
    damaged = StoreError(
        f"{archive} is no backup of ours, or is damaged", remedy="Nothing was changed."
    )
    try:
        with tarfile.open(archive, mode="r:*") as packed:
            _write_files(packed, into)
        manifest = Manifest(**json.loads((into / MANIFEST).read_text()))
        wrong = [name for name, sha in manifest.files.items() if _sha256(into / name) != sha]
    except FileNotFoundError as e:
        raise damaged if archive.exists() else _missing(archive) from e
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, TypeError) as e:
        raise damaged from e
    outside = [name for name in manifest.files if ".." in PurePosixPath(name).parts]
    if wrong or outside or manifest.format != _FORMAT or DATABASE not in manifest.files:
        raise damaged
    return manifest


def _missing(archive: Path) -> StoreError:
    return StoreError(f"{archive} is not there", remedy="Name a file that `digest backup` wrote.")


def _write_files(packed: tarfile.TarFile, into: Path) -> None:
    """
    Write the plain files of an archive below *into*; TarError for anything else.

    tarfile's own "data" filter came with Python 3.11.4, which Debian 12 has not.
    """
    for member in packed:
        name = PurePosixPath(member.name)
        content = packed.extractfile(member) if member.isfile() else None
        if content is None or name.is_absolute() or ".." in name.parts:
            raise tarfile.TarError(f"{member.name} is no file of a backup")
        place = into / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with content, place.open("wb") as file:
            shutil.copyfileobj(content, file)
        place.chmod(member.mode & 0o755 | 0o600)


def _refuse_newer(manifest: Manifest) -> None:
    if int(manifest.schema) > int(upgrade.newest()):
        raise StoreOutdated(
            f"the backup has schema {manifest.schema}, this program {upgrade.newest()}",
            remedy=f"Install version {manifest.program} of the program, or a newer one.",
        )


def _beside_database(manifest: Manifest) -> list[str]:
    return [name for name in manifest.files if name != DATABASE]


def _refuse_others(manifest: Manifest, unpacked: Path, folder: Path) -> None:
    other = [
        name
        for name in _beside_database(manifest)
        if (folder / name).exists() and _sha256(folder / name) != _sha256(unpacked / name)
    ]
    if other:
        raise StoreError(
            f"{folder} has its own {', '.join(other)}",
            remedy="Restore into an empty folder, or only the database: --database-only",
        )


def _filled(database: Database, copy: Path, restoration: Restoration) -> list[Issue]:
    """Fill *database* and mark what may have happened since the backup."""
    snapshot.refuse_filled(database)
    if database.file is None:
        snapshot.load(copy, database)
        return _marked(database, restoration)
    if not snapshot.snapshot_is_sqlite(copy):
        snapshot.load(copy, database)  # it says why not
    # Marked before it is in its place: no sender ever sees it without.
    ahead = Database(f"sqlite:///{copy}")
    try:
        doubted = _marked(ahead, restoration)
    finally:
        ahead.close()
    database.file.parent.mkdir(parents=True, exist_ok=True)
    snapshot.load(copy, database)
    return doubted


def _marked(database: Database, restoration: Restoration) -> list[Issue]:
    upgrade.upgrade(database)
    with database.write() as conn:
        return restorations.mark(conn, restoration)


def _place(manifest: Manifest, unpacked: Path, folder: Path) -> None:
    for name in _beside_database(manifest):
        target = folder / name
        if target.exists():
            continue  # it is the same
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            (unpacked / name).rename(target)
        except OSError as e:
            raise DigestError(
                f"{target} cannot be written ({e.strerror}); the database is restored",
                remedy=f"Take the file out of the archive by hand: tar -xf ARCHIVE {name}",
            ) from e


def _sha256(path: Path) -> str:
    over = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            over.update(block)
    return over.hexdigest()


def facts(manifest: Manifest) -> dict[str, Any]:
    """Return what a backup is, for people and programs."""
    return {
        "saved_at": manifest.saved_at,
        "schema": manifest.schema,
        "program": manifest.program,
        "files": sorted(manifest.files),
    }

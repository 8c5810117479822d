"""Reading config.yaml, with the environment laid over it, into settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import ValidationError

from digest.config import blocks, document, environment, faults, remarks
from digest.config.document import Document
from digest.config.environment import SECRETS, VARIABLES, Given
from digest.config.origins import Origin, Setting, origins
from digest.config.remarks import Remark
from digest.errors import ConfigError
from digest.model.settings import Settings

__all__ = ["VARIABLES", "Loaded", "Origin", "Remark", "Setting", "Watched", "load"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration in force, and where it was found."""

    settings: Settings
    #: The folder of config.yaml; relative paths in it start here.
    folder: Path
    #: config.yaml itself.
    path: Path
    #: What works but should not stay so.
    warnings: tuple[Remark, ...] = ()
    #: What the file and the environment said, as they said it; secrets are among it.
    said: Document = field(default=Document({}, {}), repr=False)
    given: Mapping[str, Given] = field(default_factory=dict, repr=False)

    def origins(self) -> tuple[Setting, ...]:
        """Return each value in force with where it comes from; secrets are masked."""
        return origins(self.settings, self.said, self.given)


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """
    Return the configuration in *path*, else in $DIGEST_CONFIG, else in ./config.yaml.

    *path* may be the folder that config.yaml lies in. Variables of *environ* go before
    those of `.env` beside the file, and both before the file. Raises ConfigError with
    file, line and key; its *also* holds everything else that is wrong.
    """
    path = _found(path, environ)
    folder = path.absolute().parent  # not resolved: a linked file is meant where it is linked
    said = document.read(_bytes(path), str(path))
    wrong = [*said.faults, *_taken_out_secrets(said, str(path))]
    given, warnings = environment.overrides(folder / ".env", environ)
    try:
        settings = Settings.model_validate(_overlaid(said.values, given))
    except ValidationError as e:
        wrong += faults.told(e, said, str(path), given)
    else:
        wrong += faults.in_conditions(settings, said, str(path))
    if wrong:
        raise _together(wrong)
    warnings = (*warnings, *remarks.on(settings, folder), *blocks.remarks(settings, folder))
    return Loaded(settings, folder, path, warnings, said, given)


class Watched:
    """
    The configuration of a long-running process: reloaded when its files change.

    Safe to share between threads.
    """

    def __init__(
        self,
        loaded: Loaded,
        environ: Mapping[str, str],
        *,
        tell: Callable[[ConfigError], None] | None = None,
    ) -> None:
        """Watch the files of *loaded*; *tell* hears once of each version that cannot be used."""
        self.loaded = loaded
        #: Why the newest version of the file is not in force; None if it is.
        self.error: ConfigError | None = None
        self._first = loaded.settings
        self._environ = environ
        self._tell = tell
        self._lock = Lock()
        self._stamps = self._stamped()

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    @property
    def restart_for(self) -> tuple[str, ...]:
        """Keys that have changed since the start and are read only then."""
        return tuple(
            key
            for key in ("database", "web")
            if getattr(self.settings, key) != getattr(self._first, key)
        )

    def refresh(self) -> bool:
        """
        Read the files again if they changed; True if other settings are now in force.

        A file that cannot be used changes nothing but *error*. Two calls to `stat` where
        nothing changed, so it may be called at every request.
        """
        with self._lock:
            stamps = self._stamped()
            if stamps == self._stamps:
                return False
            self._stamps = stamps
            return self._reload()

    def _reload(self) -> bool:
        before = self.settings
        try:
            self.loaded = load(self.loaded.path, self._environ)
        except ConfigError as e:
            self.error = e
            if self._tell:
                self._tell(e)
            return False
        self.error = None
        return self.settings != before

    def _stamped(self) -> tuple[object, ...]:
        return tuple(_stamp(file) for file in (self.loaded.path, self.loaded.folder / ".env"))


def _stamp(file: Path) -> object:
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size, told.st_ino


def _found(path: Path | None, environ: Mapping[str, str]) -> Path:
    named = path or (Path(environ["DIGEST_CONFIG"]) if environ.get("DIGEST_CONFIG") else None)
    found = named or Path("config.yaml")
    if found.is_dir():
        found = found / "config.yaml"
    if not found.exists():
        raise ConfigError(
            "there is no such file" if named else "there is no config.yaml in this folder",
            file=str(found) if named else "",
            remedy="Name it with --config or DIGEST_CONFIG, or run: digest init DIR",
        )
    return found


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(document.MAX_BYTES + 1)
    except OSError as e:
        raise ConfigError(
            f"cannot be read ({e.strerror})",
            file=str(path),
            remedy="Give the user that runs this the right to read it.",
        ) from e


def _taken_out_secrets(said: document.Document, file: str) -> Iterator[ConfigError]:
    """Take secrets out of what the file said, each with an error."""
    for name, place in sorted(SECRETS.items()):
        *above, last = place
        holder: Any = said.values
        for part in above:
            holder = holder.get(part) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and holder.pop(last, None) is not None:
            yield ConfigError(
                "a secret does not belong in this file",
                file=file,
                line=said.lines[place],
                key=document.key_name(place),
                remedy=f"Write {name}=… into .env beside it, and remove it here.",
            )


def _overlaid(values: dict[str, Any], given: Mapping[str, Given]) -> dict[str, Any]:
    """Return *values* with the variables in their places; *values* itself stays as it is."""
    laid = dict(values)
    for name, found in given.items():
        inside = laid
        *above, last = VARIABLES[name]
        for part in above:
            below = inside.get(part) if part in inside else {}
            if not isinstance(below, dict):
                break  # wrong already; the validation says so
            inside[part] = inside = dict(below)
        else:
            inside[last] = found.value
    return laid


def _together(wrong: list[ConfigError]) -> ConfigError:
    """Return the first of *wrong* in the order of the lines, carrying the others."""
    first, *others = sorted(wrong, key=lambda fault: (fault.line is None, fault.line or 0))
    first.also = tuple(others)
    return first

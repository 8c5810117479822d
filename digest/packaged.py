"""Where the files lie that the program brings along: templates and the sample newsletter."""

from __future__ import annotations

from pathlib import Path

_PROGRAM = Path(__file__).resolve().parent
#: The repository, where the program runs from one; editors' files lie at its top there.
_REPOSITORY = _PROGRAM.parent


def templates(folder: Path | None) -> tuple[Path, ...]:
    """
    Return the folders to search for a template, in order: the editors' own, then ours.

    The editors' own is `templates/` in *folder*, the one of config.yaml; it need not be there.
    """
    ours = _first(_PROGRAM / "templates", _REPOSITORY / "templates")
    own = (folder / "templates").resolve() if folder else ours
    return (own, ours) if own != ours and own.is_dir() else (ours,)


def sample() -> Path:
    """Return the folder of the sample newsletter's feed files."""
    return _PROGRAM / "sample"


def sample_config() -> Path:
    """Return the config.yaml of the sample newsletter."""
    return _first(_PROGRAM / "sample" / "config.yaml", _REPOSITORY / "config.yaml")


def sample_subscribers() -> Path:
    """Return the list of the sample newsletter's readers, all at example.org."""
    installed = _PROGRAM / "sample" / "subscribers.csv"
    return _first(installed, _REPOSITORY / "subscribers" / "sample.csv")


def _first(installed: Path, in_repository: Path) -> Path:
    """Return *installed*, where a wheel puts it; else its place in the repository."""
    return installed if installed.exists() else in_repository

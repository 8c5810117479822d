"""The program `digest`, and `python -m digest`."""

from __future__ import annotations

import contextlib
import errno
import os
import sys


def main() -> None:
    """Run one command line and leave with its exit code: 0 done, 1 not done, 2 wrong words."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever called us: nobody wants to know
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
        # A terminal that cannot show a letter gets a mark in its place, not a traceback.
        with contextlib.suppress(AttributeError):
            getattr(sys, name).reconfigure(errors="replace")
    sys.exit(_code())


def _code() -> int:
    """Return the exit code of the command line that this process was called with."""
    try:
        from digest.cli import app

        app(prog_name="digest")
    except SystemExit as e:
        return _flushed(e.code if isinstance(e.code, int) else 1 if e.code else 0)
    except KeyboardInterrupt:
        # Before the command line stood, or while it was leaving; it tells of all others.
        return 130
    except BrokenPipeError:
        return _flushed(1)
    except Exception as e:  # noqa: BLE001 - the last place where it can be told
        if _is_full(e):
            return _no_space()
        return _unexpected(e)
    return _flushed(0)


def _flushed(code: int) -> int:
    """Write what is buffered; a reader who has gone away (`digest … | head`) is no error."""
    try:
        sys.stdout.flush()
    except OSError as e:
        # Python would try once more at its end, and complain in its own words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _no_space() if _is_full(e) and code == 0 else code
    return code


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _no_space() -> int:
    """Tell that a disk is full: the one that the output goes to, or one that we write on."""
    from digest.cli import terminal

    terminal.complain("no space left on the disk. Make room and repeat the command.")
    return _flushed(1)


#: What a person can do something about, wherever it happens.
_OF_PLACES = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR)
_OF_NAMES = (errno.ENAMETOOLONG, errno.ELOOP)


def _place(error: Exception) -> str:
    """Return the file or folder that may not be used, and why; "" for any other error."""
    if not isinstance(error, OSError) or error.errno not in (*_OF_PLACES, *_OF_NAMES):
        return ""
    return f"{error.filename}: {error.strerror}" if error.filename else ""


def _unexpected(error: Exception) -> int:
    """Tell of an error that nobody foresaw: in one line, or with its trace if asked for."""
    if os.environ.get("DIGEST_TRACE"):
        import traceback

        traceback.print_exception(error)
        return _flushed(1)
    from digest.cli import terminal

    if place := _place(error):
        terminal.complain(f"{place}. Name another place, or give this user the right to it.")
    else:
        terminal.complain(
            f"digest did not expect this: {type(error).__name__}: {error}. "
            "Please report it, with what DIGEST_TRACE=1 and the same command print."
        )
    return _flushed(1)


if __name__ == "__main__":
    main()

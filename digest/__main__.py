"""The program `digest`, and `python -m digest`."""

from __future__ import annotations

import contextlib
import os
import sys


def main() -> None:
    """Run one command line and leave with its exit code: 0 done, 1 not done, 2 wrong words."""
    from digest.cli import app

    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter gets a mark in its place, not a traceback.
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app(prog_name="digest")
    finally:
        _flush_quietly()


def _flush_quietly() -> None:
    """Write what is buffered; a reader who has gone away (`digest … | head`) is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()

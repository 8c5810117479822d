"""
What a mail looks like, as a picture: drawn by a Chromium that is shown it and nothing else.

The program runs for the one picture and is gone. It sees the HTML in a frame that runs no
script, follows nothing and loads nothing, with a profile of its own that is thrown away, and
it can find no other machine.
"""

from __future__ import annotations

import html
import os
import shutil
import signal
import struct
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from digest.errors import DigestError

#: As wide as a phone, and as much of the mail as a glance takes in; in pixels.
WIDTH, HEIGHT = 375, 1000
#: A picture of words has half of that; more than this no small mail should weigh.
MOST_BYTES = 200 * 1024
#: A second is usual; one that hangs is ended then.
SECONDS = 10.0

#: What the setting says where nobody chose: look on PATH, or draw nothing.
AUTO, NONE = "auto", "none"
#: As Debian, Fedora, Alpine and Google call it.
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


class NotDrawn(DigestError):
    """There is no picture, and why."""


class TooLarge(NotDrawn):
    """It was drawn, and weighs more than a mail should."""


def program(setting: str) -> str | None:
    """
    Return the program that *setting* means; None where it draws nothing.

    That is where it is `NONE`, or `AUTO` with no Chromium on PATH. NotDrawn for a named one
    that is not there.
    """
    if setting == NONE:
        return None
    if setting == AUTO:
        return next(filter(None, map(shutil.which, NAMES)), None)
    found = shutil.which(setting)
    if found is None:
        raise NotDrawn(
            f"there is no program {setting}",
            remedy="Name a Chromium under `chromium` in config.yaml, or write `chromium: none`.",
        )
    return found


def drawn(mail: str, *, program: str, seconds: float = SECONDS) -> bytes:
    """
    Return the top of *mail*, HTML, as a PNG of `WIDTH` x `HEIGHT` and at most `MOST_BYTES`.

    Pictures are seen only where they stand in the HTML itself, as data:. NotDrawn where the
    program does not start, ends without a picture or not within *seconds*; TooLarge, which is
    one too, for a heavier picture. Whatever it started has ended by then.
    """
    with tempfile.TemporaryDirectory(prefix="recap-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        page, picture = folder / "mail.html", folder / "mail.png"
        page.write_text(_page(mail), encoding="utf-8")
        _run(_command(program, folder, page, picture), folder, seconds)
        return _checked(picture)


def _page(mail: str) -> str:
    """Frame the mail: a phone's width whatever the window's, and neither script nor request."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    frame = f"display:block;border:0;width:{WIDTH}px;height:{HEIGHT}px"
    return (
        '<!doctype html><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<body style="margin:0"><iframe sandbox scrolling="no" style="{frame}"'
        f' srcdoc="{html.escape(mail)}"></iframe>'
    )


def _command(program: str, folder: Path, page: Path, picture: Path) -> list[str]:
    command = [
        program,
        "--headless",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-breakpad",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-extensions",
        # In a process of its own the frame may be painted after the picture was taken.
        "--disable-features=IsolateSandboxedIframes",
        "--disable-sync",
        "--no-first-run",
        "--no-proxy-server",
        # Not even a name is asked for.
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--hide-scrollbars",
        "--force-device-scale-factor=1",
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={WIDTH},{HEIGHT}",
        f"--screenshot={picture}",
    ]
    if os.geteuid() == 0:
        # Chromium's own sandbox refuses to start as root; elsewhere it stays.
        command.append("--no-sandbox")
    return [*command, page.as_uri()]


def _run(command: list[str], folder: Path, seconds: float) -> None:
    """Run *command* in a session of its own, and end all of that session."""
    # None of our secrets is in its environment, nor any proxy.
    its = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "TMPDIR": str(folder)}
    quiet = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            command, cwd=folder, env=its, stdin=quiet, stdout=quiet, stderr=quiet,
            start_new_session=True,
        )  # fmt: skip
    except OSError as e:
        raise NotDrawn(f"{command[0]} does not start: {e.strerror or e}") from e
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise NotDrawn(f"{command[0]} drew nothing within {seconds:g} s and was ended") from None
    finally:
        _end(process)
    if status:
        raise NotDrawn(f"{command[0]} ended with {status} before it drew anything")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # all of it has ended by itself
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _checked(picture: Path) -> bytes:
    try:
        png = picture.read_bytes()
    except OSError:
        raise NotDrawn("the browser ended without a picture") from None
    if png[:8] != b"\x89PNG\r\n\x1a\n" or png[12:16] != b"IHDR":
        raise NotDrawn("the browser wrote something else than a PNG")
    if struct.unpack(">II", png[16:24]) != (WIDTH, HEIGHT):
        raise NotDrawn(f"the browser drew another size than {WIDTH} x {HEIGHT}")
    if len(png) > MOST_BYTES:
        raise TooLarge(f"the picture has {len(png) // 1024} KB; {MOST_BYTES // 1024} are the most")
    return png

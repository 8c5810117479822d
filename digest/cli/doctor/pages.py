"""Templates, pictures, ports, and the way out."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

from digest.cli.doctor.finding import Finding, Health, ok

if TYPE_CHECKING:
    from digest.config import Loaded

#: For a program on this machine to answer.
SECONDS = 2.0


def templates(loaded: Loaded) -> Iterator[Finding]:
    """Look for faults in every template that an issue or a page is made with."""
    from digest import packaged
    from digest.render import lint

    folders = packaged.templates(loaded.folder)
    faults = dict.fromkeys(
        fault
        for newsletter in loaded.settings.newsletters.values()
        for fault in lint.check(folders, newsletter)
    )
    for fault in faults:
        place = fault.file + (f":{fault.line}" if fault.line else "")
        yield Finding(
            check="templates",
            health=Health.BROKEN,
            sentence=f"{place}: {fault.sentence}",
            remedy="Mend it, then run: digest templates check",
        )
    if not faults:
        yield ok("templates", f"{len(lint.found(folders))} templates have no fault.")


def picture(loaded: Loaded) -> Iterator[Finding]:
    """See whether the picture of the mail for its editors can be drawn, by drawing one."""
    from digest import screenshot

    if not any(newsletter.editors for newsletter in loaded.settings.newsletters.values()):
        return
    said = loaded.settings.chromium
    try:
        program = screenshot.program(said)
        if program is None:
            why = "`chromium: none`" if said == screenshot.NONE else "no Chromium is on PATH"
            yield ok("picture", f"Editors get the top of the mail in words: {why}.")
            return
        screenshot.drawn("<p>A picture.</p>", program=program)
    except screenshot.NotDrawn as e:
        yield Finding(
            check="picture",
            health=Health.WARNING,
            sentence=f"Editors get the top of the mail in words: {e}.",
            remedy=e.remedy or "Try the program by hand, or write `chromium: none`.",
        )
    else:
        yield ok("picture", f"{program} draws the mail for its editors.")


def port(loaded: Loaded) -> Iterator[Finding]:
    """See that `digest serve` is at its port, or may be."""
    web = loaded.settings.web
    place = web.place
    if _is_ours(f"http://{place}/healthz"):
        yield ok("port", f"`digest serve` answers at {place}.")
    elif why := _why_not_free(web.host, web.port):
        yield Finding(
            check="port",
            health=Health.BROKEN,
            sentence=f"`digest serve` cannot listen at {place}: {why}.",
            remedy="Write another `web: {port: …}` into config.yaml, or end what is there.",
        )
    else:
        yield ok("port", f"{place} is free for `digest serve`, which does not run.")


def _is_ours(url: str) -> bool:
    import httpx

    try:
        return httpx.get(url, timeout=SECONDS, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _why_not_free(host: str, number: int) -> str:
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(kind) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, number))
        except OSError as e:
            return (e.strerror or str(e)).lower()
    return ""


def way_out(loaded: Loaded) -> Iterator[Finding]:
    """Try the one-click unsubscribe through `public_url`; it takes nobody off."""
    from digest.cli import oneclick

    for tried in oneclick.tried(loaded):
        health = Health.OK if tried.works else Health.BROKEN if tried.certain else Health.WARNING
        yield Finding(
            check="unsubscribe", health=health, sentence=tried.sentence, remedy=tried.remedy
        )

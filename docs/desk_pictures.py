"""
Take the documents' pictures of every page: on a screen and a phone, in light and dark.

    .venv/bin/python docs/desk_pictures.py

The pages are found by walking the application's routes, over a newsroom that has something on
each of them; a new page is in the pictures and in docs/reference/desk.md when this runs again.
It needs Chromium (`apt-get install chromium fonts-dejavu-core`).
"""

from __future__ import annotations

import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from digest.store import Database, upgrade
from tests import newsroom
from tests.newsroom import Newsroom
from tests.website import CHROMIUM, served

DOCS = Path(__file__).parent
IMAGES = DOCS / "images" / "desk"
PAGE = DOCS / "reference" / "desk.md"
#: Width of the window, and where in the picture its half-sized view stands.
PLACES = {
    (1280, "light"): (0, 0),
    (1280, "dark"): (0, 466),
    (375, "light"): (656, 0),
    (375, "dark"): (656, 466),
}
HEIGHT, SIZE, QUALITY = 900, (844, 916), 55

HEAD = """# Every page

As people see them, on a screen and on a phone, in light and in dark.
What an editor does on them stands in [Friday](../how-to/friday.md), what readers meet in
[Readers](../how-to/readers.md).
`python docs/desk_pictures.py` takes the pictures anew: it walks the application's routes.
"""


def main() -> int:
    if not CHROMIUM.exists():
        sys.stderr.write("Chromium is not there. Run: apt-get install chromium\n")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/recap.db")
        upgrade.upgrade(database)
        with served(database, Path(folder)) as site, sync_playwright() as playwright:
            room = newsroom.furnished(site)
            chromium = playwright.chromium.launch(
                executable_path=str(CHROMIUM), args=["--no-sandbox"]
            )
            names = taken(chromium, room)
            chromium.close()
        database.close()
    PAGE.write_text(HEAD + "".join(map(told, names)))
    return 0


def taken(chromium: Browser, room: Newsroom) -> list[str]:
    """Take every page's picture; return their names, the desk's first."""
    views = {view: entered(chromium, room, *view) for view in PLACES}
    addresses = room.addresses()
    for name, address in addresses.items():
        picture = Image.new("RGB", SIZE, "#8a8a8a")
        for view, place in PLACES.items():
            views[view].goto(f"{room.site.address}{address}")
            with Image.open(BytesIO(views[view].screenshot())) as seen:
                half = seen.convert("RGB").resize(
                    (view[0] // 2, HEIGHT // 2), Image.Resampling.LANCZOS
                )
            picture.paste(half, place)
        picture.save(IMAGES / f"{name}.webp", quality=QUALITY, method=6)
    return sorted(addresses, key=lambda name: (not name.startswith("desk"), name))


def entered(chromium: Browser, room: Newsroom, width: int, scheme: Any) -> Any:
    """Return a window of an admin's browser."""
    window = {"width": width, "height": HEIGHT}
    page = chromium.new_context(viewport=window, color_scheme=scheme).new_page()
    page.goto(f"{room.site.address}/sign-in/{room.site.link('admin')}")
    page.get_by_role("button", name="Sign in").click()
    return page


def told(name: str) -> str:
    whose = "Desk" if name.startswith("desk") else "Readers"
    words = f"{whose}: {name.removeprefix('desk-').removesuffix('-one').replace('-', ' ')}"
    alt = f"{words}, in four views: screen and phone, light and dark."
    shown = f'<img src="../images/desk/{name}.webp" width="844" alt="{alt}">'
    return f"\n## {words}\n\n{shown}\n"


if __name__ == "__main__":
    sys.exit(main())

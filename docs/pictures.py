"""
Take the documents' pictures of mails: the demo's for the README, six more for "how it looks".

    make demo && .venv/bin/python docs/pictures.py

It needs Chromium (`apt-get install chromium`) and the fonts of the languages shown
(`apt-get install fonts-noto-core fonts-noto-cjk`).
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Route, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
MAIL = ROOT / "var" / "demo" / "issue-2023-09-22.html"
GOLDEN = ROOT / "tests" / "golden"
IMAGES = Path(__file__).parent / "images"


@dataclass(frozen=True)
class Shot:
    """One picture: which mail, how it is looked at, and where it is kept."""

    name: str
    mail: Path
    width: int = 375
    height: int = 760
    scheme: str = "light"
    pictures: bool = True


SHOTS = (
    Shot("mail-light", MAIL),
    Shot("mail-dark", MAIL, scheme="dark"),
    Shot("looks-cards", GOLDEN / "specimen-cards.html", width=640, height=980),
    Shot("looks-compact", GOLDEN / "recap-compact.html", scheme="dark"),
    Shot("looks-text", GOLDEN / "recap-text.html", width=640, height=980),
    Shot("looks-bare", GOLDEN / "specimen-cards.html", pictures=False),
    Shot("looks-arabic", GOLDEN / "arabic.html"),
    Shot("looks-confirm", GOLDEN / "notice-confirm.html", height=480),
)


def main() -> int:
    chromium = shutil.which("chromium")
    if not (MAIL.exists() and chromium):
        sys.stderr.write(f"{MAIL} or Chromium is not there. Run: make demo\n")
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for shot in SHOTS:
            take(browser, shot)
        browser.close()
    return 0


def take(browser: Browser, shot: Shot) -> None:
    page = browser.new_page(
        viewport={"width": shot.width, "height": shot.height},
        device_scale_factor=2,
        color_scheme="dark" if shot.scheme == "dark" else "light",
    )
    picture = harbour()

    def answer(route: Route) -> None:
        if route.request.url.startswith("file:"):
            route.continue_()
        elif shot.pictures:
            route.fulfill(body=picture, content_type="image/png")
        else:
            route.abort()

    page.route("**/*", answer)
    page.goto(shot.mail.as_uri())
    file = IMAGES / f"{shot.name}.png"
    page.screenshot(path=file)
    page.close()
    # Few colours: a third of the bytes, and nobody sees it.
    with Image.open(file) as taken:
        taken.convert("RGB").quantize(192).save(file, optimize=True)


def harbour() -> bytes:
    """Return what stands in for a publication's photograph: sky, hills and water."""
    drawn = Image.new("RGB", (1104, 621))
    draw = ImageDraw.Draw(drawn)
    for y in range(621):
        sky, sea = (214 - y // 6, 205 - y // 9, 190 + y // 40), (52 + y // 14, 84 + y // 12, 112)
        draw.line([(0, y), (1104, y)], fill=sky if y < 400 else sea)
    draw.polygon([(0, 400), (0, 300), (260, 230), (520, 400)], fill=(96, 104, 120))
    draw.polygon([(380, 400), (720, 260), (1104, 340), (1104, 400)], fill=(74, 84, 102))
    out = BytesIO()
    drawn.save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())

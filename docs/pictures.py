"""
Take the README's pictures of the demo's mail: on a phone, by day and by night.

    make demo && .venv/bin/python docs/pictures.py

It needs Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

MAIL = Path("var/demo/issue-2023-09-22.html")
IMAGES = Path(__file__).parent / "images"
#: A phone's screen, in CSS pixels.
WIDTH, HEIGHT = 375, 760


def main() -> int:
    chromium = shutil.which("chromium")
    if not (MAIL.exists() and chromium):
        sys.stderr.write(f"{MAIL} or Chromium is not there. Run: make demo\n")
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT},
                device_scale_factor=2,
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page.goto(MAIL.resolve().as_uri())
            page.screenshot(path=IMAGES / f"mail-{scheme}.png")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The tutorial, and the ten minutes to a newsletter of one's own, typed to their last commands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DIGEST = Path(sys.executable).with_name("digest")
#: What `digest init` asks for, as the page answers it.
ANSWERS = ("My Recap", "recap@example.org", "12 Harbour Road, Springfield", "sample.json")
#: They run until they are ended, or ask the web.
LEFT_OUT = ("digest inbox", "digest serve", "digest rehearse https", "digest people link", "make ")
#: A feed as one's own is: a few things of the last days.
TITLES = ("Why the Harbour Needs Cranes", "A Bridge over the Strait", "What Ferries Cost the Towns")


def steps(name: str) -> Iterator[tuple[list[str], str]]:
    """Yield the commands of each block, with the output that the page shows after them."""
    page = (ROOT / "docs" / name).read_text("utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    typed: list[str] = []
    for language, block in blocks:
        if language or block.startswith("email,"):
            continue
        if re.match(r"(digest|mkdir|cp|cd|make|\.) ", block):
            if typed:
                yield typed, ""
            typed = block.splitlines()
        else:
            yield typed, block
            typed = []
    yield typed, ""


class Terminal:
    """A reader of the page, in the folder where they are."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.at = ROOT
        known = {"PATH": os.environ["PATH"], "COLUMNS": "200", "LANG": "C.UTF-8"}
        self.env = known | {"HOME": str(home), "TZ": "UTC"}

    def type(self, line: str) -> str:
        words = [word.replace("~", str(self.home)) for word in shlex.split(line)]
        match words[0]:
            case "mkdir":
                Path(words[1]).mkdir()
                return ""
            case "cd":
                self.at = Path(words[1])
                return ""
            case "cp":
                shutil.copy(self.at / words[1], words[2])
                return ""
        if words[:2] == ["digest", "init"] and "--yes" not in words:
            title, from_, postal, feed = ANSWERS
            words += ["--yes", "--title", title, "--from", from_, "--postal-address", postal]
            words += ["--feed", feed, "--timezone", "America/New_York"]
        done = subprocess.run(
            [DIGEST, *words[1:]],
            cwd=self.at,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout.replace(str(self.home), "~")


@pytest.fixture
def inbox(tmp_path):
    """The second terminal of the page: the built-in inbox, at the port that `init` writes."""
    process = subprocess.Popen(
        [DIGEST, "inbox"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(5)
    if process.poll() is not None:
        pytest.skip("another program has the inbox's ports, 2525 and 8025")
    yield
    process.terminate()
    process.wait(30)


def squeezed(text: str) -> list[str]:
    """Return the lines, without what stands between columns."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.mark.slow
def test_the_tutorial_shows_what_comes(inbox, tmp_path):
    """Each command ends well, and says each line that the page shows after it."""
    reader = Terminal(tmp_path)
    compared = 0
    for typed, shown in steps("tutorial.md"):
        lines = [line for line in typed if not line.startswith((*LEFT_OUT, ". "))]
        if len(lines) < len(typed):
            continue
        if any(line.startswith("digest subscribers import") for line in lines):
            written = "email,name\nana@example.org,Ana\nben@example.org,Ben\n"
            (reader.at / "subscribers" / "first.csv").write_text(written)
        said = [each for line in lines for each in squeezed(reader.type(line))]
        if not shown:
            continue
        missing = [line for line in squeezed(shown) if line not in said]
        assert missing == [], (lines, said)
        compared += 1
    assert compared >= 7


def own_feed(to: Path) -> None:
    """Write what a publisher's feed says today."""
    items = [
        f"<item><title>{title}</title><link>https://example.org/{number}</link>"
        f"<pubDate>{format_datetime(datetime.now(UTC) - timedelta(hours=number))}</pubDate></item>"
        for number, title in enumerate(TITLES, 1)
    ]
    to.write_text(f"<rss version='2.0'><channel><title>H</title>{''.join(items)}</channel></rss>")


@pytest.mark.slow
def test_an_own_newsletter_is_ready_in_ten_minutes(inbox, tmp_path):
    """Each command of the page ends well with a feed of today, to an issue that waits to go out."""
    reader = Terminal(tmp_path)
    reader.at = tmp_path
    own_feed(tmp_path / "feed.xml")
    said = ""
    for typed, _ in steps("how-to/own-newsletter.md"):
        # Nothing at the address that the page makes up, and no name server in a test.
        lines = [line.replace("https://example.org/", "") for line in typed]
        lines = [line for line in lines if not line.startswith((*LEFT_OUT, ". ", "digest doctor"))]
        if any(line.startswith("digest subscribers import") for line in lines):
            written = "email,name\nana@example.org,Ana\nben@example.org,Ben\n"
            (reader.at / "subscribers" / "first.csv").write_text(written)
        for line in lines:
            folder = Path("my-recap") if line == "cd my-recap" else None
            said = reader.type(f"cd {reader.at / folder}" if folder else line) or said
    assert "approved by command line" in said
    assert "09:00" in said
    assert reader.at.name == "my-recap"

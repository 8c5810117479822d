"""
How long a reader waits for a page of the archive: 500 issues, 50,000 publications, SQLite.

One thread serves on the loopback, one asks; each page is asked for with other words, other
topics and other places in the list each time. Target: every page's p95 at most 50 ms. The
processor's share, which includes the asking, holds on a machine that has other work too.

    python bench/pages.py [--rounds 100] [--url sqlite:////tmp/archive.db]
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from digest.model import Entry, Image
from digest.store import Database, bringing, upgrade
from tests.archived import a_feed, an_issue
from tests.website import Site, a_loaded, served

ISSUES, PUBLICATIONS = 500, 50_000
TARGET_MS = 50
BEGAN = datetime(2014, 3, 7, 4, tzinfo=UTC)
AREAS = ["Security", "Health", "Energy", "Urban"]
THEMES = ["Cooperation", "Policy", "Law", "Care", "Markets", "Research", "Europe", "Asia", "Africa"]
TOPICS = [f"{area} {theme}" for area in AREAS for theme in THEMES]
SYLLABLES = (*"aeiou", *(a + b for a in "bdfgklmnprst" for b in "aeiou"))
#: As many as a newsroom uses, each rarer than the one before (Zipf's law).
WORDS = ["the", "of", *("".join(each) for each in itertools.product(SYLLABLES, repeat=3))][:8000]
WEIGHTS = [1 / (rank + 2) for rank in range(len(WORDS))]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=100)
    arguments.add_argument(
        "--url", help="default: a new SQLite file; a filled one is used as it is"
    )
    told = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(told.url or f"sqlite:///{folder}/recap.db")
        if upgrade.upgrade(database):
            begun = perf_counter()
            fill(database, Path(folder))
            print(f"{ISSUES} issues, {PUBLICATIONS:,} publications: {perf_counter() - begun:.0f} s")
        with served(database, Path(folder)) as site:
            site.now = BEGAN + timedelta(weeks=ISSUES + 1)
            slow = measure(site, told.rounds)
        database.close()
    sys.exit(f"over {TARGET_MS} ms: {', '.join(slow)}" if slow else 0)


def fill(database: Database, folder: Path) -> None:
    """Make the archive: a hundred publications a week, and an issue at its end."""
    chance, loaded = random.Random(7), a_loaded(folder)
    feed = a_feed(database, "https://recap.example.org/feed", "recap")
    for week in range(ISSUES):
        entries = [entry(chance, week, n) for n in range(PUBLICATIONS // ISSUES)]
        with database.write() as conn:
            bringing.bring(conn, feed, entries, now=BEGAN + timedelta(weeks=week), baseline=True)
        closes = BEGAN + timedelta(weeks=week)
        shown = entries[:12]
        topics = tuple({topic for one in shown for topic in one.topics})
        an_issue(
            database,
            loaded,
            f"{closes:%Y-%m-%d}",
            headline=", ".join(one.title for one in shown[:3]),
            titles=tuple(one.title for one in shown),
            topics=topics[:4],
            number=week + 1,
        )


def entry(chance: random.Random, week: int, n: int) -> Entry:
    title = f"{text(chance, 6).capitalize()} {week}-{n}"
    return Entry(
        title=title,
        guid=title,
        summary=text(chance, 45),
        kind=chance.choice(("Commentary", "Report", "Brief")),
        topics=tuple(chance.sample(TOPICS, k=3)),
        authors=("Ana Example", "Ben Example"),
        link=f"https://example.org/{week}/{n}",
        image=Image(url=f"https://example.org/{week}/{n}.jpg"),
        published_at=BEGAN + timedelta(weeks=week, hours=n - 110),
    )


def text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, WEIGHTS, k=words))


def measure(site: Site, rounds: int) -> list[str]:
    """Print each page's times; return the names of those that are over the target."""
    chance, slow = random.Random(11), []
    with httpx.Client(base_url=site.address, timeout=20) as browser:
        print(f"{'ms':34}{'median':>9}{'p95':>9}{'most':>9}{'processor':>12}")
        for name, path in pages(chance).items():
            browser.get(path())
            begun = process_time()
            times = sorted(took(browser, path()) for _ in range(rounds))
            computed = (process_time() - begun) * 1000 / rounds
            p95 = times[int(len(times) * 0.95) - 1]
            row = (statistics.median(times), p95, times[-1])
            print(f"{name:34}" + "".join(f"{ms:9.1f}" for ms in row) + f"{computed:12.1f}")
            slow += [name] if p95 > TARGET_MS else []
    return slow


def took(browser: httpx.Client, path: str) -> float:
    """Return how many milliseconds the page took."""
    begun = perf_counter()
    browser.get(path).raise_for_status()
    return (perf_counter() - begun) * 1000


def pages(chance: random.Random) -> dict[str, Callable[[], str]]:
    """Return what to ask for, by what a person would call it."""

    def topic() -> str:
        return chance.choice(TOPICS).lower().replace(" ", "-")

    def day() -> str:
        return f"{BEGAN + timedelta(weeks=chance.randrange(ISSUES)):%Y-%m-%d}"

    def word() -> str:
        return WORDS[chance.randrange(20, 2000)]

    def place() -> int:
        return chance.randrange(1, PUBLICATIONS)

    return {
        "the newest issues": lambda: "/issues/recap",
        "the issues of a year": lambda: f"/issues/recap?year={chance.randrange(2014, 2024)}",
        "an issue": lambda: f"/issues/recap/{day()}",
        "all topics": lambda: "/topics/recap",
        "a topic": lambda: f"/topics/recap/{topic()}",
        "a topic, somewhere": lambda: f"/topics/recap/{topic()}?before={place()}",
        "search, three words": lambda: f"/issues/recap/search?q={word()}+{word()}+{word()}",
        "search, one word": lambda: f"/issues/recap/search?q={word()}",
        "search, the commonest word": lambda: "/issues/recap/search?q=the+of",
        "search, nothing there": lambda: "/issues/recap/search?q=zeppelin",
        "search, somewhere": lambda: f"/issues/recap/search?q={word()}&before={place()}",
        "Atom, issues": lambda: "/issues/recap/feed.atom",
        "JSON, a topic": lambda: f"/topics/recap/{topic()}/feed.json",
        "sitemap": lambda: "/sitemap.xml",
    }


if __name__ == "__main__":
    main()

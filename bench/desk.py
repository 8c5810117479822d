"""
How long an edit at the desk takes until the preview shows it: the processor's time.

A newsletter of a hundred publications a week with 2,000 before it, on SQLite. An edit is two
requests, the form and the mail in the frame; the board's page follows. Target: form and mail
at most 300 ms. The processor's share includes the asking, and holds on a machine at other work.

    python bench/desk.py [--rounds 20]
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from time import process_time

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from digest import weekly
from digest.model import Entry
from digest.store import Database, publications, upgrade
from tests import friday
from tests.archived import a_feed
from tests.website import NOW, Site, served

SAMPLE = Path(__file__).resolve().parents[1] / "digest/sample/security-cooperation.json"
PUBLICATIONS, A_WEEK = 2_000, 100
TARGET_MS = 300


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=20)
    rounds = arguments.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/recap.db")
        upgrade.upgrade(database)
        with served(database, Path(folder)) as site:
            fill(site)
            took = edited(site, rounds)
        database.close()
    print(f"{'ms of processor':34}{'median':>9}{'most':>9}")
    for name, times in took.items():
        print(f"{name:34}{statistics.median(times):9.0f}{max(times):9.0f}")
    until = statistics.median(map(sum, zip(took["the form"], took["the mail"], strict=True)))
    print(f"until the preview shows the edit {until:.0f} ms; target {TARGET_MS} ms")
    sys.exit(until > TARGET_MS)


def fill(site: Site) -> None:
    """Publish a hundred a week, each of the sample's titles and summaries, put together anew."""
    chance = random.Random(7)
    items = json.loads(SAMPLE.read_text())["items"]
    halves = [each["title"].partition(": ")[::2] for each in items]
    feed = a_feed(site.database, "https://example.org/feed", "recap")
    entries = [
        Entry(
            title=" ".join(
                filter(None, (chance.choice(halves)[0], chance.choice(halves)[1], str(n)))
            ),
            guid=str(n),
            summary=chance.choice(items)["summary"],
            kind=chance.choice(("Commentary", "Report", "Brief")),
            link=f"https://example.org/{n}",
            published_at=NOW - timedelta(hours=24 * 7 * n / A_WEEK),
        )
        for n in range(PUBLICATIONS)
    ]
    with site.database.write() as conn:
        publications.bring(conn, feed, entries, now=NOW, baseline=True)


def edited(site: Site, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each request, the first edit left out: it warms things up."""
    newsletter = site.loaded.settings.newsletters["recap"]
    slot = weekly.slot(newsletter, friday.CLOSING, now=NOW)
    issue = weekly.prepare(site.database, site.loaded, "recap", slot, now=NOW)
    browser, address = site.browser("editor"), f"/desk/issues/{issue.id}"
    took: dict[str, list[float]] = {"the form": [], "the mail": [], "the board": []}
    for round_ in range(rounds + 1):
        page = browser.get(address).text
        fields = dict(re.findall(r'name="(csrf|version)" value="([^"]+)"', page))
        words = {"act": "words", "headline": f"Headline {round_}"}
        steps = {
            "the form": lambda sent=fields | words: browser.post(f"{address}/edit", data=sent),
            "the mail": lambda: browser.get(f"{address}/mail"),
            "the board": lambda: browser.get(address),
        }
        for name, step in steps.items():
            begun = process_time()
            answer: httpx.Response = step()
            took[name].append((process_time() - begun) * 1000)
            assert answer.status_code in (200, 303), answer.text
    return {name: times[1:] for name, times in took.items()}


if __name__ == "__main__":
    main()

"""
How long an editor waits: every page of the desk over a large database, and an edit's preview.

A million readers, 50,000 publications and 500 issues on SQLite; the application serves in a
process of its own. Every GET route of the desk is found by walking the application, and asked
for again and again, for several issues and with several questions. Target: p95 at most
150 ms. An edit is two requests, the form and the mail in the frame: at most 300 ms.

The processor's share is the server's own, and holds on a machine at other work: with
``--processor`` it is what counts.

    python bench/desk.py [--rounds 30] [--processor] [--readers 1000000]
        [--keep /tmp/desk.db] [--only growth]

The draft has edits before its pages are asked for. With ``--keep`` the furnished database
stays there, and the next call takes it as it is; with ``--only`` pages are asked for whose
name has that word. What one takes away, the report of a million readers, has no target.
"""

from __future__ import annotations

import argparse
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from digest import staff, weekly
from digest.cli.serve import collect_seldom
from digest.readership import uploads
from digest.store import Database, upgrade
from digest.web import application
from tests import crowd, friday
from tests.crowd import NOW, WORDS, Size
from tests.walking import routes
from tests.website import a_loaded

PAGE_MS, EDIT_MS = 150, 300

#: What is asked for besides the page itself, by the path of its route.
QUESTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "/desk/publications": (
        {"words": WORDS[40]},
        {"words": f"{WORDS[200]} {WORDS[3]}"},
        {"words": "zeppelin"},
        {"after": 25_000},
        {"after": 25_000, "words": WORDS[2000]},
    ),
    "/desk/issues": ({"words": WORDS[40]}, {"year": 2020}, {"state": "finished"}),
    "/desk/subscribers": (
        {"part": "babano"},
        {"part": "bababe.1234@example.com"},
        {"part": "zeppelin"},
        {"state": "left"},
        {"after": 400_000},
    ),
    "/desk/bounces": ({"verdict": "gone"}, {"issue": 499}, {"before": 9000}),
    "/desk/settings": ({"everything": "on"},),
    "/desk/publications/{number}": ({"words": WORDS[40]},),
    "/desk/log": ({"before": 900}, {"actor": "ana@example.org"}, {"actor": "nobody@example.org"}),
    "/desk/issues/{issue_id}/mail": ({"view": "text"},),
}


@dataclass
class Times:
    """Of one page: milliseconds on the clock, and of the server's processor."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def p95(self, *, processor: bool) -> float:
        times = sorted(self.processor if processor else self.clock)
        return times[math.ceil(len(times) * 0.95) - 1]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=30)
    arguments.add_argument("--readers", type=int, default=Size.readers)
    arguments.add_argument("--processor", action="store_true")
    arguments.add_argument("--keep", type=Path, help="where the database stays")
    arguments.add_argument("--only", default="", help="a word of the pages' names")
    arguments.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    told = arguments.parse_args()
    if told.serve:
        serve(told.keep)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = told.keep or Path(folder) / "recap.db"
        issue = prepared(file, Size(readers=told.readers))
        with served(file) as desk:
            furnished(desk, file)
            slow = edited(desk, issue, told.rounds, by_processor=told.processor)
            named = {name: each for name, each in pages(issue).items() if told.only in name}
            slow += report(measured(desk, named, told.rounds), by_processor=told.processor)
            taken_away(desk)
    sys.exit(f"too slow: {', '.join(slow)}" if slow else 0)


def prepared(file: Path, size: Size) -> int:
    """Fill the database unless it is filled; return the number of this week's draft."""
    loaded = a_loaded(file.parent)
    if not file.exists():
        filled(file, size)
    database = Database(f"sqlite:///{file}")
    upgrade.upgrade(database)
    slot = weekly.slot(loaded.settings.newsletters["recap"], friday.CLOSING, now=NOW)
    issue = weekly.prepare(database, loaded, "recap", slot, now=NOW)
    database.close()
    return issue.id


def filled(file: Path, size: Size) -> None:
    """Make the database under another name first: one that was stopped halfway is none."""
    begun, half = time.perf_counter(), file.with_suffix(".half")
    half.unlink(missing_ok=True)
    database = Database(f"sqlite:///{half}")
    upgrade.upgrade(database)
    crowd.fill(database, a_loaded(file.parent), size)
    database.close()
    half.rename(file)
    print(f"{crowd.as_text(size)}: filled in {time.perf_counter() - begun:.0f} s", flush=True)


# --- the server ---------------------------------------------------------------------------


@dataclass
class Desk:
    """The served desk, and a browser of an admin's."""

    browser: httpx.Client
    server: int

    def ask(self, times: Times, question: Callable[[], httpx.Response]) -> httpx.Response:
        begun, computed = time.perf_counter(), self._processor()
        answer = question()
        times.clock.append((time.perf_counter() - begun) * 1000)
        times.processor.append((self._processor() - computed) * 1000)
        assert answer.status_code in (200, 303), f"{answer.url}: {answer.status_code}"
        return answer

    def _processor(self) -> float:
        # The clock of another process's processor time, as clock_getcpuclockid(3) names it.
        return time.clock_gettime((~self.server << 3) | 2)


def serve(file: Path) -> None:
    """Serve the desk until standard input ends; the address is the only line of output."""
    collect_seldom()
    loaded = a_loaded(file.parent)
    app = application(Database(f"sqlite:///{file}"), lambda: loaded, clock=lambda: NOW)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    told = server.startup

    async def startup(sockets: Any = None) -> None:
        await told(sockets)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)

    server.startup = startup  # type: ignore[method-assign]
    server.run()


@contextmanager
def served(file: Path) -> Iterator[Desk]:
    command = [sys.executable, __file__, "--serve", "--keep", str(file)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = f"http://127.0.0.1:{int(server.stdout.readline())}"
        with httpx.Client(base_url=address, timeout=300) as browser:
            entered = browser.post(f"/sign-in/{link(file)}")
            assert entered.status_code == 303, entered.text
            yield Desk(browser, server.pid)
    finally:
        server.terminate()
        server.wait()


def link(file: Path) -> str:
    database = Database(f"sqlite:///{file}")
    account = staff.add(database, "admin@example.org", staff.Role("admin"), now=NOW)
    secret = staff.link(database, account.address, now=NOW)
    database.close()
    return secret


# --- pages --------------------------------------------------------------------------------


def furnished(desk: Desk, file: Path) -> None:
    """Write a block and bring a list, so that their pages show something."""
    form = dict(re.findall(r'name="(csrf)" value="([^"]+)"', desk.browser.get("/desk/blocks").text))
    form |= {"newsletter": "recap"}
    block = form | {"name": "jobs", "title": "Jobs", "place": "end", "words": "We are hiring."}
    desk.browser.post("/desk/blocks", data=block)
    lines = "".join(f"new{number}@example.org,New\n" for number in range(2000))
    desk.browser.post(
        "/desk/subscribers/import",
        data=form | {"source": "the conference"},
        files={"file": ("list.csv", f"email,name\n{lines}no address,x\n")},
    )
    database = Database(f"sqlite:///{file}")
    uploads.work(database, a_loaded(file.parent), clock=lambda: NOW)
    database.close()


def measured(desk: Desk, pages: dict[str, str], rounds: int) -> dict[str, Times]:
    took: dict[str, Times] = {}
    for name, address in pages.items():
        once = desk.browser.get(address)
        if once.status_code == 404 and "draft" in name:
            continue  # Nothing of a draft was sent that could be corrected.
        assert once.status_code == 200, f"{address}: {once.status_code}"
        took[name] = Times()
        for _ in range(rounds):
            desk.ask(took[name], lambda address=address: desk.browser.get(address))
    return took


def taken_away(desk: Desk) -> None:
    """Print how long the report of a sending issue takes, as sums and as a line for each reader."""
    for ending in ("json", "csv"):
        times = Times()
        address = f"/desk/issues/{Size.issues}/report.{ending}"
        desk.ask(times, lambda address=address: desk.browser.get(address))
        print(
            f"report.{ending} to take away: {times.clock[0]:.0f} ms,"
            f" of the processor {times.processor[0]:.0f}"
        )


def pages(draft: int) -> dict[str, str]:
    """Return what to ask for, by what it is called: each GET route, filled in."""
    app = application(Database("sqlite://"), lambda: a_loaded(Path()))
    paths = sorted(path for method, path in routes(app) if method == "GET" and is_measured(path))
    numbers = {"draft": draft, "sending": Size.issues, "finished": Size.issues - 1}
    found: dict[str, str] = {}
    for path in paths:
        for which, number in numbers.items() if "{issue_id}" in path else [("", draft)]:
            of_path = 1 if "/import/" in path else 400_000 if "subscribers" in path else 25_000
            address = path.format(issue_id=number, number=of_path, name="jobs", action="approve")
            for question in ({}, *QUESTIONS.get(path, ())):
                query = f"?{urlencode(question)}" if question else ""
                found[" ".join(filter(None, (path, which, query)))] = address + query
    return found


def is_measured(path: str) -> bool:
    # A stream ends when the browser goes, and is measured by the page that shows the same;
    # a file to take away is as long as the list it is of.
    is_page = not path.endswith(("/progress", ".csv", ".json"))
    return (path == "/" or path.startswith("/desk")) and is_page


def report(took: dict[str, Times], *, by_processor: bool) -> list[str]:
    """Print each page's times; return the names of those that are over the target."""
    print(f"{'ms':62}{'median':>8}{'p95':>8}{'processor':>11}{'p95':>8}")
    for name, times in took.items():
        row = (statistics.median(times.clock), times.p95(processor=False))
        computed = (statistics.median(times.processor), times.p95(processor=True))
        print(f"{name:62}{row[0]:8.0f}{row[1]:8.0f}{computed[0]:11.0f}{computed[1]:8.0f}")
    return [name for name, times in took.items() if times.p95(processor=by_processor) > PAGE_MS]


# --- an edit ------------------------------------------------------------------------------


def edited(desk: Desk, issue: int, rounds: int, *, by_processor: bool) -> list[str]:
    """
    Print how long an edit takes until the preview shows it; the first ones warm things up.

    By turns a publication goes out, the headline changes, and that is taken back.
    """
    address, form, mail = f"/desk/issues/{issue}", Times(), Times()
    for round_ in range(-3, rounds):
        page = desk.browser.get(address).text
        fields = dict(re.findall(r'name="(csrf|version)" value="([^"]+)"', page))
        one = re.findall(r'id="item-(\d+)"', page)[1]
        wishes = (
            {"act": "exclude", "publication": one},
            {"act": "words", "headline": f"Headline {round_}"},
            {"act": "undo"},
        )
        sent = fields | wishes[round_ % 3]
        desk.ask(form, lambda sent=sent: desk.browser.post(f"{address}/edit", data=sent))
        desk.ask(mail, lambda: desk.browser.get(f"{address}/mail"))
        if round_ < 0:
            form, mail = Times(), Times()
    both = Times(
        [sum(each) for each in zip(form.clock, mail.clock, strict=True)],
        [sum(each) for each in zip(form.processor, mail.processor, strict=True)],
    )
    until = both.p95(processor=by_processor)
    print(
        f"from an edit to its preview: {statistics.median(both.clock):.0f} ms,"
        f" p95 {both.p95(processor=False):.0f}; of the processor"
        f" {statistics.median(both.processor):.0f} ms, p95 {both.p95(processor=True):.0f}"
    )
    return ["the preview of an edit"] if until > EDIT_MS else []


if __name__ == "__main__":
    main()

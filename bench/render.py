"""
Measure what rendering costs: the sample's issue of twelve items, warm and in a cold process.

    .venv/bin/python bench/render.py

Its peers, Node's mjml with juice, are measured in the same rounds where npm and the network
are there; their packages go to .venv/peers. Exit 1 where a figure of ours misses its goal.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from digest.model import Image, Recap, Section  # noqa: E402
from digest.render import editions  # noqa: E402
from digest.render.fit import LIMITS, Fit, size  # noqa: E402
from digest.render.shown import shown  # noqa: E402
from digest.render.templates import filled  # noqa: E402
from tests.recaps import PUBLIC_URL, TEMPLATES, a_newsletter, edition, real_week  # noqa: E402

ROUNDS = 5
TIMES = 12
PEERS = ROOT / ".venv" / "peers"
PACKAGES = {"mjml": "4.18.0", "juice": "11.1.1"}
WARM_MS, COLD_MS, BYTES = 25.0, 800.0, 80 * 1024

#: Compiles and inlines what it is given TIMES over; prints the seconds of each.
NODE = """
import mjml2html from "mjml"; import juice from "juice"; import fs from "node:fs";
const source = fs.readFileSync(process.argv[2], "utf8"), told = [];
juice(mjml2html(source).html);
for (let n = 0; n < Number(process.argv[3]); n++) {
  const began = performance.now(), used = process.cpuUsage();
  const html = juice(mjml2html(source).html);
  const { user, system } = process.cpuUsage(used);
  told.push([(performance.now() - began) / 1000, (user + system) / 1e6]);
  if (n === 0) fs.writeFileSync(process.argv[4], html);
}
console.log(JSON.stringify(told));
"""


class Took(NamedTuple):
    """Seconds on the clock, and of the processor: the second is fair on a busy machine."""

    wall: float
    cpu: float


def twelve() -> Recap:
    """Return the real week with four items more, each theme's first with a picture."""
    week = real_week()
    more = tuple(
        replace(item, publication=item.publication + 100, title=f"{item.title} Revisited")
        for item in week.items[:4]
    )
    leads = {theme.publications[0] for theme in week.themes}
    image = Image(url="https://example.org/picture.jpg", alt="A harbour", credit="Photo by A.")
    items = tuple(
        replace(each, image=image if each.publication in leads else None)
        for each in (*week.items, *more)
    )
    added = Section(key="more-2", title="Reports", items=tuple(each.publication for each in more))
    return replace(week, items=items, sections=(*week.sections, added))


def warm(recap: Recap) -> list[Took]:
    """Time whole renderings: subject, HTML and text."""
    told = []
    for _ in range(TIMES):
        began, used = time.perf_counter(), time.process_time()
        edition(recap)
        told.append(Took(time.perf_counter() - began, time.process_time() - used))
    return told


def cold() -> list[Took]:
    """Time a process that starts, imports, renders and ends."""
    script = "from bench.render import twelve, edition; edition(twelve())"
    began, used = time.perf_counter(), _children()
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    return [Took(time.perf_counter() - began, _children() - used)]


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def source(recap: Recap) -> str:
    """Return the MJML that ours and the peers compile."""
    newsletter = a_newsletter()
    fit = Fit(limits=LIMITS["cards"][0])
    issue = shown(recap, newsletter, 37, fit, issue_key="2023-09-22")
    urls = dict.fromkeys(("archive_url", "web_url", "pictures_url"), PUBLIC_URL)
    values = editions._values(issue, newsletter, urls, "0" * 24)
    return filled(TEMPLATES, "mail/recap/body.mjml", values)


def peers(recap: Recap) -> Callable[[], list[Took]] | None:
    """Return how to run Node's mjml and juice on the same source; None where that cannot be."""
    if not (shutil.which("npm") and _installed()):
        return None
    (PEERS / "issue.mjml").write_text(source(recap))
    (PEERS / "run.mjs").write_text(NODE)

    def run() -> list[Took]:
        command = ["node", "run.mjs", "issue.mjml", str(TIMES), "issue.html"]
        done = subprocess.run(command, cwd=PEERS, check=True, capture_output=True, text=True)
        return [Took(*each) for each in json.loads(done.stdout)]

    return run


def _installed() -> bool:
    PEERS.mkdir(parents=True, exist_ok=True)
    wanted = json.dumps({"private": True, "type": "module", "dependencies": PACKAGES})
    file = PEERS / "wanted.json"
    if file.exists() and file.read_text() == wanted:
        return True
    (PEERS / "package.json").write_text(wanted)
    install = ["npm", "install", "--no-audit", "--no-fund", "--silent"]
    if subprocess.run(install, cwd=PEERS, check=False).returncode:
        return False
    file.write_text(wanted)
    return True


def main() -> int:
    recap = twelve()
    ways: dict[str, Callable[[], list[Took]]] = {"ours, warm": lambda: warm(recap)}
    ways["ours, cold process"] = cold
    node = peers(recap)
    if node:
        ways["mjml 4 + juice, warm"] = node
    else:
        print("No npm, or no network: the peers are left out.")
    for run in ways.values():  # one round to warm up
        run()
    taken: dict[str, list[Took]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, run in ways.items():
            taken[name] += run()
    return tell(recap, taken)


def tell(recap: Recap, taken: dict[str, list[Took]]) -> int:
    told = edition(recap)
    print(f"{'':<22}  {'p50 ms':>8}  {'best ms':>8}  {'CPU ms':>8}  {'HTML':>8}")
    for name, each in taken.items():
        html = (PEERS / "issue.html").stat().st_size if "juice" in name else size(told)
        wall, cpu = (sorted(got[at] * 1000 for got in each) for at in (0, 1))
        print(
            f"{name:<22}  {statistics.median(wall):8.1f}  {wall[0]:8.1f}"
            f"  {statistics.median(cpu):8.1f}  {html / 1024:5.1f} KB"
        )
    print(f"{len(recap.items)} items; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    met = (
        statistics.median(got.wall for got in taken["ours, warm"]) * 1000 <= WARM_MS,
        statistics.median(got.wall for got in taken["ours, cold process"]) * 1000 <= COLD_MS,
        size(told) <= BYTES,
    )
    goals = f"warm ≤ {WARM_MS:g} ms, cold ≤ {COLD_MS:g} ms, HTML ≤ {BYTES // 1024} KB"
    print(f"Goals: {goals}: {'met' if all(met) else 'MISSED'}")
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())

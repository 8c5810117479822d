"""What each program says of the mails: a figure, its target, and whether it is met."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.judges import interface
from bench.judges.sample import Mails
from bench.judges.tools import CACHE, HERE, exim_beside, program
from tests import nameserver
from tests.recaps import real_week

BASELINE = HERE / "caniemail.json"
WIDTHS = (320, 375, 600, 1200)
#: Symbols of rspamd that must be there, and that must not.
WANTED = {"R_SPF_ALLOW", "R_DKIM_ALLOW", "DMARC_POLICY_ALLOW", "HAS_LIST_UNSUB"}
UNWANTED = {"MANY_INVISIBLE_PARTS", "R_MIXED_CHARSET"}
#: What the HTML standard does not know and mail clients need; six patterns at most.
ALLOWED = (
    r"Attribute “xmlns:[vo]” not allowed here",  # Word's vector graphics
    r"“mso-[a-z-]+”: Property “mso-[a-z-]+” doesn't exist",
    r"“supported-color-schemes”: Property",  # Apple Mail before 2020
    r"Bad value “auto” for attribute “height” on element “img”",  # MJML's own
)


@dataclass(frozen=True)
class Said:
    """One line of the table."""

    judge: str
    what: str
    figure: str
    target: str
    passed: bool
    #: What was found, line by line, where it failed.
    details: tuple[str, ...] = ()


def rspamd(mails: Mails) -> Iterator[Said]:
    with _name_server(mails.record) as dns, _rspamd(dns) as url:
        for message in mails.eml:
            told = _scanned(url, message)
            names = set(told["symbols"])
            score = f"{told['score']:.1f}"
            heavy = (f"{n} {s['score']}" for n, s in told["symbols"].items() if s["score"] > 0)
            yield Said("rspamd", message.stem, score, "≤ 0", told["score"] <= 0, tuple(heavy))
            amiss = (*sorted(WANTED - names), *sorted(UNWANTED & names))
            right = f"{len(WANTED & names)} of {len(WANTED)}, {len(UNWANTED & names)} unwanted"
            target = f"{len(WANTED)} of {len(WANTED)}, 0 unwanted"
            yield Said("rspamd symbols", message.stem, right, target, not amiss, amiss)


def _scanned(url: str, message: Path) -> dict:
    envelope = {
        "IP": nameserver.ADDRESS,
        "Helo": "mx.example.org",
        "Hostname": "mx.example.org",
        "From": "recap@example.org",
        "Rcpt": "reader@example.org",
    }
    asked = urllib.request.Request(url, data=message.read_bytes(), headers=envelope)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.load(answer)


@contextmanager
def _name_server(record: str) -> Iterator[int]:
    port = _free_port()
    command = [sys.executable, nameserver.__file__, str(port), record]
    with _running(command, port):
        yield port


@contextmanager
def _rspamd(dns: int) -> Iterator[str]:
    folder, port = Path(tempfile.mkdtemp(prefix="recap-rspamd-")), _free_port()
    config = (HERE / "rspamd.conf").read_text()
    for mark, value in (("RUN", folder), ("DNS", dns), ("PORT", port)):
        config = config.replace(f"@{mark}@", str(value))
    (folder / "rspamd.conf").write_text(config)
    command = ["rspamd", "-f", "-c", str(folder / "rspamd.conf")]
    command += ["--var", f"DBDIR={folder}", "--var", f"RUNDIR={folder}"]
    if os.geteuid() == 0:
        shutil.chown(folder, "_rspamd", "_rspamd")
        command += ["-u", "_rspamd", "-g", "_rspamd"]
    try:
        with _running(command, port):
            yield f"http://127.0.0.1:{port}/checkv2"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            raise TimeoutError(f"{command[0]} did not come up")
        yield
    finally:
        process.terminate()
        process.wait(20)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def spamassassin(mails: Mails) -> Iterator[Said]:
    for message in mails.eml:
        told = _run(["spamassassin", "--local", "--test-mode"], stdin=message.read_bytes())
        found = re.search(r"Content analysis details:\s+\((-?[\d.]+) points", told)
        score = float(found[1]) if found else 99.0
        rules = tuple(re.findall(r"^ *0?[1-9.][\d.]* [A-Z_0-9]+", told, re.MULTILINE))
        yield Said("SpamAssassin", message.stem, f"{score:.1f}", "< 0.5", score < 0.5, rules)


def opendkim(mails: Mails) -> Iterator[Said]:
    """Ask in a network of its own, whose name server is ours: the program wants port 53."""
    script = f"""
        ip link set lo up
        echo 'nameserver 127.0.0.1' >{mails.folder}/resolv.conf
        mount --bind {mails.folder}/resolv.conf /etc/resolv.conf
        {sys.executable} {nameserver.__file__} 53 '{mails.record}' & server=$!
        for n in $(seq 200); do (: <>/dev/tcp/127.0.0.1/53) 2>/dev/null && break; sleep 0.1; done
        for file in "$@"; do opendkim-testmsg <"$file" >/dev/null 2>&1; echo $?; done
        kill $server"""
    files = [mails.eml[0], *mails.altered.values()]
    private = ["unshare", *(["--map-root-user"] if os.geteuid() else []), "--net", "--mount"]
    codes = _run([*private, "bash", "-c", script, "_", *map(str, files)]).split()
    sound, *others = codes or ["none"]
    # 70: a signature is there, and wrong.
    yield Said("opendkim-testmsg", "signed", f"exit {sound}", "exit 0", sound == "0")
    passed = tuple(n for n, code in zip(mails.altered, others, strict=False) if code != "70")
    refused = len(others) - len(passed)
    figure, target = f"{refused} refused", f"{len(mails.altered)} refused"
    yield Said("opendkim-testmsg", "altered", figure, target, figure == target, passed)


def mail_servers(mails: Mails) -> Iterator[Said]:
    """Hand the signed mails to Exim and Postfix, and have Dovecot give them back."""
    exim = program("exim4") or exim_beside()
    with tempfile.TemporaryDirectory(prefix="recap-host-") as folder:
        Path(folder).chmod(0o755)
        private = ["unshare", "--net", "--mount", sys.executable]
        told = json.loads(_run([*private, HERE / "mailhost.py", folder, exim, *mails.eml]))
    count = f"{len(mails.eml)} mails"
    for name, judge in (("exim", "Exim"), ("postfix", "Postfix")):
        refused = tuple(f"{m}: {s}" for m, s in told[name].items() if not s.startswith("250"))
        yield Said(judge, count, *_none(refused, "refused"), refused)
    changed = tuple(f"{mail}: {said}" for mail, said in told["dovecot"].items() if said)
    yield Said("Dovecot", count, *_none(changed, "changed"), changed)


def nu(mails: Mails) -> Iterator[Said]:
    # An issue's page is the mail's own document.
    for what, files in (("mails", mails.html), ("readers' pages", mails.served)):
        errors = _nu_errors(files)
        what = f"{len(files)} {what}"
        yield Said("Nu HTML checker", what, *_none(errors, "errors"), errors)


def _nu_errors(files: tuple[Path, ...]) -> tuple[str, ...]:
    jar = CACHE / "node_modules/vnu-jar/build/dist/vnu.jar"
    command = ["java", "-jar", str(jar), "--errors-only", "--format", "json"]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    return tuple(
        f"{Path(each.get('url', '')).name}:{each.get('lastLine', 0)}: {each['message']}"
        for each in json.loads(done.stderr)["messages"]
        if not any(re.search(pattern, each["message"]) for pattern in ALLOWED)
    )


def mjml(mails: Mails) -> Iterator[Said]:
    faults = tuple(_run(["node", "validate.mjs", *map(str, mails.mjml)]).splitlines())
    yield Said("MJML validator", f"{len(mails.mjml)} mails", *_none(faults, "faults"), faults)


def caniemail(mails: Mails) -> Iterator[Said]:
    found = {(title, client) for title, clients in unsupported(mails).items() for client in clients}
    known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    fresh = sorted(found - {(title, client) for title in known for client in known[title]})
    details = tuple(f"{title}: {client}" for title, client in fresh)
    yield Said("caniemail", f"{len(mails.html)} mails", *_none(details, "new"), details)


def unsupported(mails: Mails) -> dict[str, list[str]]:
    """Return features that the mails use, each with the clients that do not know it."""
    return json.loads(_run(["node", "caniemail.mjs", *map(str, mails.html)]))


def chromium(mails: Mails) -> Iterator[Said]:
    from playwright.sync_api import sync_playwright

    axe = (CACHE / "node_modules/axe-core/axe.min.js").read_text()
    faults: dict[str, list[str]] = {"axe": [], "overflow": [], "mode": []}
    pages = 0
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            context = browser.new_context(color_scheme=scheme, offline=True)
            page = context.new_page()
            for mail in (*mails.html, *mails.pages):
                page.set_content(mail.read_text(), wait_until="domcontentloaded")
                page.evaluate(axe)
                for width in WIDTHS:
                    page.set_viewport_size({"width": width, "height": 800})
                    _look(page, f"{mail.stem} {width} {scheme}", width, faults)
                    pages += 1
            context.close()
        browser.close()
    views = f"{pages} views"
    for judge, kind, unit in (
        ("axe", "axe", "serious"),
        ("horizontal overflow", "overflow", "views"),
        ("CSS1Compat", "mode", "views without"),
    ):
        yield Said(judge, views, *_none(faults[kind], unit), tuple(faults[kind]))


_AXE = """async () => (await axe.run(document, {resultTypes: ['violations'], runOnly:
    ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})).violations
    .filter(each => ['serious', 'critical'].includes(each.impact))
    .map(each => each.id + ' ' + each.nodes[0].target.join(' '))"""


def _look(page, view: str, width: int, faults: dict[str, list[str]]) -> None:
    mode, needed = page.evaluate("[document.compatMode, document.documentElement.scrollWidth]")
    if mode != "CSS1Compat":
        faults["mode"].append(f"{view}: {mode}")
    if needed > width:
        faults["overflow"].append(f"{view}: {needed} px")
    faults["axe"] += [f"{view}: {fault}" for fault in page.evaluate(_AXE)]


def w3m(mails: Mails) -> Iterator[Said]:
    """Read the week's mails aloud: all titles in the recap's order, then the way out."""
    titles = [item.title for item in real_week().items]
    for mail in mails.html:
        if not mail.stem.startswith("week-"):
            continue
        said = " ".join(_run(["w3m", "-dump", "-cols", "78", "-T", "text/html", mail]).split())
        places = [said.find(" ".join(title.split())) for title in titles]
        lost = [title for title, place in zip(titles, places, strict=True) if place < 0]
        out = said.lower().rfind("unsubscribe") > max(places)
        in_order = places == sorted(places)
        details = (*lost, *([] if in_order else ["order"]), *([] if out else ["unsubscribe"]))
        figure = f"{len(titles) - len(lost)} titles{'' if in_order else ', out of order'}"
        yield Said("w3m", mail.stem, figure, f"{len(titles)} titles", not details, details)


def schemathesis(mails: Mails) -> Iterator[Said]:
    for one in interface.answered(mails.folder):
        what = f"{one.described}, {one.asked} requests"
        yield Said("schemathesis", what, *_none(one.faults, "faults"), one.faults)


def _none(found: list[str] | tuple[str, ...], unit: str) -> tuple[str, str, bool]:
    return f"{len(found)} {unit}", f"0 {unit}", not found


def _run(command: list[str], *, stdin: bytes = b"") -> str:
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        check=False,
        cwd=CACHE,
        env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )
    return done.stdout.decode("utf-8", "replace")


#: In the order of the table.
ALL = (
    rspamd,
    spamassassin,
    opendkim,
    mail_servers,
    nu,
    chromium,
    caniemail,
    mjml,
    w3m,
    schemathesis,
)

"""Getting the programs that judge: from Debian for root, from npm and PyPI into .venv/judges."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".venv" / "judges"
#: In a place of its own: what it needs is nothing that the product should see.
SCHEMATHESIS = CACHE / "python" / "bin" / "schemathesis"

#: The program that is looked for, and the Debian package that brings it.
PACKAGES = {
    "rspamd": "rspamd",
    "spamassassin": "spamassassin",
    "opendkim-testmsg": "opendkim-tools",
    "java": "default-jre-headless",
    "node": "nodejs",
    "npm": "npm",
    "w3m": "w3m",
    "chromium": "chromium",
    "ip": "iproute2",
    "openssl": "openssl",
    "postfix": "postfix",
    "doveadm": "dovecot-core",
}


def program(name: str) -> str | None:
    """Return where the program is; also where only root looks for programs."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def ready() -> list[str]:
    """Install what is missing; return a sentence for each thing that could not be had."""
    return [*_from_debian(), *_from_npm(), *_from_pypi()]


def _from_debian() -> list[str]:
    missing = [name for name in PACKAGES if not program(name)]
    if not missing:
        return []
    packages = [PACKAGES[name] for name in missing]
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0:
        return [f"As root, type: {' '.join(install)}"]
    print(f"Installing {', '.join(packages)}.", flush=True)
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "capture_output": True}
    subprocess.run(["apt-get", "update", "-qq"], **quiet, check=False)
    # None of them is to start a service of its own on this machine.
    guard = Path("/usr/sbin/policy-rc.d")
    ours = not guard.exists()
    if ours:
        guard.write_text("#!/bin/sh\nexit 101\n")
        guard.chmod(0o755)
    try:
        subprocess.run(install, **quiet, check=False)
    finally:
        if ours:
            guard.unlink()
    return [f"{PACKAGES[name]} could not be installed." for name in missing if not program(name)]


def exim_beside() -> str:
    """
    Return a copy of Exim that is not installed: as packages, it and Postfix exclude each other.

    OSError if it cannot be had.
    """
    folder = CACHE / "exim"
    there = folder / "usr" / "sbin" / "exim4"
    if not there.exists():
        folder.mkdir(parents=True, exist_ok=True)
        get = ["apt-get", "download", "exim4-daemon-light", "libidn12"]
        subprocess.run(get, cwd=folder, check=True, capture_output=True)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, folder], check=True)
    return str(there)


def _from_npm() -> list[str]:
    """Lay the packages and our scripts beside one another: that is how Node finds them."""
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_text()
    there = CACHE / "package.json"
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, CACHE)
    if there.exists() and there.read_text() == wanted:
        return []
    if not program("npm"):
        return ["npm is missing, and with it axe, caniemail, mjml and vnu."]
    print("Installing axe, caniemail, mjml and vnu.", flush=True)
    (CACHE / "wanted.json").write_text(wanted)
    return _npm_install(CACHE / "wanted.json", there)


def _npm_install(wanted: Path, there: Path) -> list[str]:
    """Install into the cache; package.json takes its place there only once all is there."""
    folder = wanted.parent
    shutil.copy(wanted, there)
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent", "--no-package-lock"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        # npm writes the file anew.
        shutil.copy(wanted, there)
        return []
    there.unlink()
    return [f"npm could not install: {done.stderr.strip()[:200] or done.stdout.strip()[:200]}"]


def _from_pypi() -> list[str]:
    wanted, there = HERE / "requirements.txt", CACHE / "requirements.txt"
    if there.exists() and there.read_text() == wanted.read_text():
        return []
    print("Installing schemathesis.", flush=True)
    place = SCHEMATHESIS.parents[1]
    subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
    install = [place / "bin" / "pip", "--quiet", "--disable-pip-version-check", "install"]
    done = subprocess.run(
        [*install, "--requirement", wanted], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return [f"pip could not install: {done.stderr.strip()[-200:]}"]
    shutil.copy(wanted, there)
    return []

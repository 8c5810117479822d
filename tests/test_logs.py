"""What is told while things run, and while they fail: no secret, and nobody's address."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from digest import tokens
from digest.cli.init import Answers, write_folder
from tests.mailserver import MailServer, running
from tests.test_deploy import _free_port

ROOT = Path(__file__).parents[1]
DIGEST = Path(sys.executable).with_name("digest")
SECRETS = {
    "TOKEN_KEY": "tkn" + "4f" * 32,
    "SMTP_PASSWORD": "smtp-pass-8c1f",
    "METRICS_TOKEN": "metrics-77aa-" + "m" * 24,
    "WEBHOOK_SECRET": "webhook-19bd-" + "w" * 24,
    "API_TOKEN": "api-55ce-" + "a" * 24,
}
READER = "dana.reed@example.org"


class Fridays:
    """A folder whose secrets are known, and all that its commands have said."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.env = known | SECRETS | {"SMTP_PORT": str(port), "SMTP_USER": "recap"}
        self.said = ""

    def digest(self, *words: str, **more: str) -> str:
        """Type a command, whatever comes of it; return what it said."""
        done = subprocess.run(
            [DIGEST, *words],
            cwd=self.folder,
            env=self.env | more,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.said += done.stdout + done.stderr
        return done.stdout + done.stderr

    def served(self) -> str:
        """Run `digest serve` while strangers and a reader come; return its log."""
        port = _free_port()
        with (self.folder / "served").open("w+") as log:
            process = subprocess.Popen(
                [DIGEST, "serve", "--port", str(port)],
                cwd=self.folder,
                env=self.env,
                stdout=log,
                stderr=log,
            )
            try:
                _visit(f"http://127.0.0.1:{port}")
            finally:
                process.terminate()
                process.wait(60)
            log.seek(0)
            return log.read()


def _visit(site: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{site}/healthz")
            break
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    leaving = tokens.make(SECRETS["TOKEN_KEY"], tokens.LEAVE, 1, "weekly")
    for path in (f"/unsubscribe/{leaving}", "/unsubscribe/forged", "/metrics", "/nowhere"):
        httpx.get(site + path, headers={"authorization": f"Bearer {SECRETS['METRICS_TOKEN']}"})
        httpx.post(site + path, data={"List-Unsubscribe": "One-Click", "email": READER})


@pytest.fixture
def fridays(tmp_path):
    """The mail server refuses the password, quoting whom it refuses."""
    refusing = MailServer(
        extensions=("8BITMIME", "AUTH PLAIN LOGIN"),
        script=lambda phase, _: "535 5.7.8 no" if phase == "auth" else None,
    )
    write_folder(
        tmp_path,
        Answers(
            title="Weekly",
            from_="weekly@example.org",
            postal_address="12 Harbour Road, Springfield",
            feed=str(ROOT / "digest" / "sample" / "security-cooperation.json"),
            timezone="UTC",
        ),
    )
    (tmp_path / ".env").unlink()
    (tmp_path / "readers.csv").write_text(f"email,name\n{READER},Dana Reed\n")
    with running(refusing) as server:
        yield Fridays(tmp_path, server.port)


@pytest.mark.slow
def test_no_secret_and_no_address_is_logged(fridays):
    """A whole Friday on which the mail server refuses us, forged links, a database that is
    away: no command prints a secret, and the log of `digest serve` nobody's address."""
    fridays.digest("db", "upgrade")
    fridays.digest("subscribers", "import", "readers.csv", "--source", "a test")
    fridays.digest("feeds", "fetch")
    week = ("--closing", "2023-09-22")
    fridays.digest("issue", "prepare", *week)
    fridays.digest("issue", "approve", *week)
    assert "535" in fridays.digest("issue", "send", *week, DIGEST_TRACE="1")
    fridays.digest("doctor")
    away = "postgresql://recap:db-pass-3e9d@127.0.0.1:1/recap"
    assert "127.0.0.1" in fridays.digest("doctor", DATABASE_URL=away)
    fridays.digest("--help", DATABASE_URL=away)
    log = fridays.served()

    told = fridays.said + log
    assert [each for each in (*SECRETS.values(), "db-pass-3e9d") if each in told] == []
    assert not re.search(r"/unsubscribe/\w{20}", log)
    assert READER not in log
    assert "Dana" not in log


# --- what it is made of -------------------------------------------------------------------


def _sbom() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("sbom", str(ROOT / ".ci" / "sbom"))
    spec = importlib.util.spec_from_loader("sbom", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_every_locked_package_is_in_the_list_of_parts():
    """With its hashes and its address; and the same lock makes the same bytes."""
    sbom = _sbom()
    made = sbom.document()
    lock = (ROOT / "requirements.lock").read_text()
    names = re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)
    assert [each["name"] for each in made["components"]] == names
    assert all(each["hashes"] for each in made["components"])
    assert made["bomFormat"] == "CycloneDX"
    assert json.dumps(made) == json.dumps(sbom.document())

"""The sample newsletter's Friday as a user types it, in a folder without the repository."""

from __future__ import annotations

import email
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "digest" / "sample" / "security-cooperation.json"


class Terminal:
    """A folder to type commands in."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("DIGEST_", "SMTP_"))},
            "PYTHONPATH": str(ROOT),
            **environ,
        }

    def start(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "digest", *words],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def type(self, *words: str, code: int = 0, **environ: str) -> str:
        running = self.start(*words, **environ)
        out, err = running.communicate(timeout=120)
        assert running.returncode == code, f"{words}: {running.returncode}\n{out}\n{err}"
        return out + err

    def facts(self, *words: str, **environ: str) -> Any:
        return json.loads(self.type(*words, "--json", **environ))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Terminal, str]:
    """The demo, run once for this module, and what it said."""
    outside = Terminal(tmp_path_factory.mktemp("somewhere"))
    said = outside.type("demo")
    return Terminal(outside.folder / "recap-demo"), said


def mails(terminal: Terminal) -> list[EmailMessage]:
    return [
        email.message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted(terminal.folder.glob("var/demo/mail/*.eml"))
    ]


def test_the_headline_names_what_the_week_was_about(shown):
    """Three themes out of the sample's own words, Ukraine and the trilateral threat among them."""
    _, said = shown
    headline = re.search(r"Headline\s+(.+)", said)[1]
    assert len(headline.split(", ")) == 3
    assert "Ukraine" in headline
    assert "Trilateral" in headline


def test_the_demo_tells_what_to_look_at_and_type_next(shown):
    """Lead, who got it, where HTML, text and mails lie, and the next commands."""
    terminal, said = shown
    assert "This weekly recap focuses on " in said
    assert "ana.lima@example.org" in said
    assert "digest serve" in said
    for label in ("HTML", "Text"):
        path = re.search(rf"^{label}\s+(\S+)", said, re.MULTILINE)[1]
        assert (terminal.folder.parent / path).read_text(encoding="utf-8").strip()


def test_every_sample_reader_gets_one_mail(shown):
    """Five readers, five mails, each to one, with both parts and a link to leave by one click."""
    terminal, _ = shown
    got = mails(terminal)
    assert len(got) == 5
    assert len({mail["To"] for mail in got}) == 5
    for mail in got:
        kinds = [part.get_content_type() for part in mail.iter_parts()]
        assert kinds == ["text/plain", "text/html"]
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        link = re.search(r"<(http[^>]+)>", mail["List-Unsubscribe"])[1]
        assert link in mail.get_body(("html",)).get_content()
        assert link in mail.get_body(("plain",)).get_content()


def test_a_second_demo_sends_nothing_twice(shown):
    """Run again, it tells the same and the inbox holds the same five mails."""
    terminal, said = shown
    outside = Terminal(terminal.folder.parent)
    again = outside.type("demo")
    assert again.splitlines()[1:3] == said.splitlines()[1:3]
    assert len(mails(terminal)) == 5


def test_every_publication_of_the_page_has_its_reason(shown):
    """All 20 publications and both recaps are explained: six in, sixteen out."""
    terminal, _ = shown
    told = terminal.facts("issue", "why", "--closing", "2023-09-22")["candidates"]
    codes = [candidate["code"] for candidate in told if candidate["reason"]]
    assert len(codes) == 22
    assert sum(candidate["included"] for candidate in told) == 6
    assert codes.count("old") == 12
    assert codes.count("after-close") == 2
    assert codes.count("kind") == 2


def test_next_weeks_draft_waits(shown):
    """The week after is composed of what came later, a late arrival among it."""
    terminal, _ = shown
    shown_next = terminal.facts("issue", "show", "--closing", "2023-09-29")
    assert shown_next["issue"]["state"] == "draft"
    assert len(shown_next["recap"]["items"]) == 3
    told = terminal.facts("issue", "why", "--closing", "2023-09-29")["candidates"]
    assert "late" in {candidate["code"] for candidate in told if candidate["included"]}


def test_headline_and_lead_follow_the_items(shown):
    """Without its lead item the next issue has another headline and another lead."""
    terminal, _ = shown
    before = terminal.facts("issue", "show", "--closing", "2023-09-29")["recap"]
    lead = str(before["items"][0]["publication"])
    after = terminal.facts("issue", "edit", "--closing", "2023-09-29", "--exclude", lead)["recap"]
    assert after["headline"] != before["headline"]
    assert after["lead"] != before["lead"]
    put_back = terminal.facts("issue", "edit", "--closing", "2023-09-29", "--pin", lead)["recap"]
    assert len(put_back["items"]) == 3


def test_the_overlay_opens_in_the_editor(shown, tmp_path):
    """What $EDITOR writes is laid over the draft; what it breaks is told and kept."""
    terminal, _ = shown
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho 'headline: Written by Hand' > \"$1\"\n")
    editor.chmod(0o755)
    closing = ("--closing", "2023-09-29")
    edited = terminal.facts("issue", "edit", *closing, EDITOR=str(editor))["recap"]
    assert edited["headline"] == "Written by Hand"
    assert "headline" in edited["human"]

    editor.write_text("#!/bin/sh\necho 'headlin: Typo' > \"$1\"\n")
    said = terminal.type("issue", "edit", *closing, code=1, EDITOR=str(editor))
    assert "headlin" in said
    kept = Path(re.search(r"(/\S+\.yaml)", said)[1])
    assert kept.read_text() == "headlin: Typo\n"
    kept.unlink()

    editor.write_text('#!/bin/sh\n: > "$1"\n')
    restored = terminal.facts("issue", "edit", *closing, EDITOR=str(editor))["recap"]
    assert restored["human"] == []


def test_no_command_names_itself_as_the_next(shown):
    """A finished issue's status leads to its readers, and with them to nothing more."""
    terminal, _ = shown
    words = ("issue", "status", "--closing", "2023-09-22")
    assert "Next     digest issue status --closing 2023-09-22 --readers" in terminal.type(*words)
    listed = terminal.type(*words, "--readers")
    assert "mei@" in listed
    assert "Next" not in listed


def test_what_is_approved_after_its_hour_says_that_it_goes_at_once(shown):
    """A Friday that is past is no promise; taken back, it is a draft with its hour again."""
    terminal, _ = shown
    closing = ("--closing", "2023-09-29")
    assert re.search(
        r"Sends +at once where `digest serve` runs, as Fri 29 Sep 2023 09:00 EDT is past",
        terminal.type("issue", "approve", *closing),
    )
    terminal.type("issue", "hold", *closing, "--reason", "Not yet.")
    terminal.type("issue", "release", *closing)


def test_an_issue_without_readers_is_not_used_up(shown, tmp_path):
    """Its approval says that nobody would get it, and sending it is refused."""
    terminal, _ = shown
    words = ("--yes", "--title", "Alone", "--from", "alone@example.org")
    words += ("--postal-address", "12 Harbour Road", "--timezone", "UTC")
    terminal.type("init", str(tmp_path / "alone"), *words, "--feed", str(SAMPLE))
    alone = Terminal(tmp_path / "alone")
    closing = ("--closing", "2023-09-22")
    alone.type("feeds", "fetch")
    alone.type("issue", "prepare", *closing)
    assert "Readers  none yet: digest subscribers import" in alone.type(
        "issue", "approve", *closing
    )
    refused = alone.type("issue", "send", *closing, code=1)
    assert "issue 2023-09-22 has no readers. Nothing was sent." in refused
    assert alone.facts("issue", "status", *closing)["issue"]["state"] == "approved"


def test_a_trial_without_an_inbox_is_told_of_it(shown):
    """Where the mail server of this machine does not answer, the built-in one may be meant."""
    terminal, _ = shown
    words = ("issue", "test", "--closing", "2023-09-29", "--to", "you@example.org")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        said = terminal.type(*words, code=1, SMTP_PORT=str(closed.getsockname()[1]))
    assert "For a trial, run beside it: digest inbox." in said


def test_where_nothing_came_back_a_sentence_says_so(shown):
    """No head of a table without a row."""
    terminal, _ = shown
    assert terminal.type("bounces", "list") == "Nothing came back yet.\n"
    of_ours = terminal.type("bounces", "list", "--outcome", "ours")
    assert of_ours == "Nothing of that sort came back.\n"


def test_a_wrong_day_is_a_wrong_word(shown):
    """Exit code 2 for words that make no sense, with how to write them."""
    terminal, _ = shown
    assert "2023-09-22" in terminal.type("issue", "show", "--closing", "last week", code=2)


def test_an_issue_that_never_was_says_how_to_make_it(shown):
    """Exit code 1, with the command that prepares it."""
    terminal, _ = shown
    said = terminal.type("issue", "show", "--closing", "2020-01-03", code=1)
    assert "digest issue prepare --closing 2020-01-03" in said


class Slow:
    """A server that takes its time over each message and remembers whom it was for."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        import asyncio

        await asyncio.sleep(0.03)
        self.taken += envelope.rcpt_tos
        return "250 2.0.0 Ok"


@pytest.mark.slow
def test_a_killed_send_is_taken_up_again(tmp_path):
    """SIGKILL in the middle, the same command again: nobody lost, nobody twice, doubts listed."""
    outside = Terminal(tmp_path)
    outside.type("demo")
    terminal = Terminal(tmp_path / "recap-demo")
    people = "email\n" + "".join(f"reader{n}@example.org\n" for n in range(200))
    (terminal.folder / "more.csv").write_text(people)
    terminal.type("subscribers", "import", "more.csv", "--source", "a test")
    closing = ("--closing", "2023-09-29")
    terminal.type("issue", "approve", *closing)
    server = Slow()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    controller = Controller(server, hostname="127.0.0.1", port=int(port))
    controller.start()
    try:
        send = ("issue", "send", *closing)
        smtp = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": port, "SMTP_TLS": "none"}
        for _ in range(3):
            running = terminal.start(*send, **smtp)
            before = len(server.taken)
            deadline = time.monotonic() + 20
            while len(server.taken) < before + 25 and time.monotonic() < deadline:
                time.sleep(0.01)
            running.send_signal(signal.SIGKILL)
            running.communicate(timeout=20)
        terminal.type(*send, **smtp)
    finally:
        controller.stop()

    status = terminal.facts("issue", "status", *closing)
    uncertain = status["by_state"].get("uncertain", 0)
    assert status["holds"]
    assert status["issue"]["state"] == "finished"
    assert len(server.taken) == len(set(server.taken))
    assert status["by_state"]["sent"] + uncertain == status["frozen"] == 205
    assert len(set(server.taken)) >= 205 - uncertain
    assert uncertain <= 3 * 64

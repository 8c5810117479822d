"""What a spam filter says, asked in its own words."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from digest.render import spam
from digest.render.finding import Finding
from tests.webserver import WebServer, answer

MAIL = b"Subject: x\r\n\r\nWords.\r\n"


@contextmanager
def rspamd(score: float) -> Iterator[str]:
    said = {
        "score": score,
        "thresholds": {"reject": 15, "add header": 6},
        "symbols": {"GOOD": {"score": -1}, "BAD": {"score": 3.5}, "WORSE": {"score": 4}},
    }
    server = WebServer(lambda path, _: answer(json.dumps(said).encode()))
    try:
        yield server.url
    finally:
        server.close()


@contextmanager
def spamd(reply: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads all, then says *reply*."""
    heard: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            while piece := connection.recv(4096):
                heard.append(piece)
            connection.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield f"spamd://127.0.0.1:{listening.getsockname()[1]}", heard
        thread.join(5)


def told(judge: str) -> list[Finding]:
    return list(spam.check(MAIL, judge))


@pytest.mark.parametrize(
    ("score", "level"), [(-1, None), (2.3, None), (2.4, "warning"), (6, "error")]
)
def test_rspamd_is_asked(score: float, level: str | None) -> None:
    """Nothing to say below two fifths of its own limit; from the limit on an error."""
    with rspamd(score) as judge:
        found = told(judge)
    assert [finding.level for finding in found] == ([level] if level else [])
    if found:
        assert "WORSE 4, BAD 3.5." in found[0].sentence
        assert "GOOD" not in found[0].sentence


@pytest.mark.parametrize(
    ("verdict", "level"), [("True ; 5.5 / 5.0", "error"), ("False ; 0.1 / 5.0", None)]
)
def test_spamassassin_is_asked(verdict: str, level: str | None) -> None:
    """One line with the verdict, then the names of the rules."""
    reply = (
        f"SPAMD/1.1 0 EX_OK\r\nContent-length: 20\r\nSpam: {verdict}\r\n\r\nHTML_MESSAGE,BAD\r\n"
    )
    with spamd(reply.encode()) as (judge, heard):
        found = told(judge)
    assert b"".join(heard) == b"SYMBOLS SPAMC/1.5\r\nContent-length: %d\r\n\r\n" % len(MAIL) + MAIL
    assert [finding.level for finding in found] == ([level] if level else [])
    if found:
        assert "HTML_MESSAGE, BAD" in found[0].sentence


def test_a_filter_that_is_not_there_is_no_error() -> None:
    """It is told, with what to do, and holds nothing."""
    with spamd(b"220 mail.example.org ESMTP\r\n") as (judge, _):
        (other,) = told(judge)
    (nobody,) = told(judge)
    (html,) = told(nobody_at := judge.replace("spamd", "http"))
    assert nobody_at in html.sentence
    assert {(f.level, f.code) for f in (other, nobody, html)} == {("warning", "spam-unchecked")}

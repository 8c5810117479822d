"""The doctor tries the way out through `public_url`, as a mail provider does."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from digest.cli import oneclick
from digest.store import subscriptions
from tests import website
from tests.mailserver import AUTHORITY, TLS
from tests.website import Site, a_loaded, served


@contextmanager
def answering(status: int, **headers: str) -> Iterator[str]:
    """Something at an https address that gives every POST the same answer; yield its port."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Door)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield str(server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine stands for one outside, with a certificate that is trusted here."""
    monkeypatch.setattr(oneclick, "is_loopback", lambda _host: False)
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))


def tried(folder: Path, public_url: str) -> oneclick.Tried:
    site = Site(None, a_loaded(folder))  # type: ignore[arg-type]  # nothing is read from it
    site.settings(public_url=public_url)
    (one,) = oneclick.tried(site.loaded)
    return one


def test_the_programs_own_door_lets_everybody_out(database, tmp_path: Path) -> None:
    """The real application says yes, and no reader has left by being tried."""
    with served(database, tmp_path) as site:
        reader = website.a_reader(database)
        found = tried(tmp_path, site.address)
    assert found.works
    with database.read() as conn:
        had = subscriptions.find(conn, reader, "recap")
    assert had is not None
    assert had.state == "active"


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (301, {"location": "https://www.example.org/there"}, "redirected to www.example.org"),
        (308, {"location": "/unsubscribe/"}, "redirected to another path"),
        (403, {}, "answered with 403"),
        (404, {}, "answered with 404"),
        (502, {}, "answered with 502"),
    ],
)
def test_a_proxy_in_the_way(
    tmp_path: Path, status: int, headers: dict[str, str], says: str
) -> None:
    """A redirect or a refusal is broken, and the sentence says which."""
    with answering(status, **headers) as port:
        found = tried(tmp_path, f"https://localhost:{port}")
    assert (found.works, found.certain) == (False, True)
    assert says in found.sentence
    assert found.remedy


def test_nothing_there_is_not_certain(tmp_path: Path) -> None:
    """No answer, or a certificate that nobody trusts, is a warning: it may be up later."""
    nothing = tried(tmp_path, "https://localhost:1")
    with answering(200) as port:
        stranger = tried(tmp_path, f"https://127.0.0.1:{port}")
    for found in (nothing, stranger):
        assert (found.works, found.certain) == (False, False)
        assert "does not answer" in found.sentence


def test_the_loopback_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where public_url leads to this machine alone, nothing is tried and nothing is claimed."""
    monkeypatch.undo()
    site = Site(None, a_loaded(tmp_path))  # type: ignore[arg-type]
    site.settings(public_url="http://localhost:8000")
    assert list(oneclick.tried(site.loaded)) == []

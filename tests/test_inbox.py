"""The built-in inbox: takes every mail, keeps it, shows it, lets nothing of it run."""

from __future__ import annotations

import signal
import smtplib
import socket
import subprocess
import sys
from email.message import EmailMessage
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from digest import inbox
from digest.errors import DigestError

HTML = (
    "<!doctype html><html><head><title>x</title></head>"
    "<body><p>Hello.</p><script>alert(1)</script></body></html>"
)


def a_mail(subject="Three Themes", html=HTML) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "RAND Weekly Recap <recap@example.org>"
    mail["To"] = "ana@example.org"
    mail["Subject"] = subject
    mail.set_content("Hello.\n.\n..two dots\n")
    if html:
        mail.add_alternative(html, subtype="html")
    return mail


@pytest.fixture
def box(tmp_path):
    with inbox.running(tmp_path / "mail") as box:
        yield box


def post(box, *mails) -> None:
    with smtplib.SMTP(box.host, box.port, timeout=10) as client:
        for mail in mails:
            client.send_message(mail)


def seen(box, path="", **headers):
    request = Request(f"{box.web_url}{path}", headers=headers)
    with urlopen(request, timeout=10) as answer:
        return answer.read().decode(), answer.headers


def test_every_mail_is_kept_in_order(box):
    """Each mail is a file of its own, complete, with how it came in front."""
    post(box, a_mail("First"), a_mail("Second"))
    first, second = box.mails()
    assert [first.path.name, second.path.name] == ["000001.eml", "000002.eml"]
    assert [first.header("Subject"), second.header("Subject")] == ["First", "Second"]
    assert first.source.startswith(b"Return-Path: <recap@example.org>\r\nDelivered-To: ana@")
    assert first.body("plain").splitlines() == ["Hello.", ".", "..two dots"]


def test_mail_of_an_earlier_run_stays(tmp_path):
    """A new run goes on counting; nothing is overwritten."""
    for _ in range(2):
        with inbox.running(tmp_path) as box:
            post(box, a_mail())
    assert [mail.number for mail in box.mails()] == [1, 2]


def test_the_list_shows_the_newest_first(box):
    """Subjects link to their mails; an empty inbox says what to do."""
    assert "No mail yet" in seen(box)[0]
    post(box, a_mail("First"), a_mail("Second"))
    page, _ = seen(box)
    assert page.index("Second") < page.index("First")
    assert 'href="/mail/2"' in page


def test_nothing_of_a_mail_can_run(box):
    """The mail is framed and sandboxed, and its own page forbids scripts, forms and frames."""
    post(box, a_mail(subject="<img src=x onerror=alert(1)>"))
    page, headers = seen(box, "mail/1")
    assert "<img src=x" not in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")

    mail, headers = seen(box, "mail/1/frame")
    assert '<head><base target="_blank">' in mail
    assert "sandbox" in headers["Content-Security-Policy"]
    assert "allow-scripts" not in headers["Content-Security-Policy"]


def test_a_mail_can_be_seen_as_text_and_source(box):
    """The text part, and every byte that came, both as text."""
    post(box, a_mail())
    assert "..two dots" in seen(box, "mail/1/text")[0]
    assert "Content-Type: multipart/alternative" in seen(box, "mail/1/source")[0]
    assert 'class="phone"' in seen(box, "mail/1/phone")[0]


def test_odd_mails_do_not_break_the_page(box):
    """No subject, no parts, unknown charsets, broken headers: the list and the mail still show."""
    odd = (
        b"\r\n",
        b"Subject: =?utf-8?b?!!!?=\r\nFrom: <<<>>>\r\nTo: \xff\xfe\r\n\r\nx\r\n",
        b"Content-Type: text/html; charset=klingon\r\nDate: never\r\n\r\n<p>\xff\r\n",
        b"Content-Type: multipart/mixed; boundary=\r\n\r\n\r\n",
    )
    with smtplib.SMTP(box.host, box.port, timeout=10) as client:
        for content in odd:
            client.sendmail("a@example.org", ["b@example.org"], content)
    assert seen(box)[0].count("<li>") == len(odd)
    for number in range(1, len(odd) + 1):
        for view in ("html", "phone", "text", "source", "frame"):
            seen(box, f"mail/{number}/{view}")


def test_an_international_address_is_taken(box):
    """The inbox offers SMTPUTF8."""
    with smtplib.SMTP(box.host, box.port, timeout=10) as client:
        client.ehlo()
        client.mail("a@example.org", ["SMTPUTF8"])
        assert client.rcpt("jörg@example.org")[0] == 250
        client.data(b"Subject: x\r\n\r\nx\r\n")
    assert "Delivered-To: jörg@example.org" in box.mails()[0].source.decode()


@pytest.mark.parametrize(
    "path", ["mail/9", "mail/1/other", "mail/../../etc/passwd", "mail/99999999999", "x"]
)
def test_only_mails_are_served(box, path):
    """Any other path is not found."""
    post(box, a_mail())
    with pytest.raises(HTTPError, match="404"):
        seen(box, path)


def test_a_foreign_name_is_not_served(box):
    """A page that another site leads a browser to, under its own name, is refused."""
    with pytest.raises(HTTPError, match="403"):
        seen(box, Host="evil.example")
    assert seen(box, Host="localhost:8025")[0]


def test_a_taken_port_is_named(tmp_path):
    """A port in use gives the address and the option to choose another."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(DigestError, match=str(port)) as caught:
            with inbox.running(tmp_path, smtp_port=port):
                pass
    assert "--smtp-port" in caught.value.remedy


def test_the_command_runs_until_ctrl_c(tmp_path):
    """`digest inbox` says where it takes mail and where to look, and ends without complaint."""
    told = [sys.executable, "-m", "digest", "inbox", "--smtp-port", "0", "--web-port", "0"]
    process = subprocess.Popen(
        [*told, "--keep", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs, these tests among them, are born deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=30)
    assert [line.split()[0] for line in said] == ["Mail", "Look", "Kept"]
    assert (process.returncode, complaint) == (0, "")

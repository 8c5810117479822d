"""The SMTP client against real servers, willing and unwilling."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from email import message_from_bytes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import inbox
from digest.errors import SenderFault, Unreachable
from digest.model.settings import SmtpSettings
from digest.smtp import Dropped, Pace, Rate, connect, rates, transaction
from digest.verdict import Phase, Verdict
from tests.mailserver import AUTHORITY, CUT, CUT_AFTER, MailServer, running

SENDER = "recap@example.org"
READER = "ana@example.org"
CONTENT = [b"Subject: Three Themes\r\n", b"\r\n", b"Hello.\r\n"]


def settings(port: int, **told: object) -> SmtpSettings:
    return SmtpSettings.model_validate({"host": "127.0.0.1", "port": port, "tls": "none"} | told)


def offer(server_settings, *mails, folder=Path("/")):
    """Offer *mails* over one connection; return the replies."""

    async def talk():
        session = await connect(server_settings, folder=folder)
        try:
            return [await session.send(*mail) for mail in mails]
        finally:
            await session.close()

    return asyncio.run(talk())


def says(phase, answer, *, times=10**6):
    """A script that gives *answer* in that *phase*, so many times."""
    left = [times]

    def script(at, _argument):
        if at == phase and left[0] > 0:
            left[0] -= 1
            return answer
        return None

    return script


# --- a willing server ---------------------------------------------------------------------


def test_a_mail_arrives_byte_for_byte(tmp_path):
    """What the inbox keeps is what was handed over, segment after segment."""
    body = [b"Subject: x\r\n\r\n", b"=2E leading dot\r\n", b"line\r\n" * 9000]
    with inbox.running(tmp_path) as box:
        (reply,) = offer(settings(box.port), (SENDER, READER, body))
        (mail,) = box.mails()
    assert (reply.phase, reply.code, reply.enhanced) == (Phase.CONTENT, 250, "2.0.0")
    assert mail.source.endswith(b"".join(body))
    assert mail.header("Delivered-To") == READER


def test_one_connection_serves_many_readers():
    """A refused recipient does not disturb the messages before and after."""

    def script(phase, argument):
        return "550 5.1.1 no such user" if (phase, argument) == ("rcpt", "no@example.org") else None

    with running(MailServer(script=script)) as server:
        replies = offer(
            settings(server.port),
            (SENDER, READER, CONTENT),
            (SENDER, "no@example.org", CONTENT),
            (SENDER, "ben@example.org", CONTENT),
        )
    assert [reply.code for reply in replies] == [250, 550, 250]
    assert server.recipients == [READER, "ben@example.org"]
    assert server.connections == 1
    assert server.commands[-1] == "QUIT"


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data", "content"])
@pytest.mark.parametrize("answer", ["451 4.3.0 later", "554 5.7.1 no"])
def test_a_refusal_tells_where_it_came(phase, answer):
    """The reply carries phase, code, enhanced code and text; the connection stays usable."""
    with running(MailServer(script=says(phase, answer, times=1))) as server:
        refused, accepted = offer(settings(server.port), *[(SENDER, READER, CONTENT)] * 2)
    code, enhanced, text = answer.split(" ", 2)
    assert refused.phase == phase
    assert (refused.code, refused.enhanced, refused.text) == (int(code), enhanced, text)
    assert str(refused) == answer
    assert accepted.code == 250
    assert len(server.mails) == 1


def test_a_reply_of_many_lines_is_one_reply():
    """Lines are joined, the enhanced code is told once, nothing of a server commands a terminal."""
    said = "550-5.7.26 Your mail\n550-5.7.26 is not \x1b[31mauthenticated\n550 5.7.26 gsmtp"
    with running(MailServer(script=says("rcpt", said))) as server:
        (reply,) = offer(settings(server.port), (SENDER, READER, CONTENT))
    assert str(reply) == "550 5.7.26 Your mail is not  [31mauthenticated gsmtp"


def test_the_size_is_announced_and_kept_to():
    """SIZE goes with MAIL where offered; a message over the limit is our fault, unsent."""
    with running(MailServer(extensions=("SIZE 30",))) as server:
        with pytest.raises(SenderFault, match="takes 30"):
            offer(settings(server.port), (SENDER, READER, CONTENT))
        small = [b"A: b\r\n\r\n"]
        offer(settings(server.port), (SENDER, READER, small))
    assert [mail.options for mail in server.mails] == ["SIZE=8"]


def test_eight_bit_bytes_need_a_server_that_takes_them():
    """BODY=8BITMIME where offered; else nothing is sent."""
    content = [b"Subject: x\r\n\r\n", "ü\r\n".encode()]
    with running(MailServer(extensions=("8BITMIME",))) as server:
        offer(settings(server.port), (SENDER, READER, content))
    assert server.mails[0].options == "BODY=8BITMIME"
    with running(MailServer(extensions=())) as server, pytest.raises(SenderFault, match="8BITMIME"):
        offer(settings(server.port), (SENDER, READER, content))


def test_an_international_address_needs_smtputf8():
    """Sent with SMTPUTF8 where offered; elsewhere that one reader fails, with the reason."""
    with running(MailServer()) as server:
        offer(settings(server.port), (SENDER, "jörg@example.org", CONTENT))
    assert server.recipients == ["jörg@example.org"]
    assert "SMTPUTF8" in server.mails[0].options

    with running(MailServer(extensions=())) as server:
        refused, accepted = offer(
            settings(server.port),
            (SENDER, "jörg@example.org", CONTENT),
            (SENDER, "ana@bücher.example", CONTENT),
        )
    assert (refused.phase, refused.enhanced) == (Phase.RCPT, "5.6.7")
    assert "SMTPUTF8" in refused.text
    assert accepted.code == 250
    assert server.recipients == ["ana@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "address",
    ["", "ana", "@example.org", "a b@example.org", "a@b>\r\nRCPT TO:<c@example.org", "a\n@b.test"],
)
def test_no_address_reaches_the_server_as_a_command(address):
    """What is no address fails for that reader; no second command hides in it."""
    with running(MailServer()) as server:
        (reply,) = offer(settings(server.port), (SENDER, address, CONTENT))
    assert (reply.code, reply.enhanced) == (553, "5.1.3")
    assert server.mails == []
    assert not any(command.startswith("RCPT") for command in server.commands)


@given(st.text(max_size=40))
def test_no_text_makes_an_envelope_with_a_line_break(text):
    """Whatever stands in an address, the command stays one line."""
    from digest.smtp.session import _address

    envelope = _address(text)
    assert envelope is None or not set("\r\n<> ") & set(envelope)


# --- a server that breaks off -------------------------------------------------------------


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
def test_a_break_before_the_content_took_nothing(phase):
    """A connection that ends before the final dot leaves no doubt."""
    with running(MailServer(script=says(phase, CUT))) as server:
        with pytest.raises(Dropped) as caught:
            offer(settings(server.port), (SENDER, READER, CONTENT))
    assert not caught.value.after_content


@pytest.mark.parametrize("answer", [CUT, CUT_AFTER])
def test_a_break_after_the_final_dot_is_told_as_such(answer):
    """Whether the server took it or not, we cannot know, and say so."""
    with running(MailServer(script=says("content", answer))) as server:
        with pytest.raises(Dropped) as caught:
            offer(settings(server.port), (SENDER, READER, CONTENT))
    assert caught.value.after_content


def test_421_closes_the_connection():
    """After a 421 nothing more is said on that connection."""

    async def talk(port):
        session = await connect(settings(port), folder=Path("/"))
        reply = await session.send(SENDER, READER, CONTENT)
        usable = session.usable
        await session.close()
        return reply, usable

    with running(MailServer(script=says("mail", "421 4.3.2 too many messages"))) as server:
        reply, usable = asyncio.run(talk(server.port))
    assert (reply.code, usable) == (421, False)
    assert "RSET" not in server.commands


@pytest.mark.parametrize("said", ["hello", "250", "2500 ok", "999 what", "250-" + "x" * 20000])
def test_what_is_no_reply_breaks_the_connection(said):
    """A server that talks nonsense is left, without a guess what it meant."""
    with running(MailServer(script=says("rcpt", said))) as server:
        if said == "250":
            (reply,) = offer(settings(server.port), (SENDER, READER, CONTENT))
            assert reply.code == 250
        else:
            with pytest.raises(Dropped):
                offer(settings(server.port), (SENDER, READER, CONTENT))


def test_a_silent_server_is_left_in_the_time_of_the_standard(monkeypatch):
    """No answer in a phase's time ends the connection; RFC 5321 gives ten minutes at the end."""
    assert transaction.SECONDS[Phase.CONTENT] == 600
    monkeypatch.setitem(transaction.SECONDS, Phase.CONTENT, 0.2)
    with running(MailServer(delay=5)) as server, pytest.raises(Dropped) as caught:
        offer(settings(server.port), (SENDER, READER, CONTENT))
    assert caught.value.after_content


# --- connecting ---------------------------------------------------------------------------


def test_a_dead_server_is_named_with_what_to_do():
    """No connection: host, port, and that nothing was lost."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port}") as caught:
        offer(settings(port))
    assert "nothing was lost" in caught.value.remedy


@pytest.mark.parametrize(
    ("phase", "answer", "error"),
    [
        ("connect", "421 4.3.2 busy", Unreachable),
        ("connect", "554 5.3.2 not for you", SenderFault),
        ("connect", CUT, Unreachable),
        ("auth", "454 4.7.0 later", Unreachable),
        ("auth", "535 5.7.8 wrong password", SenderFault),
        ("auth", CUT, Unreachable),
    ],
)
def test_a_refused_connection_is_passing_or_ours(phase, answer, error):
    """A 4yz passes; a 5yz needs a person. No reader is to blame in either."""
    server = MailServer(script=says(phase, answer), extensions=("AUTH PLAIN",))
    with running(server), pytest.raises(error, match=r"127\.0\.0\.1"):
        offer(settings(server.port, user="us", password="secret"))


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_server_that_closes_during_tls_is_asked_again_later(tls):
    """The line ends in the handshake: a passing failure, and nothing was said in clear."""
    starttls = tls == "starttls"
    closing = says("starttls" if starttls else "connect", CUT)
    with running(MailServer(script=closing, starttls=starttls)) as server:
        with pytest.raises(Unreachable, match="localhost"):
            offer(settings(server.port, tls=tls, host="localhost"), (SENDER, READER, CONTENT))
    assert not any(command.startswith(("AUTH", "MAIL")) for command in server.commands)


def test_credentials_are_given_and_never_shown():
    """AUTH is used when there is a user; an error does not tell the password."""
    server = MailServer(extensions=("AUTH PLAIN",), implicit_tls=True)
    told = {"user": "us", "password": "open-sesame", "tls": "implicit", "host": "localhost"}
    with running(server):
        offer(settings(server.port, **told, ca_file=str(AUTHORITY)), (SENDER, READER, CONTENT))
        server.script = says("auth", "535 5.7.8 no")
        with pytest.raises(SenderFault) as caught:
            offer(settings(server.port, **told, ca_file=str(AUTHORITY)))
    assert len(server.mails) == 1
    assert any(command.startswith("AUTH PLAIN") for command in server.commands)
    assert "open-sesame" not in str(caught.value) + caught.value.remedy


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_certificate_that_nobody_signed_is_refused(tls):
    """An unknown authority ends it before a mail; its certificate beside the config opens it."""
    server = MailServer(implicit_tls=tls == "implicit", starttls=tls == "starttls")
    with running(server):
        told = {"tls": tls, "host": "localhost"}
        with pytest.raises(SenderFault, match="not trusted"):
            offer(settings(server.port, **told), (SENDER, READER, CONTENT))
        assert server.mails == []
        (reply,) = offer(
            settings(server.port, **told, ca_file="authority.pem"),
            (SENDER, READER, CONTENT),
            folder=AUTHORITY.parent,
        )
    assert reply.code == 250
    # RFC 3207 §4.2: what was said before TLS is forgotten, EHLO is said again.
    last = server.commands[server.commands.index("STARTTLS", 2) :] if tls == "starttls" else []
    assert not last or last[1].startswith("EHLO")


def test_a_certificate_for_another_name_is_refused():
    """The name in the certificate must be the host that we asked for."""
    with running(MailServer(implicit_tls=True)) as server:
        told = {"tls": "implicit", "host": "127.0.0.1", "ca_file": str(AUTHORITY)}
        with pytest.raises(SenderFault, match="not trusted"):
            offer(settings(server.port, **told))


def test_stripped_starttls_is_refused():
    """A server that does not offer STARTTLS gets neither password nor mail in clear."""
    server = MailServer(starttls=False, extensions=("AUTH PLAIN",))
    with running(server), pytest.raises(SenderFault, match="STARTTLS"):
        offer(
            settings(server.port, tls="starttls", user="us", password="secret"),
            (SENDER, READER, CONTENT),
        )
    assert server.mails == []
    assert not any(command.startswith(("AUTH", "MAIL")) for command in server.commands)


def test_a_wrong_kind_of_tls_says_which_port_wants_which():
    """Implicit TLS to a port that speaks plainly ends with what to write."""
    with running(MailServer()) as server, pytest.raises((SenderFault, Unreachable)):
        offer(settings(server.port, tls="implicit", host="localhost"))


def test_without_tls_mail_stays_on_this_machine(monkeypatch):
    """`tls: none` reaches a loopback address only, whatever the host's name says."""
    from digest.smtp import session

    class Elsewhere:
        def getpeername(self):
            return ("192.0.2.1", 25)

        def close(self):
            pass

    monkeypatch.setattr(session.socket, "create_connection", lambda *_: Elsewhere())
    with pytest.raises(SenderFault, match="unencrypted"):
        offer(settings(25))


def test_an_unreadable_authority_file_is_named(tmp_path):
    """A missing ca_file is told with its path."""
    with running(MailServer(implicit_tls=True)) as server:
        with pytest.raises(SenderFault, match=r"none\.pem"):
            offer(settings(server.port, tls="implicit", ca_file="none.pem"), folder=tmp_path)


def test_the_greeting_is_a_name_or_an_address():
    """EHLO tells `smtp.helo`, else the machine's full name, else its address in brackets."""
    with running(MailServer()) as server:
        offer(settings(server.port, helo="recap.example.org"))
        offer(settings(server.port))
    first, second = (c for c in server.commands if c.startswith("EHLO"))
    assert first == "EHLO recap.example.org"
    assert "." in second


# --- keeping to limits --------------------------------------------------------------------


def test_limits_are_read():
    """Rates are a count and a unit, several joined by commas."""
    assert rates("14/s, 50000/day") == (Rate(14, 1), Rate(50000, 86400))
    assert rates("3 / minute,1/h") == (Rate(3, 60), Rate(1, 3600))
    assert rates(None) == ()
    for wrong in ("14", "14/x", "0/s", "-1/s", ""):
        with pytest.raises(ValueError):
            rates(wrong)


class Hours:
    """A clock that moves when it is told to."""

    now = 0.0

    def __call__(self):
        return self.now


def test_no_stretch_of_time_sees_more_than_its_rate():
    """Both limits hold over any second and any minute, not only by the clock's."""
    clock = Hours()
    pace = Pace(rates("5/s, 40/m"), clock=clock)
    went = []
    for _ in range(130):
        while wait := pace.room():
            clock.now += wait
        pace.went("example.org")
        went.append(clock.now)
    for count, seconds in ((5, 1), (40, 60)):
        assert all(late - early >= seconds for early, late in zip(went, went[count:], strict=False))
    assert went[-1] < 190


def test_what_went_before_counts():
    """A restart does not forget the day's quota, and gets it back when that time has passed."""
    clock = Hours()
    pace = Pace(rates("100/day"), clock=clock)
    pace.remember(60, 80000)
    pace.remember(39, 100)
    assert pace.room() == 0
    pace.went("example.org")
    assert pace.room() == pytest.approx(6400, abs=1)


def test_a_throttling_domain_rests_longer_each_time_until_it_takes_one():
    """One minute, two, four, up to an hour; other domains go on; a 250 ends it."""
    clock = Hours()
    pace = Pace((), clock=clock)
    lengths = []
    for _ in range(8):
        pace.answered("slow.example", Verdict.THROTTLED)
        lengths.append(pace.rest("slow.example"))
        clock.now += lengths[-1]
        assert pace.rest("slow.example") == 0
    assert lengths == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert pace.rest("example.org") == 0
    pace.answered("slow.example", Verdict.ACCEPTED)
    pace.answered("slow.example", Verdict.THROTTLED)
    assert pace.rest("slow.example") == 60


def test_the_inbox_reads_what_we_write(tmp_path):
    """Headers and body come out of the kept file as they went in."""
    with inbox.running(tmp_path) as box:
        offer(settings(box.port), (SENDER, READER, CONTENT))
        message = message_from_bytes(box.mails()[0].source)
    assert message["Subject"] == "Three Themes"
    assert message["Return-Path"] == f"<{SENDER}>"

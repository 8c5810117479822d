"""The pipeline: what leaves in one write, and replies that cannot be taken for another's."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import SendError
from digest.smtp import Dropped, Envelope, Reply, connect
from digest.smtp.pipeline import Pipeline, Style
from digest.smtp.transaction import Transaction
from tests.mailserver import MailServer, cut_off, running
from tests.test_smtp import SENDER, says, settings

CONTENT = b"Subject: x\r\n\r\nHello.\r\n"

#: What a server offers for each style, and the window that takes it.
OFFERS = {
    Style.LOCKSTEP: (("8BITMIME",), 2),
    Style.PIPELINED: (("PIPELINING",), 2),
    Style.CHUNKED: (("PIPELINING", "CHUNKING"), 4),
}


class Transport(asyncio.Transport):
    """Keeps what is written to it, write by write; the network takes all but *stuck* bytes."""

    def __init__(self):
        super().__init__()
        self.writes: list[bytes] = []
        self.stuck = 0
        self.protocol = None
        self.closing = False

    def set_protocol(self, protocol):
        self.protocol = protocol

    def set_write_buffer_limits(self, high=None, low=None):
        assert high == 0

    def writelines(self, pieces):
        self.writes.append(b"".join(pieces))

    def get_write_buffer_size(self):
        return self.stuck

    def is_closing(self):
        return self.closing

    def abort(self):
        self.closing = True


class Talk:
    """A pipeline, what it wrote, and what became of each message."""

    def __init__(self, style):
        self.transport = Transport()
        self.pipeline = Pipeline(self.transport, style)
        self.outcomes = {}

    def offer(self, *names):
        for name in names:
            self.pipeline.offer(
                Transaction(
                    mail=b"MAIL %b" % name.encode(),
                    rcpt=b"RCPT %b" % name.encode(),
                    segments=[CONTENT],
                    size=len(CONTENT),
                    done=lambda outcome, name=name: self.decided(name, outcome),
                )
            )

    def decided(self, name, outcome):
        assert name not in self.outcomes, "decided twice"
        self.outcomes[name] = outcome

    def hear(self, *lines):
        self.pipeline.data_received("".join(f"{line}\r\n" for line in lines).encode())

    @property
    def codes(self):
        return {
            name: outcome.code if isinstance(outcome, Reply) else outcome.after_content
            for name, outcome in self.outcomes.items()
        }


def talking(test):
    """Run a test of a `Talk` in an event loop."""

    def run():
        async def body():
            test()

        asyncio.run(body())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


# --- what is written when -----------------------------------------------------------------


@talking
def test_the_next_message_follows_the_final_dot_in_one_write():
    """In a pipeline a message costs one round trip: its commands left with the one before."""
    talk = Talk(Style.PIPELINED)
    talk.offer("ana", "ben", "cem")
    assert talk.transport.writes == [b"MAIL ana\r\nRCPT ana\r\nDATA\r\n"]
    talk.hear("250 ok", "250 ok", "354 go")
    assert talk.transport.writes[1:] == [CONTENT + b".\r\nMAIL ben\r\nRCPT ben\r\nDATA\r\n"]
    talk.hear("250 queued", "250 ok", "250 ok", "354 go")
    assert talk.transport.writes[2:] == [CONTENT + b".\r\nMAIL cem\r\nRCPT cem\r\nDATA\r\n"]
    assert talk.codes == {"ana": 250}


@talking
def test_lockstep_waits_for_every_reply():
    """Without PIPELINING one command at a time leaves, and the content after the 354."""
    talk = Talk(Style.LOCKSTEP)
    talk.offer("ana", "ben")
    for reply in ("250 ok", "250 ok", "354 go", "250 queued"):
        assert len(talk.transport.writes) == len(set(talk.transport.writes))
        talk.hear(reply)
    written = [b"MAIL ana\r\n", b"RCPT ana\r\n", b"DATA\r\n", CONTENT + b".\r\n", b"MAIL ben\r\n"]
    assert talk.transport.writes == written


@talking
def test_chunks_need_no_wait_once_the_first_has_proved_the_server():
    """With BDAT the first message goes alone, and then whole messages one behind the other."""
    talk = Talk(Style.CHUNKED)
    talk.offer("ana", "ben", "cem")
    chunk = b"BDAT %d LAST\r\n" % len(CONTENT) + CONTENT
    assert talk.transport.writes == [b"MAIL ana\r\nRCPT ana\r\n" + chunk]
    talk.hear("250 ok", "250 ok", "250 queued")
    both = b"MAIL ben\r\nRCPT ben\r\n" + chunk + b"RSET\r\nMAIL cem\r\nRCPT cem\r\n" + chunk
    assert talk.transport.writes[1:] == [both]
    talk.hear("250 ok", "550 no", "503 no", "250 ok", "250 ok", "250 ok", "250 queued")
    assert talk.codes == {"ana": 250, "ben": 550, "cem": 250}


@talking
def test_a_refused_recipient_is_reset_before_the_next():
    """RCPT refused, DATA refused with it: RSET goes ahead of the next MAIL; content never goes."""
    talk = Talk(Style.PIPELINED)
    talk.offer("ana", "ben")
    talk.hear("250 ok", "550 5.1.1 who?", "503 no recipients")
    assert talk.transport.writes[1:] == [b"RSET\r\nMAIL ben\r\nRCPT ben\r\nDATA\r\n"]
    talk.hear("250 ok", "250 ok", "250 ok", "354 go")
    talk.hear("250 queued")
    assert talk.codes == {"ana": 550, "ben": 250}


@talking
def test_content_for_nobody_is_an_empty_one():
    """A server that says 354 although it refused the recipient gets a dot (RFC 2920, 3.1)."""
    talk = Talk(Style.PIPELINED)
    talk.offer("ana", "ben")
    talk.hear("250 ok", "550 5.1.1 who?", "354 go")
    assert talk.transport.writes[1:] == [b".\r\nMAIL ben\r\nRCPT ben\r\nDATA\r\n"]
    talk.hear("554 no valid recipients", "250 ok", "250 ok", "354 go")
    talk.hear("250 queued")
    assert talk.codes == {"ana": 550, "ben": 250}


@talking
def test_replies_may_come_in_pieces_and_in_many_lines():
    """However the network cuts them, each reply answers its command."""
    talk = Talk(Style.PIPELINED)
    talk.offer("ana")
    for byte in b"250-one\r\n250-two\r\n250 ok\r\n250 ok\r\n354 go\n250-2.0.0 a\r\n250 2.0.0 b\r\n":
        talk.pipeline.data_received(bytes([byte]))
    assert str(talk.outcomes["ana"]) == "250 2.0.0 a b"


# --- replies that do not fit --------------------------------------------------------------


@talking
def test_a_swallowed_answer_makes_nobody_sent():
    """The answer to a content is left out: MAIL's 250 is not taken for it."""
    talk = Talk(Style.PIPELINED)
    talk.offer("ana", "ben")
    talk.hear("250 ok", "250 ok", "354 go")
    talk.hear("250 sender ok", "250 recipient ok", "354 go")
    assert talk.codes == {"ana": True, "ben": False}
    assert talk.pipeline.lied
    assert len(talk.transport.writes) == 2


@talking
def test_an_answer_given_twice_makes_nobody_sent():
    """One reply too many shifts the others: the next content does not leave by mistake."""
    talk = Talk(Style.PIPELINED)
    talk.offer("ana", "ben", "cem")
    talk.hear("250 ok", "250 ok", "354 go")
    talk.hear("250 queued", "250 queued", "250 ok", "250 ok", "354 go")
    assert talk.codes == {"ana": True, "ben": False, "cem": False}
    assert len(talk.transport.writes) == 2


@talking
def test_a_result_is_believed_when_the_replies_behind_it_fit():
    """What came before the connection closed in order stands; the rest took nothing."""
    talk = Talk(Style.PIPELINED)
    talk.offer("ana", "ben")
    talk.hear("250 ok", "250 ok", "354 go")
    talk.hear("250 queued")
    assert talk.codes == {}
    talk.pipeline.eof_received()
    assert talk.codes == {"ana": 250, "ben": False}


@talking
def test_bytes_that_never_left_were_not_taken():
    """A break while the end of a content waits in our own memory leaves no doubt."""
    for stuck, doubt in ((1, False), (0, True)):
        talk = Talk(Style.LOCKSTEP)
        talk.offer("ana")
        for line in ("250 ok", "250 ok", "354 go"):
            talk.hear(line)
        talk.transport.stuck = stuck
        talk.pipeline.eof_received()
        assert talk.codes == {"ana": doubt}


@talking
def test_421_answers_one_and_ends_the_others():
    """The server closes: whose command it answered is put off, the rest are offered elsewhere."""
    talk = Talk(Style.PIPELINED)
    talk.offer("ana", "ben", "cem")
    talk.hear("250 ok", "250 ok", "354 go")
    talk.hear("421 4.3.2 shutting down")
    assert talk.codes == {"ana": 421, "ben": False, "cem": False}
    assert not talk.pipeline.usable
    assert not talk.pipeline.lied


@talking
def test_a_reply_to_what_was_not_said_yet_is_no_answer_to_it():
    """Answers too many in one packet settle nobody whose message has not even left."""
    talk = Talk(Style.CHUNKED)
    talk.offer("ana", "ben", "cem")
    talk.hear(*["250 ok"] * 6, "354 go")
    assert talk.codes == {"ana": True, "ben": False, "cem": False}
    assert talk.pipeline.lied


_CODES = st.sampled_from(["250 ok", "354 go", "550 no", "451 later", "421 bye", "220 hi", "hm?"])


@given(st.sampled_from(list(Style)), st.lists(_CODES, max_size=30), st.booleans())
def test_whatever_a_server_says_each_message_is_decided_once(style, lines, at_once):
    """No replies make a message lost, decided twice, or accepted before its content left."""

    async def body():
        talk = Talk(style)
        names = ["ana", "ben", "cem", "dee"]
        talk.offer(*names)
        for chunk in [lines] if at_once else [[line] for line in lines]:
            talk.hear(*chunk)
            accepted = sum(code == 250 for code in talk.codes.values())
            assert accepted <= b"".join(talk.transport.writes).count(b"Hello.")
        talk.pipeline.eof_received()
        assert set(talk.codes) == set(names)

    asyncio.run(body())


# --- against a server ---------------------------------------------------------------------


def exchange(port, names, *, window, lockstep=False):
    """Offer a message to each of *names* over one connection; return what became of them."""
    outcomes = {}

    async def talk():
        session = await connect(settings(port, window=window), folder=Path("/"), lockstep=lockstep)
        waiting = list(names)
        try:
            while len(outcomes) < len(names):
                while waiting and session.usable and session.has_room:
                    name = waiting.pop(0)
                    session.offer(
                        Envelope(SENDER, name), [CONTENT], lambda o, n=name: outcomes.update({n: o})
                    )
                if not session.usable and not session.load:
                    break
                await asyncio.sleep(0.001)
        finally:
            await session.close()

    asyncio.run(asyncio.wait_for(talk(), 20))
    return outcomes


NAMES = ["ana@example.org", "ben@example.org", "cem@example.org"]


@pytest.mark.parametrize("style", Style)
def test_each_style_brings_the_same_mails(style):
    """Lockstep, pipeline and chunks: every mail arrives byte for byte, once."""
    extensions, window = OFFERS[style]
    names = [f"reader{n}@example.org" for n in range(20)]
    with running(MailServer(extensions=extensions)) as server:
        outcomes = exchange(server.port, names, window=window)
    assert {str(outcome) for outcome in outcomes.values()} == {"250 2.0.0 queued"}
    assert server.recipients == names
    assert {mail.content for mail in server.mails} == {CONTENT}
    assert server.connections == 1
    assert ("DATA" in server.commands) == (style is not Style.CHUNKED)


def test_delivery_reports_are_asked_for_where_offered():
    """RET, ENVID, NOTIFY and ORCPT (RFC 3461), with what is special written in xtext."""

    async def talk(port):
        session = await connect(settings(port), folder=Path("/"))
        done = asyncio.get_running_loop().create_future()
        envelope = Envelope(SENDER, "ana+news@example.org", "7.12=x")
        session.offer(envelope, [CONTENT], done.set_result)
        await done
        await session.close()

    with running(MailServer(extensions=("DSN",))) as server:
        asyncio.run(talk(server.port))
    assert server.mails[0].options == (
        "RET=HDRS ENVID=7.12+3Dx NOTIFY=FAILURE ORCPT=rfc822;ana+2Bnews@example.org"
    )


def check_cut(server, outcomes):
    """What we believe of each message is what the server did with it."""
    while server.conversations:
        time.sleep(0.001)
    for name in NAMES:
        copies = server.recipients.count(name)
        outcome = outcomes.get(name)
        if isinstance(outcome, Reply):
            assert (outcome.code, copies) == (250, 1)
        elif isinstance(outcome, Dropped) and outcome.after_content:
            assert copies <= 1
        else:
            assert copies == 0


def cut_points(style, way):
    """Every byte of the dialogue in one direction, by its number."""
    extensions, window = OFFERS[style]
    with running(MailServer(extensions=extensions)) as server:
        exchange(server.port, NAMES, window=window)
    group = 2 * 44 + 6
    return range({"heard": 40 + 3 * (group + len(CONTENT) + 12), "said": 520}[way])


@pytest.mark.slow
@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("way", ["heard", "said"])
def test_a_line_cut_at_any_byte_leaves_the_truth(style, way):
    """Wherever the connection breaks: accepted is kept, refused is not, the rest is in doubt."""
    extensions, window = OFFERS[style]
    with ExitStack() as stack:
        server = stack.enter_context(running(MailServer(extensions=extensions)))
        for position in cut_points(style, way):
            server.mails.clear()
            with cut_off(server, **{way: position}) as port:
                try:
                    outcomes = exchange(port, NAMES, window=window)
                except SendError:
                    outcomes = {}
                check_cut(server, outcomes)


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
def test_a_server_that_closes_when_it_hears_two_commands_is_told_one_at_a_time(phase):
    """A break at the first group is taken as a lie about PIPELINING."""

    async def talk(port):
        session = await connect(settings(port), folder=Path("/"))
        with pytest.raises(Dropped):
            await session.send(SENDER, NAMES[0], [CONTENT])
        await session.close()
        return session.lied

    with running(MailServer(extensions=("PIPELINING",), script=says(phase, "cut"))) as server:
        assert asyncio.run(talk(server.port))

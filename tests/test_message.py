"""A message's headers and body, as other programs read them."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import re
from datetime import UTC, datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.message import EmailMessage, Message

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.errors import ReaderError
from digest.model import Recipient, Theme
from digest.render import fragments, headers, message
from digest.render.fragments import cut
from digest.render.plain import plain
from tests.recaps import (
    PREFERENCES_URL,
    PUBLIC_URL,
    SENT_AT,
    UNSUBSCRIBE_URL,
    a_recap,
    addressed,
    an_item,
    edition,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=120)
#: More than fits on a line, in any script.
LONG_TEXT = st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=12).map(" ".join)
EDITION = edition()
CUTTINGS = cut(EDITION)

#: RFC 5322, 3.6: at most one of each; and those that we promise.
FIELDS = (
    *("Date", "Message-ID", "From", "To", "Reply-To", "Subject", "MIME-Version", "Content-Type"),
    *("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Archive", "List-Help"),
    *("List-Post", "Precedence", "Auto-Submitted", "X-Auto-Response-Suppress", "Feedback-ID"),
)


def modern(content: bytes) -> EmailMessage:
    read = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert isinstance(read, EmailMessage)
    assert not read.defects
    return read


def classic(content: bytes) -> Message:
    return email.message_from_bytes(content, policy=email.policy.compat32)


def strictly(content: bytes) -> list[tuple[str, str]]:
    """Read the header as RFC 5322, 2.2, has it; anything doubtful fails."""
    head, separator, _ = content.partition(b"\r\n\r\n")
    assert separator
    fields: list[tuple[str, str]] = []
    for line in head.split(b"\r\n"):
        assert len(line) <= 998
        assert not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line)
        if line.startswith((b" ", b"\t")):
            assert line.strip(), "a continuation line holds nothing"
            name, so_far = fields[-1]
            fields[-1] = (name, so_far + line.decode())
        else:
            name, colon, rest = line.decode().partition(":")
            assert colon
            assert re.fullmatch(r"[A-Za-z-]+", name)
            assert rest.startswith(" ")
            fields.append((name, rest[1:]))
    return fields


def sound(content: bytes) -> None:
    """CRLF only, short lines, no leading dot: DATA and BDAT take the same bytes."""
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content)
    assert content.endswith(b"\r\n")
    for line in content.split(b"\r\n"):
        assert len(line) <= 998
        assert not line.startswith(b".")


def decoded(value: str) -> str:
    return str(make_header(decode_header(value)))


def display_name(field: str) -> str:
    """Read the name before ``<address>``: encoded words, or a phrase with or without quotes."""
    phrase = field.rpartition("<")[0].strip()
    if phrase.startswith('"'):
        return re.sub(r"\\(.)", r"\1", phrase[1:-1])
    return decoded(phrase)


# --- the whole ----------------------------------------------------------------------------


def test_message_has_each_field_once() -> None:
    """All that a bulk mail must say, once, and nothing else."""
    content = bytes(addressed(CUTTINGS))
    sound(content)
    names = [name for name, _ in strictly(content)]
    assert sorted(names) == sorted(FIELDS)


def test_parts_are_text_then_html_and_read_back_exactly() -> None:
    """multipart/alternative, the best last (RFC 2046, 5.1.4); both declare UTF-8."""
    read = modern(bytes(addressed(CUTTINGS)))
    assert read.get_content_type() == "multipart/alternative"
    text, html = read.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    values = {"unsubscribe_url": UNSUBSCRIBE_URL, "preferences_url": PREFERENCES_URL}
    for part, expected in (
        (text, fragments.filled(EDITION.text, values, escape=False)),
        (html, fragments.filled(EDITION.html, values, escape=True)),
    ):
        assert part.get_content_charset() == "utf-8"
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        assert payload.decode().replace("\r\n", "\n") == expected


def test_bulk_headers_say_who_what_and_the_way_out() -> None:
    """RFC 2369, 2919, 3834, 8058, and the providers' own."""
    fields = dict(strictly(bytes(addressed(CUTTINGS))))
    assert fields["List-Unsubscribe"] == f"<{UNSUBSCRIBE_URL}>"
    assert fields["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert fields["List-Id"] == "RAND Weekly Recap <weekly-recap.example.org>"
    assert fields["List-Archive"] == f"<{PUBLIC_URL}/issues/weekly-recap>"
    assert fields["List-Post"] == "NO"
    assert fields["Auto-Submitted"] == "auto-generated"
    assert fields["Feedback-ID"] == "2023-09-22:weekly-recap:recap:example-org"
    assert fields["Reply-To"] == "<editors@example.org>"
    assert fields["Date"] == "Fri, 22 Sep 2023 13:00:05 +0000"


def test_feedback_id_knows_no_reader() -> None:
    """Two readers' messages differ in To, Message-ID and their link, and in nothing else."""
    one = bytes(addressed(CUTTINGS))
    other = bytes(
        addressed(
            CUTTINGS,
            to="other@example.org",
            name="B Reader",
            message_id="<i1.s2.def@example.org>",
            unsubscribe_url=f"{PUBLIC_URL}/unsubscribe/other",
        )
    )
    differing = {
        name
        for (name, value), (_, another) in zip(strictly(one), strictly(other), strict=True)
        if value != another
    }
    assert differing == {"To", "Message-ID", "List-Unsubscribe"}


def test_constant_segments_are_shared() -> None:
    """A second reader costs a header and two values, not another copy of the edition."""
    one, other = addressed(CUTTINGS), addressed(CUTTINGS, to="other@example.org")
    shared = [a for a, b in zip(one.segments, other.segments, strict=True) if a is b]
    assert sum(map(len, shared)) > 0.9 * len(bytes(one))


@pytest.mark.parametrize("length", [8, 40, 76, 78, 120, 400])
def test_unsubscribe_link_is_never_an_encoded_word(length: int) -> None:
    """Of any length the URL stands whole on its line; Gmail ignores it otherwise."""
    url = f"{PUBLIC_URL}/unsubscribe/{'a' * length}"
    content = bytes(addressed(CUTTINGS, unsubscribe_url=url))
    (line,) = re.findall(rb"(?m)^List-Unsubscribe:.*?(?=\r\n)", content)
    assert line == f"List-Unsubscribe: <{url}>".encode()
    for name in ("List-Unsubscribe", "Message-ID", "Feedback-ID"):
        assert "=?" not in dict(strictly(content))[name]


# --- words in headers ---------------------------------------------------------------------


@settings(max_examples=300)
@given(subject=st.one_of(ANY_TEXT, LONG_TEXT))
@example("naïve café " * 12)
@example("=?utf-8?q?not_ours?=")
@example("a" * 1200)
@example("Hello\r\nBcc: everybody@example.org")
@example("  two  spaces \u3000 wide ")
@example("日本語の件名" * 20)
@example("x" * 66 + " é" * 40)
@example(":")
def test_any_subject_reads_back(subject: str) -> None:
    """Two readers decode the words as they were, with every space; lines are short."""
    told = dataclasses.replace(CUTTINGS, subject=subject)
    content = bytes(addressed(told))
    sound(content)
    assert sorted(name for name, _ in strictly(content)) == sorted(FIELDS)
    expected = plain(subject)
    assert decoded(dict(strictly(content))["Subject"]) == expected
    assert modern(content)["Subject"] == expected
    for line in re.findall(
        rb"(?m)^(?:Subject:| ).*?(?=\r\n)", content.partition(b"\r\nList-Id")[0]
    ):
        if b"=?" in line and expected.find("=?") < 0:
            assert len(line) <= 76


@settings(max_examples=300)
@given(name=ANY_TEXT)
@example('Smith, J. "Jo" \\')
@example("Łódź <x@example.org>")
@example("a\r\nBcc: everybody@example.org")
@example("=?utf-8?q?x?=")
@example("A" * 400)
@example("Reader (of much); group: x")
def test_any_name_reads_back(name: str) -> None:
    """The display name is what it was; the one address is the reader's and nobody else's."""
    content = bytes(addressed(CUTTINGS, name=name))
    sound(content)
    to = modern(content)["To"]
    assert [address.addr_spec for address in to.addresses] == ["reader@example.org"]
    written = dict(strictly(content))["To"]
    assert display_name(written) == plain(name)
    if written.count("=?") < 2:
        # Python 3.11's newer reader puts a space between two encoded words of a name.
        assert to.addresses[0].display_name == plain(name)
    assert len(strictly(content)) == len(FIELDS)


@settings(max_examples=100)
@given(title=ANY_TEXT)
@example("Zürcher Wochenschau, kurz")
@example("A <Weekly>")
def test_any_newsletter_title_reads_back(title: str) -> None:
    """List-Id keeps its identifier whatever the newsletter is called (RFC 2919)."""
    field = headers.mailbox("List-Id", title, "weekly-recap.example.org").removesuffix("\r\n")
    said = field.replace("\r\n", "").removeprefix("List-Id: ")
    assert said.endswith("<weekly-recap.example.org>")
    assert display_name(said) == plain(title)


@settings(max_examples=200)
@given(address=st.one_of(ANY_TEXT, st.builds("{}@example.org".format, ANY_TEXT)))
@example("a@example.org\r\nBcc: b@example.org")
@example("a@example.org> SIZE=1")
@example("@example.org")
@example("a@-example.org")
def test_any_address_is_written_or_refused(address: str) -> None:
    """An address cannot end a header or a command: it is clean, or ReaderError."""
    try:
        told = addressed(CUTTINGS, to=address)
    except ReaderError:
        return
    assert re.fullmatch(r"[^\s<>\x00-\x1f\x7f]+@[A-Za-z0-9.-]+", told.recipient)
    assert len(strictly(bytes(told))) == len(FIELDS)


@pytest.mark.parametrize(
    ("address", "wire", "smtputf8"),
    [
        ("reader@example.org", "reader@example.org", False),
        ("reader+list@example.org", "reader+list@example.org", False),
        ("reader@bücher.example", "reader@xn--bcher-kva.example", False),
        ("jörg@example.org", "jörg@example.org", True),
    ],
)
def test_internationalised_addresses(address: str, wire: str, smtputf8: bool) -> None:
    """A host becomes its A-label; a local part beyond ASCII asks for SMTPUTF8 (RFC 6531)."""
    told = addressed(CUTTINGS, to=address)
    assert (told.recipient, told.smtputf8) == (wire, smtputf8)
    assert f"<{wire}>".encode() in bytes(told)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"unsubscribe_url": "https://x/\r\nBcc: a@example.org"}, "unsubscribe"),
        ({"unsubscribe_url": "https://x/> <mailto:a@example.org"}, "unsubscribe"),
        ({"unsubscribe_url": "mailto:a@example.org"}, "unsubscribe"),
        ({"unsubscribe_url": "https://x/" + "a" * 1000}, "longer"),
        ({"message_id": "<a@b>\r\nX: y"}, "Message-ID"),
        ({"message_id": "a@b"}, "Message-ID"),
        ({"date": datetime(2023, 9, 22)}, "zone"),
    ],
)
def test_what_no_header_can_hold_is_refused(told: dict[str, object], said: str) -> None:
    """A mistake of ours is an error, never another header."""
    with pytest.raises(ValueError, match=said):
        addressed(CUTTINGS, **told)


def test_date_is_written_in_utc() -> None:
    """The moment of sending, whatever zone it is told in."""
    local = datetime(2023, 9, 22, 9, 0, 5, tzinfo=timezone(timedelta(hours=-4)))
    assert headers.date(local) == "Date: Fri, 22 Sep 2023 13:00:05 +0000\r\n"


def test_envelope_sender() -> None:
    """Bounces come to From's address, or where the caller says."""
    assert addressed(CUTTINGS).envelope_from == "recap@example.org"
    assert addressed(CUTTINGS, envelope_from="b+1@example.org").envelope_from == "b+1@example.org"


SPOKEN = ("title", "summary", "kind", "author", "label", "headline", "lead", "subject", "name")


@settings(max_examples=60, deadline=None)
@given(said=st.lists(ANY_TEXT, min_size=len(SPOKEN), max_size=len(SPOKEN)))
@example(
    [
        "a\r\nBcc: x@example.org",
        "\n.\n",
        "\ud800",
        "From ",
        "=?utf-8?q?x?=",
        "\x00",
        "=_",
        "\u2028",
        "<>",
    ]
)
@example(["界" * 400, "é" * 900, "🙂" * 200, "", " ", "\t", "=", "\r", "\n"])
def test_any_text_in_any_field_reads_back(said: list[str]) -> None:
    """From a feed's words to the wire: two parsers read what the preview shows, and no more."""
    told = dict(zip(SPOKEN, said, strict=True))
    item = an_item(
        title=told["title"], summary=told["summary"], kind=told["kind"], authors=(told["author"],)
    )
    themes = (Theme(label=told["label"], publications=(1,)),)
    words = {name: told[name] for name in ("headline", "lead", "subject")}
    issue = edition(a_recap(item, themes=themes, **words))
    content = bytes(addressed(cut(issue), name=told["name"]))

    sound(content)
    assert sorted(name for name, _ in strictly(content)) == sorted(FIELDS)
    assert modern(content)["Subject"] == issue.subject
    assert decoded(str(classic(content)["Subject"])) == issue.subject
    values = {"unsubscribe_url": UNSUBSCRIBE_URL, "preferences_url": PREFERENCES_URL}
    expected = [
        fragments.filled(issue.text, values, escape=False).encode(),
        fragments.filled(issue.html, values, escape=True).encode(),
    ]
    for read in (modern(content), classic(content)):
        parts = [part.get_payload(decode=True) for part in read.walk() if not part.is_multipart()]
        assert [bytes(part).replace(b"\r\n", b"\n") for part in parts] == expected


# --- small mails, whole -------------------------------------------------------------------


@settings(max_examples=100)
@given(subject=ANY_TEXT, text=st.text(max_size=300), name=ANY_TEXT)
@example("s", ".\n..\nFrom me\n", "x")
def test_small_mail_reads_back(subject: str, text: str, name: str) -> None:
    """The outbox's mails keep the same promises, and are no list mail."""
    text = text.replace("\r", "")
    segments = message.whole(
        subject,
        f"<p>{text}</p>",
        text,
        sender="Weekly <weekly@example.org>",
        recipient=Recipient(subscriber=0, address="editor@example.org", name=name),
        message_id="<outbox.1@example.org>",
        date=SENT_AT,
        reply_to="editors@example.org",
    )
    content = b"".join(segments)
    sound(content)
    names = [name for name, _ in strictly(content)]
    assert not any(name.startswith("List-") for name in names)
    assert "Auto-Submitted" in names
    read = modern(content)
    assert read["Subject"] == plain(subject)
    plain_part, html_part = classic(content).get_payload()
    for part, expected in ((plain_part, text), (html_part, f"<p>{text}</p>")):
        payload = part.get_payload(decode=True)  # type: ignore[union-attr]
        assert payload.replace(b"\r\n", b"\n") == expected.encode()


def test_small_mail_dates_from_now() -> None:
    """The date is an argument: nothing here reads a clock."""
    segments = message.whole(
        "s",
        "<p>h</p>",
        "t",
        sender="weekly@example.org",
        recipient=Recipient(subscriber=0, address="editor@example.org"),
        message_id="<outbox.1@example.org>",
        date=datetime(2026, 1, 2, tzinfo=UTC),
    )
    assert dict(strictly(b"".join(segments)))["Date"] == "Fri, 02 Jan 2026 00:00:00 +0000"

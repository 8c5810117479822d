"""DKIM signatures, verified by hand as RFC 6376 has it; the judges ask a real verifier too."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from digest import delivery, inbox, notices
from digest.config import Loaded, remarks
from digest.errors import ConfigError
from digest.model import Recipient
from digest.model.settings import DkimSettings
from digest.render import message
from digest.render.fragments import cut
from digest.render.signature import SEALED, SIGNED, Signer, _body_hash, signer
from digest.store import Database
from tests.audience import NOW
from tests.recaps import SENT_AT, addressed, edition
from tests.test_delivery import Desk, desk, loaded
from tests.test_outbox import put

__all__ = ["desk"]  # a fixture

CUTTINGS = cut(edition())


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def signing(key: rsa.RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Signer:
    folder = tmp_path_factory.mktemp("signing")
    (folder / "dkim.pem").write_bytes(pem(key))
    settings = DkimSettings(domain="example.org", selector="s1", key="dkim.pem")
    return signer(settings, folder=folder)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def verified(content: bytes, record: str) -> dict[str, str]:
    """Verify as RFC 6376, 6.1, says, and return the signature's tags; InvalidSignature if not."""
    header, _, body = content.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", header)
    (own,) = (field for field in fields if field.startswith(b"DKIM-Signature:"))
    rest = [field for field in fields if field is not own]
    tags = {
        part.strip().split("=", 1)[0]: re.sub(r"\s", "", part.split("=", 1)[1])
        for part in own.decode().partition(":")[2].split(";")
    }
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    hashed = hashlib.sha256(b"".join(line + b"\r\n" for line in lines)).digest()
    if b64encode(hashed).decode() != tags["bh"]:
        raise InvalidSignature("the body")
    said = b""
    for name in tags["h"].lower().split(":"):
        for place in reversed(range(len(rest))):
            if rest[place].lower().startswith(name.encode() + b":"):
                said += relaxed(rest.pop(place)) + b"\r\n"
                break
    said += relaxed(re.sub(rb"(\bb=)[^;]*$", rb"\1", own))
    public = serialization.load_der_public_key(b64decode(record.partition("p=")[2]))
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(b64decode(tags["b"]), said, padding.PKCS1v15(), hashes.SHA256())
    return tags


def relaxed(field: bytes) -> bytes:
    name, _, value = field.partition(b":")
    return name.lower().rstrip() + b":" + b" ".join(value.split())


def test_signed_message_verifies(signing: Signer) -> None:
    """rsa-sha256, relaxed/relaxed, no l= and no x=; what is signed follows byte for byte."""
    bare = addressed(CUTTINGS)
    signed = signing.sealed(bare, at=SENT_AT)
    tags = verified(bytes(signed), signing.record())
    assert (tags["a"], tags["c"], tags["d"], tags["s"]) == (
        *("rsa-sha256", "relaxed/relaxed"),
        *("example.org", "s1"),
    )
    assert not {"l", "x"} & set(tags)
    assert bytes(signed).endswith(bytes(bare))
    assert signed.segments[1:] == bare.segments
    assert max(map(len, signed.segments[0].split(b"\r\n"))) <= 80


def test_every_field_that_counts_is_signed(signing: Signer) -> None:
    """Those that RFC 8058 and 6376 ask for, and those that could be added are sealed."""
    tags = verified(bytes(signing.sealed(addressed(CUTTINGS), at=SENT_AT)), signing.record())
    named = tags["h"].split(":")
    assert {name: named.count(name) for name in named} == {
        **dict.fromkeys(SEALED, 2),
        **dict.fromkeys(SIGNED, 1),
    }


@pytest.mark.parametrize("name", [*SEALED, *SIGNED])
def test_altered_field_is_noticed(signing: Signer, name: str) -> None:
    """One more letter in any signed field, and no verifier takes it."""
    content = bytes(signing.sealed(addressed(CUTTINGS), at=SENT_AT))
    field = f"\r\n{name}: ".encode()
    assert field in content
    with pytest.raises(InvalidSignature):
        verified(content.replace(field, field + b"x", 1), signing.record())


@pytest.mark.parametrize("name", SEALED)
def test_added_field_is_noticed(signing: Signer, name: str) -> None:
    """A second From or Subject, put in front on the way, breaks the signature."""
    content = bytes(signing.sealed(addressed(CUTTINGS), at=SENT_AT))
    with pytest.raises(InvalidSignature):
        verified(f"{name}: another\r\n".encode() + content, signing.record())


def test_altered_body_is_noticed(signing: Signer) -> None:
    """One letter of the body, and no verifier takes it."""
    content = bytes(signing.sealed(addressed(CUTTINGS), at=SENT_AT))
    with pytest.raises(InvalidSignature, match="body"):
        verified(content.replace(b"Escalation", b"Escalatiom"), signing.record())


def test_signing_again_gives_the_same(signing: Signer) -> None:
    """A message written twice for the same moment is the same message."""
    one, other = (signing.sealed(addressed(CUTTINGS), at=SENT_AT) for _ in range(2))
    assert bytes(one) == bytes(other)


@given(
    st.text(max_size=80),
    st.text(max_size=200),
    st.text(alphabet=" \t\nab\u00e9=.", max_size=200),
    st.text(max_size=40),
)
def test_any_small_mail_verifies(
    signing: Signer, subject: str, html: str, text: str, name: str
) -> None:
    """Whatever it says, blanks and empty lines among it."""
    segments = message.whole(
        subject,
        html,
        text,
        sender="A Weekly <recap@example.org>",
        recipient=Recipient(subscriber=0, address="reader@example.org", name=name),
        message_id="<i1.s1.abc@example.org>",
        date=SENT_AT,
    )
    verified(b"".join(signing.signed(segments, at=SENT_AT)), signing.record())


@given(
    st.lists(st.sampled_from([b" ", b"\t", b"a", b"b", b"\r\n"]), max_size=40),
    st.lists(st.integers(0, 40), max_size=5),
)
def test_body_may_be_cut_anywhere(pieces: list[bytes], cuts: list[int]) -> None:
    """The hash is that of the whole, wherever one segment ends and the next begins."""
    places = [0, *sorted(min(place, len(pieces)) for place in cuts), len(pieces)]
    segments = [b"".join(pieces[start:end]) for start, end in pairwise(places)]
    assert _body_hash(segments) == _body_hash([b"".join(pieces)])


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),  # RFC 6376, 3.4.5
        (b"", b""),  # RFC 6376, 3.4.4
        (b"\r\n\r\n", b""),
        (b" \r\n\t\r\n", b""),
        (b"no end", b"no end\r\n"),
    ],
)
def test_body_as_the_standard_has_it(body: bytes, canonical: bytes) -> None:
    """The standard's own example, and what it says of empty lines at the end."""
    assert _body_hash([body]) == hashlib.sha256(canonical).digest()


def test_key_that_cannot_sign(tmp_path: Path) -> None:
    """A missing, damaged, short or foreign key is told with its path and what to type."""
    settings = DkimSettings(domain="example.org", key="dkim.pem")
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for content in (None, b"no key", pem(short), pem(ec.generate_private_key(ec.SECP256R1()))):
        if content is not None:
            (tmp_path / "dkim.pem").write_bytes(content)
        with pytest.raises(ConfigError, match=r"dkim\.key: .*dkim\.pem") as caught:
            signer(settings, folder=tmp_path)
        assert "openssl genrsa" in caught.value.remedy


# --- on the way out -----------------------------------------------------------------------


@pytest.fixture
def signed(key: rsa.RSAPrivateKey, tmp_path: Path) -> Callable[[int], Loaded]:
    """The configuration of the other tests of sending, for a port, and with a key to sign with."""
    (tmp_path / "dkim.pem").write_bytes(pem(key))
    dkim = DkimSettings(domain="example.org", selector="s1", key="dkim.pem")

    def with_key(port: int) -> Loaded:
        told = loaded(port, folder=tmp_path)
        return replace(told, settings=told.settings.model_copy(update={"dkim": dkim}))

    return with_key


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_issue_leaves_signed(
    desk: Callable[[list[str]], Desk],
    signed: Callable[[int], Loaded],
    signing: Signer,
    tmp_path: Path,
) -> None:
    """With `dkim` in config.yaml, what a reader's server gets verifies."""
    it = desk(["ana@example.org"])
    with inbox.running(tmp_path / "inbox") as box:
        delivery.settle(it.database, signed(box.port), it.issue, clock=lambda: NOW)
        (kept,) = box.mails()
    assert verified(kept.source, signing.record())["d"] == "example.org"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_notice_leaves_signed(
    database: Database, signed: Callable[[int], Loaded], signing: Signer, tmp_path: Path
) -> None:
    """Confirmations and reports are signed as issues are."""
    put(database)
    with inbox.running(tmp_path / "inbox") as box:
        notices.deliver_outbox(database, signed(box.port), clock=lambda: NOW)
        (kept,) = box.mails()
    assert verified(kept.source, signing.record())["s"] == "s1"


@pytest.mark.parametrize(
    ("domain", "sound"),
    [
        ("example.org", True),
        ("Example.ORG", True),
        ("news.example.org", False),
        ("ample.org", False),
    ],
)
def test_signature_of_another_domain_is_remarked_on(
    tmp_path: Path, domain: str, sound: bool
) -> None:
    """Only the domain in From, or one above it, counts for DMARC (RFC 9989)."""
    told = loaded(25).settings.model_copy(update={"dkim": DkimSettings(domain=domain)})
    assert ("dkim.domain" not in {each.about for each in remarks.on(told, tmp_path)}) is sound

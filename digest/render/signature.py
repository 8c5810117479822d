"""
DKIM signatures of our own (RFC 6376): rsa-sha256, relaxed/relaxed, the body hashed in pieces.

For those whose relay does not sign. Needs the extra ``sign``: pip install 'weekly-recap[sign]'.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from digest.errors import ConfigError
from digest.model.settings import DkimSettings
from digest.render.message import Message

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

#: Once more than they occur: a second one, added on the way, breaks the signature (RFC 6376, 8.15).
SEALED = ("From", "Subject", "To", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post")
#: As often as they occur (RFC 6376, 5.4.1; RFC 8058, 4, for the two of List-Unsubscribe).
SIGNED = (
    *("Date", "Message-ID", "MIME-Version", "Content-Type", "List-Id", "List-Archive"),
    *("List-Help", "List-Post", "Precedence", "Auto-Submitted", "Feedback-ID"),
)
#: RFC 8301, 3.2: signers should use at least so many bits.
KEY_BITS = 2048

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*?)\r\n(?![ \t])", re.DOTALL)
_BLANKS = re.compile(rb"[ \t]+")


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one domain and selector. May be shared between threads."""

    domain: str
    selector: str
    _key: RSAPrivateKey = field(repr=False)

    def sealed(self, message: Message, *, at: datetime) -> Message:
        """Return *message* with its signature in front; what follows keeps its bytes."""
        return replace(message, segments=self.signed(message.segments, at=at))

    def signed(self, segments: Sequence[bytes], *, at: datetime) -> list[bytes]:
        """
        Return *segments* behind a DKIM-Signature field; the same for the same *at*.

        The header ends within the first segment. RSA and SHA-256 run outside Python's lock.
        """
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        header, _, start = segments[0].partition(b"\r\n\r\n")
        names, said = _chosen(header + b"\r\n")
        body = _body_hash((start, *segments[1:]))
        unsigned = self._unsigned(names, body, at)
        proof = self._key.sign(
            said + _relaxed_field(b"DKIM-Signature", unsigned),
            padding.PKCS1v15(),
            hashes.SHA256(),
        )
        return [b"DKIM-Signature:" + unsigned + _folded(proof) + b"\r\n", *segments]

    def record(self) -> str:
        """Return what the TXT record at ``SELECTOR._domainkey.DOMAIN`` has to say."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = self._key.public_key()
        bits = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={b64encode(bits).decode()}"

    def _unsigned(self, names: Sequence[str], body: bytes, at: datetime) -> bytes:
        rows = [":".join(names[at : at + 4]) for at in range(0, len(names), 4)]
        listed = ":\r\n  ".join(rows)
        return (
            f" v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d={self.domain}; s={self.selector};"
            f" t={int(at.timestamp())};\r\n bh={b64encode(body).decode()};\r\n"
            f" h={listed};\r\n b="
        ).encode()


def signer(settings: DkimSettings, *, folder: Path) -> Signer:
    """Return who signs with the key at *settings*' path; ConfigError if it cannot be used."""
    path = folder / settings.key
    return Signer(settings.domain, settings.selector, _private_key(path))


def _private_key(path: Path) -> RSAPrivateKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as e:
        raise ConfigError(
            "signing needs a package that is not installed",
            key="dkim",
            remedy="Run: pip install 'weekly-recap[sign]'",
        ) from e
    remedy = f"Run: openssl genrsa -out {path} {KEY_BITS}; chmod 600 {path}"
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as e:
        why = f"{path} cannot be read ({e.strerror})"
        raise ConfigError(why, key="dkim.key", remedy=remedy) from e
    except (ValueError, TypeError) as e:
        why = f"{path} holds no private key without a password"
        raise ConfigError(why, key="dkim.key", remedy=remedy) from e
    if not isinstance(key, RSAPrivateKey) or key.key_size < KEY_BITS:
        why = f"{path} holds no RSA key of {KEY_BITS} bits or more"
        raise ConfigError(why, key="dkim.key", remedy=remedy)
    return key


def _chosen(header: bytes) -> tuple[list[str], bytes]:
    """Return the names for ``h=`` and the canonical fields they stand for (RFC 6376, 5.4.2)."""
    found: dict[str, list[bytes]] = {}
    for name, value in _FIELD.findall(header):
        found.setdefault(name.decode("ascii").lower(), []).append(_relaxed_field(name, value))
    names: list[str] = []
    said = b""
    for name in (*SEALED, *SIGNED):
        # From the bottom up, as a verifier takes them.
        fields = found.get(name.lower(), [])[::-1]
        names += [name] * (len(fields) + (name in SEALED))
        said += b"".join(each + b"\r\n" for each in fields)
    return names, said


def _relaxed_field(name: bytes, value: bytes) -> bytes:
    """RFC 6376, 3.4.2, without the line's end."""
    unfolded = _BLANKS.sub(b" ", value.replace(b"\r\n", b""))
    return name.lower() + b":" + unfolded.strip(b" ")


def _body_hash(segments: Sequence[bytes]) -> bytes:
    """Hash a body as RFC 6376, 3.4.4, has it: without blanks at ends, nor empty last lines."""
    lines = [_relaxed(segment) for segment in _whole_lines(segments)]
    while lines and not lines[-1].strip(b"\r\n"):
        lines.pop()
    digest = hashlib.sha256()
    for piece in lines[:-1]:
        digest.update(piece)
    if lines:
        digest.update(lines[-1].rstrip(b"\r\n") + b"\r\n")
    return digest.digest()


def _whole_lines(segments: Sequence[bytes]) -> Iterator[bytes]:
    """Yield *segments*, joined where a line goes on from one to the next."""
    begun = b""
    for segment in segments:
        whole = begun + segment if begun else segment
        if whole.endswith(b"\r\n"):
            yield whole
            begun = b""
        else:
            begun = whole
    if begun:
        yield begun


@lru_cache(maxsize=256)
def _relaxed(lines: bytes) -> bytes:
    """Kept for what all readers share; a reader's own values come and go."""
    return re.sub(rb" (?=\r\n|\Z)", b"", _BLANKS.sub(b" ", lines))


def _folded(proof: bytes) -> bytes:
    written = b64encode(proof)
    return b"\r\n  ".join(written[at : at + 72] for at in range(0, len(written), 72))

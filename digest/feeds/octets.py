"""XML of which the encoding is not what it says: mostly UTF-8, and something else in it."""

from __future__ import annotations

import codecs
import re

from digest.octets import WESTERN

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?\bencoding\s*=\s*["']([\w.:-]{1,40})""")
_SERVED = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_TAG = re.compile(rb"<[^<>]*>")
_LETTER = re.compile(rb"[A-Za-z]")
_HIGH = re.compile(rb"[\x80-\xff]")
_UTF_8 = ("utf-8", "utf8", "us-ascii", "ascii")


def mended(body: bytes, content_type: str) -> bytes:
    """
    Return the XML of *body* in UTF-8 where it says that it is, and is not quite.

    What names another encoding, or is mostly of a script that is not Latin, is left as it
    is, for a reader that guesses. Calling it twice changes nothing.
    """
    if b"\0" in body[:4] or body.startswith(_WIDE) or not _says_utf8(body, content_type):
        return body
    try:
        body.decode()
    except UnicodeDecodeError:
        return body if _is_of_another_script(body) else body.decode(errors=WESTERN).encode()
    return body


def _says_utf8(body: bytes, content_type: str) -> bool:
    declared = _DECLARED.search(body[:400].removeprefix(codecs.BOM_UTF8))
    served = _SERVED.search(content_type)
    if declared:
        return declared[1].decode().lower() in _UTF_8
    return not served or served[1].lower() in _UTF_8


def _is_of_another_script(body: bytes) -> bool:
    """Tell whether letters beyond ASCII are so many, and so few of them UTF-8, as no Latin has."""
    text = _TAG.sub(b"", body)
    high = len(_HIGH.findall(text))
    valid = len(_HIGH.findall(text.decode(errors="ignore").encode()))
    return 2 * valid < high and high > len(_LETTER.findall(text))

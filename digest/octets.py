"""
Octets that are mostly UTF-8: how the others are read.

A byte that is no UTF-8 is read as Windows-1252 does, by itself. One letter that somebody
pasted must not make another script of all that stands around it.
"""

from __future__ import annotations

import codecs

#: The name of the error handler, for `bytes.decode` and for files; it is for decoding only.
WESTERN = "western"


def _western(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 - it is only used for decoding
    bad = error.object[error.start : error.end]
    return bad.decode("cp1252", "replace"), error.end


codecs.register_error(WESTERN, _western)

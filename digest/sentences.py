"""Where the sentences of a text end, in scripts with spaces between words and without."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Where a sentence may end: in scripts with spaces between words, and in those without.
_MAY_END = re.compile(r"([^\W_]{3}|\b[^\W_]{2}|[)%])[.?!؟۔][\"'”’)»]*(?= (\S))|[。！？][」』”）]*")
_ABBREVIATED = ("al", "cf", "no", "pp", "vs")
_OPENS = "“\"‘'«¿¡„"


def ends(text: str) -> Iterator[int]:
    """Yield where sentences end for sure, in order: not after "U.S.", "Gen." or an initial."""
    for found in _MAY_END.finditer(text):
        before, after = found[1] or "", found[2] or ""
        begins = not after or after in _OPENS or (after.isalpha() and not after.islower())
        if begins and not (before in _ABBREVIATED or any(c.isupper() for c in before)):
            yield found.end()

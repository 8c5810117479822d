"""How people write an address into a cell, and which address it is."""

from __future__ import annotations

import re
import unicodedata

from digest.errors import ReaderError

#: What is seen nowhere and comes along when text is copied: zero-width signs and marks.
_UNSEEN_ENDS = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"
#: ASCII as East Asian keyboards write it, U+FF01 to U+FF5E: as wide as a sign of theirs.
FULL_WIDTH = {0xFF01 + place: 0x21 + place for place in range(94)}
_MENTIONED = re.compile(r"[^\s<>,;\"()]+@[^\s<>,;\"()]+")
#: What nearly all cells hold; a list may have a million.
_USUAL = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*@[A-Za-z0-9.-]*[A-Za-z0-9]")
#: How a spreadsheet keeps a text a text.
_FORMULA = re.compile(r'="([^"]*)"')
#: At the ends of an address that was taken out of a sentence or a list.
_AROUND = " \t,;<>"


def named_address(cell: str) -> tuple[str, str]:
    """
    Return the one address that *cell* writes, and the name beside it; "" for none.

    Taken away is what belongs to the writing: a name with angle brackets (RFC 5322 §3.4),
    ``mailto:``, a spreadsheet's quote or formula, spaces beside the @, a comma, semicolon
    or dot at the end, signs that nobody sees, full-width letters. What comes back is not
    yet known to be an address. ReaderError if there are several.
    """
    if _USUAL.fullmatch(cell):
        return cell, ""
    text = _plain(cell)
    if text.count("@") < 2 and "<" not in text:
        return text, ""
    found = {_plain(part) for part in _MENTIONED.findall(text)}
    if len({address.lower() for address in found}) > 1:
        told = "".join(letter for letter in " ".join(text.split())[:80] if letter.isprintable())
        raise ReaderError(f"{told}: several addresses; give each a row of its own")
    name = text.partition("<")[0].strip(' "')
    return (found.pop() if found else text), "" if "@" in name else name


def _plain(cell: str) -> str:
    text = cell.translate(FULL_WIDTH).strip().strip(_UNSEEN_ENDS).strip()
    if formula := _FORMULA.fullmatch(text):
        text = formula[1]
    text = re.sub(r"\s*@\s*", "@", text.removeprefix("'"))
    if "<" not in text.strip(_AROUND):
        text = text.strip(_AROUND).rstrip(".")
    return re.sub(r"^mailto:", "", text, flags=re.IGNORECASE)


def mixed_script(word: str) -> str:
    """
    Return which scripts of look-alike letters *word* mixes, as "Latin and Cyrillic"; "" if none.

    ``exаmple`` with a Cyrillic а is another domain than ``example`` (UTS 39 §5.1).
    """
    if word.isascii():
        return ""
    scripts = {
        script
        for letter in word
        for script in ("Latin", "Cyrillic", "Greek")
        if unicodedata.name(letter, "").startswith(script.upper())
    }
    return " and ".join(sorted(scripts, reverse=True)) if len(scripts) > 1 else ""

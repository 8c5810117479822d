"""A language: its fixed words in mail and on readers' pages, its locale, its direction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.compose import Words
from digest.model.settings import Fonts

if TYPE_CHECKING:
    from babel import Locale

#: One folder a language, as gettext has them. English needs none: it is what the messages say.
CATALOGS = Path(__file__).parents[1] / "locale"
RIGHT_TO_LEFT = ("ar", "dv", "fa", "he", "ps", "ur", "yi")


class Translated(Words):
    """The fixed words in the language of a tag; a message that its catalog lacks is English."""

    def __init__(self, tag: str) -> None:
        self.tag, self.locale = tag, locale(tag)
        self._catalog = _catalog(self.locale.language)

    def gettext(self, message: str, /, **values: Any) -> str:
        return self._catalog.gettext(message) % values

    def ngettext(self, one: str, many: str, count: int, /, **values: Any) -> str:
        return self._catalog.ngettext(one, many, count) % {"count": count, **values}

    def listed(self, told: Sequence[str]) -> str:
        from babel.lists import format_list

        return format_list(list(told), locale=self.locale)

    def day(self, day: date) -> str:
        from babel.dates import format_date

        return format_date(day, "long", self.locale)


@lru_cache(maxsize=32)
def words(tag: str) -> Translated:
    """Return the fixed words in the language of *tag* (``de``, ``pt-BR``); kept warm."""
    return Translated(tag)


@lru_cache(maxsize=32)
def locale(tag: str) -> Locale:
    """Return the CLDR locale nearest to *tag* (BCP 47); English where there is none."""
    from babel import Locale, UnknownLocaleError

    for near in (tag, tag.split("-")[0], "en"):
        try:
            return Locale.parse(near, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError("Babel has no English")


def direction(tag: str) -> str:
    """Return ``rtl`` or ``ltr``, for the `dir` of what is written in the language of *tag*."""
    return "rtl" if tag.lower().split("-")[0] in RIGHT_TO_LEFT else "ltr"


#: What reads well where the Latin fonts end, on Apple, Windows and Android: (text, headings).
_BEYOND_LATIN = {
    "ar": ("'Segoe UI', Tahoma", "'Geeza Pro', 'Noto Naskh Arabic', 'Times New Roman'"),
    "ja": ("'Hiragino Sans', 'Yu Gothic', Meiryo", "'Hiragino Mincho ProN', 'Yu Mincho'"),
    "ko": ("'Apple SD Gothic Neo', 'Malgun Gothic'", "AppleMyungjo, Batang"),
    "zh": ("'PingFang SC', 'Microsoft YaHei'", "'Songti SC', 'Noto Serif CJK SC'"),
    "zh-hant": ("'PingFang TC', 'Microsoft JhengHei'", "'Songti TC', 'Noto Serif CJK TC'"),
}


def fonts(tag: str, chosen: Fonts) -> Fonts:
    """Return *chosen* with fonts for the script of *tag* before each last, generic name."""
    traditional = re.match("zh-(hant|tw|hk|mo)", tag.lower())
    language = "zh-hant" if traditional else tag.lower().split("-")[0]
    if language not in _BEYOND_LATIN:
        return chosen
    text, headings = _BEYOND_LATIN[language]
    return Fonts(
        text=_before_last(text, chosen.text), headings=_before_last(headings, chosen.headings)
    )


def _before_last(names: str, stack: str) -> str:
    first, comma, generic = stack.rpartition(",")
    return f"{first}{comma} {names},{generic if comma else ' ' + generic}".strip()


@lru_cache(maxsize=64)
def has_pages(tag: str) -> bool:
    """Tell whether readers' pages have their words in the language of *tag*."""
    return locale(tag).language == "en" or _file(locale(tag).language, "pages").is_file()


def _file(language: str, domain: str) -> Path:
    return CATALOGS / language / "LC_MESSAGES" / f"{domain}.po"


def _catalog(language: str) -> NullTranslations:
    """Return the words of mails, and after them those of pages."""
    found = [_read(file, language) for domain in ("mail", "pages")
             if (file := _file(language, domain)).is_file()]  # fmt: skip
    for more in found[1:]:
        found[0].add_fallback(more)
    return found[0] if found else NullTranslations()


def _read(file: Path, language: str) -> NullTranslations:
    from io import BytesIO

    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po
    from babel.support import Translations

    # Read as it was written: no step of a build can be forgotten, and it takes 2 ms, once.
    compiled = BytesIO()
    with file.open("rb") as lines:
        write_mo(compiled, read_po(lines, locale=language))
    compiled.seek(0)
    return Translations(compiled)

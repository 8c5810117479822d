"""Mail in another language: its words, its dates, its direction."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from digest import readership
from digest.compose import Words
from digest.model import Item, Window
from digest.model.settings import Fonts
from digest.readership import joining, knocking
from digest.render import dates, notice, sample
from digest.render.languages import CATALOGS, direction, fonts, locale, words
from digest.render.specimen import NOTICE_VALUES
from digest.render.specimen import recap as specimen
from digest.store import past
from tests.recaps import (
    PUBLIC_URL,
    TEMPLATES,
    a_newsletter,
    a_recap,
    an_arabic_issue,
    an_item,
    edition,
)

HOME = Path(__file__).parents[1]
WHOLE = ("de", "fr", "es", "ar")
WEEK = Window(datetime(2023, 9, 15, 10, tzinfo=UTC), datetime(2023, 9, 22, 10, tzinfo=UTC))


#: The catalogs of a language, and where the words in them stand.
DOMAINS = {"mail": "babel.cfg", "pages": "pages.cfg"}


@cache
def messages(domain: str) -> set[str | tuple[str, ...]]:
    """Every fixed word that templates and code name."""
    with (CATALOGS / DOMAINS[domain]).open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(str(HOME), method_map=methods, options_map=options)
    return {message for _, _, message, _, _ in found}


def catalog(language: str, domain: str = "mail") -> Catalog:
    body = (CATALOGS / language / "LC_MESSAGES" / f"{domain}.po").read_bytes()
    return read_po(BytesIO(body), locale=language, abort_invalid=True)


@pytest.mark.parametrize(
    ("words", "lasts"),
    [
        ("works for two days", {readership.LASTS, joining.CONFIRM_LASTS}),
        ("within an hour", {knocking.STRETCH}),
        ("within a week", {past.AFTER}),
    ],
)
def test_a_length_that_stands_in_words_is_the_one_that_holds(
    words: str, lasts: set[timedelta]
) -> None:
    """Sentences that are translated spell it out, so whoever changes it finds them here."""
    said = {"works for two days": 48, "within an hour": 1, "within a week": 7 * 24}
    assert lasts == {timedelta(hours=said[words])}
    files = (file for file in (HOME / "templates").rglob("*.*") if "static" not in file.parts)
    assert any(words in file.read_text() for file in files)


@pytest.mark.parametrize(
    ("language", "domain"),
    [(each, domain) for domain in DOMAINS for each in WHOLE],
)
def test_catalog_is_whole(language: str, domain: str) -> None:
    """No word is missing, none is left over, none is only a guess."""
    told = {each.id: each for each in catalog(language, domain) if each.id}
    known = {tuple(one) if isinstance(one, list | tuple) else one for one in told}
    assert known == messages(domain)
    for one, message in told.items():
        assert all([message.string] if isinstance(one, str) else message.string), one
        assert not message.fuzzy


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", WHOLE)
def test_places_of_values_are_kept(language: str, domain: str) -> None:
    """What a message fills in is filled in in every language, under the same name."""
    for message in catalog(language, domain):
        if not message.id:
            continue
        sources = [message.id] if isinstance(message.id, str) else list(message.id)
        forms = [message.string] if isinstance(message.string, str) else list(message.string)
        known = {name for one in sources for name in re.findall(r"%\((\w+)\)[ds]", one)}
        for form in forms:
            assert set(re.findall(r"%\((\w+)\)[ds]", form)) <= known, form
            assert form % dict.fromkeys(known, 1)


@pytest.mark.parametrize("domain", DOMAINS)
def test_french_spaces_stand_before_marks(domain: str) -> None:
    """Before a colon, semicolon, question or exclamation mark stands a space that never breaks."""
    for message in catalog("fr", domain):
        forms = [message.string] if isinstance(message.string, str) else list(message.string)
        for form in forms if message.id else ():
            assert not re.search(r"[^\s\u202f\u00a0][:;?!](?!//)|[ \u00a0][:;?!]", form), form


@pytest.mark.parametrize("language", WHOLE)
def test_words_of_both_catalogs_agree(language: str) -> None:
    """What stands in mails and on pages is said alike."""
    mail = {one.id: one.string for one in catalog(language) if one.id}
    pages = {one.id: one.string for one in catalog(language, "pages") if one.id}
    apart = {one for one in mail.keys() & pages.keys() if mail[one] != pages[one]}
    assert not apart


def test_message_without_translation_is_english() -> None:
    """A language that nobody has translated yet still has dates of its own."""
    assert words("nl").gettext("Unsubscribe") == "Unsubscribe"
    assert dates.span(WEEK, a_newsletter().zone, "nl") == "15–22 september 2023"
    assert locale("xx").language == "en"
    assert locale("de-XX").language == "de"


@pytest.mark.parametrize(
    ("language", "span", "short", "moment"),
    [
        ("en", "September 15–22, 2023", "Sep 19", "Thu, Sep 28, 14:00 New York"),
        ("de", "15.–22. September 2023", "19. Sept.", "Do., 28. Sept., 14:00 New York"),
        ("fr", "15–22 septembre 2023", "19 sept.", "jeu. 28 sept., 14:00 New York"),
        ("es", "15–22 de septiembre de 2023", "19 sept", "jue, 28 sept, 14:00 Nueva York"),
        ("ja", "2023年9月15日～22日", "9月19日", "9月28日(木), 14:00 ニューヨーク"),
    ],
)
def test_days_are_the_languages(language: str, span: str, short: str, moment: str) -> None:
    """As CLDR has them, in the newsletter's zone."""
    zone = a_newsletter().zone
    at = datetime(2023, 9, 28, 18, tzinfo=UTC)
    assert dates.span(WEEK, zone, language) == span
    assert dates.short(date(2023, 9, 19), language) == short
    assert dates.moment(at, zone, language) == moment


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2023, 9, 29), date(2023, 10, 6), "September 29 – October 6, 2023"),
        (date(2023, 12, 29), date(2024, 1, 5), "December 29, 2023 – January 5, 2024"),
        (date(2023, 9, 29), date(2023, 9, 29), "September 29, 2023"),
    ],
)
def test_month_and_year_are_named_once(first: date, last: date, said: str) -> None:
    """Where they are the same."""
    ends = [datetime(day.year, day.month, day.day, h, tzinfo=UTC)
            for day, h in ((first, 10), (last, 11))]  # fmt: skip
    assert dates.span(Window(*ends), a_newsletter().zone) == said


def test_english_of_the_core_is_english_of_the_catalog() -> None:
    """Composing with or without a catalog gives the same words."""
    plain, translated = Words(), words("en")
    for told in (["a"], ["a", "b"], ["a", "b", "c"]):
        assert plain.listed(told) == translated.listed(told)
    assert plain.day(date(2023, 9, 22)) == translated.day(date(2023, 9, 22))
    assert plain.ngettext("one", "%(count)d", 2) == translated.ngettext("one", "%(count)d", 2)
    assert plain.gettext("%(a)s %%", a=1) == translated.gettext("%(a)s %%", a=1)


def test_lists_are_joined_as_the_language_does() -> None:
    """No comma before "und"."""
    assert words("de").listed(["a", "b", "c"]) == "a, b und c"
    assert words("fr").listed(["a", "b", "c"]) == "a, b et c"
    assert words("es").listed(["a", "b", "c"]) == "a, b y c"


ENGLISH = re.compile(r"Unsubscribe|View in browser|All issues|You |you |^Sponsor$|\bNo\. ")


@pytest.mark.parametrize("language", WHOLE)
def test_recap_has_no_english_left(language: str) -> None:
    """Masthead, footer and labels speak the newsletter's language, in both parts."""
    told = edition(specimen(), newsletter=a_newsletter(language=language))
    markup, text = sample(told)
    for said in (re.sub(r"<[^>]*>", "", markup.partition("</head>")[2]), text):
        assert not [line for line in said.split("\n") if ENGLISH.search(line)]


@pytest.mark.parametrize("language", WHOLE)
@pytest.mark.parametrize("name", ["confirm", "welcome", "goodbye", "held", "sent-report"])
def test_small_mail_has_no_english_left(name: str, language: str) -> None:
    """A reader who confirms, and an editor who is told, read their newsletter's language."""
    told = notice(
        name,
        NOTICE_VALUES | {"headline": "", "lead": "", "reasons": []},
        newsletter=a_newsletter(language=language, title="T"),
        public_url=PUBLIC_URL,
        templates=TEMPLATES,
    )
    assert not ENGLISH.search(told.text)
    assert not re.search(r"\b(issue|the|get|sent)\b", told.subject)


def test_numbers_are_grouped_as_the_language_does() -> None:
    """12,416 readers are 12.416 Leser."""
    told = notice(
        "sent-report",
        NOTICE_VALUES,
        newsletter=a_newsletter(language="de"),
        public_url=PUBLIC_URL,
        templates=TEMPLATES,
    )
    assert "12.416" in told.text
    assert "An 12.403 gesendet" in told.subject


def test_right_to_left_mirrors_the_layout() -> None:
    """Direction, alignment and the sides of paddings change; nothing is left as it was."""
    markup = sample(edition(an_arabic_issue(), newsletter=a_newsletter(language="ar")))[0]
    assert '<html lang="ar" dir="rtl"' in markup
    assert "direction:ltr" not in markup
    # The columns' own, in which no text stands.
    assert re.findall(r"(\S*);text-align:left", markup) == ['style="font-size:0px'] * len(
        re.findall(r"font-size:0px;text-align:left", markup)
    )
    assert not re.search(r"letter-spacing: ?1px", markup)
    assert '<h3 class="title smaller" lang="en" dir="ltr"' in markup
    # An English word beside an Arabic date keeps its place, and an English address its order.
    assert "\u2068Commentary\u2069 · \u206819 سبتمبر\u2069" in markup
    assert re.search(r'<p dir="auto"[^>]*>RAND Weekly Recap, 1 Sample Street', markup)
    assert re.search(r'<td width="68"[^>]*padding-left:16px', markup.replace(": ", ":"))


def test_direction_is_that_of_the_script() -> None:
    """Arabic and Hebrew run to the left, and so do their regions."""
    assert [direction(tag) for tag in ("ar", "ar-EG", "he", "fa", "de", "ja")] == [
        *("rtl", "rtl", "rtl", "rtl", "ltr", "ltr")
    ]


def test_fonts_reach_beyond_latin() -> None:
    """A script that Georgia lacks has names of its own before the generic one."""
    chosen = Fonts()
    assert fonts("en", chosen) == chosen
    assert fonts("ja", chosen).headings.endswith("'Hiragino Mincho ProN', 'Yu Mincho', serif")
    assert "PingFang TC" in fonts("zh-TW", chosen).text
    assert "PingFang SC" in fonts("zh-Hans", chosen).text
    assert fonts("ko", Fonts(text="serif")).text.endswith("serif")


def test_item_in_the_newsletters_language_has_no_tag() -> None:
    """Only what differs is told."""
    item: Item = an_item(language="de-AT")
    told = edition(a_recap(item), newsletter=a_newsletter(language="de"))
    assert "lang=" not in told.html.partition("<h3")[2]

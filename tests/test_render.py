"""A recap rendered: what is shown, what is refused, how it stands in a client."""

from __future__ import annotations

import dataclasses
import html
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.errors import NotAFeed, TemplateError
from digest.feeds import parse
from digest.model import Block, Image, Item, Recap, Section, Theme
from digest.model.colours import contrast, legible
from digest.model.settings import FeedSettings
from digest.render import fingerprint, fragments, notice, sample, web
from digest.render.compiled import inlined, to_html
from digest.render.fit import BUDGET_BYTES, size
from digest.render.markdown import to_html as markdown_html
from digest.render.markdown import to_text as markdown_text
from digest.render.plain import link, plain, shortened, summarised
from digest.render.specimen import NOTICE_VALUES
from digest.render.specimen import recap as specimen
from digest.render.templates import columns
from tests.recaps import (
    GOLDEN,
    PUBLIC_URL,
    TEMPLATES,
    a_japanese_issue,
    a_newsletter,
    a_recap,
    an_arabic_issue,
    an_item,
    changed,
    edition,
    real_week,
)

LAYOUTS = ("cards", "compact", "text")
CLOSING = datetime(2023, 9, 22, 10, tzinfo=UTC)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
#: What a template may write; nothing from outside adds to it.
ALLOWED_TAGS = frozenset(
    {
        *("html", "head", "title", "meta", "style", "body", "div", "table", "tbody", "tr", "td"),
        *("h1", "h2", "h3", "p", "a", "img", "span", "br", "ul", "ol", "li", "strong", "em"),
    }
)


class Reader(HTMLParser):
    """Reads a mail as a strict client would: tags, links, pictures, headings, words."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[int, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while (last := self.open.pop()) == "li" != tag:
            pass  # HTML lets </li> be left out
        assert last == tag, f"</{tag}> does not close what is open"

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.words.append(data)
        if any(re.fullmatch("h[1-6]", tag) for tag in self.open):
            level, said = self.headings[-1]
            self.headings[-1] = (level, said + data)

    def links(self) -> list[str]:
        return [str(attrs["href"]) for tag, attrs in self.tags if tag == "a" and "href" in attrs]

    def pictures(self) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag == "img"]

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def shown(recap: Recap, layout: str = "cards") -> tuple[Reader, str]:
    """Render *recap* and read it as a reader gets it: HTML through `Reader`, and text."""
    markup, text = sample(edition(recap, layout))
    return Reader(markup), text


# --- golden files -------------------------------------------------------------------------


def mails() -> dict[str, Callable[[], tuple[str, str]]]:
    """Every mail that there is, by the name of its golden files: HTML and text."""

    def recap(recap: Recap, **how: Any) -> Callable[[], tuple[str, str]]:
        return lambda: sample(edition(recap, **how))

    def small(name: str) -> Callable[[], tuple[str, str]]:
        def made() -> tuple[str, str]:
            told = notice(
                name,
                NOTICE_VALUES,
                newsletter=a_newsletter(),
                public_url=PUBLIC_URL,
                templates=TEMPLATES,
            )
            return told.html, told.text

        return made

    every = {f"recap-{layout}": recap(real_week(), layout=layout) for layout in LAYOUTS}
    every |= {f"specimen-{layout}": recap(specimen(), layout=layout) for layout in LAYOUTS}
    every["arabic"] = recap(an_arabic_issue(), newsletter=a_newsletter(language="ar"))
    every["japanese"] = recap(a_japanese_issue(), newsletter=a_newsletter(language="ja"))
    folders = {each.name for each in (TEMPLATES[0] / "mail").iterdir()} - {"recap", "parts"}
    return every | {f"notice-{name}": small(name) for name in sorted(folders)}


@pytest.mark.parametrize("name", mails())
def test_every_mail_reads_as_it_did(name: str) -> None:
    """A change of a template or a library shows as a change of bytes that somebody looks at.

    After looking: ``DIGEST_GOLDEN=write pytest tests/test_render.py -k reads_as_it_did``
    """
    for ending, now in zip(("html", "txt"), mails()[name](), strict=True):
        file = GOLDEN / f"{name}.{ending}"
        if os.environ.get("DIGEST_GOLDEN") == "write":
            file.write_text(now, encoding="utf-8")
        assert now == file.read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    """A mail that is no more leaves none behind."""
    named = {f"{name}.{ending}" for name in mails() for ending in ("html", "txt")}
    assert {file.name for file in GOLDEN.iterdir()} == named | {"week.json"}


def test_japanese_is_wrapped_between_characters() -> None:
    """No line of the text part is wider than a terminal, none begins with a full stop."""
    text = sample(edition(a_japanese_issue(), newsletter=a_newsletter(language="ja")))[1]
    lines = [line for line in text.splitlines() if not line.startswith("http")]
    assert max(columns(line) for line in lines) <= 78
    assert not [line for line in lines if line.startswith(("。", "、"))]
    assert "海運の経路はどう変わったのか。" in "".join(lines)


def test_same_recap_gives_same_bytes() -> None:
    """Rendering is a function: preview, approval and freeze can compare hashes."""
    first, second = edition(), edition()
    assert first == second
    assert first.digest == fingerprint(first.subject, first.html, first.text)


def test_fingerprint_tells_parts_apart() -> None:
    """Words that move from HTML to text change the hash."""
    assert fingerprint("s", "ab", "c") != fingerprint("s", "a", "bc")


# --- the document -------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_document_is_whole(layout: str) -> None:
    """Doctype, language, direction, title, charset, viewport and colour scheme are there."""
    markup = sample(edition(layout=layout))[0]
    reader = Reader(markup)
    assert markup.startswith("<!DOCTYPE html>")
    (root,) = (attrs for tag, attrs in reader.tags if tag == "html")
    assert (root["lang"], root["dir"]) == ("en", "ltr")
    assert "<title>Escalation in Ukraine" in markup
    metas = {attrs.get("name") or attrs.get("http-equiv"): attrs["content"]
             for tag, attrs in reader.tags if tag == "meta"}  # fmt: skip
    assert metas["color-scheme"] == "light dark"
    assert "width=device-width" in str(metas["viewport"])
    assert "UTF-8" in str(metas["Content-Type"])


@pytest.mark.parametrize("recap", [real_week(), specimen()], ids=["real", "specimen"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_headings_skip_no_level(recap: Recap, layout: str) -> None:
    """One h1 first, then never deeper by more than one (WCAG 2.2, 1.3.1)."""
    levels = [level for level, _ in shown(recap, layout)[0].headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_layout_tables_say_so() -> None:
    """Every table, Outlook's too, is role=presentation."""
    markup = sample(edition(specimen()))[0]
    assert all('role="presentation"' in table for table in re.findall(r"<table\b[^>]*>", markup))


def test_outlook_conditionals_are_balanced() -> None:
    """Each part between two marks opens and closes its own MSO comments."""
    for _, content in fragments.parts(edition(specimen()).html):
        opened = len(re.findall(r"<!--\[if ", content))
        assert opened == len(re.findall(r"<!\[endif\]-->", content))


def test_nothing_is_loaded_from_elsewhere() -> None:
    """No font, sheet, script or pixel: the only address that loads is an item's picture."""
    markup = sample(edition())[0]
    loading = re.findall(r'(?:src|background)="([^"]*)"|url\(|@import|<link\b', markup)
    assert set(loading) == {
        "https://example.org/pictures/himars.jpg",
        "https://example.org/pictures/summit.jpg",
    }


def test_style_blocks_are_small_and_whole() -> None:
    """Gmail drops a block over 8,192 characters; dark rules keep their !important."""
    blocks = re.findall(r"<style[^>]*>(.*?)</style>", sample(edition())[0], re.DOTALL)
    assert all(len(block) < 8192 and block.count("{") == block.count("}") for block in blocks)
    dark = next(block for block in blocks if "prefers-color-scheme" in block)
    assert dark.count("!important") > 10


def test_own_rules_are_inlined_and_mjml_reset_is_not() -> None:
    """What the mail needs without <style> stands in the elements, and no more than that."""
    markup = edition().html
    assert re.search(r'<h1 class="headline" style="[^"]*Georgia', markup)
    assert "data-premailer" not in markup
    assert "/* inline */" not in markup
    assert len(markup.encode()) < 40 * 1024


def test_picture_keeps_its_width_in_pixels() -> None:
    """Word reads width="100%" as a real width, so the attribute stays a number."""
    assert [picture["width"] for picture in shown(real_week())[0].pictures()] == ["552", "552"]


def test_important_survives_inlining() -> None:
    """premailer's default takes !important out of inlined rules too; ours keeps it."""
    said = inlined(
        "<!DOCTYPE html><html><head><style>/* inline */ p { color: red !important; }</style>"
        "<style>p { margin: 1px; }</style></head><body><p>x</p></body></html>"
    )
    assert "color:red !important" in said.replace(": ", ":")
    assert "margin: 1px" in said
    assert 'style="margin' not in said


def test_known_fonts_are_not_fetched() -> None:
    """MJML would link Google's copy of Roboto or Ubuntu for every reader who opens the mail."""
    said = to_html(
        '<mjml><mj-body><mj-section><mj-column><mj-text font-family="Roboto">x</mj-text>'
        "</mj-column></mj-section></mj-body></mjml>"
    )
    assert "googleapis" not in said


# --- what is shown ------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_item_link_and_word_is_in_both_parts(layout: str) -> None:
    """The text part is the whole mail: the same links in the same order."""
    recap = real_week()
    reader, text = shown(recap, layout)
    links = reader.links()
    assert set(links) <= set(text.split())
    in_text = [word for word in text.split() if word.startswith("http")]
    assert [each for each in in_text if each in links] == links
    for item in recap.items:
        assert plain(item.title) in " ".join(text.split())
        assert item.title in reader.text


def test_masthead_names_dates_and_number() -> None:
    """The days are the newsletter's local ones."""
    reader, text = shown(real_week())
    assert "September 15–22, 2023 · No. 37" in reader.text
    assert text.startswith("RAND Weekly Recap\nSeptember 15–22, 2023 · No. 37\n")


def test_preheader_of_its_own_comes_first() -> None:
    """A preheader that is not the lead is visible before everything else."""
    reader, text = shown(a_recap(an_item(), preheader="What an inbox shows."))
    assert reader.text.startswith("A Headline: A Weekly What an inbox shows.")
    assert text.startswith("What an inbox shows.\n")


def test_publication_without_a_link_is_a_title() -> None:
    """No link, no empty anchor; title, day and summary stand as they would."""
    reader, text = shown(a_recap(an_item(title="Alone", link=None)))
    assert (3, "Alone") in reader.headings
    assert not any(link.startswith("https://example.org") for link in reader.links()
                   if "subscribe" not in link and "preferences" not in link)  # fmt: skip
    assert "Alone\nCommentary · Sep 19\nWhat it says.\n" in text


@pytest.mark.parametrize(
    ("image", "pictures", "said"),
    [
        (
            Image(url="https://example.org/a.jpg", alt="A harbour", credit="Photo by B"),
            1,
            "Photo by B",
        ),
        (Image(url="https://example.org/a.jpg", caption="A caption"), 1, ""),
        (Image(caption="A caption", credit="Photo by B"), 0, ""),
        (Image(url="data:image/png;base64,AAAA", credit="Photo by B"), 0, ""),
        (Image(url="javascript:alert(1)", credit="Photo by B"), 0, ""),
    ],
    ids=["whole", "caption is not alt", "no address", "data", "script"],
)
def test_picture_is_shown_where_it_has_an_address(image: Image, pictures: int, said: str) -> None:
    """Only http(s) pictures; alt as told or empty; credit below; never a caption for alt."""
    reader, _ = shown(a_recap(an_item(image=image)))
    found = reader.pictures()
    assert len(found) == pictures
    assert all(picture["alt"] == image.alt for picture in found)
    assert ("Photo by B" in reader.text) is bool(said)
    assert "A caption" not in reader.text


def test_text_layouts_load_no_picture() -> None:
    """`compact` and `text` are complete without pictures."""
    assert not shown(real_week(), "compact")[0].pictures()
    assert not shown(real_week(), "text")[0].pictures()


def test_item_is_shown_once_and_unthemed_ones_follow() -> None:
    """An item in two themes stands in the first; one without a theme comes after them."""
    recap = a_recap(
        an_item(1),
        an_item(2),
        an_item(3),
        themes=(
            Theme(label="One", publications=(1,)),
            Theme(label="Two", publications=(1, 2)),
            Theme(label="Gone", publications=(9,)),
        ),
    )
    headings = [said.replace("\u2002", " ") for _, said in shown(recap)[0].headings[1:]]
    assert headings == [
        *("1 One", "Publication 1", "2 Two", "Publication 2"),
        *("Also in this issue", "Publication 3"),
    ]


def test_section_without_a_title_has_no_heading() -> None:
    """A week without themes is a plain list: its items are headings of the second level."""
    recap = a_recap(an_item(), themes=(), sections=(Section(key="more", items=(1,)),))
    assert shown(recap)[0].headings == [(1, "A Headline"), (2, "Publication 1")]


@pytest.mark.parametrize("key", ["Größe & Co", "x", "kind:research-brief"])
def test_marks_leave_no_trace(key: str) -> None:
    """Whatever a section is called and an item begins with, no mark stays in the mail."""
    item = an_item(title="xbox, lax fox-1x", summary="x")
    told = edition(a_recap(item, themes=(), sections=(Section(key=key, title="x", items=(1,)),)))
    for said in sample(told):
        assert not re.search("[0-9a-f]{24}|[\ufdd0-\ufdef]", said)
        assert "xbox, lax fox-1x" in said


@pytest.mark.parametrize(
    ("tag", "shows"), [("en", False), ("en-US", False), ("de", True), (None, False)]
)
def test_language_is_told_where_it_differs(tag: str | None, shows: bool) -> None:
    """Another region of the newsletter's language needs no other voice."""
    assert ("lang=" in web(edition(a_recap(an_item(language=tag)))).partition("<h3")[2]) is shows


def test_event_has_its_day_and_hour_in_the_newsletters_zone() -> None:
    """18:00 UTC is 14:00 in New York, and the tile says the local day."""
    event = an_item(1, starts_at=datetime(2023, 9, 29, 2, tzinfo=UTC))
    recap = a_recap(event, themes=(), sections=(Section(key="upcoming", items=(1,)),))
    reader, text = shown(recap)
    assert "Sep28Publication 1" in "".join(reader.text.split()).replace(
        "Publication1", "Publication 1"
    )
    assert "Thu, Sep 28, 22:00 New York" in reader.text
    assert "Thu, Sep 28, 22:00 New York" in text


def test_sponsor_is_labelled() -> None:
    """Whoever pays is named as such, in both parts."""
    reader, text = shown(specimen())
    assert "Sponsor A Sponsor Words of theirs." in reader.text
    assert "Sponsor\n\nA Sponsor\n" in text


def test_item_in_another_language_says_so() -> None:
    """A screen reader changes its voice (WCAG 2.2, 3.1.2)."""
    markup = sample(edition(specimen()))[0]
    assert re.search(r'<h3[^>]* lang="de"[^>]*><a[^>]*>Ein Titel', markup)


def test_right_to_left_newsletter() -> None:
    """The document's direction follows the newsletter's language."""
    told = edition(newsletter=a_newsletter(language="he"))
    assert re.search(r'<html lang="he" dir="rtl"', told.html)


def test_accent_is_legible_on_paper_and_in_the_dark() -> None:
    """Any accent reaches 4.5:1 on both grounds (WCAG 2.2, 1.4.3)."""
    for accent in ("#6b2c91", "#ffff00", "#000000", "#ffffff", "#808080"):
        for ground in ("#ffffff", "#1d2025"):
            assert contrast(legible(accent, ground), ground) >= 4.5


def test_ways_out_are_in_the_footer() -> None:
    """Why it came, the way out, the address: in both parts, nothing hidden."""
    reader, text = shown(real_week())
    for said in (reader.text, " ".join(text.split())):
        assert "You get this mail because you subscribed to RAND Weekly Recap." in said
        assert "1 Sample Street, Springfield" in said
        assert "Not affiliated with the RAND Corporation." in said
    assert f"{PUBLIC_URL}/issues/weekly-recap/2023-09-22" in reader.links()
    assert "display:none" not in edition().html.replace(" ", "")


def test_public_page_is_the_mail_without_the_reader() -> None:
    """No slot, no unsubscribe link, no sentence about a subscription; all else is there."""
    page = Reader(web(edition()))
    assert "nsubscribe" not in page.text
    assert not any("unsubscribe" in link or "preferences" in link for link in page.links())
    assert "1 Sample Street, Springfield" in page.text
    assert [said for _, said in page.headings] == [
        said for _, said in shown(real_week())[0].headings
    ]
    assert not re.search("[\ufdd0-\ufdef]", web(edition()))


# --- the text part ------------------------------------------------------------------------


def test_text_is_wrapped_between_words_and_urls_are_whole() -> None:
    """No line over 78 columns but one that is a single URL; "-- " begins the signature."""
    url = "https://example.org/" + "a" * 120
    _, text = shown(a_recap(an_item(title="word " * 40, link=url)))
    assert url in text.split("\n")
    assert all(len(line) <= 78 for line in text.split("\n") if line != url)
    assert "\n-- \n" in text
    assert "\n\n\n" not in text


# --- hostile and odd input ----------------------------------------------------------------


@settings(max_examples=60)
@given(title=ANY_TEXT, summary=ANY_TEXT, kind=ANY_TEXT, label=ANY_TEXT, lead=ANY_TEXT)
@example(
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</td>", "{{ 7*7 }}", "&amp;"
)
@example("[[unsubscribe_url]]", fragments.slot("unsubscribe_url"), "<!--", "-->", "{% raw %}")
@example("\u202egnp.exe", "a\r\nBcc: x@example.org", "\x00\x1b[31m", "]]>", "<![endif]-->")
def test_any_text_is_shown_as_text(
    title: str, summary: str, kind: str, label: str, lead: str
) -> None:
    """Whatever a feed says is read back as it was said, and adds no tag, mark or slot."""
    item = an_item(title=title, summary=summary, kind=kind, authors=(kind,))
    themes = (Theme(label=label, publications=(1,)),)
    told = edition(a_recap(item, themes=themes, lead=lead, headline=title, preheader=""))
    assert fragments.slots(told.html) == fragments.SLOTS
    assert fragments.slots(told.text) == fragments.SLOTS
    markup, text = sample(told)
    reader = Reader(markup)
    assert {tag for tag, _ in reader.tags} <= ALLOWED_TAGS
    assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
    assert reader.headings[-1][1] == plain(title)
    assert plain(summary) in reader.text
    for said in (title, label, summary):
        assert plain(said).split() == [
            word for word in plain(said).split() if word in set(text.split())
        ]


@settings(max_examples=40)
@given(address=st.one_of(ANY_TEXT, st.builds("https://example.org/{}".format, ANY_TEXT)))
@example("javascript:alert(1)")
@example("https://example.org/?u=" + fragments.slot("unsubscribe_url"))
@example("https://user:pass@example.org/")
@example("https://[::1/")
@example("https://bücher.example/straße?q=ä b#ü")
@example("HTTPS://EXAMPLE.ORG/A")
def test_any_link_is_http_or_none(address: str) -> None:
    """What is no http(s) address leaves a title without link; the rest is the same in both."""
    told = edition(a_recap(an_item(link=address)))
    assert fragments.slots(told.html) == fragments.SLOTS
    markup, text = sample(told)
    links = Reader(markup).links()
    assert all(re.fullmatch(r"https?://[!-~]+", each) for each in links)
    assert set(links) <= set(text.split())


def entries_of(body: bytes) -> list[Item]:
    """Take a feed file through intake; most of these files have no titles, so they get one."""
    titled = re.sub(rb"(<(?:item|entry)(?: [^<>]*)?>)", rb"\1<title>Titled</title>", body)
    url = "https://example.org/feed.xml"
    try:
        parsed = parse(
            titled, FeedSettings(url=url), url=url, zone=a_newsletter().zone, now=CLOSING
        )
    except NotAFeed:
        return []
    shared = ("title", "summary", "kind", "authors", "link", "image", "language", "starts_at")
    return [
        an_item(**{field: getattr(entry, field) for field in shared}) for entry in parsed.entries
    ]


def test_hostile_feeds_reach_no_mail(shared: Path) -> None:
    """A thousand odd and hostile feeds, by intake and raw, to the final HTML: words alone."""
    items: list[Item] = []
    for file in sorted((shared / "corpora" / "feeds").rglob("*.xml")):
        raw = file.read_bytes()
        said = raw.decode("latin-1")
        items += [*entries_of(raw), an_item(title=said[:900], summary=said, link=said[-80:])]
    assert len(items) > 1500
    for start in range(0, len(items), 60):
        chosen = [
            dataclasses.replace(item, publication=number)
            for number, item in enumerate(items[start : start + 60], 1)
        ]
        markup, text = sample(edition(a_recap(*chosen)))
        reader = Reader(markup)
        assert {tag for tag, _ in reader.tags} <= ALLOWED_TAGS
        assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
        loaded = [*reader.links(), *(str(picture["src"]) for picture in reader.pictures())]
        assert all(re.fullmatch(r"https?://[!-~]+", address) for address in loaded)
        assert set(reader.links()) <= set(text.split())
        assert [said for level, said in reader.headings if level == 3] == [
            shortened(plain(item.title), 240) for item in chosen
        ]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://example.org/a?b=1&c=2#d", "https://example.org/a?b=1&c=2#d"),
        ("https://bücher.example/ß", "https://xn--bcher-kva.example/%C3%9F"),
        ("HTTP://Example.ORG:8080/A b", "http://example.org:8080/A%20b"),
        ("https://example.org/%7Ea'\"<>", "https://example.org/%7Ea'%22%3C%3E"),
        ("http://[2001:db8::1]/", "http://[2001:db8::1]/"),
        *(
            (bad, None)
            for bad in ("", "//example.org", "mailto:a@example.org", "ftp://example.org")
        ),
        *((bad, None) for bad in ("https://", "https://exa mple.org", "https://a@example.org/")),
        ("https://example.org:99999/", None),
        ("data:text/html,x", None),
    ],
)
def test_link(address: str, expected: str | None) -> None:
    """An address is made ASCII, or refused."""
    assert link(address) == expected


def test_editors_words_are_safe_markdown() -> None:
    """Emphasis, lists and links stay; HTML, pictures and other schemes become text."""
    said = markdown_html(
        "**a** <b onclick=x>c</b> ![x](https://example.org/p.png) [d](javascript:alert(1))\n\n"
        "- [e](https://example.org/e)"
    )
    assert "<strong>a</strong>" in said
    assert "&lt;b onclick=x&gt;" in said
    assert "<img" not in said
    assert re.findall(r'href="([^"]*)"', said) == [
        "https://example.org/p.png",
        "https://example.org/e",
    ]


def test_editors_links_stand_in_the_text_part() -> None:
    """A link is followed by its address; a bare one is not said twice."""
    assert markdown_text("See [it](https://example.org/a).\n\n1. <https://example.org/b>") == [
        "See it (https://example.org/a).",
        "1. https://example.org/b",
    ]


def test_intro_of_an_editor_opens_the_mail() -> None:
    """A block stands where its section stands, with its links in both parts."""
    block = Block(key="intro", markdown="Dear *readers*, see [this](https://example.org/x).")
    recap = a_recap(an_item())
    reader, text = shown(
        changed(recap, sections=(Section(key="intro", block=block), *recap.sections))
    )
    assert "one thing. Dear readers, see this. 1" in reader.text
    assert "Dear readers, see this (https://example.org/x)." in text


# --- size ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("summary", "limit", "said"),
    [
        ("One two three. Four five six.", 20, "One two three."),
        ("One two three four five six.", 20, "One two three four five six."),
        ("One two three four five six seven.", 20, "One two three four…"),
        ("Yes. Two three four five six seven eight.", 20, "Yes. Two three…"),
        ("It goes on. Two three four five and six to seven.", 32, "It goes on."),
        (
            "For the U.S. Army and Gen. Smith it went on from there to here.",
            30,
            "For the U.S. Army and Gen…",
        ),
        (
            "A study, Doe et al. Nature, has it. And more of it.",
            40,
            "A study, Doe et al. Nature, has it.",
        ),
        ("Whole to the end. The rest is broken of [...]", 420, "Whole to the end."),
        ("Whole to the end. The rest is broken of… Read more", 420, "Whole to the end."),
        ("Nothing but the beginning of…", 420, "Nothing but the beginning of…"),
        ("La santé va bien. Élodie le dit encore et encore.", 20, "La santé va bien."),
        ("这是第一句话。这是第二句话，更长一些。", 12, "这是第一句话。"),
        ("هذه جملة أولى طويلة. وهذه جملة ثانية أطول منها.", 30, "هذه جملة أولى طويلة."),
    ],
)
def test_summary_ends_with_a_whole_sentence(summary: str, limit: int, said: str) -> None:
    """As many as fit, or one that is a little longer; broken off only where neither helps."""
    assert summarised(summary, limit) == said


@settings(max_examples=200)
@given(text=ANY_TEXT.map(plain), limit=st.integers(20, 60))
def test_any_summary_is_a_beginning_of_itself(text: str, limit: int) -> None:
    """Nothing is added but …, nothing is much longer than asked."""
    said = summarised(text, limit)
    assert text.startswith(said.removesuffix("…"))
    assert len(said) <= limit * 1.5


def test_words_are_cut_between_words() -> None:
    """Never inside a word, where there are words."""
    assert shortened("a" * 50, 10) == "a" * 9 + "…"
    assert shortened("short", 10) == "short"


def test_words_of_an_editor_are_not_cut() -> None:
    """Whoever wrote them saw the preview."""
    long = "An editor's word. " * 40
    reader, _ = shown(a_recap(an_item(summary=long, edited=("summary",))))
    assert plain(long) in reader.text


SENTENCE = "A sentence of some words here. "


def many(count: int, **told: Any) -> Recap:
    """Three themes of three items each, then *count* in all under "More", with pictures."""
    items = [
        an_item(
            n,
            title=f"Title {n} of a Length That Titles Often Have",
            summary=SENTENCE * 12,
            authors=("A. Author", "B. Author"),
            image=Image(url=f"https://example.org/{n}.jpg", alt="A picture"),
            **told,
        )
        for n in range(1, count + 1)
    ]
    return a_recap(
        *items,
        themes=tuple(Theme(label=f"Theme {n}", publications=(n, n + 3, n + 6)) for n in (1, 2, 3)),
        sections=(
            Section(key="themes", items=(1, 4, 7, 2, 5, 8, 3, 6, 9)),
            Section(key="more", title="More", items=tuple(range(10, count + 1))),
        ),
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("count", [10, 30, 60])
def test_mail_stays_within_its_budget(layout: str, count: int) -> None:
    """10, 30 or 60 items: small enough, every title and link there, the way out last."""
    told = edition(many(count), layout)
    assert size(told) <= BUDGET_BYTES
    reader = Reader(sample(told)[0])
    links = reader.links()
    assert [f"https://example.org/publications/{n}" in links for n in range(1, count + 1)] == (
        [True] * count
    )
    assert "https://example.org/unsubscribe/example" in links[-4:]


@pytest.mark.parametrize(
    ("length", "steps"),
    [
        (0, ["Summaries were cut to 140"]),
        (100, ["Summaries were cut to 140", "Only the first item keeps its picture"]),
        (200, ["Summaries were cut to 140", "Only the first item keeps its picture", "on the web"]),
    ],
    ids=["summaries", "pictures", "items"],
)
def test_mail_gives_way_step_by_step(length: int, steps: list[str]) -> None:
    """First summaries, then pictures, then items; the editor is told of each step."""
    link = f"https://example.org/{'a' * length}"
    told = edition(many(60, link=link))
    assert size(told) <= BUDGET_BYTES
    assert len(told.notes) == len(steps)
    assert all(step in note for step, note in zip(steps, told.notes, strict=True))
    assert told.html.count("<img") == (3 if len(steps) < 2 else 1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_has_no_room_is_on_the_web_page(layout: str) -> None:
    """A mail keeps each theme's first item, events, footer and the way out; the page has all."""
    event = an_item(400, kind="Event", starts_at=CLOSING, title="An Event to Come")
    recap = many(300)
    sections = (*recap.sections, Section(key="upcoming", title="Upcoming", items=(400,)))
    told = edition(changed(recap, items=(*recap.items, event), sections=sections), layout)
    assert size(told) <= BUDGET_BYTES < len(told.html.encode())
    mail, text = Reader(sample(told)[0]), sample(told)[1]
    page = Reader(web(told)).text
    gone = [item.title for item in recap.items if item.title not in mail.text]
    assert [item.title for item in recap.items[-len(gone) :]] == gone
    assert all(item.title in page for item in recap.items)
    said = f"{len(gone)} more publications on the web page"
    assert said in mail.text
    assert said in " ".join(text.split())
    assert said not in page
    assert mail.text.index("An Event to Come") < mail.text.index(said)
    assert [line for line in text.splitlines() if line in gone] == []
    assert mail.text.rstrip().endswith("RAND Corporation.")
    assert b"Title 300" not in b"".join(
        piece for piece in fragments.cut(told).body if isinstance(piece, bytes)
    )
    for markup in (sample(told)[0], web(told)):
        for tag in ("table", "tr", "td", "div", "h2", "h3", "p"):
            assert len(re.findall(rf"<{tag}\b", markup)) == markup.count(f"</{tag}>"), tag
        assert len(re.findall(r"<!--\[if", markup)) == markup.count("<![endif]")


def test_fold_takes_no_more_than_it_must() -> None:
    """One item more would not fit."""
    recap = many(300)
    told = edition(recap)
    parts = dict(fragments.parts(told.html))
    first = next(len(body) for name, body in parts.items() if name.startswith("web-only-item"))
    assert size(told) > BUDGET_BYTES - 2 * first


def test_endless_title_is_cut_with_a_note() -> None:
    """10,000 characters do not become a heading; the editor is told."""
    told = edition(a_recap(an_item(title="Endless " * 1250)))
    assert max(len(said) for _, said in Reader(sample(told)[0]).headings) <= 240
    assert any("was cut" in note for note in told.notes)


# --- templates and notices ----------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of an editor's own templates, before the packaged ones."""
    (tmp_path / "mail" / "recap").mkdir(parents=True)
    return tmp_path


def test_own_template_goes_before_ours(own: Path) -> None:
    """One file replaced; the others stay the packaged ones."""
    (own / "mail/recap/subject.txt").write_text("Ours: {{ issue.headline }}\n")
    assert edition(templates=(own, *TEMPLATES)).subject.startswith("Ours: Escalation")


@pytest.mark.parametrize(
    ("file", "source", "line", "said"),
    [
        ("subject.txt", "one\n{{ issue.headlin }}", 2, "headlin"),
        ("subject.txt", "\n\n{% if %}", 3, "Expected an expression"),
        ("body.txt", "{{ nobody }}", 1, "nobody"),
    ],
    ids=["unknown value", "syntax", "undefined"],
)
def test_fault_in_a_template_names_file_and_line(
    own: Path, file: str, source: str, line: int, said: str
) -> None:
    """A TemplateError says where to look."""
    (own / "mail/recap" / file).write_text(source)
    with pytest.raises(TemplateError, match=said) as caught:
        edition(templates=(own, *TEMPLATES))
    assert caught.value.file == str(own / "mail/recap" / file)
    assert caught.value.line == line


def test_mjml_that_cannot_be_read_is_a_template_error(own: Path) -> None:
    """What the compiler says is passed on with the file's name."""
    (own / "mail/recap/body.mjml").write_text("<mjml><mj-body><mj-section></mj-body></mjml>")
    with pytest.raises(TemplateError, match="MJML"):
        edition(templates=(own, *TEMPLATES))


def test_missing_template_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """An empty folder alone cannot render."""
    with pytest.raises(TemplateError, match="no template mail/recap"):
        edition(templates=(tmp_path,))


@pytest.mark.parametrize(
    "name",
    [
        *("draft-ready", "held", "reminder", "sent-report", "test", "surge"),
        *("day-after", "refused"),
        *("confirm", "welcome", "goodbye"),
    ],
)
def test_notice_is_whole(name: str) -> None:
    """Each small mail has a subject, one h1, and the same links in both parts."""
    told = notice(
        name,
        NOTICE_VALUES,
        newsletter=a_newsletter(),
        public_url=PUBLIC_URL,
        templates=TEMPLATES,
    )
    reader = Reader(told.html)
    assert told.subject
    assert [level for level, _ in reader.headings].count(1) == 1
    assert set(reader.links()) <= set(told.text.split())
    assert "1 Sample Street, Springfield" in reader.text
    assert "\n-- \n" in told.text
    assert told.html.startswith("<!DOCTYPE html>")


@given(headline=ANY_TEXT, reason=ANY_TEXT)
@settings(max_examples=25)
@example("<script>x</script>\r\nBcc: a@example.org", '"><b>')
def test_notice_shows_any_text_as_text(headline: str, reason: str) -> None:
    """A feed's words in an editor's mail are words."""
    values = NOTICE_VALUES | {"headline": headline, "reasons": [reason]}
    told = notice(
        "held", values, newsletter=a_newsletter(), public_url=PUBLIC_URL, templates=TEMPLATES
    )
    reader = Reader(told.html)
    assert {tag for tag, _ in reader.tags} <= ALLOWED_TAGS
    assert "\n" not in told.subject
    assert "\r" not in told.subject
    assert plain(reason) in reader.text


def test_notice_without_a_value_is_a_template_error() -> None:
    """A mail with a gap is not sent."""
    with pytest.raises(TemplateError, match="desk_url"):
        notice(
            "held",
            {k: v for k, v in NOTICE_VALUES.items() if k != "desk_url"},
            newsletter=a_newsletter(),
            public_url=PUBLIC_URL,
            templates=TEMPLATES,
        )


# --- in a browser -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium(needs: Any) -> Iterator[Any]:
    """A real Chromium; the test says so where there is none."""
    executable = Path("/usr/bin/chromium")
    if not executable.exists():
        needs("browser", "Chromium is not installed: apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(executable), args=["--no-sandbox"])
        yield browser
        browser.close()


#: Long words and a long URL for a title: what overflows if anything does.
WIDE = (
    an_item(1, title="Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 2,
            image=Image(url="https://example.org/pictures/a.jpg", alt="x" * 200, credit="y" * 90)),
    an_item(2, title="https://example.org/" + "a" * 150, summary="b" * 300),
    an_item(3, starts_at=datetime(2023, 9, 29, 2, tzinfo=UTC), authors=("c" * 100,)),
)  # fmt: skip


def wide() -> Recap:
    sections = (Section(key="themes", items=(1, 2)), Section(key="upcoming", items=(3,)))
    return a_recap(*WIDE, sections=sections, headline="d" * 80, lead="e" * 120)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("bare", [False, True], ids=["styled", "style removed"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_mail_fits_every_width(chromium: Any, layout: str, bare: bool, scheme: str) -> None:
    """No horizontal overflow from 320 to 1200 px, in standards mode, with <style> or without."""
    for recap in (real_week(), wide()):
        markup = sample(edition(recap, layout))[0]
        if bare:
            markup = re.sub(r"<style.*?</style>", "", markup, flags=re.DOTALL)
        for width in (320, 375, 600, 1200):
            context = chromium.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
            )
            page = context.new_page()
            page.set_content(markup, wait_until="domcontentloaded")
            mode, needed = page.evaluate(
                "[document.compatMode, document.documentElement.scrollWidth]"
            )
            context.close()
            assert mode == "CSS1Compat"
            assert needed <= width, f"{needed} px in a window of {width}"


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_words_can_be_read_on_their_ground(chromium: Any, layout: str, scheme: str) -> None:
    """Every text has 4.5:1 against what is behind it, in the light and in the dark."""
    context = chromium.new_context(color_scheme=scheme, offline=True)
    page = context.new_page()
    page.set_content(sample(edition(specimen(), layout))[0], wait_until="domcontentloaded")
    pairs = page.evaluate(
        """() => [...document.querySelectorAll('body *')].flatMap(e => {
            if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) return [];
            let ground = e;
            while (ground && getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)')
                ground = ground.parentElement;
            return [[e.textContent.trim().slice(0, 30), getComputedStyle(e).color,
                     getComputedStyle(ground || document.body).backgroundColor]];
        })"""
    )
    context.close()
    assert len(pairs) > 15
    for said, colour, ground in pairs:
        assert contrast(_hex(colour), _hex(ground)) >= 4.5, (said, colour, ground)


def _hex(colour: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3])


def test_edition_holds_nothing_of_a_reader() -> None:
    """The only thing that differs between two readers is their slots."""
    told = edition()
    assert set(fragments.slots(told.html + told.text)) == set(fragments.SLOTS)
    assert html.unescape(told.subject) == told.subject
    assert dataclasses.is_dataclass(told)

"""Feeds of every kind become equal, clean entries; nothing hostile comes through."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.errors import FeedError, FetchFailed, FetchRefused, NotAFeed
from digest.feeds import fetch, parse
from digest.feeds.dates import DateError, told
from digest.feeds.entries import LONGEST_SUMMARY, LONGEST_TITLE, MOST_ENTRIES
from digest.feeds.pictures import split_credit
from digest.feeds.plain import MARK, LinkError, absolute, plain
from digest.model import Entry, Image, Parsed
from digest.model.settings import FeedSettings, Listing

CORPUS = Path(__file__).parent / "corpus" / "feeds"
SAMPLE = Path(__file__).resolve().parents[1] / "digest" / "sample"
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2023, 9, 22, 12, tzinfo=UTC)
MIDNIGHT = datetime(2023, 9, 19, 4, tzinfo=UTC)
LISTING = Listing(
    item=".pub", title="h3", summary="p:not(.date)", date="time, .date", kind=".kind", image=".pub"
)
#: What must stand in no text of an entry: a tag, a control or a direction override.
MARKUP = re.compile("<[A-Za-z/!?]|[\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]")


def read(body: bytes | str, **how: Any) -> Parsed:
    url = how.pop("url", "https://example.org/feed")
    content_type = how.pop("content_type", None)
    settings = FeedSettings(**({"url": url} | how))
    body = body.encode() if isinstance(body, str) else body
    return parse(body, settings, url=url, content_type=content_type, zone=NEW_YORK, now=NOW)


def corpus(name: str, **how: Any) -> Parsed:
    return read((CORPUS / name).read_bytes(), url=f"https://example.org/{name}", **how)


def an_item(**told: Any) -> Entry:
    """Return the entry that a JSON Feed of that one item gives."""
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": [{"title": "A title"} | told]}
    return read(json.dumps(feed)).entries[0]


# --- formats ------------------------------------------------------------------------------


def test_an_rss_item_is_read_whole():
    """Title, summary, kind, topics, authors, link, picture and instant, each cleaned."""
    feed = corpus("rss2.xml")

    assert (feed.title, feed.feed_url, feed.language) == (
        "Example Papers",
        "https://example.org/papers.xml",
        "en-us",
    )
    assert feed.entries[0] == Entry(
        title="Bridges & Tolls: Who Pays?",
        guid="paper-1",
        summary="Tolls pay for bridges. Not always.",
        kind="Report",
        topics=("Transport",),
        authors=("Ana Ruiz", "Bo Lind"),
        link="https://example.org/papers/bridges",
        image=Image(
            url="https://example.org/bridge.jpg",
            caption="A toll bridge",
            credit="Ana Ruiz",
            width=800,
            height=450,
        ),
        language="en-us",
        published_at=datetime(2023, 9, 19, 13, 30, tzinfo=UTC),
    )


def test_a_day_without_an_hour_is_local_midnight():
    """The day is the newsletter's, whatever zone the machine is in."""
    entry = corpus("rss2.xml").entries[1]
    assert (entry.published_at, entry.day_only) == (MIDNIGHT, True)


def test_a_guid_that_is_a_link_is_the_link_and_a_repeated_title_is_no_summary():
    """What a feed leaves out is taken from where it stands."""
    entry = corpus("rss2.xml").entries[1]
    assert (entry.link, entry.summary, entry.kind, entry.topics) == (
        "https://example.org/papers/day",
        "",
        "Commentary",
        (),
    )


def test_an_atom_entry_is_read_whole():
    """Languages, bases, relative links, figure captions and both dates."""
    (entry,) = corpus("atom.xml").entries

    assert (entry.title, entry.summary, entry.language) == ("Légende vive", "Bref.", "fr")
    assert entry.link == "https://example.org/pub/un"
    assert entry.image == Image(
        url="https://example.org/pub/i.jpg",
        alt="Un pont",
        caption="Le pont",
        credit="Zoé",
        width=640,
    )
    assert entry.published_at == datetime(2023, 9, 18, 8, tzinfo=UTC)
    assert entry.updated_at == datetime(2023, 9, 19, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "title", "link"),
    [
        ("rss09.xml", "From another age", "https://example.org/old"),
        ("rdf.xml", "In triples", "https://example.org/r"),
        ("cdf.xml", "In channels", "https://example.org/c"),
        ("broken.xml", "Unclosed & odd", "https://example.org/b1"),
        ("wrong-encoding.xml", "Café au lait", None),
    ],
)
def test_old_and_broken_dialects_are_read(name, title, link):
    """RSS 0.9x, RDF, CDF, unclosed tags and a wrong encoding survive."""
    entry = corpus(name).entries[0]
    assert (entry.title, entry.link) == (title, link)


def test_a_json_feed_is_read_with_its_extensions():
    """Kind, caption and credit stand under names of our own; wrong types count as not told."""
    feed = corpus("feed.json")
    numbered, by_id, note = feed.entries

    assert (numbered.guid, numbered.kind, numbered.topics) == ("7", "Commentary", ("Asia",))
    assert numbered.summary == "One two"
    assert numbered.image == Image(
        url="https://example.org/7.jpg", caption="A port", credit="Bo Lind"
    )
    assert (by_id.link, by_id.image) == ("https://example.org/8", None)
    assert (note.title, note.title_made, note.summary) == ("Without a title", True, "")
    assert feed.refused == ()


NAMES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:x="http://search.yahoo.com/mrss/"'
    ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
)


def an_rss_item(told: str, **how: Any) -> Entry:
    """Return the entry that an RSS feed of that one item gives."""
    site = "<title>F</title><link>https://example.org/</link>"
    feed = f'<rss version="2.0" {NAMES}><channel>{site}<item>{told}</item></channel></rss>'
    return read(feed, **how).entries[0]


LONG = "This sentence has no end and goes on " + "and on " * 20


@pytest.mark.parametrize(
    ("text", "title", "summary"),
    [
        ("<p>The ferry runs again from Monday. Tickets as before.</p>",
         "The ferry runs again from Monday", "Tickets as before."),
        ("Good morning! The U.S. ferry, St. Ana, runs again.",
         "Good morning! The U.S. ferry, St. Ana, runs again", ""),
        ("<p>A line of its own</p><p>And another</p>", "A line of its own", "And another"),
        ("今日は天気がいいです。明日は雨が降るでしょう。",
         "今日は天気がいいです", "明日は雨が降るでしょう。"),
        ('<p>Look at <a href="https://example.org/x">https://example.org/x</a> please.</p>',
         "Look at please", "Look at https://example.org/x please."),
        (LONG, "This sentence has no end and goes on" + " and on" * 10 + MARK, LONG.strip()),
        ('<img src="https://example.org/p.jpg" alt="A ferry at night">', "A ferry at night", ""),
        ("&lt;script&gt;alert(1)&lt;/script&gt;Cleaned words stay", "Cleaned words stay", ""),
    ],
)  # fmt: skip
def test_a_title_is_made_of_the_first_words_where_there_is_none(text, title, summary):
    """As notes of Mastodon, Bluesky and micro.blog need it (RSS 2.0 and JSON Feed allow it)."""
    for note in (
        an_rss_item(f"<guid>1</guid><description><![CDATA[{text}]]></description>"),
        an_rss_item(f"<guid>1</guid><content:encoded><![CDATA[{text}]]></content:encoded>"),
        an_item(title=None, content_html=text),
    ):
        assert (note.title, note.summary, note.title_made) == (title, summary, True)


def test_no_title_is_made_where_there_are_no_words_or_the_format_wants_one():
    """A link alone says nothing; a table's empty cell, a listing's missed selector is a slip."""
    nothing = read('{"items": [{"id": "1", "content_text": "https://example.org/1", "url": "/1"}]}')
    table = read("title,summary\n,Some words that tell\n", url="https://example.org/t.csv")
    assert nothing.entries == table.entries == ()
    assert [one.why for one in nothing.refused] == [
        "it has no title, and no text of which one could be made"
    ]
    assert [one.why for one in table.refused] == ["it has no title"]


@pytest.mark.parametrize(
    ("told", "title", "link"),
    [
        ("<title>T</title><guid>https://example.org/g</guid>", "T", "https://example.org/g"),
        ('<title>T</title><guid isPermaLink="false">https://example.org/g</guid>', "T", None),
        ('<itunes:title>Episode</itunes:title><enclosure url="https://example.org/1.mp3"'
         ' type="audio/mpeg" length="1"/>', "Episode", "https://example.org/1.mp3"),
        ("<title>T</title><link>www.example.org/1</link>", "T", "https://www.example.org/1"),
        ("<title>T</title><link>/p/1</link>", "T", "https://example.org/p/1"),
    ],
)  # fmt: skip
def test_what_has_no_link_is_linked_by_its_permalink_or_what_it_encloses(told, title, link):
    """A site's name without https:// is no relative link; one of a file begins at its page."""
    one = an_rss_item(told, url="feed.xml")
    assert (one.title, one.link) == (title, link)


def test_what_an_rdf_item_is_about_is_its_link():
    """RSS 1.0 (5.5): rdf:about should be the link; where the link lacks, it is."""
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    (one,) = read(
        f'<r:RDF xmlns:r="{rdf}" xmlns:q="http://purl.org/rss/1.0/"><q:channel r:about="x">'
        '<q:title>F</q:title></q:channel><q:item r:about="https://example.org/1">'
        "<q:title>T</q:title></q:item></r:RDF>"
    ).entries
    assert (one.title, one.link) == ("T", "https://example.org/1")


def test_a_films_description_is_its_summary():
    """YouTube tells it beside the film, where of a picture its caption stands."""
    film = '<x:content url="https://example.org/f" type="video/mp4"/>'
    text = "<x:description>What it shows.</x:description>"
    thumbnail = '<x:thumbnail url="https://example.org/f.jpg"/>'
    one = an_rss_item(f"<title>Film</title><x:group>{film}{thumbnail}{text}</x:group>")
    assert one.summary == "What it shows."
    assert one.image == Image(url="https://example.org/f.jpg")
    picture = '<x:content url="https://example.org/f.jpg" medium="image"/>'
    two = an_rss_item(f"<title>Film</title><x:group>{picture}{text}</x:group>")
    assert (two.summary, two.image.caption) == ("", "What it shows.")


def test_an_events_file_gives_events():
    """Hours in their zone, days at local midnight, cancelled ones left out, broken refused."""
    feed = corpus("events.ics", kind="event")

    assert [(one.title, one.kind, one.starts_at) for one in feed.entries] == [
        ("A talk, with questions", "Event", datetime(2023, 10, 5, 16, tzinfo=UTC)),
        ("A whole day", "Event", datetime(2023, 10, 10, 4, tzinfo=UTC)),
    ]
    assert [one.where for one in feed.refused] == ["Some time"]


def test_a_table_gives_a_row_each():
    """Separators are recognised; a row of the wrong length is refused with its line."""
    feed = corpus("table.csv")
    (entry,) = feed.entries

    assert (entry.title, entry.topics) == ("Semicolons; quoted", ("Asia", "Trade"))
    assert entry.authors == ("Ana Ruiz", "Bo Lind")
    assert entry.published_at == MIDNIGHT
    assert [one.where for one in feed.refused] == ["line 3", "line 4"]


def test_a_listing_page_is_read_by_its_selectors():
    """Base address, machine-readable date and the picture beside a tracking pixel."""
    feed = corpus("listing.html", listing=LISTING)
    first, second = feed.entries

    assert (first.title, first.kind, first.summary) == (
        "First & foremost",
        "Report",
        "What it says.",
    )
    assert first.link == "https://example.org/list/one"
    assert first.image == Image(url="https://example.org/list/one.jpg", alt="A dam")
    assert first.published_at == datetime(2023, 9, 19, 8, tzinfo=UTC)
    assert (second.link, second.published_at) == (None, MIDNIGHT)


def test_a_text_listing_is_read_as_a_person_reads_it():
    """Kinds, captions, wrapped lines; headings and introductions are no items."""
    feed = corpus("listing.txt")

    assert feed.title == "Our Papers"
    assert [(one.title, one.kind, one.summary) for one in feed.entries] == [
        ("Why Not?", "Commentary", "Because."),
        ("Bridges", "", "They carry over two lines."),
        ("Without summary", "", ""),
    ]
    assert feed.entries[1].image == Image(caption="A bridge over the river", credit="Bo Lind")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf  ",
        b"hello",
        b"{}",
        b'{"items": 5}',
        b"[" * 100_000,
        b"{" * 10,
        b"BEGIN:VCALENDAR",
        b"<x/>",
        b"\x00\x01\x02",
        b"title,link\n",
        (CORPUS / "page.html").read_bytes(),
    ],
)
@pytest.mark.parametrize("kind", ["auto", "rss", "json", "text", "csv", "event", "listing"])
def test_what_is_no_feed_is_told_as_such(body, kind):
    """Nothing but our own error comes out, whatever was expected; an empty feed is a feed."""
    try:
        entries = read(body, kind=kind, listing=LISTING if kind == "listing" else None).entries
    except NotAFeed:
        entries = ()
    assert entries == ()


def test_a_page_instead_of_a_feed_says_what_to_do():
    """The usual mistake gets the usual answer."""
    with pytest.raises(NotAFeed) as error:
        corpus("page.html")
    assert "selectors" in error.value.remedy


# --- the seed and our sample --------------------------------------------------------------


@pytest.fixture
def page(shared: Path) -> bytes:
    return (shared / "seed" / "security-cooperation.txt").read_bytes()


def test_the_page_that_it_all_began_with_is_read_as_it_is(page):
    """Twenty publications and two past recaps, none without a date."""
    feed = read(page, url="security-cooperation.txt")
    recaps = [one for one in feed.entries if one.kind == "Weekly Recap"]

    assert (len(feed.entries), len(recaps), feed.refused) == (22, 2, ())
    assert all(one.published_at and one.day_only for one in feed.entries)
    assert [one.kind for one in feed.entries].count("Commentary") == 2
    himars = next(one for one in feed.entries if one.title.startswith("Why Improve"))
    assert himars.image == Image(
        caption="The M142 High Mobility Artillery Rocket System (HIMARS)", credit="U.S. Army"
    )


def test_our_sample_tells_the_same_facts(page):
    """Titles, instants and credits are the page's; kinds where the page tells them."""
    original = read(page, url="security-cooperation.txt").entries
    ours = read((SAMPLE / "security-cooperation.json").read_bytes()).entries

    def facts(entries: tuple[Entry, ...]) -> list[Any]:
        return [(one.title, one.published_at, one.image and one.image.credit) for one in entries]

    assert facts(ours) == facts(original)
    assert all(
        mine.kind == theirs.kind for mine, theirs in zip(ours, original, strict=True) if theirs.kind
    )


@pytest.mark.parametrize("name", ["security-cooperation.json", "security-cooperation-later.json"])
def test_our_sample_is_a_clean_feed_of_placeholder_links(name):
    """Every item has title, summary, date and a link of its own under example.org."""
    feed = read((SAMPLE / name).read_bytes())

    assert feed.refused == ()
    assert all(one.summary and one.published_at for one in feed.entries)
    assert len({one.link for one in feed.entries}) == len(feed.entries)
    assert all(one.link.startswith("https://example.org/") for one in feed.entries)
    assert "placeholders" in json.loads((SAMPLE / name).read_text("utf-8"))["description"]


@pytest.mark.parametrize("name", ["security-cooperation.json", "security-cooperation-later.json"])
def test_our_sample_holds_no_sentence_of_the_page(page, name):
    """No seven words in a row are the page's, titles apart."""
    theirs = _runs(page.decode())
    for item in json.loads((SAMPLE / name).read_text("utf-8"))["items"]:
        for field in ("summary", "_caption"):
            assert not _runs(item.get(field, "")) & theirs, item["title"]


def _runs(text: str, length: int = 7) -> set[tuple[str, ...]]:
    words = re.findall(r"[\w'’]+", text.lower())
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


# --- bad input ----------------------------------------------------------------------------


def test_each_bad_part_is_refused_alone_with_its_reason():
    """Scripts, odd links, dates that are none: the rest of each entry stays."""
    feed = corpus("hostile.xml")

    assert [one.title for one in feed.entries] == [
        "One",
        "Two and a half",
        "Four Subject: x",
        "Five",
        "Six",
        "Seven",
        "Eight",
    ]
    assert [(one.where, one.why[:28]) for one in feed.refused] == [
        ("One", "its link is not http or http"),
        ("One", "its picture's address: not h"),
        ("Two and a half", "its link is not http or http"),
        ("c", "it has no title, and no text"),
        ("Four Subject: x", "the date 'Thu, 01 Jan 1970 0"),
        ("Five", "the date 'Fri, 01 Jan 2099 0"),
        ("Six", "'the other day' is no date"),
        ("Seven", "its link: a user name stands"),
    ]
    assert all(one.published_at is None for one in feed.entries)
    assert feed.entries[0].summary == "Fine."
    assert feed.entries[1].summary == "Cleaned"
    assert feed.entries[6].image == Image(url="https://example.org/8.jpg")


def test_entities_that_a_feed_declares_are_not_expanded():
    """Neither a bomb nor a file of ours: the other text stays."""
    (entry,) = corpus("bomb.xml").entries
    assert entry.title == "Calm & café &c; &file;"


def test_a_bomb_in_another_encoding_is_refused_whole():
    """Declarations hidden in UTF-16 do not get past us either."""
    hidden = (CORPUS / "bomb.xml").read_text("utf-8").encode("utf-16")
    with pytest.raises(NotAFeed, match="entities"):
        read(hidden)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'<?xml version="1.0"?><!ENTITY x "y">' + b"<!DOCTYPE [" * 900_000, "entities"),
        (b"<rss><channel><item>" + b"<category>c</category>" * 300_000, "categories"),
        (b"<rss><channel><item><itunes:keywords>" + b"c," * 500_000, "categories"),
        (b"<rss><channel><item " + b'n="u" ' * 500_000 + b">", "attributes"),
    ],
    ids=["doctypes", "categories", "keywords", "attributes"],
)
def test_a_feed_made_to_take_for_ever_is_refused(body, said):
    """What would be compared each with all others is counted before it is read."""
    with pytest.raises(NotAFeed, match=said):
        read(body)


def test_one_bad_byte_is_one_bad_letter():
    """A letter of Windows among UTF-8, or all of them, is read; a guess would spoil the rest."""
    titles = "<rss><channel><item><title>Zürich’s naïve cafés, as it were</title></item>"
    for head in ("", '<?xml version="1.0" encoding="utf-8"?>'):
        mixed = f"{head}{titles}<item><title>It".encode() + b"\x92s</title></item></channel></rss>"
        assert [one.title for one in read(mixed).entries] == [
            "Zürich’s naïve cafés, as it were",
            "It’s",
        ]
        windows = f"{head}{titles}</channel></rss>".encode("cp1252")
        assert read(windows, content_type="text/xml; charset=utf-8").entries[0].title == (
            "Zürich’s naïve cafés, as it were"
        )


def test_another_script_under_a_wrong_name_is_not_read_as_western():
    """Cyrillic that says it is UTF-8 goes to the reader that guesses, and not to Windows-1252."""
    title = "Вестник науки и образования за неделю"
    body = f"<rss><channel><item><title>{title}</title></item></channel></rss>".encode("cp1251")
    assert "Âåñòíèê" not in read(body, content_type="text/xml; charset=utf-8").entries[0].title


def test_a_place_costs_no_feed():
    """Where an entry lies is not ours to read, however it is written."""
    place = "<gml:pos>45 -71</gml:pos><gml:posList>45 -71 46</gml:posList>"
    space = 'xmlns:gml="http://www.opengis.net/gml"'
    body = f"<rss {space}><channel><item>{place}<title>A</title></item></channel></rss>"
    assert [one.title for one in read(body).entries] == ["A"]


def test_long_texts_are_cut_at_a_word_with_a_mark():
    """A title of ten thousand characters is a title of a few hundred."""
    entry = an_item(title="word " * 2000, summary="word " * 2000, id="x" * 5000)

    assert len(entry.title) <= LONGEST_TITLE
    assert entry.title.endswith("word" + MARK)
    assert len(entry.summary) <= LONGEST_SUMMARY
    assert entry.guid.startswith("sha256:")


def test_a_feed_without_end_is_read_so_far():
    """What is too much is refused, with one reason for all of it."""
    items = [{"title": str(number)} for number in range(MOST_ENTRIES + 9)]
    feed = read(json.dumps({"items": items}))
    assert (len(feed.entries), len(feed.refused)) == (MOST_ENTRIES, 1)


@pytest.mark.parametrize("told", ["\ud800", "\x00", "a\x00b\ud800c", "\U0010ffff"])
def test_characters_that_no_database_takes_are_dropped(told):
    """Lone surrogates and NUL would end a transaction."""
    entry = an_item(title=f"Title {told}", tags=[told], id=told, _kind=told)
    for text in (entry.title, entry.guid or "", entry.kind, *entry.topics):
        assert "\0" not in text
        text.encode()


def test_images_may_be_left_out():
    """A feed set to `images: never` gives none."""
    assert all(one.image is None for one in corpus("rss2.xml", images="never").entries)


def test_the_feeds_topic_and_kind_fill_what_entries_do_not_tell():
    """An entry's own kind goes before the feed's; the feed's topic stands beside its own."""
    first, second = corpus("rss2.xml", topic="Roads", publication_kind="Paper").entries
    assert (first.kind, first.topics) == ("Report", ("Transport", "Roads"))
    assert (second.kind, second.topics) == ("Commentary", ("Roads",))
    assert corpus("rss09.xml", publication_kind="Paper").entries[0].kind == "Paper"


def _headers(body: bytes) -> str | None:
    named = re.search(rb"(?im)^Header:\s*Content-type:\s*(.+?)\s*$", body[:3000])
    return named[1].decode("ascii", "replace") if named else None


def test_a_thousand_odd_feeds_go_through(shared):
    """Every file is read or told to be no feed; no markup stands in any text of any entry."""
    files = sorted((shared / "corpora" / "feeds").rglob("*.xml"))
    entries: list[Entry] = []
    for file in files:
        body = file.read_bytes()
        try:
            feed = read(body, url="http://127.0.0.1:8097/f.xml", content_type=_headers(body))
        except FeedError:
            continue
        entries += feed.entries
        assert not MARKUP.search(feed.title), file
        for entry in feed.entries:
            _assert_clean(entry, str(file))
    assert len(files) > 1000
    assert len(entries) > 220


def _with_titles(body: bytes) -> bytes:
    """Give every item of an RSS or Atom file a title, so that its other parts are judged."""
    return re.sub(rb"(<(?:item|entry)(?: [^<>]*)?>)", rb"\1<title>Titled</title>", body)


def test_a_thousand_odd_feeds_go_through_with_titles_added(shared):
    """Most of those files have no title; with one, their summaries and links are judged too."""
    entries = 0
    for file in sorted((shared / "corpora" / "feeds").rglob("*.xml")):
        body = _with_titles(file.read_bytes())
        try:
            feed = read(body, url="http://127.0.0.1:8097/f.xml", content_type=_headers(body))
        except FeedError:
            continue
        entries += len(feed.entries)
        for entry in feed.entries:
            _assert_clean(entry, str(file))
    assert entries > 500


def _assert_clean(entry: Entry, where: str) -> None:
    image = entry.image or Image()
    texts = (entry.title, entry.summary, entry.kind, *entry.topics, *entry.authors)
    for text in (*texts, image.alt, image.caption, image.credit):
        assert not MARKUP.search(text), (where, text)
    for link in filter(None, (entry.link, image.url)):
        assert re.fullmatch(r"https?://[!-~]+", link), (where, link)


# --- text, links, dates -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("A &amp;lt;b&amp;gt;bold", "A bold"),
        ("<p>One</p><p>two</p><br>three", "One two three"),
        ("a<b and AT&T &copy 5 < 6", "a< b and AT&T &copy 5 < 6"),
        ("<script>alert(1)</script>Left<style>p{}</style>", "Left"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;Left", "Left"),
        ("<!-- <b> -->Left", "Left"),
        ("<![CDATA[Left]]>", "Left"),
        ("tab\tbreak\r\nBcc: x\u2028line\u00a0space", "tab break Bcc: x line space"),
        ("a\u200bb\u202ec\u00add\ufeff", "abcd"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\u200db", "ab"),
        ("&#x1F600; &eacute; e\u0301", "😀 é é"),
        ("&nosuch; &#0;", "&nosuch; \ufffd"),
    ],
)
def test_text_is_what_a_person_would_read(source, text):
    """Markup, escapes and what cannot be seen go; the words and signs stay."""
    assert plain(source, longest=100) == text


PIECES = st.sampled_from(
    ["<", ">", "&", ";", "lt", "amp", "gt", "#60", "#x3c", "script", "b", "/", "!--", "-->", "<b>",
     "&lt;", "&amp;lt;", "</p>", "<img src=x onerror=alert(1)>", " ", "\0", "\u202e", "?", "'", '"']
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)), st.integers(5, 300))
@example("<scr<script>ipt>alert(1)</script>", 50)
@example('<img alt="<" src=x>', 50)
@example("&amp;" * 20 + "lt;b>", 50)
def test_no_text_reads_as_markup_or_is_too_long(source, longest):
    """Whatever goes in: no tag, no control character, one line, within the length."""
    text = plain(source, longest=longest)
    assert not MARKUP.search(text)
    assert len(text) <= longest
    assert text == " ".join(text.split())
    text.encode()


@given(st.text(max_size=300))
def test_no_link_is_anything_but_a_web_address(raw):
    """Whatever goes in: an http(s) address in ASCII without user, or a refusal."""
    try:
        link = absolute(raw, "https://example.org/dir/")
    except LinkError:
        return
    assert re.fullmatch(r"https?://[A-Za-z0-9\[][!-~]*", link)
    assert not set(link) & set("<>\"'\\ `")
    assert absolute(link, "") == link


@pytest.mark.parametrize(
    "raw",
    ["javascript:alert(1)", "java\nscript:alert(1)", " data:text/html,x", "vbscript:x", "http://",
     "https://example.org@evil.test/", "http://[::1", "mailto:ana@example.org", "http://a b/",
     "https://example.org/" + "x" * 3000, "http://example.org:x/", "http://ex<b>.org/"],
)  # fmt: skip
def test_links_that_a_mail_must_not_carry_are_refused(raw):
    """Scripts, data, user names, what is no address, what is too long."""
    with pytest.raises(LinkError):
        absolute(raw, "https://example.org/")


@pytest.mark.parametrize(
    ("raw", "instant", "day_only"),
    [
        ("Tue, 19 Sep 2023 10:00:00 EST", "2023-09-19T15:00", False),
        ("Tue, 19 Sep 2023 10:00:00 +0200", "2023-09-19T08:00", False),
        ("Wed, 20 Sep 2023 10:00:00 +0000", "2023-09-20T10:00", False),
        ("20 Sep 2023 10:00 -0000", "2023-09-20T10:00", False),
        ("2023-09-19T10:00:00+0000", "2023-09-19T10:00", False),
        ("2023-09-19T10:00:00Z", "2023-09-19T10:00", False),
        ("2023-09-19 10:00", "2023-09-19T14:00", False),
        ("Sep 19, 2023", "2023-09-19T04:00", True),
        ("20230919", "2023-09-19T04:00", True),
        ("19 September 2023, 3 pm", "2023-09-19T19:00", False),
        ("2024-02-26", "2024-02-26T05:00", True),
        ("Di, 19 Sep 2023 10:00:00 +0200", "2023-09-19T08:00", False),
        ("3. Dezember 2023", "2023-12-03T05:00", True),
        ("mar., 19 sept. 2023 10:00:00 +0200", "2023-09-19T08:00", False),
        ("1er août 2023", "2023-08-01T04:00", True),
        ("19 de enero de 2023", "2023-01-19T05:00", True),
        ("вт, 19 сен 2023 10:00:00 +0300", "2023-09-19T07:00", False),
        ("19 maja 2023", "2023-05-19T04:00", True),
        ("2023年9月19日", "2023-09-19T04:00", True),
        ("2023년 9월 19일 10:00", "2023-09-19T14:00", False),
        ("Tue Sep 19 2023 10:00:00 GMT+0200 (CEST)", "2023-09-19T08:00", False),
        ("19.09.2023 10:00 Uhr", "2023-09-19T14:00", False),
        ("1695117600", "2023-09-19T10:00", False),
        ("1695117600000", "2023-09-19T10:00", False),
    ],
)
def test_dates_are_read_in_their_zone_or_ours(raw, instant, day_only):
    """A zone told is kept, none means the newsletter's, in summer as in winter."""
    got = told(raw, zone=NEW_YORK, now=NOW)
    assert got.at == datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert got.day_only is day_only


def test_half_a_date_is_not_made_whole_by_the_feeds_parser():
    """feedparser takes "2023-09" for its first day; that is a guess, and no date is better."""
    for told_as in ("2023", "2023-09", "2023-W38-2"):
        item = f"<item><title>A</title><pubDate>{told_as}</pubDate></item>"
        feed = read(f"<rss><channel>{item}</channel></rss>")
        assert feed.entries[0].published_at is None, told_as
        assert "is no date" in feed.refused[0].why


@pytest.mark.parametrize(
    "raw",
    ["1970-01-01", "1969-12-31T19:00:00-05:00", "0001-01-01T00:00:00Z", "2099-01-01", "May", "2023",
     "yesterday", "12:30", "2023-13-45", "9" * 50, "Tue, 32 Sep 2023", "0000-00-00",
     "0000-00-00 00:00:00 +0000", "00/00/0000",
     "Mon, 01 Jan 0001 00:00:00 GMT", "Mai", "2023年9月", "vor 2 Stunden"],
)  # fmt: skip
def test_dates_that_mean_nothing_are_refused(raw):
    """Unset clocks, the far future, half a date: told as such, not guessed."""
    with pytest.raises(DateError):
        told(raw, zone=NEW_YORK, now=NOW)


@given(st.text(max_size=60))
def test_any_text_is_a_date_or_is_not(raw):
    """Nothing but our own error comes out of a date."""
    try:
        got = told(raw, zone=NEW_YORK, now=NOW)
    except DateError:
        return
    assert got is None or got.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("line", "caption", "credit"),
    [
        ("A bridge, photo by Ana Ruiz", "A bridge", "Ana Ruiz"),
        ("A photo by a river, image by Bo/Wire Images", "A photo by a river", "Bo/Wire Images"),
        ("A map, images by A/B, C/B, and D/B", "A map", "A/B, C/B, and D/B"),
        ("Photo: Ana Ruiz", "", "Ana Ruiz"),
        ("A bridge (photo courtesy of Ana Ruiz)", "A bridge", "Ana Ruiz"),
        ("A bridge", "A bridge", ""),
    ],
)
def test_a_caption_tells_who_made_the_picture(line, caption, credit):
    """What stands after “photo by” is the credit."""
    assert split_credit(line) == (caption, credit)


# --- where the bytes come from ------------------------------------------------------------


def test_a_path_is_read_beside_the_config(tmp_path):
    """A feed without a scheme is a file."""
    (tmp_path / "feed.json").write_bytes(b"{}")
    assert fetch(FeedSettings(url="feed.json"), folder=tmp_path).body == b"{}"


def test_a_missing_file_is_told_with_its_place(tmp_path):
    """The path that was looked at stands in the error."""
    with pytest.raises(FetchFailed, match=re.escape(str(tmp_path / "none.json"))):
        fetch(FeedSettings(url="none.json"), folder=tmp_path)


@pytest.mark.parametrize("moved_to", ["file:///etc/passwd", "ftp://example.org/x", None])
def test_other_schemes_and_private_hosts_are_refused(moved_to, tmp_path):
    """A feed's address is a web address or a path, and public unless allowed."""
    with pytest.raises(FetchRefused):
        fetch(FeedSettings(url="http://127.0.0.1/"), folder=tmp_path, url=moved_to)

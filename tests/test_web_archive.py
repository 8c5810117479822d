"""The archive's pages and feeds: what anyone may read, and nothing that is not out yet."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote
from xml.etree import ElementTree

import feedparser
import httpx
import pytest
from lxml import etree

from digest import feeds
from digest.model import IssueState, Rhythm
from digest.model.settings import Exclude, FeedSettings
from digest.store import Database, publications
from tests.archived import DAY, an_issue, corrected, published
from tests.test_archive import HOSTILE
from tests.website import NOW, Site, browsing, served

#: For what no database has a say in.
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        site.now = NOW + timedelta(days=1)
        yield site


@pytest.fixture
def chromium(needs: Callable[[str, str], NoReturn]) -> Iterator[Callable[..., Any]]:
    with browsing(needs) as opened:
        yield opened


def get(site: Site, path: str, **headers: str) -> httpx.Response:
    return site.browser().get(path, headers=headers)


def links(page: httpx.Response) -> list[str]:
    return re.findall('href="([^"]+)"', page.text)


# --- an issue's page ----------------------------------------------------------------------


def test_the_public_page_is_the_mail_without_the_reader(site: Site) -> None:
    """The page shows headline and items, and no slot, no unsubscribe link, no reader."""
    an_issue(site.database, site.loaded)
    page = get(site, "/issues/recap/2023-09-22")
    assert page.status_code == 200
    assert "Deep Strikes, Recovery Costs" in page.text
    assert "Why Deep Strikes?" in page.text
    assert "/unsubscribe/" not in page.text
    assert "You get this mail" not in page.text
    assert not {"\ufdd0", "\ufdd1", "\ufdd2"} & set(page.text)
    assert "script" not in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (IssueState.DRAFT, 404),
        (IssueState.HELD, 404),
        (IssueState.CANCELLED, 404),
        (IssueState.APPROVED, 404),
        (IssueState.SENDING, 200),
        (IssueState.STOPPED, 200),
        (IssueState.FINISHED, 200),
    ],
)
def test_only_what_went_out_is_public(site: Site, state: IssueState, status: int) -> None:
    """A draft, what waits and what was called off stay inside; what readers have is public."""
    an_issue(site.database, site.loaded, state=state)
    assert get(site, "/issues/recap/2023-09-22").status_code == status
    for path in ("/issues/recap", "/issues/recap/feed.atom", "/sitemap.xml"):
        told = get(site, path).text
        assert ("2023-09-22" in told) is (status == 200)


@SQLITE
def test_editors_see_an_issue_that_waits(site: Site) -> None:
    """Test mails link to the page: who is signed in sees it, and no robot or cache keeps it."""
    an_issue(site.database, site.loaded, state=IssueState.APPROVED)
    page = site.browser("viewer").get("/issues/recap/2023-09-22")
    assert page.status_code == 200
    assert page.headers["x-robots-tag"] == "noindex"
    assert page.headers["cache-control"] == "no-store"
    assert site.browser("editor").get("/issues/recap/2023-09-15").status_code == 404


@SQLITE
def test_a_link_to_an_issue_says_what_it_leads_to(site: Site) -> None:
    """Canonical address, Open Graph and a description; all of it text, whatever was written."""
    headline = 'Deep "Strikes" <b>& Costs'
    an_issue(site.database, site.loaded, headline=headline)
    page = get(site, "/issues/recap/2023-09-22")
    address = "http://127.0.0.1/issues/recap/2023-09-22"
    assert f'<link rel="canonical" href="{address}">' in page.text
    told = dict(re.findall('<meta property="([^"]+)" content="([^"]*)">', page.text))
    assert told["og:url"] == address
    assert told["og:title"] == "Deep &#34;Strikes&#34; &lt;b&gt;&amp; Costs"
    assert told["og:description"].startswith("This weekly recap focuses on")
    assert told["article:published_time"] == "2023-09-22T13:00:00+00:00"
    assert page.text.count("<head>") == page.text.count("</body>") == 1
    assert "@media print" in page.text


def test_an_issue_does_not_change_when_other_things_do(site: Site) -> None:
    """The bytes are the same after later issues, edited publications and another title."""
    numbers = published(site.database, {"title": "Why Deep Strikes?"})
    an_issue(site.database, site.loaded)
    before = get(site, "/issues/recap/2023-09-22")
    an_issue(site.database, site.loaded, "2023-09-29", headline="Later", number=2)
    with site.database.write() as conn:
        publications.edit(conn, numbers[0], title="Another Title", summary="Other words.")
    after = get(site, "/issues/recap/2023-09-22")
    assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])


@SQLITE
def test_a_corrected_issue_says_so_and_keeps_what_went_out(site: Site) -> None:
    """The page has the newest words and a dated note; what first went out is one link away."""
    issue = an_issue(site.database, site.loaded, headline="A Wrong Word")
    corrected(
        site.database, site.loaded, issue, headline="The Right Word", at=NOW + timedelta(hours=4)
    )
    page = get(site, "/issues/recap/2023-09-22")
    assert "Corrected on 22 Sep 2023" in page.text
    assert "The Right Word" in page.text
    assert "A Wrong Word" not in page.text
    first = get(site, "/issues/recap/2023-09-22?edition=first")
    assert "as it first went out" in first.text
    assert "A Wrong Word" in first.text
    assert first.headers["x-robots-tag"] == "noindex"
    assert "Corrected 22 Sep 2023" in get(site, "/issues/recap").text


@SQLITE
def test_an_issue_that_corrects_another_says_so(site: Site) -> None:
    """Correction and corrected issue lead to each other, and the list tells which is which."""
    an_issue(site.database, site.loaded, headline="A Wrong Word")
    later = NOW + timedelta(hours=5)
    an_issue(site.database, site.loaded, "2023-09-22+correction-1", headline="Right", at=later)
    page = get(site, "/issues/recap/2023-09-22")
    assert "A correction to this issue went out on 22 Sep 2023." in page.text
    assert "/issues/recap/2023-09-22+correction-1" in links(page)
    correction = get(site, "/issues/recap/2023-09-22+correction-1")
    assert "This is a correction of an earlier issue." in correction.text
    assert "Corrects the issue of 22 Sep 2023" in get(site, "/issues/recap").text


def test_no_link_of_ours_in_an_issue_carries_a_reader(site: Site) -> None:
    """Links of the public page lead to pages without a token, also those to share it."""
    an_issue(site.database, site.loaded)
    ours = [
        address.removeprefix("http://127.0.0.1")
        for address in links(get(site, "/issues/recap/2023-09-22"))
        if address.startswith(("/", "http://127.0.0.1"))
    ]
    assert set(ours) == {
        "/issues/recap",
        "/topics/recap",
        "/join/recap",
        "/issues/recap/2023-09-22",
        "/issues/recap/feed.atom",
    }


# --- lists --------------------------------------------------------------------------------


def test_the_archive_lists_what_went_out(site: Site) -> None:
    """Past issues stand newest first with dates, headlines and leads."""
    for number, key in enumerate(("2023-09-08", "2023-09-15"), 1):
        an_issue(site.database, site.loaded, key, headline=f"Week {key}", number=number)
    page = get(site, "/issues/recap").text
    assert page.index("Week 2023-09-15") < page.index("Week 2023-09-08")
    assert 'href="/issues/recap/2023-09-08"' in page
    assert "No. 2" in page
    assert "September 8–15, 2023" in page


def test_older_issues_are_on_the_pages_of_their_years(site: Site) -> None:
    """The first page has the newest twenty; every issue is on the page of its year."""
    closes = datetime(2022, 10, 7, tzinfo=UTC)
    keys = [f"{closes + timedelta(weeks=week):%Y-%m-%d}" for week in range(24)]
    for number, key in enumerate(keys, 1):
        an_issue(site.database, site.loaded, key, headline=f"Week {key}", number=number)
    first = get(site, "/issues/recap")
    assert [key for key in keys if f"Week {key}" in first.text] == keys[4:]
    assert {"/issues/recap?year=2022", "/issues/recap?year=2023"} <= set(links(first))
    of_2022 = get(site, "/issues/recap?year=2022").text
    assert [key for key in keys if f"Week {key}" in of_2022] == [
        key for key in keys if key.startswith("2022")
    ]
    for year in ("2021", "20222", "x", "9999999999"):
        assert get(site, f"/issues/recap?year={year}").status_code == 404


def test_an_empty_archive_says_what_comes(site: Site) -> None:
    """A newsletter without a past has pages and feeds that say so."""
    assert "has not gone out yet" in get(site, "/issues/recap").text
    assert "No issue has gone out with a topic yet" in get(site, "/topics/recap").text
    assert feedparser.parse(get(site, "/issues/recap/feed.atom").content).entries == []
    assert get(site, "/issues/recap/feed.json").json()["items"] == []


def test_a_topic_shows_recaps_and_publications_together(site: Site) -> None:
    """As on a research institute's page: each with kind, title, words and date, newest first."""
    day = timedelta(days=1)
    told = {"topics": ("Security Cooperation",)}
    published(
        site.database,
        {"title": "An Older Brief", "kind": "Brief", "published_at": DAY - 9 * day, **told},
        {"title": "A New Commentary", "authors": ("Ana Example",), **told},
        {"title": "On Something Else"},
    )
    an_issue(site.database, site.loaded, "2023-09-15", headline="The Recap")
    page = get(site, "/topics/recap/security-cooperation")
    order = ["A New Commentary", "The Recap", "An Older Brief"]
    assert sorted(order, key=page.text.index) == order
    assert "On Something Else" not in page.text
    assert '<h1 dir="auto">Explore Security Cooperation</h1>' in page.text
    assert "https://example.org/a-new-commentary" in links(page)
    assert "/topics/recap/security-cooperation" in links(get(site, "/topics/recap"))


@SQLITE
def test_a_topic_is_left_out_where_the_newsletter_excludes_it(site: Site) -> None:
    """Kinds and topics that never become items are not in the archive either."""
    published(site.database, {"title": "Ours", "topics": ("Asia", "Jobs")})
    an_issue(site.database, site.loaded, topics=("Asia", "Jobs"))
    only = site.loaded.settings.newsletters["recap"]
    shut = only.model_copy(update={"exclude": Exclude(topics=("jobs",))})
    site.settings(newsletters={"recap": shut})
    assert get(site, "/topics/recap/jobs").status_code == 404
    assert "/topics/recap/jobs" not in links(get(site, "/topics/recap"))
    assert "Ours" not in get(site, "/topics/recap/asia").text


@SQLITE
def test_a_long_topic_goes_on_behind_a_link(site: Site) -> None:
    """Twenty stand on a page; following Older leads through all of them, each once."""
    published(site.database, *({"title": f"No {n:03}.", "topics": ("Asia",)} for n in range(47)))
    seen: list[str] = []
    path = "/topics/recap/asia"
    while path:
        page = get(site, path)
        seen += re.findall(r"No \d{3}\.", page.text)
        found = re.search('href="([^"]+)" rel="next"', page.text)
        path = found[1] if found else ""
    assert len(set(seen)) == 47


@SQLITE
def test_a_topic_as_a_feed_writes_it_leads_to_its_page(site: Site) -> None:
    """Spaces and capitals in an address are sent on to the one address that the topic has."""
    published(site.database, {"title": "Ours", "topics": ("Security Cooperation", "台湾")})
    moved = get(site, "/topics/recap/Security%20Cooperation")
    assert (moved.status_code, moved.headers["location"]) == (
        308,
        "/topics/recap/security-cooperation",
    )
    assert "Ours" in get(site, f"/topics/recap/{quote('台湾')}").text
    assert get(site, "/topics/recap/nothing-on-it").status_code == 404


# --- search -------------------------------------------------------------------------------


def test_search_finds_both_and_says_when_nothing_is_there(site: Site) -> None:
    """Issues and publications, by words in any order; without any, what to try."""
    published(site.database, {"title": "Costs of Recovery"})
    an_issue(site.database, site.loaded)
    page = get(site, "/issues/recap/search?q=recovery+costs")
    assert "Costs of Recovery" in page.text
    assert "Deep Strikes, Recovery Costs" in page.text
    assert page.headers["x-robots-tag"] == "noindex"
    assert "Try fewer words" in get(site, "/issues/recap/search?q=zeppelin").text
    assert 'role="status"' not in get(site, "/issues/recap/search").text


@pytest.mark.parametrize("question", HOSTILE, ids=[repr(one[:16]) for one in HOSTILE])
def test_a_hostile_search_is_answered(site: Site, question: str) -> None:
    """Whatever is asked, the answer is a page, and what was asked stands in it as text."""
    said = quote(question, errors="surrogatepass")
    page = get(site, f"/issues/recap/search?q={said}")
    assert page.status_code == 200
    assert "\x00" not in page.text
    assert "\u202e" not in page.text
    assert len(page.content) < 20_000


@SQLITE
@pytest.mark.parametrize("before", ["-1", "x", "9" * 30, "1e3", "", "\u0661"])
def test_a_place_that_is_none_is_ignored(site: Site, before: str) -> None:
    """What an address says of a place in a list is a number of ours, or nothing."""
    published(site.database, {"title": "Taiwan", "topics": ("Asia",)})
    for path in ("/topics/recap/asia?", "/issues/recap/search?q=taiwan&"):
        assert get(site, f"{path}before={quote(before)}").status_code == 200


@SQLITE
def test_markup_is_text_everywhere(site: Site) -> None:
    """A script in a headline, a title, a topic or a question is shown, never run."""
    hostile = "<script>alert(1)</script>"
    published(site.database, {"title": hostile, "summary": hostile, "topics": (hostile,)})
    an_issue(site.database, site.loaded, headline=hostile, topics=(hostile,))
    for path in (
        "/issues/recap",
        "/issues/recap/2023-09-22",
        "/topics/recap",
        "/topics/recap/script-alert-1-script",
        f"/issues/recap/search?q={quote(hostile)}",
    ):
        page = get(site, path)
        assert page.status_code == 200
        assert "<script" not in page.text


# --- what is kept, and what is not there ----------------------------------------------------

PAGES = (
    "/issues/recap",
    "/issues/recap/2023-09-22",
    "/issues/recap/feed.atom",
    "/issues/recap/feed.json",
    "/topics/recap",
    "/topics/recap/security-cooperation",
    "/topics/recap/security-cooperation/feed.atom",
    "/topics/recap/security-cooperation/feed.json",
    "/sitemap.xml",
    "/robots.txt",
)


@SQLITE
@pytest.mark.parametrize("path", PAGES)
def test_who_has_a_page_gets_304(site: Site, path: str) -> None:
    """Every page has a strong ETag and may be kept for five minutes; HEAD says the same."""
    an_issue(site.database, site.loaded)
    first = get(site, path)
    assert first.status_code == 200
    assert re.fullmatch('"[0-9a-f]{32}"', first.headers["etag"])
    assert first.headers["cache-control"] == "public, max-age=300"
    assert "set-cookie" not in first.headers
    for known in (first.headers["etag"], f'"x", {first.headers["etag"]}', "*"):
        again = get(site, path, **{"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    assert get(site, path, **{"if-none-match": '"other"'}).status_code == 200
    assert site.browser().head(path).headers["etag"] == first.headers["etag"]


@SQLITE
@pytest.mark.parametrize(
    "path",
    [
        "/issues/none",
        "/issues/none/2023-09-22",
        "/issues/none/feed.atom",
        "/issues/recap/feed.rss",
        "/issues/recap/2023-09-23",
        "/issues/recap/..%2f",
        "/issues/recap/%00",
        "/topics/none",
        "/topics/recap/%00",
        "/topics/recap/none/feed.json",
        "/topics/%00/a/feed.json",
    ],
)
def test_what_there_is_not_is_a_page_too(site: Site, path: str) -> None:
    """What there is not gets a designed 404, with the headers of every page."""
    answer = get(site, path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


# --- feeds --------------------------------------------------------------------------------


def valid_atom(content: bytes) -> None:
    """Let libxml2 hold the document against the grammar of RFC 4287, as far as we use it."""
    grammar = etree.RelaxNG(etree.parse(Path(__file__).parent / "corpus" / "atom.rng"))
    grammar.assertValid(etree.fromstring(content))


#: The least that a feed may be.
LEAST = (
    "<feed xmlns='http://www.w3.org/2005/Atom'><id>urn:x:0</id><title>T</title>"
    "<updated>2023-09-22T13:00:00Z</updated><author><name>Us</name></author>"
    "<link href='https://example.org/'/><entry><title>E</title>"
    "<updated>2023-09-22T14:00:00Z</updated><id>urn:x:1</id></entry></feed>"
)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("<updated>2023-09-22T14:00:00Z</updated>", ""),
        ("T14:00:00Z", "T14:00:00"),
        ("<title>E", "<title type='script'>E"),
        ("<id>urn:x:1</id>", "<id>urn:x:1</id><id>urn:x:2</id>"),
        ("<name>Us</name>", "<name/>"),
        ("href='https://example.org/'", ""),
        ("<id>urn:x:1", "<id>no iri"),
    ],
    ids=["no updated", "no zone", "type", "two ids", "no name", "no href", "id"],
)
def test_the_grammar_of_feeds_refuses_what_the_rfc_does(good: str, bad: str) -> None:
    """A missing, doubled or misspelt part is found, and a right document is not refused."""
    valid_atom(LEAST.encode())
    assert good in LEAST
    with pytest.raises(etree.DocumentInvalid):
        valid_atom(LEAST.replace(good, bad).encode())


def is_atom(body: bytes) -> list[ElementTree.Element]:
    """Check the document against RFC 4287's musts; return its entries."""
    valid_atom(body)
    root = ElementTree.fromstring(body)
    assert root.tag == f"{ATOM}feed"
    for element in (root, *root.iter(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):  # 4.1.1, 4.1.2: exactly one
            (found,) = element.findall(f"{ATOM}{name}")
            assert found.text
        assert re.match("https?://", str(element.findtext(f"{ATOM}id")))  # 4.2.6: an absolute IRI
        for name in ("updated", "published"):  # 3.3
            for date in element.findall(f"{ATOM}{name}"):
                assert re.fullmatch(r"\d{4}(-\d\d){2}T(\d\d:){2}\d\dZ", str(date.text))
        kinds = [
            (link.get("rel"), link.get("type"), link.get("hreflang"))
            for link in element.findall(f"{ATOM}link")
        ]
        assert len(kinds) == len(set(kinds))  # 4.1.1: one alternate of a type
        assert all(link.get("href") for link in element.findall(f"{ATOM}link"))  # 4.2.7.1
    assert [link.get("rel") for link in root.findall(f"{ATOM}link")] == ["self", "alternate"]
    assert root.findtext(f"{ATOM}author/{ATOM}name")  # 4.1.1: of the feed, or of each entry
    entries = root.findall(f"{ATOM}entry")
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == len(entries)
    for entry in entries:
        content = entry.find(f"{ATOM}content")
        has_link = [at for at in entry.findall(f"{ATOM}link") if at.get("rel") == "alternate"]
        assert has_link or content is not None  # 4.1.2
        assert content is None or content.get("type") == "html"
    return entries


def is_json_feed(body: bytes) -> list[dict[str, Any]]:
    """Check the document against JSON Feed 1.1's musts; return its items."""
    told = json.loads(body)
    assert told["version"] == "https://jsonfeed.org/version/1.1"
    assert isinstance(told["title"], str)
    assert told["title"]
    assert told["authors"][0]["name"]
    items: list[dict[str, Any]] = told["items"]
    assert len({item["id"] for item in items}) == len(items)
    for item in items:
        assert isinstance(item["id"], str)
        assert item.get("content_html") or item.get("content_text")
        assert set(item) <= {
            *("id", "url", "title", "content_html", "summary"),
            *("date_published", "date_modified", "authors", "tags"),
        }
        datetime.fromisoformat(item["date_published"])
    return items


@pytest.mark.parametrize("path", ["/issues/recap", "/topics/recap/asia"])
def test_feeds_keep_to_their_standards(site: Site, path: str) -> None:
    """Atom and JSON Feed hold what the standards ask for, also of hostile and empty words."""
    published(
        site.database,
        {"title": "<b>&amp; \x0b\ufffe]]>", "summary": "<script>", "topics": ("Asia", "<b>")},
        {"title": "Without a Link", "link": None, "topics": ("Asia",)},
        {"title": "أوكرانيا", "topics": ("Asia",), "authors": ("A & B", " ")},
    )
    an_issue(site.database, site.loaded, topics=("Asia",))
    atom = get(site, f"{path}/feed.atom")
    assert atom.headers["content-type"] == "application/atom+xml"
    entries = is_atom(atom.content)
    told = feedparser.parse(atom.content)
    assert not told.bozo
    items = is_json_feed(get(site, f"{path}/feed.json").content)
    assert [entry.findtext(f"{ATOM}id") for entry in entries] == [item["id"] for item in items]
    assert len(items) == (1 if path == "/issues/recap" else 4)
    (issue,) = [item for item in items if item["url"].endswith("/issues/recap/2023-09-22")]
    assert '<a href="https://example.org/1">Why Deep Strikes?</a>' in issue["content_html"]


@SQLITE
def test_our_own_reader_of_feeds_takes_our_feeds(site: Site) -> None:
    """What we publish, we can subscribe to: titles, links and dates come through."""
    an_issue(site.database, site.loaded)
    for ending in ("atom", "json"):
        answer = get(site, f"/issues/recap/feed.{ending}")
        address = "http://127.0.0.1/issues/recap/feed"
        parsed = feeds.parse(
            answer.content,
            FeedSettings(url=address),
            url=address,
            zone=site.loaded.settings.newsletters["recap"].zone,
            now=NOW,
            content_type=answer.headers["content-type"],
        )
        (entry,) = parsed.entries
        assert entry.title == "Deep Strikes, Recovery Costs"
        assert entry.link == "http://127.0.0.1/issues/recap/2023-09-22"


def test_a_correction_is_a_change_of_its_entry(site: Site) -> None:
    """A feed reader sees the corrected issue under the same id, updated later than published."""
    issue = an_issue(site.database, site.loaded)
    before = is_atom(get(site, "/issues/recap/feed.atom").content)[0]
    corrected(site.database, site.loaded, issue, headline="Right", at=NOW + timedelta(hours=4))
    after = is_atom(get(site, "/issues/recap/feed.atom").content)[0]
    assert after.findtext(f"{ATOM}id") == before.findtext(f"{ATOM}id")
    assert after.findtext(f"{ATOM}updated") == "2023-09-22T14:46:00Z"
    assert after.findtext(f"{ATOM}published") == before.findtext(f"{ATOM}published")


@SQLITE
def test_robots_are_told_every_public_page_and_no_other(site: Site) -> None:
    """The sitemap has issues, topics and the form; robots.txt names it and keeps readers' out."""
    site.settings(public_url="https://example.org/letters")
    an_issue(site.database, site.loaded)
    an_issue(site.database, site.loaded, "2023-09-29", state=IssueState.DRAFT)
    root = ElementTree.fromstring(get(site, "/sitemap.xml").content)
    told = [url.findtext(f"{SITEMAP}loc") or "" for url in root]
    assert told == [
        "https://example.org/letters/issues/recap",
        "https://example.org/letters/topics/recap",
        "https://example.org/letters/join/recap",
        "https://example.org/letters/issues/recap/2023-09-22",
        "https://example.org/letters/topics/recap/security-cooperation",
    ]
    for address in told:
        assert get(site, address.removeprefix("https://example.org/letters")).status_code == 200
    robots = get(site, "/robots.txt").text
    assert "Disallow: /letters/unsubscribe" in robots
    assert "Sitemap: https://example.org/letters/sitemap.xml" in robots


@SQLITE
def test_links_carry_the_path_of_the_public_address(site: Site) -> None:
    """Under https://host/letters every link of a page begins with it."""
    site.settings(public_url="https://example.org/letters")
    an_issue(site.database, site.loaded)
    for path in ("/issues/recap", "/topics/recap", "/topics/recap/security-cooperation"):
        page = get(site, f"/letters{path}")
        ours = [at for at in links(page) if not at.startswith("https://example.org/1")]
        assert ours
        assert all(at.startswith(("/letters/", "https://example.org/letters/")) for at in ours)


# --- in a browser -------------------------------------------------------------------------


@pytest.mark.browser
@SQLITE
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_reading_by_keyboard(
    site: Site, chromium: Callable[..., Any], width: int, scheme: str
) -> None:
    """From the list by Tab and Enter to an issue and to a search, without sideways scrolling."""
    published(site.database, {"title": "A" * 120, "topics": ("Security Cooperation",)})
    an_issue(site.database, site.loaded)
    page = chromium(width=width, scheme=scheme)
    for path in PAGES[:2] + PAGES[4:6]:
        page.goto(site.address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"{site.address}/issues/recap/search")
    page.focus("#q")
    page.keyboard.type("recovery")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Deep Strikes, Recovery Costs")
    page.focus("main h2 a")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Why Deep Strikes?")
    assert page.problems == []


def test_a_months_issue_says_that_it_is_one(site: Site) -> None:
    """In list, topic, search and both feeds, and to programs; a week's issue does not."""
    an_issue(site.database, site.loaded, "2023-09-22", headline="Weekly Words")
    an_issue(
        *(site.database, site.loaded, "2023-09-01"),
        headline="Monthly Words",
        rhythm=Rhythm.MONTHLY,
        number=2,
    )
    pages = ("/issues/recap", "/topics/recap/security-cooperation", "/issues/recap/search?q=words")
    for path in pages:
        week, month = re.findall(r"<li[^>]*>\s*(<p.*?Words)", get(site, path).text, re.DOTALL)
        assert ("Monthly issue" in month, "Monthly issue" in week) == (True, False), path
    entries = feedparser.parse(get(site, "/issues/recap/feed.atom").content).entries
    assert [one.title for one in entries] == ["Weekly Words", "Monthly issue: Monthly Words"]
    items = get(site, "/issues/recap/feed.json").json()["items"]
    assert [one.get("tags") for one in items] == [None, ["Monthly issue"]]
    told = get(site, "/api/v1/newsletters/recap/issues").json()["issues"]
    assert [one["rhythm"] for one in told] == ["weekly", "monthly"]

"""Where links lead before an issue goes out: what holds it, what is told, what is not asked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest

from digest import http, weekly
from digest.config import Loaded
from digest.errors import FeedError, FetchFailed, FetchRefused, NoSuchHost
from digest.http import Reached
from digest.model import Block, Image, Section
from digest.model.settings import ChecksSettings
from digest.render import links
from digest.render.finding import Finding
from digest.store import Database
from tests.friday import SEND_HOUR, a_loaded, prepared, publish, sent_before, subscribe
from tests.recaps import PUBLIC_URL, a_newsletter, a_recap, an_item, edition
from tests.webserver import WebServer, answer

FIRST = "https://example.org/publications/1"
FINE = Reached(status=200, url="")


def told(*answers: Reached | FeedError, image: str | None = None) -> list[Finding]:
    """Return the findings where publications 1, 2, … are answered so, a picture last."""
    items = [an_item(n) for n in range(1, len(answers) + (image is None))]
    if image:
        items[0] = an_item(1, image=Image(url=image, alt="A picture"))
    asked: list[str] = []

    def reach(urls: Iterable[str]) -> dict[str, Reached | FeedError]:
        asked.extend(urls)
        return {
            url: Reached(status=200, url=url) if each is FINE else each
            for url, each in zip(asked, answers, strict=True)
        }

    return list(links.check(edition(a_recap(*items)), reach, ours=PUBLIC_URL))


@pytest.mark.parametrize(
    ("answered", "level", "code"),
    [
        (Reached(status=404, url=FIRST), "error", "link-gone"),
        (Reached(status=410, url=FIRST), "error", "link-gone"),
        (NoSuchHost("nobody"), "error", "link-no-host"),
        (Reached(status=401, url=FIRST), "warning", "links-unchecked"),
        (Reached(status=403, url=FIRST), "warning", "links-unchecked"),
        (Reached(status=429, url=FIRST), "warning", "links-unchecked"),
        (Reached(status=503, url=FIRST), "warning", "links-unchecked"),
        (FetchFailed("not done within 10 s"), "warning", "links-unchecked"),
        (FetchRefused("a private address"), "warning", "link-refused"),
        (Reached(status=200, url="https://example.org/moved/1"), "warning", "links-moved"),
    ],
    ids=lambda each: str(getattr(each, "status", "")) or type(each).__name__,
)
def test_only_a_link_that_is_surely_gone_is_an_error(
    answered: Reached | FeedError, level: str, code: str
) -> None:
    """A refusal, a time-out or a fault of the server says nothing of what readers will meet."""
    (finding,) = told(answered, FINE)
    assert (finding.level, finding.code) == (level, code)
    assert "/publications/1" in finding.sentence or isinstance(answered, FeedError)
    assert finding.remedy
    assert finding.place == (
        "item-1" if code in ("link-gone", "link-no-host", "link-refused") else ""
    )


@pytest.mark.parametrize("end", ["http://www.example.org/publications/1/", FIRST])
def test_a_slash_or_https_is_no_other_place(end: str) -> None:
    """Only a move that a reader would notice is told."""
    assert told(Reached(status=200, url=end)) == []


def test_many_that_cannot_be_checked_are_one_finding() -> None:
    """Three are named, the others counted."""
    (finding,) = told(*(Reached(status=403, url="") for _ in range(5)))
    assert finding.sentence.startswith("5 addresses could not be checked:")
    assert finding.sentence.count("example.org") == 3
    assert finding.sentence.endswith("and 2 more.")


def test_a_machine_without_network_blames_no_publication() -> None:
    """If no name at all is found, the name server is to blame."""
    recap = a_recap(an_item(1), an_item(2))
    found = links.check(
        edition(recap), lambda urls: {url: NoSuchHost("none") for url in urls}, ours=PUBLIC_URL
    )
    assert [finding.code for finding in found] == ["links-unchecked"]


@pytest.mark.parametrize(
    ("answered", "code"),
    [
        (Reached(status=404, url=""), "picture-gone"),
        (NoSuchHost("nobody"), "picture-gone"),
        (Reached(status=200, url="", content_type="image/webp"), "picture-kind"),
        (Reached(status=200, url="", content_type="image/svg+xml; charset=utf-8"), "picture-kind"),
        (Reached(status=200, url="", content_type="image/jpeg", length=300_000), "picture-heavy"),
    ],
)
def test_pictures_are_weighed(answered: Reached | FeedError, code: str) -> None:
    """A missing, heavy or odd picture is told, and holds nothing."""
    (finding,) = told(FINE, answered, image="https://example.org/1.jpg")
    assert (finding.level, finding.code, finding.place) == ("warning", code, "item-1")


def test_all_pictures_are_weighed_together() -> None:
    """Each may be light enough and all of them too heavy."""
    items = [
        an_item(n, image=Image(url=f"https://example.org/{n}.jpg", alt="x")) for n in range(1, 8)
    ]
    blocks = [
        Section(key=f"block-{n}", block=Block(key="b", markdown="x", image=item.image))
        for n, item in enumerate(items)
    ]
    recap = a_recap(*items[:1], sections=(Section(key="themes", items=(1,)), *blocks))
    light = Reached(status=200, url="", content_type="image/jpeg", length=199_000)
    found = links.check(
        edition(recap),
        lambda urls: {u: light if u.endswith("jpg") else Reached(status=200, url=u) for u in urls},
        ours=PUBLIC_URL,
    )
    assert [finding.code for finding in found] == ["pictures-heavy"]


def test_our_own_pages_are_not_asked() -> None:
    """The page of an issue that was not sent yet is not there yet."""
    asked: list[str] = []
    list(
        links.check(
            edition(a_recap(an_item(link=f"{FIRST}#part"))),
            lambda urls: asked.extend(urls) or dict.fromkeys(asked, Reached(status=200, url=FIRST)),
            ours=PUBLIC_URL,
        )
    )
    assert asked == [FIRST]


@pytest.fixture
def site() -> Any:
    """A real server: /publications/2 is gone, all else is there."""
    server = WebServer(
        lambda path, _: answer(b"x", status="404 Not Found" if path.endswith("2") else "200 OK")
    )
    yield server
    server.close()


def test_real_server_is_asked(site: WebServer) -> None:
    """From the edition's HTML over HTTP to a finding with the part it stands in."""
    recap = a_recap(*(an_item(n, link=f"{site.url}/publications/{n}") for n in (1, 2, 3)))
    reach = partial(http.reach, allow_private=True)
    (finding,) = links.check(edition(recap), reach, ours=PUBLIC_URL)
    assert (finding.code, finding.place) == ("link-gone", "item-2")
    assert {path for path, _ in site.asked} == {f"/publications/{n}" for n in (1, 2, 3)}


def test_dead_link_holds_what_nobody_approved(
    database: Database, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the send hour the bell asks where links lead; one that is gone needs a person."""
    loaded = a_loaded(tmp_path)
    sent_before(database, loaded)
    publish(database, "Wolves in the Alps", "Ferries in Norway", "Robots on Farms")
    subscribe(database, 10)
    issue = prepared(database, loaded)
    asking = Loaded(
        loaded.settings.model_copy(update={"checks": ChecksSettings(links=True)}),
        loaded.folder,
        loaded.path,
    )
    gone = lambda urls, **_: {url: Reached(status=404, url=url) for url in urls}  # noqa: E731
    monkeypatch.setattr(http, "reach", gone)
    steps = weekly.advance(database, asking, "recap", now=SEND_HOUR)
    assert [step.what for step in steps if step.issue.id == issue.id] == ["held"]
    assert any("gone" in reason for step in steps for reason in step.issue.reasons)


# --- tags ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://example.org/a", "https://example.org/a?{tags}"),
        ("https://example.org/a?b=1&c#d", "https://example.org/a?b=1&c&{tags}#d"),
        (
            "https://example.org/?utm_source=x",
            "https://example.org/?utm_source=x&utm_medium=email&utm_campaign=2023-09-22",
        ),
    ],
)
def test_links_are_tagged_where_configured(link: str, expected: str) -> None:
    """What a link has already stays as it is; HTML and text say the same, for every reader."""
    newsletter = a_newsletter(utm={"source": "recap"})
    told = edition(a_recap(an_item(link=link)), newsletter=newsletter)
    tags = "utm_source=recap&utm_medium=email&utm_campaign=2023-09-22"
    expected = expected.format(tags=tags)
    assert f'href="{expected.replace("&", "&amp;")}"' in told.html
    assert f"\n{expected}\n" in told.text
    assert "utm_" not in edition(a_recap(an_item(link="https://example.org/a"))).html

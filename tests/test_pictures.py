"""Publications' pictures made fit for mail, kept, and shown from our own address."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from digest import weekly
from digest.errors import FetchFailed
from digest.http import Answer
from digest.model import Block, Image, Recap, Section
from digest.render import pictures
from digest.render.pictures import MOST_BYTES, WIDTH, Fit, NotAPicture, Shelf, made_fit
from digest.store import Database
from digest.web import files
from tests.friday import TITLES, a_loaded, draft_of, prepared, publish
from tests.recaps import PUBLIC_URL, a_newsletter, a_recap, an_item, changed, edition

NOW = datetime(2023, 9, 22, 10, tzinfo=UTC)
URL = "https://example.org/harbour.webp"


def noise(width: int, height: int, mode: str = "RGB") -> Pillow.Image:
    """A picture that no format can make small."""
    count = width * height * len(mode)
    return Pillow.frombytes(mode, (width, height), random.Random(1).randbytes(count))


def saved(picture: Pillow.Image, form: str, **how: Any) -> bytes:
    out = BytesIO()
    picture.save(out, form, **how)
    return out.getvalue()


def read(fit: Fit) -> Pillow.Image:
    picture = Pillow.open(BytesIO(fit.content))
    picture.load()
    return picture


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "AVIF"])
def test_every_form_becomes_one_that_mail_shows(form: str) -> None:
    """A wide picture is a JPEG of twice the text's width, small enough."""
    source = noise(1600, 900) if form != "GIF" else noise(1600, 900).quantize(64)
    fit = made_fit(saved(source, form))
    assert (read(fit).format, fit.ending) in (("JPEG", "jpg"), ("PNG", "png"))
    assert (fit.width, fit.height) == read(fit).size
    assert fit.width <= WIDTH
    assert len(fit.content) <= MOST_BYTES


def test_drawing_stays_sharp_and_clear() -> None:
    """Few colours stay a PNG, and what shines through still does."""
    drawing = Pillow.new("RGBA", (600, 300), (0, 0, 0, 0))
    drawing.paste((107, 44, 145, 255), (50, 50, 550, 250))
    fit = made_fit(saved(drawing, "WEBP", lossless=True))
    assert fit.ending == "png"
    assert read(fit).convert("RGBA").getpixel((0, 0))[3] == 0


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1104, 621), (1104, 621)),
        ((4000, 3000), (1104, 621)),
        ((300, 100), (300, 100)),
        ((400, 4000), (400, 225)),
        ((1, 1), (1, 1)),
    ],
    ids=["fits", "large", "small", "tall", "dot"],
)
def test_shape(size: tuple[int, int], expected: tuple[int, int]) -> None:
    """Never larger than it came, never higher than 16:9."""
    fit = made_fit(saved(Pillow.new("RGB", size, "teal"), "JPEG"))
    assert (fit.width, fit.height) == expected


def test_upright_and_without_traces() -> None:
    """A camera's turn is made, its place and serial number are gone."""
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "A Camera"
    left_red = Pillow.new("RGB", (90, 160), "white")
    left_red.paste("red", (0, 0, 90, 20))
    fit = made_fit(saved(left_red, "JPEG", exif=exif.tobytes()))
    assert (fit.width, fit.height) == (160, 90)
    red, green, _blue = read(fit).convert("RGB").getpixel((155, 45))
    assert red > 200 > green
    assert b"A Camera" not in fit.content


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not a PNG"),
        (b"<html>404</html>", "not a PNG"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (saved(Pillow.new("1", (9000, 9000)), "PNG"), "more than a mail needs"),
        (saved(noise(64, 64), "PNG")[:2000], "not a PNG"),
    ],
    ids=["nothing", "a page", "svg", "bomb", "torn"],
)
def test_what_is_no_picture_says_why(body: bytes, said: str) -> None:
    """A page, a torn file, a bomb: each is refused before it costs anything."""
    with pytest.raises(NotAPicture, match=said):
        made_fit(body)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), form=st.sampled_from(["PNG", "JPEG", "GIF", "WEBP"]))
def test_damaged_picture_is_refused_or_read(data: st.DataObject, form: str) -> None:
    """Whatever a server sends, it becomes a small picture or a reason."""
    body = bytearray(saved(Pillow.new("RGB", (40, 30), "teal"), form))
    for _ in range(data.draw(st.integers(1, 8))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(NotAPicture):
        assert len(made_fit(bytes(body)).content) <= MOST_BYTES


# --- the shelf ----------------------------------------------------------------------------


class Web:
    """Answers with a picture, or fails where an address says so; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, url: str) -> Answer:
        self.asked.append(url)
        if "gone" in url:
            raise FetchFailed(f"{url}: answers 404 Not Found", status=404)
        body = b"words" if "page" in url else saved(Pillow.new("RGB", (1200, 600), "teal"), "WEBP")
        return Answer(status=200, url=url, body=body)


def pictured(*urls: str) -> Recap:
    items = [an_item(n, image=Image(url=url, alt="A harbour")) for n, url in enumerate(urls, 1)]
    return a_recap(*items)


def test_picture_is_fetched_once_and_shown_from_our_address(tmp_path: Path) -> None:
    """Same picture, same file, whichever address brought it; the mail names the copy."""
    shelf, web = Shelf(tmp_path / "pictures"), Web()
    recap = pictured(URL, f"{URL}?copy")
    shelf.gather(recap, now=NOW, fetch=web)
    shelf.gather(recap, now=NOW + timedelta(days=9), fetch=web)
    assert sorted(web.asked) == [URL, f"{URL}?copy"]
    assert len(list(shelf.folder.glob("*.png"))) == 1

    base = f"{PUBLIC_URL}/pictures/recap"
    hosted = shelf.hosted(recap, base)
    image = hosted.items[0].image
    assert image
    assert image.url
    assert image.url.startswith(base)
    assert (image.width, image.height, image.alt) == (1104, 552, "A harbour")
    assert f'src="{image.url}"' in edition(hosted).html
    assert list(shelf.left_out(recap)) == []


def test_picture_that_cannot_be_had_is_left_out_and_told(tmp_path: Path) -> None:
    """No gap in the mail; the reason is the check's, and it is tried again hours later."""
    shelf, web = Shelf(tmp_path), Web()
    recap = pictured("https://example.org/gone.jpg", "https://example.org/page.jpg", URL)
    assert [f.sentence for f in shelf.left_out(recap)] == [
        "A picture is left out: it was not fetched and kept yet."
    ] * 3
    for hours in (0, 5, 7):
        shelf.gather(recap, now=NOW + timedelta(hours=hours), fetch=web)
    assert len(web.asked) == 5
    assert [bool(item.image) for item in shelf.hosted(recap, PUBLIC_URL).items] == [
        False,
        False,
        True,
    ]
    told = list(shelf.left_out(recap))
    assert [(f.code, f.level, f.place) for f in told] == [
        ("picture-left-out", "warning", "item-1"),
        ("picture-left-out", "warning", "item-2"),
    ]
    assert "answers 404" in told[0].sentence
    assert "page.jpg: not a PNG" in told[1].sentence


def test_block_has_its_picture_from_the_shelf_too(tmp_path: Path) -> None:
    """A sponsor's picture is made fit like the others."""
    block = Block(key="sponsor", markdown="x", image=Image(url=URL, alt="x"))
    recap = changed(pictured(), sections=(Section(key="block-sponsor", block=block),))
    shelf = Shelf(tmp_path)
    shelf.gather(recap, now=NOW, fetch=Web())
    (section,) = shelf.hosted(recap, PUBLIC_URL).sections
    assert section.block
    assert section.block.image
    assert str(section.block.image.url).startswith(PUBLIC_URL)


def test_card_that_cannot_be_read_is_fetched_anew(tmp_path: Path) -> None:
    """A full disk's half a card, or a picture that somebody deleted, heals itself."""
    shelf, web = Shelf(tmp_path), Web()
    shelf.gather(pictured(URL), now=NOW, fetch=web)
    next(tmp_path.glob("*.json")).write_text("{")
    shelf.gather(pictured(URL), now=NOW, fetch=web)
    next(tmp_path.glob("*.png")).unlink()
    shelf.gather(pictured(URL), now=NOW, fetch=web)
    assert len(web.asked) == 3


def test_narrow_picture_is_not_blown_up() -> None:
    """Where its width is known, it is shown no wider."""
    narrow = Image(url="https://example.org/a.jpg", alt="x", width=300, height=200)
    assert 'width="300"' in edition(a_recap(an_item(image=narrow))).html
    never = a_newsletter(look={"pictures": "never"})
    assert "<img" not in edition(a_recap(an_item(image=narrow)), newsletter=never).html


@pytest.fixture
def asked(tmp_path: Path) -> Callable[[str], httpx.Response]:
    app = FastAPI()
    app.include_router(files.doors(SimpleNamespace(loaded=a_loaded(tmp_path))))  # type: ignore[arg-type]

    def ask(path: str) -> httpx.Response:
        async def there() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as browser:
                return await browser.get(path)

        return asyncio.run(there())

    return ask


def test_kept_pictures_are_served(tmp_path: Path, asked: Callable[[str], httpx.Response]) -> None:
    """Under the address that the mail names, for good; nothing else of the folder is."""
    shelf = Shelf(tmp_path / pictures.PLACE)
    shelf.gather(pictured(URL), now=NOW, fetch=Web())
    image = shelf.hosted(pictured(URL), "/pictures/recap").items[0].image
    assert image
    answer = asked(str(image.url))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    card = next(shelf.folder.glob("*.json")).name
    for other in (f"recap/{card}", "recap/..%2f..%2fconfig.png", f"nobody/{'0' * 32}.png"):
        assert asked(f"/pictures/{other}").status_code in (404, 422)


def test_issue_of_a_newsletter_that_hosts(database: Database, tmp_path: Path) -> None:
    """Its edition holds kept pictures alone; the check tells of what is missing."""
    loaded = a_loaded(tmp_path, look={"pictures": "hosted"})
    publish(database, *TITLES)
    issue = prepared(database, loaded)
    recap = draft_of(database, issue).recap
    item = changed(recap.items[0], image=Image(url=URL, alt="A harbour"))
    recap = changed(recap, items=(item, *recap.items[1:]))
    shelf = Shelf(tmp_path / pictures.PLACE)
    without = weekly.editions.rendered(loaded, issue, recap, 1)
    shelf.gather(recap, now=NOW, fetch=Web())
    with_it = weekly.editions.rendered(loaded, issue, recap, 1)
    assert "<img" not in without.html
    assert 'src="https://recap.example.org/pictures/recap/' in with_it.html
    assert URL not in with_it.html

"""Publications' pictures made fit for mail, and the shelf that keeps them for our own server.

A picture comes as its publisher has it: ten megabytes, WebP, upright. A mail needs what
every client shows, small, and no wider than it is seen. Pillow is the extra `pictures`.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import DigestError, FeedError
from digest.http import Answer, Bounds, fetch
from digest.model import Image, Recap
from digest.render.finding import Finding, warning
from digest.render.plain import link, plain

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

#: Where the shelf is, beside config.yaml.
PLACE = Path("var", "pictures")
#: Twice what is seen, for screens with small pixels.
WIDTH = 2 * 552
MOST_BYTES = 200 * 1024
#: Of what comes: more than any camera takes.
MOST_PIXELS = 60_000_000
BOUNDS = Bounds(max_bytes=15_000_000, seconds=8)
#: A picture that could not be had is asked for again after so long.
AGAIN = timedelta(hours=6)
#: Higher than this part of its width, a picture is cut; what matters is mostly above the middle.
_SHAPE = 9 / 16
_ABOVE = 1 / 3
_AT_ONCE = 4
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "AVIF")
_QUALITIES = (82, 72, 60, 48)

Fetch = Callable[[str], Answer]


class NotAPicture(DigestError):
    """The bytes are no picture that a mail can show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A picture on the shelf, or why it is not there."""

    url: str
    #: The file's name: the digest of its content, so that an address never changes its meaning.
    name: str = ""
    width: int = 0
    height: int = 0
    why: str = ""
    #: When it was asked for.
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """A picture that was brought: its file's name, its pixels and its bytes."""

    name: str
    width: int
    height: int
    size: int


class Shelf:
    """The pictures of an installation, each kept once, found by the address it came from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, url: str) -> Kept | None:
        """Return what is known of *url*; None if it was never asked for."""
        try:
            return Kept(**json.loads(self._card(url).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def put(self, body: bytes) -> Shelved:
        """
        Keep what somebody brought, made fit; NotAPicture or OSError where that cannot be.

        The same picture twice is one file.
        """
        fit = made_fit(body)
        name = f"{_digest(fit.content)}.{fit.ending}"
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(self.folder / name, fit.content)
        return Shelved(name=name, width=fit.width, height=fit.height, size=len(fit.content))

    def know(self, url: str, name: str, width: int, height: int, *, now: datetime) -> None:
        """Let *url*, our own address of a file that is here, be found without asking for it."""
        known = self.find(url)
        if known is None or not known.name:
            kept = Kept(url=url, name=name, width=width, height=height, at=now.isoformat())
            _write(self._card(url), json.dumps(asdict(kept)).encode())

    def gather(self, recap: Recap, *, now: datetime, fetch: Fetch | None = None) -> None:
        """
        Fetch the pictures of *recap* that are not here yet, and make them fit.

        What cannot be had or shown is noted with its reason; nothing is raised for it.
        Calling twice asks for nothing twice within `AGAIN`.
        """
        wanted = [url for url in addresses(recap) if self._is_due(url, now)]
        if not wanted:
            return
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda url: self._keep(url, fetch or _fetched, now), wanted))

    def hosted(self, recap: Recap, base_url: str) -> Recap:
        """Return *recap* with its pictures at *base_url*; without those that are not kept."""
        items = tuple(replace(item, image=self._ours(item.image, base_url)) for item in recap.items)
        sections = tuple(
            replace(each, block=replace(each.block, image=self._ours(each.block.image, base_url)))
            if each.block
            else each
            for each in recap.sections
        )
        return replace(recap, items=items, sections=sections)

    def left_out(self, recap: Recap) -> Iterator[Finding]:
        """Yield why pictures of *recap* are not in the mail."""
        for place, image in _pictures(recap):
            url = link(image.url)
            kept = self.find(url) if url else None
            if url and not (kept and kept.name):
                why = kept.why if kept else "it was not fetched and kept yet"
                yield warning(
                    "picture-left-out",
                    f"A picture is left out: {why.rstrip('.')}.",
                    "Run digest issue prepare later, or give the publication another picture.",
                    place,
                )

    def _ours(self, image: Image | None, base_url: str) -> Image | None:
        url = link(image.url) if image else None
        kept = self.find(url) if url else None
        if image is None or kept is None or not kept.name:
            return None
        return replace(image, url=f"{base_url}/{kept.name}", width=kept.width, height=kept.height)

    def _card(self, url: str) -> Path:
        return self.folder / f"{_digest(url.encode())}.json"

    def _is_due(self, url: str, now: datetime) -> bool:
        known = self.find(url)
        if known is None:
            return True
        if known.name:
            return not (self.folder / known.name).is_file()
        return now - datetime.fromisoformat(known.at) > AGAIN

    def _keep(self, url: str, fetch: Fetch, now: datetime) -> None:
        # A folder that cannot be written costs pictures, not the issue; the check tells of each.
        with suppress(OSError):
            self._put(url, fetch, now)

    def _put(self, url: str, fetch: Fetch, now: datetime) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            fit = made_fit(fetch(url).body)
        except (FeedError, NotAPicture) as e:
            kept = Kept(url=url, why=_sentence(url, e), at=now.isoformat())
        else:
            name = f"{_digest(fit.content)}.{fit.ending}"
            _write(self.folder / name, fit.content)
            kept = Kept(url=url, name=name, width=fit.width, height=fit.height, at=now.isoformat())
        _write(self._card(url), json.dumps(asdict(kept)).encode())


def addresses(recap: Recap) -> tuple[str, ...]:
    """Return the addresses of the pictures that a mail of *recap* could show, each once."""
    return tuple(dict.fromkeys(filter(None, (link(image.url) for _, image in _pictures(recap)))))


def _pictures(recap: Recap) -> Iterator[tuple[str, Image]]:
    for item in recap.items:
        if item.image and item.image.url:
            yield f"item-{item.publication}", item.image
    for section in recap.sections:
        if section.block and section.block.image:
            yield f"section-{section.key}", section.block.image


def _sentence(url: str, e: DigestError) -> str:
    return str(e) if url in str(e) else f"{plain(url)[:200]}: {e}"


def _fetched(url: str) -> Answer:
    return fetch(url, accept="image/avif,image/webp,image/png,image/jpeg,image/*", bounds=BOUNDS)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _write(path: Path, content: bytes) -> None:
    """Write whole or not at all: a reader's request never meets half a picture."""
    half = path.with_name(f".{path.name}.{os.getpid()}.{id(content)}")
    half.write_bytes(content)
    half.replace(path)


# --- pixels -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fit:
    """A picture as a mail can carry it."""

    content: bytes
    #: ``jpg`` or ``png``.
    ending: str
    width: int
    height: int


def made_fit(body: bytes) -> Fit:
    """
    Return *body* (PNG, JPEG, GIF, WebP or AVIF) as a PNG or JPEG of at most `MOST_BYTES`.

    It is turned upright, cut to 16:9 where it is higher, at most `WIDTH` pixels wide, never
    made larger, and holds nothing of where and with what it was taken. Of a moving picture
    the first frame is left. NotAPicture where it cannot be read; an SVG cannot, for it is a
    program more than a picture.
    """
    try:
        import PIL.Image
    except ImportError as e:
        raise NotAPicture("the package pillow is missing") from e

    # We judge the size ourselves, before anything is unpacked.
    PIL.Image.MAX_IMAGE_PIXELS = None
    try:
        with PIL.Image.open(BytesIO(body), formats=_FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise NotAPicture(
                    f"{opened.width} × {opened.height} pixels are more than a mail needs"
                )
            return _encoded(_shaped(_upright(opened)))
    except (PIL.UnidentifiedImageError, OSError, ValueError, SyntaxError) as e:
        raise NotAPicture(_unreadable(body)) from e
    except (EOFError, IndexError, OverflowError, TypeError, struct.error) as e:
        # What Pillow's readers of single formats let through of damaged files.
        raise NotAPicture(_unreadable(body)) from e


def _unreadable(body: bytes) -> str:
    if b"<svg" in body[:2000].lower():
        return "an SVG is not shown by mail programs; publish a PNG or JPEG beside it"
    return "not a PNG, JPEG, GIF, WebP or AVIF that can be read"


def _upright(opened: Pixels) -> Pixels:
    """Return the first frame as RGB, or as RGBA where something shines through."""
    from PIL import ImageOps

    upright: Any = ImageOps.exif_transpose(opened)
    if "A" in upright.mode or "transparency" in upright.info:
        clear = upright.convert("RGBA")
        if clear.getchannel("A").getextrema()[0] < 255:
            return clear  # type: ignore[no-any-return]
    return upright.convert("RGB")  # type: ignore[no-any-return]


def _shaped(pixels: Pixels) -> Pixels:
    from PIL.Image import Resampling

    height = max(1, round(pixels.width * _SHAPE))
    if pixels.height > height:
        top = round((pixels.height - height) * _ABOVE)
        pixels = pixels.crop((0, top, pixels.width, top + height))
    if pixels.width <= WIDTH:
        return pixels
    size = (WIDTH, max(1, round(pixels.height * WIDTH / pixels.width)))
    return pixels.resize(size, Resampling.LANCZOS)


def _encoded(pixels: Pixels) -> Fit:
    for content, ending, shown in _encodings(pixels):
        if len(content) <= MOST_BYTES:
            return Fit(content, ending, shown.width, shown.height)
    raise NotAPicture("it cannot be made small enough")


def _encodings(pixels: Pixels) -> Iterator[tuple[bytes, str, Pixels]]:
    """Yield the picture in one form after the other, each smaller than the last."""
    import PIL.Image

    if pixels.mode == "RGBA" or pixels.getcolors(256):
        # A drawing: sharp edges, few colours, or a ground that shines through.
        yield _saved(pixels, "PNG", optimize=True), "png", pixels
        yield _saved(pixels.quantize(255), "PNG", optimize=True), "png", pixels
    if pixels.mode == "RGBA":
        paper = PIL.Image.new("RGB", pixels.size, "white")
        paper.paste(pixels, mask=pixels.getchannel("A"))
        pixels = paper
    for _ in range(4):
        for quality in _QUALITIES:
            content = _saved(pixels, "JPEG", quality=quality, optimize=True, progressive=True)
            yield content, "jpg", pixels
        half = (max(1, pixels.width * 2 // 3), max(1, pixels.height * 2 // 3))
        pixels = pixels.resize(half, PIL.Image.Resampling.LANCZOS)


def _saved(pixels: Pixels, form: str, **how: Any) -> bytes:
    out = BytesIO()
    pixels.save(out, form, **how)
    return out.getvalue()

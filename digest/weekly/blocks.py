"""The blocks of an issue: those written at the desk, and those of files in the folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from digest.config import blocks as files
from digest.errors import ConfigError
from digest.model import Block, Image
from digest.model.settings import NewsletterSettings
from digest.store import Database
from digest.store import blocks as store
from digest.store.blocks import Written

if TYPE_CHECKING:
    from digest.config import Loaded

#: Where a block of the desk can stand, and what that is called.
PLACES = {
    "top": "Before the themes",
    "middle": "After the themes",
    "end": "At the end",
    "named": "Where `sections` in config.yaml names it",
    "snippet": "Nowhere by itself: a snippet for intros",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A newsletter's blocks, and its sections with those of the desk in their places."""

    newsletter: NewsletterSettings
    blocks: tuple[Block, ...]
    #: One for each file that is not there or cannot be read, and has none of the desk instead.
    faults: tuple[ConfigError, ...]


def laid(
    conn: Connection, loaded: Loaded, newsletter_key: str, newsletter: NewsletterSettings
) -> Laid:
    """Return the blocks that issues have now; one of the desk stands for a file of its name."""
    written = {
        key: each for key, each in store.newest(conn, newsletter_key).items() if _shown(each)
    }
    found = files.read(loaded.folder, newsletter)
    base = pictures_url(loaded, newsletter_key)
    pictures = {
        each.name: each
        for key in written
        if (each := _picture(conn, newsletter_key, written[key])) is not None
    }
    desk = tuple(_block(each, base, pictures) for each in written.values())
    stood_for = {block.key for block in desk}
    return Laid(
        newsletter=_with_places(newsletter, written),
        blocks=(*(block for block in found.blocks if block.key not in stood_for), *desk),
        faults=tuple(fault for fault in found.faults if key_of(fault) not in stood_for),
    )


def _shown(written: Written) -> bool:
    return written.said is not None and written.said["place"] != "snippet"


def key_of(fault: ConfigError) -> str:
    """Return the key of the block whose file *fault* is about."""
    return str(fault.file or "").replace("\\", "/").rpartition("/")[2].removesuffix(".md")


def _picture(conn: Connection, newsletter_key: str, written: Written) -> store.Picture | None:
    name = (written.said or {}).get("picture")
    return store.named(conn, newsletter_key, name) if name else None


def _with_places(
    newsletter: NewsletterSettings, written: Mapping[str, Written]
) -> NewsletterSettings:
    """Return the settings with the desk's blocks in the sections where editors want them."""
    own = {key for key, each in written.items() if each.said and each.said["place"] != "named"}
    sections = [each for each in newsletter.sections if _named(each) not in own]
    for place in ("end", "middle", "top"):
        these = [
            {"block": key}
            for key, each in written.items()
            if each.said and each.said["place"] == place
        ]
        at = _at(sections, place)
        sections[at:at] = these
    return newsletter.model_copy(update={"sections": sections})


def _named(section: Any) -> str:
    return str(section.get("block", "")) if isinstance(section, dict) else ""


def _at(sections: list[Any], place: str) -> int:
    """Return where in *sections* a block of that place goes."""
    if place == "end":
        return len(sections)
    if "themes" in sections:
        return sections.index("themes") + (place == "middle")
    after_intro = sections.index("intro") + 1 if "intro" in sections else 0
    return after_intro if place == "top" else len(sections)


def _block(written: Written, base: str, pictures: Mapping[str, store.Picture]) -> Block:
    said = written.said or {}
    picture = pictures.get(said.get("picture") or "")
    return Block(
        key=written.key,
        markdown=said["words"],
        title=said["title"],
        link=said["link"] or None,
        image=_image(picture, base) if picture else None,
        sponsor=said["sponsor"],
        valid_from=_day(said["since"]),
        valid_until=_day(said["until"]),
    )


def _image(picture: store.Picture, base: str) -> Image:
    return Image(
        url=f"{base}/{picture.name}", alt=picture.alt, width=picture.width, height=picture.height
    )


def _day(said: str) -> date | None:
    return date.fromisoformat(said) if said else None


def know_pictures(
    database: Database, loaded: Loaded, newsletter_key: str, *, now: datetime
) -> None:
    """Let the shelf know the pictures that editors brought by their addresses in mails."""
    from digest.render import pictures

    shelf = pictures.Shelf(loaded.folder / pictures.PLACE)
    base = pictures_url(loaded, newsletter_key)
    with database.read() as conn:
        brought = store.offered(conn, newsletter_key, all_of_them=True)
    for each in brought:
        shelf.know(f"{base}/{each.name}", each.name, each.width, each.height, now=now)


def pictures_url(loaded: Loaded, newsletter_key: str) -> str:
    """Return the address of the folder that the newsletter's pictures are in for readers."""
    return f"{loaded.settings.public_url.rstrip('/')}/pictures/{newsletter_key}"


def write(
    conn: Connection,
    newsletter_key: str,
    key: str,
    said: dict[str, Any] | None,
    *,
    by: str,
    now: datetime,
) -> None:
    """Keep what an editor wrote as the block's newest version, None to take it away; logged."""
    from digest.store import history

    before = store.newest(conn, newsletter_key).get(key)
    was = before.said if before else None
    if was == said:
        return
    store.write(conn, newsletter_key, key, said, by=by, now=now)
    what = "wrote a block" if said is not None else "took a block away"
    detail = {"before": {key: was}, "after": {key: said}}
    history.record(conn, None, what, actor=by, at=now, detail=detail)

"""Blocks that editors reuse: `templates/blocks/KEY.md`, keys between --- lines, then Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from digest.config import document, faults
from digest.config.document import Document
from digest.config.remarks import Remark
from digest.errors import ConfigError
from digest.model import Block, Image
from digest.model.settings import Line, NewsletterSettings, Settings, Strict

PLACE = Path("templates", "blocks")
#: Far more than a mail has room for.
MAX_BYTES = 50_000

_FENCE = re.compile(rb"---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)


def _web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s<>\"]+", value):
        raise ValueError(f"write an address that begins with https://, not {value!r}")
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]


class Front(Strict):
    """What may stand between the --- lines."""

    #: A heading above the words.
    title: Line = ""
    #: Where the heading leads.
    link: WebAddress | None = None
    #: A picture above it, as wide as the text.
    image: WebAddress | None = None
    #: What the picture shows, for who cannot see it.
    alt: Line = ""
    #: Framed, and marked as a sponsor's.
    sponsor: bool = False
    #: The first day of sending on which it is shown.
    from_: date | None = Field(default=None, alias="from")
    #: The last one.
    until: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.from_ and self.until and self.until < self.from_:
            raise ValueError(f"until ({self.until}) is before from ({self.from_})")
        return self


@dataclass(frozen=True, slots=True)
class Found:
    """The blocks that a newsletter's sections name."""

    blocks: tuple[Block, ...]
    #: One for each that is not there or cannot be read, with file, line and key.
    faults: tuple[ConfigError, ...]


def read(folder: Path, newsletter: NewsletterSettings) -> Found:
    """
    Return the blocks of *newsletter*'s sections from `templates/blocks/` in *folder*.

    They are read anew each time, whatever their dates. A faulty one is left out alone.
    """
    blocks: list[Block] = []
    wrong: list[ConfigError] = []
    for section in newsletter.sections:
        if isinstance(section, dict) and "block" in section:
            try:
                blocks.append(_block(section["block"], folder / PLACE / f"{section['block']}.md"))
            except ConfigError as e:
                wrong += [e, *e.also]
    return Found(tuple(blocks), tuple(wrong))


def remarks(settings: Settings, folder: Path) -> Iterator[Remark]:
    """Yield what is wrong with the blocks that any newsletter names."""
    for key, newsletter in settings.newsletters.items():
        for fault in read(folder, newsletter).faults:
            left_out = f"a block is left out of the mail: {fault}"
            yield Remark(f"newsletters.{key}.sections", left_out, fault.remedy or "Mend the file.")


def _block(key: str, path: Path) -> Block:
    source = _bytes(path)
    fence = _FENCE.match(source)
    # Read with an opening line, so that its lines are those of the file.
    front = _front(b"\n" + fence[1], str(path)) if fence and fence[1].strip() else Front()
    markdown = _markdown(source[fence.end() :] if fence else source, path)
    if not (markdown or front.title or front.image):
        raise ConfigError("the block says nothing", file=str(path), remedy="Write its words.")
    return Block(
        key=key,
        markdown=markdown,
        title=front.title,
        link=front.link,
        image=Image(url=front.image, alt=front.alt) if front.image else None,
        sponsor=front.sponsor,
        valid_from=front.from_,
        valid_until=front.until,
    )


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            source = file.read(MAX_BYTES + 1)
    except OSError as e:
        raise ConfigError(
            f"the block cannot be read ({e.strerror})",
            file=str(path),
            remedy="Write the file, or take its {block: …} out of `sections`.",
        ) from e
    if len(source) > MAX_BYTES:
        raise ConfigError(f"more than {MAX_BYTES:,} bytes", file=str(path), remedy="Shorten it.")
    return source.removeprefix(b"\xef\xbb\xbf")


def _markdown(source: bytes, path: Path) -> str:
    try:
        return source.decode().strip()
    except UnicodeDecodeError as e:
        raise ConfigError(
            f"byte {e.object[e.start]:#04x} is not UTF-8",
            file=str(path),
            remedy="Save the file as UTF-8.",
        ) from e


def _front(source: bytes, file: str) -> Front:
    said: Document = document.read(source, file)
    wrong = list(said.faults)
    try:
        front = Front.model_validate(said.values)
    except ValidationError as e:
        wrong += faults.told(e, said, file, {}, of=Front)
    if wrong:
        wrong[0].also = tuple(wrong[1:])
        raise wrong[0]
    return front

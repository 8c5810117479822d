"""Publications as CSV: a heading row, then one row for each."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping

from digest.errors import NotAFeed
from digest.feeds.entries import Found, Told
from digest.feeds.pictures import Picture
from digest.feeds.textfile import decoded
from digest.model import Refusal

#: What a column may be called, in any case; the first name is the documented one.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "headline", "name"),
    "link": ("link", "url", "address", "href"),
    "date": ("date", "published", "published_at", "date_published", "pubdate"),
    "summary": ("summary", "description", "abstract", "text"),
    "kind": ("kind", "type", "category"),
    "topics": ("topics", "topic", "tags"),
    "authors": ("authors", "author"),
    "image": ("image", "picture", "image_url"),
    "alt": ("alt", "image_alt"),
    "caption": ("caption", "image_caption"),
    "credit": ("credit", "image_credit"),
    "starts_at": ("starts_at", "starts", "start"),
    "language": ("language", "lang"),
    "id": ("id", "guid"),
}


def read(body: bytes, *, url: str) -> Found:
    """
    Return a table's rows; comma, semicolon or tab, whichever the heading row uses most.

    Topics and authors are separated by ``;`` (or ``|``). A row with more or fewer cells
    than the heading is refused alone, with its line. Raises NotAFeed without a column
    called title.
    """
    text = decoded(body).replace("\0", "")
    heading, _, _ = text.lstrip("\r\n").partition("\n")
    rows = csv.reader(text.splitlines(keepends=True), delimiter=_separator(heading))
    names = [_column(name) for name in next(rows, [])]
    if "title" not in names:
        raise NotAFeed(
            f"{url}: no table of publications: its first line names no column “title”",
            remedy=f"Columns may be: {', '.join(COLUMNS)}.",
        )
    refused: list[Refusal] = []
    return Found(told=list(_rows(rows, names, refused)), refused=refused)


def _separator(heading: str) -> str:
    return max(",;\t", key=heading.count)


def _column(name: str) -> str:
    name = re.sub(r"[\s-]+", "_", name.strip().lower())
    return next((column for column, names in COLUMNS.items() if name in names), "")


def _rows(rows: Iterator[list[str]], names: list[str], refused: list[Refusal]) -> Iterator[Told]:
    # `csv` keeps the limit for the whole process; a field over it ends only this file.
    while True:
        line = f"line {getattr(rows, 'line_num', 0) + 1}"
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as e:
            refused.append(Refusal(where=line, why=str(e)))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            why = f"it has {len(cells)} cells, the heading {len(names)}"
            refused.append(Refusal(where=line, why=why))
            continue
        yield _told(dict(zip(names, cells, strict=True)), line)


def _told(row: Mapping[str, str], line: str) -> Told:
    def cell(name: str) -> str:
        return row.get(name, "").strip()

    picture = Picture(
        url=cell("image"), alt=cell("alt"), caption=cell("caption"), credit=cell("credit")
    )
    return Told(
        title=cell("title"),
        where=line,
        guid=cell("id"),
        summary=cell("summary"),
        kind=cell("kind"),
        topics=_several(cell("topics")),
        authors=_several(cell("authors")),
        link=cell("link"),
        pictures=[picture] if picture != Picture() else [],
        language=cell("language"),
        starts=cell("starts_at"),
        published=cell("date"),
    )


def _several(text: str) -> list[str]:
    return [part for part in re.split(r"[;|]", text) if part.strip()]

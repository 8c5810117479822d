"""An editor's Markdown, in the subset that is safe in a mail: as HTML and as text."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from digest.render.plain import lines, link

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token


@lru_cache(maxsize=1)
def _reader() -> MarkdownIt:
    """Paragraphs, emphasis, strong, links, lists, rules and breaks; HTML stays text."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("zero", {"html": False, "breaks": False})
    reader.enable(["emphasis", "link", "autolink", "list", "newline", "escape", "entity"])
    reader.validateLink = lambda url: link(url) is not None  # type: ignore[method-assign]
    reader.normalizeLink = lambda url: link(url) or ""  # type: ignore[method-assign]
    return reader


def to_html(source: str) -> str:
    """Return the HTML of *source*; nothing in it runs, loads or points but to http(s)."""
    return str(_reader().render(lines(source))).strip()


def to_text(source: str) -> list[str]:
    """Return the paragraphs of *source* as plain lines; a link is followed by its address."""
    paragraphs: list[str] = []
    bullets: list[str] = []
    for token in _reader().parse(lines(source)):
        if token.type == "bullet_list_open":
            bullets.append("- ")
        elif token.type == "ordered_list_open":
            bullets.append("")
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            bullets.pop()
        elif token.type == "list_item_open" and bullets:
            bullets[-1] = f"{token.info}. " if token.info else "- "
        elif token.type == "inline":
            paragraphs.append((bullets[-1] if bullets else "") + _inline(token.children or []))
    return paragraphs


def _inline(tokens: list[Token]) -> str:
    said: list[str] = []
    address = ""
    for token in tokens:
        if token.type == "link_open":
            address = str(token.attrGet("href") or "")
        elif token.type == "link_close":
            if address and said[-1:] != [address]:
                said.append(f" ({address})")
        elif token.type in ("softbreak", "hardbreak"):
            said.append(" ")
        else:
            said.append(token.content)
    return "".join(said)

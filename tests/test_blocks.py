"""Blocks that editors reuse: read from their folder, shown in the mail, told of where they fail."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import weekly
from digest.config import blocks
from digest.errors import ConfigError
from digest.model import Block, Image, Section
from digest.render import preflight, sample
from digest.store import Database
from tests.friday import TITLES, a_loaded, draft_of, prepared, publish
from tests.recaps import a_newsletter, a_recap, an_item, edition

NEWSLETTER = a_newsletter(sections=["themes", {"block": "sponsor"}], items={"min": 1})


def written(folder: Path, source: str | bytes) -> Path:
    file = folder / "templates" / "blocks" / "sponsor.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(source if isinstance(source, bytes) else source.encode())
    return file


def read(folder: Path, source: str | bytes) -> Block | ConfigError:
    """Return the one block of *source*, or the first thing wrong with it."""
    written(folder, source)
    found = blocks.read(folder, NEWSLETTER)
    return found.blocks[0] if found.blocks else found.faults[0]


WHOLE = """\
---
title: A Seminar on Bridges
link: https://example.org/seminar
image: https://example.org/bridge.png
alt: A bridge at dusk
sponsor: true
from: 2026-05-01
until: 2026-05-31
---

Two days, *no* fee.
"""


def test_block_has_its_words_and_days(tmp_path: Path) -> None:
    """Every key of the front matter arrives; the rest of the file is Markdown."""
    assert read(tmp_path, WHOLE) == Block(
        key="sponsor",
        title="A Seminar on Bridges",
        markdown="Two days, *no* fee.",
        link="https://example.org/seminar",
        image=Image(url="https://example.org/bridge.png", alt="A bridge at dusk"),
        sponsor=True,
        valid_from=date(2026, 5, 1),
        valid_until=date(2026, 5, 31),
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Words alone.\n\n---\n\nAfter a rule.", "Words alone.\n\n---\n\nAfter a rule."),
        ("---\n---\nWords.", "Words."),
        ("---\r\ntitle: T\r\n---\r\nWords.\r\n", "Words."),
        ("\ufeff---\ntitle: T\n---\nWords.", "Words."),
    ],
    ids=["no front matter", "empty", "CRLF", "byte order mark"],
)
def test_front_matter_may_be_missing(tmp_path: Path, source: str, said: str) -> None:
    """Markdown alone is a block, whatever editor saved it."""
    block = read(tmp_path, source)
    assert isinstance(block, Block)
    assert block.markdown == said


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("---\ntitle: T\nlnik: x\n---\nW", 3, "lnik: unknown key; did you mean `link`?"),
        ("---\nlink: javascript:alert(1)\n---\nW", 2, "begins with https://"),
        ("---\nimage: bridge.png\n---\nW", 2, "begins with https://"),
        ("---\nfrom: May\n---\nW", 2, "from: must be a day like 2026-05-31"),
        ("---\nfrom: 2026-05-31\nuntil: 2026-05-01\n---\nW", 1, "is before from"),
        ("---\ntitle: 'T\n---\nW", None, "never closed"),
        ("---\nsponsor: perhaps\n---\nW", 2, "must be true or false"),
        ("---\nsponsor: true\n---\n", None, "says nothing"),
        ("", None, "says nothing"),
        (b"\xff\xfe", None, "not UTF-8"),
        ("x" * 50_001, None, "Shorten it"),
    ],
)
def test_faulty_block_names_file_and_line(
    tmp_path: Path, source: str | bytes, line: int | None, said: str
) -> None:
    """What is wrong is told where it stands, and the block is left out alone."""
    fault = read(tmp_path, source)
    assert isinstance(fault, ConfigError)
    assert fault.file == str(tmp_path / "templates" / "blocks" / "sponsor.md")
    assert line is None or fault.line == line
    assert said in f"{fault} {fault.remedy}"


@given(source=st.binary(max_size=200))
def test_any_bytes_can_be_read(tmp_path_factory: pytest.TempPathFactory, source: bytes) -> None:
    """Any bytes are a block or a fault."""
    told = read(tmp_path_factory.mktemp("any"), b"---\n" + source)
    assert isinstance(told, Block | ConfigError)


def test_missing_block_is_an_error_of_the_check(tmp_path: Path) -> None:
    """A promise to a sponsor is not forgotten in silence; a person may still approve."""
    recap = a_recap(an_item())
    missing = blocks.read(tmp_path, NEWSLETTER).faults
    told = edition(recap, newsletter=NEWSLETTER)
    (finding,) = preflight.check(told, recap, NEWSLETTER, missing=missing)
    assert (finding.level, finding.code) == ("error", "block-missing")
    assert "templates/blocks/sponsor.md" in finding.sentence
    assert "{block: …}" in finding.remedy


@pytest.mark.parametrize("layout", ["cards", "compact", "text"])
def test_block_stands_in_both_parts(tmp_path: Path, layout: str) -> None:
    """Title, words, picture, link and the word Sponsor; the text part lacks the picture alone."""
    block = read(tmp_path, WHOLE)
    assert isinstance(block, Block)
    recap = a_recap(an_item())
    section = Section(key="block-sponsor", block=block)
    recap = a_recap(an_item(), sections=(*recap.sections, section))
    markup, text = sample(edition(recap, layout))
    for said in (
        ">Sponsor<",
        "A Seminar on Bridges",
        "<em>no</em> fee",
        "https://example.org/seminar",
    ):
        assert said in markup
    assert ('src="https://example.org/bridge.png"' in markup) == (layout != "text")
    for said in (
        "Sponsor\n",
        "A Seminar on Bridges\n",
        "Two days, no fee.",
        "https://example.org/seminar\n",
    ):
        assert said in text


def test_block_is_in_the_draft_and_its_fault_in_the_check(
    database: Database, tmp_path: Path
) -> None:
    """The week's recap has the block in its place; once its file is broken, the check says so."""
    loaded = a_loaded(tmp_path, sections=["themes", {"block": "sponsor"}, "more"])
    file = written(tmp_path, "---\ntitle: A Seminar\n---\nWords.")
    publish(database, *TITLES)
    issue = prepared(database, loaded)
    assert [s.key for s in draft_of(database, issue).recap.sections][:2] == [
        "themes",
        "block-sponsor",
    ]
    assert "block-missing" not in {f.code for f in weekly.findings(database, loaded, issue)}

    file.unlink()
    issue = prepared(database, loaded)
    assert "block-sponsor" not in [s.key for s in draft_of(database, issue).recap.sections]
    assert "block-missing" in {f.code for f in weekly.findings(database, loaded, issue)}

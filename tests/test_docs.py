"""What README and docs say is so: commands, keys, links, states."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from digest import cli, config, consent
from digest.errors import ReaderError
from digest.feeds import table
from digest.model import DeliveryState, IssueState, SubscriptionState, settings
from digest.render import fragments

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
#: A picture that is larger makes the first screen slow.
LARGEST_PICTURE_BYTES = 200_000


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = _generator()


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


each_page = pytest.mark.parametrize("page", PAGES, ids=_name)


# --- the reference ------------------------------------------------------------------------


def test_reference_is_up_to_date():
    """Commands and keys in docs/reference are those of the code: else run make reference."""
    assert generate.main(["--check"]) == 0


def _leaves() -> list[tuple[str, Any]]:
    return [
        leaf for door in cli.DOORS for leaf in generate.leaves(cli.load(door), f"digest {door}")
    ]


@pytest.mark.parametrize(("words", "command"), _leaves(), ids=lambda each: str(each))
def test_command_has_an_example_and_words(words, command):
    """The help of each command shows how it is typed, and says what each option means."""
    assert words in (command.help or "")
    assert all(parameter.help for parameter in command.params if parameter.name != "help")


def _keys() -> list[tuple[type[settings.Strict], str]]:
    return [
        (model, name)
        for model in vars(settings).values()
        if isinstance(model, type) and issubclass(model, settings.Strict)
        for name, field in model.model_fields.items()
        if not field.exclude
    ]


@pytest.mark.parametrize(
    ("model", "name"), _keys(), ids=lambda each: getattr(each, "__name__", each)
)
def test_key_has_a_meaning(model, name):
    """Each key of config.yaml says in the reference what it is for."""
    said = generate.said_above(settings)
    assert generate.meaning(model, name, said)


# --- commands as they are written ---------------------------------------------------------


def _blocks(page: Path, language: str) -> Iterator[str]:
    """Give the fenced blocks of a page that are in *language*."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    yield from (text for told, text in found if told == language)


def _typed(page: Path) -> Iterator[str]:
    """Give the command lines of a page's blocks, without what is explained beside them."""
    for block in _blocks(page, ""):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("digest "):
                yield re.split(r"\s{3,}| && | > ", line)[0]


def _inline(page: Path) -> Iterator[str]:
    prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    yield from (line for line in re.findall(r"`(digest [^`]+)`", prose) if "COMMAND" not in line)


def _found(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that *words* call and what is left of them."""
    assert words[0] in cli.DOORS, words
    command, rest = cli.load(words[0]), words[1:]
    while rest and hasattr(command, "commands"):
        assert rest[0] in command.commands, words
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


@each_page
def test_typed_commands_can_be_typed(page):
    """Each command line in a block of README and docs is taken as it stands."""
    for line in _typed(page):
        command, rest = _found(shlex.split(line)[1:])
        command.make_context(line, rest)


@each_page
def test_named_commands_are_real(page):
    """Each command named in a sentence is there, with the options named."""
    for line in _inline(page):
        words = shlex.split(line.replace("…", ""))[1:]
        if words[0].startswith("--"):
            continue  # of the program itself
        command, rest = _found(words)
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
        assert {word for word in rest if word.startswith("--")} <= known, line


# --- config as it is written --------------------------------------------------------------


def _completed(told: dict[str, Any]) -> dict[str, Any]:
    """Return a part of a config.yaml laid over the sample."""
    sample: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    if told.keys() <= settings.Settings.model_fields.keys():
        return {**sample, **told}
    (key, newsletter), *_ = sample["newsletters"].items()
    return {**sample, "newsletters": {key: {**newsletter, **told}}}


@each_page
def test_yaml_validates(page, tmp_path):
    """Each block of config.yaml in README and docs is taken, whole or as a part."""
    for block in _blocks(page, "yaml"):
        written = tmp_path / "config.yaml"
        written.write_text(yaml.safe_dump(_completed(yaml.safe_load(block))), "utf-8")
        assert config.load(written, {}).settings.newsletters


# --- links and pictures -------------------------------------------------------------------


def _links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    told = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    return [link for link in told if not re.match(r"[a-z]+:", link)]


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page):
    """Each relative link and picture of README and docs is there, and so is its heading."""
    for link in _links(page):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def test_every_page_can_be_found():
    """From README and docs/index.md every page is reached."""
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        linked = ((page.parent / link.partition("#")[0]).resolve() for link in _links(page))
        ahead += [each for each in linked if each.suffix == ".md" and each not in reached]
    assert set(PAGES) <= reached


def test_the_sidebar_has_every_page_once():
    """The order of the site's pages is ours, and none is left out of it."""
    listed = re.findall(r"[\w./-]+\.md(?=[],\n])", (ROOT / "mkdocs.yml").read_text())
    docs = ROOT / "docs"
    assert sorted(listed) == sorted(str(one.relative_to(docs)) for one in docs.rglob("*.md"))


def test_pictures_are_light():
    """A picture of the docs is small enough for a first screen."""
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size < LARGEST_PICTURE_BYTES, picture.name


# --- what the hand-written reference says -------------------------------------------------


def _said(name: str) -> str:
    return (ROOT / "docs" / "reference" / name).read_text("utf-8")


def _rows(text: str) -> dict[str, list[str]]:
    """Return the tables' rows by their first cell, plain."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0].strip("`"): row[1:] for row in rows}


@pytest.mark.parametrize("state", [*IssueState, *DeliveryState], ids=str)
def test_state_is_explained(state):
    """Each state of issue and delivery has its line in the reference."""
    assert state in _rows(_said("states.md"))


def test_consent_is_told_as_it_is():
    """The table of subscriptions is the one that rules."""
    told = _rows(_said("states.md").partition("## A subscription")[2])
    acts = told.pop("before")
    for state in (None, *SubscriptionState):
        row = told[state or "none"]
        assert row == [_after(state, consent.Act(act)) for act in acts]


def _after(state: SubscriptionState | None, act: consent.Act) -> str:
    try:
        return str(consent.after(state, act))
    except ReaderError:
        return "–"


def test_columns_are_told_as_they_are():
    """Each column of a CSV file of publications is named in the reference, with its aliases."""
    part = _said("feeds.md").partition("### Columns")[2].partition("## ")[0]
    for column, names in table.COLUMNS.items():
        assert f"`{column}`" in part
        assert all(name in part for name in names), column


def test_slots_are_told_as_they_are():
    """The reference names the slots that a template may use, and no other."""
    told = re.findall(r"^\| `slots\.(\w+)`", _said("mail.md"), re.MULTILINE)
    assert tuple(told) == fragments.SLOTS


@pytest.mark.parametrize(("page", "least"), [("security.md", 20), ("how-to/outages.md", 10)])
def test_every_guard_has_a_test_that_exists(page, least):
    """The pages on security and on outages name tests; each is there, under that name."""
    named = re.findall(r"`(tests/test_\w+\.py)::(\w+)`", (ROOT / "docs" / page).read_text())
    assert len(named) > least
    missing = [
        f"{file}::{test}" for file, test in named if f"def {test}(" not in (ROOT / file).read_text()
    ]
    assert missing == []

"""A folder for a newsletter of one's own."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from digest.cli import app
from digest.cli.init import (
    Answers,
    config_text,
    ensure_environment,
    key_of,
    local_zone,
    write_folder,
)
from digest.config import load
from digest.config.document import read
from digest.errors import DigestError

ANSWERS = Answers(
    title="Harbour Weekly",
    from_="Harbour Weekly <weekly@example.org>",
    postal_address="12 Harbour Road, Springfield",
    feed="https://example.org/feed.xml",
    timezone="Europe/Berlin",
)
OPTIONS = (
    *("--title", "Harbour Weekly", "--from", "weekly@example.org"),
    *("--postal-address", "12 Harbour Road, Springfield"),
    *("--feed", "https://example.org/feed.xml", "--timezone", "Europe/Berlin"),
)


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGEST_CONFIG", raising=False)

    def run(*words: str, answers: str = "") -> Result:
        return CliRunner().invoke(app, ["init", *words], input=answers)

    return run


def test_five_answers_make_a_newsletter(init: Callable[..., Result], tmp_path: Path) -> None:
    """The questions are asked, the files are written, and the last lines say what to type."""
    done = init(
        "my-recap",
        answers="Harbour Weekly\nweekly@example.org\n12 Harbour Road, Springfield\n"
        "https://example.org/feed.xml\nEurope/Berlin\n",
    )

    assert done.exit_code == 0, done.output
    folder = tmp_path / "my-recap"
    recap = load(folder, {}).settings.newsletters["harbour-weekly"]
    assert recap.title == "Harbour Weekly"
    assert recap.from_ == "Harbour Weekly <weekly@example.org>"
    assert recap.postal_address == "12 Harbour Road, Springfield"
    assert [feed.url for feed in recap.feeds] == ["https://example.org/feed.xml"]
    assert recap.timezone == "Europe/Berlin"
    assert (folder / "var" / "recap.db").exists()
    assert "cd my-recap" in done.output
    assert "digest serve" in done.output


def test_an_empty_answer_is_told_what_is_wanted(init: Callable[..., Result]) -> None:
    """Each question that has no default is asked again, with an example of an answer."""
    done = init(
        "my-recap",
        answers="\nHarbour Weekly\n \nweekly@example.org\n\n12 Harbour Road, Springfield\n"
        "\nhttps://example.org/feed.xml\n\n",
    )
    assert done.exit_code == 0, done.output
    told = [line for line in done.output.splitlines() if "this is needed" in line]
    assert [line.rpartition("example: ")[2] for line in told] == [
        "Harbour News",
        "recap@example.org",
        "12 Harbour Road, Springfield",
        "https://example.org/feed.xml",
    ]


def test_a_link_to_the_desk_is_printed(init: Callable[..., Result]) -> None:
    """The first editor gets in with a link that works once."""
    done = init("my-recap", "--yes", *OPTIONS)

    (desk,) = [line for line in done.output.splitlines() if line.startswith("Desk")]
    assert desk.split()[1].startswith("http://127.0.0.1:8000/")
    assert len(desk.split()[1]) > 40


def test_options_ask_nothing(init: Callable[..., Result], tmp_path: Path) -> None:
    """With --yes and all options there is no question, so that a script can do it."""
    done = init("my-recap", "--yes", *OPTIONS)

    assert done.exit_code == 0, done.output
    assert "Title of the newsletter" not in done.output
    assert load(tmp_path / "my-recap", {}).warnings == ()


def test_a_missing_option_is_named(init: Callable[..., Result], tmp_path: Path) -> None:
    """With --yes, what has no default must be said; nothing is written otherwise."""
    done = init("my-recap", "--yes", "--title", "Harbour Weekly")

    assert done.exit_code == 2
    for option in ("--from", "--postal-address", "--feed"):
        assert option in done.output
    assert not (tmp_path / "my-recap").exists()


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--from", "nobody", "no mail address"),
        ("--timezone", "Springfield", "no time zone is called"),
        ("--feed", "ftp://example.org/feed", "is not read"),
        ("--feed", "our publications", "is no web address, and no file is called so"),
        ("--postal-address", "Your postal address", "write the address itself"),
        ("--title", "x" * 121, "at most 120"),
        ("--title", "Two\nlines", "write it in one line"),
        ("--feed", "x" * 5000, "at most 500 letters"),
        ("--feed", "/" + "x" * 300, "no file is called so"),
    ],
)
def test_a_bad_option_is_refused(
    init: Callable[..., Result], tmp_path: Path, option: str, value: str, says: str
) -> None:
    """An option's value is judged as config.yaml's would be, before anything is written."""
    words = list(OPTIONS)
    words[words.index(option) + 1] = value

    done = init("my-recap", "--yes", *words)

    assert done.exit_code == 2
    assert says in " ".join(done.output.split())
    assert not (tmp_path / "my-recap").exists()


def test_a_bad_answer_is_asked_again(init: Callable[..., Result], tmp_path: Path) -> None:
    """A wrong address does not end the questions; the reason is shown and it is asked anew."""
    done = init(
        "my-recap",
        answers="Harbour Weekly\nnobody\nweekly@example.org\nTODO, to be told\n"
        "12 Harbour Road, Springfield\nhttps://example.org/feed.xml\n\n",
    )

    assert done.exit_code == 0, done.output
    assert "no mail address" in done.output
    assert "write the address itself" in done.output
    recap = load(tmp_path / "my-recap", {}).settings.newsletters["harbour-weekly"]
    assert recap.timezone == local_zone(), "an empty answer takes the default"


def test_nothing_is_overwritten(init: Callable[..., Result], tmp_path: Path) -> None:
    """A folder that has a newsletter keeps it, byte for byte."""
    init("my-recap", "--yes", *OPTIONS)
    folder = tmp_path / "my-recap"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    done = init("my-recap", "--yes", *OPTIONS)

    assert done.exit_code == 1
    assert "my-recap has config.yaml and .env already" in done.output
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == before


def test_an_empty_input_writes_nothing(init: Callable[..., Result], tmp_path: Path) -> None:
    """Whoever goes away in the middle of the questions leaves no half folder."""
    done = init("my-recap", answers="Harbour Weekly\n")

    assert done.exit_code == 1
    assert "The input ended" in done.output
    assert not (tmp_path / "my-recap").exists()


def test_secrets_are_the_owners_alone(tmp_path: Path) -> None:
    """`.env` is readable by its owner alone, and each folder gets a key of its own."""
    for name in ("a", "b"):
        write_folder(tmp_path / name, ANSWERS)

    keys = [load(tmp_path / name, {}).settings.token_key for name in ("a", "b")]
    assert stat.S_IMODE((tmp_path / "a" / ".env").stat().st_mode) == 0o600
    assert len(keys[0]) == 64
    assert keys[0] != keys[1]


def test_a_key_that_is_there_stays(tmp_path: Path) -> None:
    """A second call changes nothing: links in mails already sent keep working."""
    ensure_environment(tmp_path)
    before = (tmp_path / ".env").read_bytes()

    ensure_environment(tmp_path)

    assert (tmp_path / ".env").read_bytes() == before


def test_git_ignores_what_is_private(tmp_path: Path) -> None:
    """Secrets, database and lists are ignored; an existing .gitignore keeps its lines."""
    (tmp_path / ".gitignore").write_text("*.log\n.env\n")

    write_folder(tmp_path, ANSWERS)

    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines == ["*.log", ".env", "/var/", "/subscribers/*.csv"]


def test_the_folders_explain_themselves(tmp_path: Path) -> None:
    """`templates/` and `subscribers/` say what belongs there; what is in them stays."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "README.md").write_text("mine")

    write_folder(tmp_path, ANSWERS)

    assert (tmp_path / "templates" / "README.md").read_text() == "mine"
    assert "digest subscribers import" in (tmp_path / "subscribers" / "README.md").read_text()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Where a file stands in the way, the error names it."""
    (tmp_path / "file").write_text("")

    with pytest.raises(DigestError) as caught:
        write_folder(tmp_path / "file" / "below", ANSWERS)

    assert "file" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("RAND Weekly Recap", "rand-weekly-recap"),
        ("Älteste Woche", "alteste-woche"),
        ("  What?! ", "what"),
        ("週報", "newsletter"),
        ("x" * 120, "x" * 60),
    ],
)
def test_a_title_gives_its_key(title: str, key: str) -> None:
    """The key is small ASCII letters, digits and hyphens, whatever the title."""
    assert key_of(title) == key


@given(
    st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable() and text.strip()),
    st.text(min_size=8, max_size=40).filter(lambda text: text.isprintable() and text.strip()),
)
def test_any_answer_reads_back_as_written(title: str, address: str) -> None:
    """Quotes, colons, hashes and braces in an answer survive YAML."""
    answers = Answers(
        title=title.strip(),
        from_="weekly@example.org",
        postal_address=address.strip(),
        feed="https://example.org/feed.xml?a=b#c",
        timezone="UTC",
    )

    (newsletter,) = read(config_text(answers).encode(), "").values["newsletters"].values()

    assert newsletter["title"] == title.strip()
    assert newsletter["postal_address"] == address.strip()
    assert newsletter["feeds"] == [answers.feed]


def test_the_file_needs_few_quotes() -> None:
    """What people read every week is written as they would write it."""
    assert '"' not in config_text(ANSWERS)

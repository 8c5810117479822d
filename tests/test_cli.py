"""The doors: loading late, exit codes, complaints, and how facts are printed."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from digest.cli import DOORS, GROUPS, app, context, terminal
from digest.errors import ConfigError, DigestError, Held

HEAVY = ("pandas", "sklearn", "sqlalchemy", "premailer", "mjml", "httpx", "feedparser", "fastapi",
         "pydantic", "lxml", "jinja2", "rich", "yaml", "uvicorn", "numpy")  # fmt: skip
GOOD = """\
public_url: https://recap.example.org
newsletters:
  {key}:
    title: Weekly
    from: weekly@example.org
    postal_address: 12 Harbour Road, Springfield
"""


def digest(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "digest", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **environ},
    )


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Call `digest doctor` with another body than its own."""

    def call(body: Callable[..., None], *words: str) -> Result:
        module = types.ModuleType("digest.cli.doctor")
        module.doctor = body  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "digest.cli.doctor", module)
        return CliRunner().invoke(app, ["doctor", *words])

    return call


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    """`digest --help` answers in under 0.3 s, for it imports no library that it does not need."""
    code = (
        "import sys\n"
        "from digest.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    assert shown.stdout.splitlines()[-1] == "[]"

    def seconds() -> float:
        # Of the processor: what else this machine does is not the command's fault.
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        digest("--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.3


def test_help_names_every_door() -> None:
    """Each command stands in the help with what it is for, in full."""
    shown = " ".join(digest("--help", COLUMNS="100").stdout.split())

    for name, purpose in DOORS.items():
        assert f"{name} {purpose}" in shown


@pytest.mark.parametrize("name", sorted(DOORS))
def test_every_door_opens(name: str) -> None:
    """Each command and group can be loaded, and its help has an example of each command."""
    shown = CliRunner().invoke(app, [name, "--help"])

    assert shown.exit_code == 0, shown.output
    if name not in GROUPS:
        assert f"digest {name}" in shown.output.partition("Usage")[2].partition("\n")[2]


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_every_command_of_a_group_has_an_example(name: str) -> None:
    """`digest GROUP COMMAND --help` shows a line that can be typed."""
    from digest.cli import load

    for command in load(name).commands:
        shown = CliRunner().invoke(app, [name, command, "--help"])
        assert shown.exit_code == 0, shown.output
        below_usage = shown.output.partition("Usage")[2].partition("\n")[2]
        assert f"digest {name} {command}" in below_usage, f"digest {name} {command}"


def test_doors_load_no_heavy_library_before_they_are_called() -> None:
    """Importing a command's module is cheap: completion and help stay quick."""
    code = (
        "import sys\n"
        "from digest.cli import DOORS, load\n"
        "for name in DOORS: load(name)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    assert shown.stdout.strip() == "[]"


def test_the_release_is_told() -> None:
    """`digest --version` prints name and number."""
    assert digest("--version").stdout.split()[0] == "digest"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("isue",), "There is no command 'isue'. Did you mean 'issue'?"),
        (("qqq",), "There is no command 'qqq'."),
        (("--nonsense",), "No such option: --nonsense"),
        (("doctor", "--nonsense"), "No such option: --nonsense"),
    ],
)
def test_wrong_words_are_2(words: tuple[str, ...], says: str) -> None:
    """What cannot be understood exits with 2 and names the nearest command."""
    done = digest(*words)

    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""


def test_what_did_not_happen_is_1_and_one_line(door: Callable[..., Result]) -> None:
    """An error is one line on stderr: what, where, and what to do."""

    def body() -> None:
        raise DigestError("var/recap.db: locked", remedy="Wait.")

    done = door(body)

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "var/recap.db: locked. Wait.\n"


def test_every_fault_of_the_configuration_has_its_line(door: Callable[..., Result]) -> None:
    """Several faults are several lines, each with file, line and key."""

    def body() -> None:
        other = ConfigError("is missing", file="config.yaml", line=9, key="b")
        raise ConfigError("unknown key", file="config.yaml", line=3, key="a", also=(other,))

    assert door(body).stderr.splitlines() == [
        "config.yaml:3: a: unknown key",
        "config.yaml:9: b: is missing",
    ]


def test_a_file_full_of_faults_does_not_flood_the_screen(door: Callable[..., Result]) -> None:
    """After twenty faults the others are counted."""

    def body() -> None:
        others = tuple(ConfigError(f"fault {i}") for i in range(99))
        raise ConfigError("fault", also=others)

    lines = door(body).stderr.splitlines()

    assert len(lines) == 21
    assert lines[-1] == "80 more."


def test_a_hold_lists_its_reasons(door: Callable[..., Result]) -> None:
    """Each reason of a held issue is told."""

    def body() -> None:
        raise Held("held", reasons=("No items.", "A dead feed."), remedy="Look at it.")

    assert door(body).stderr.splitlines() == ["held. Look at it.", "  No items.", "  A dead feed."]


def test_interrupting_is_130(door: Callable[..., Result]) -> None:
    """Ctrl-C ends with a sentence and the shell's own code for it."""

    def body() -> None:
        raise KeyboardInterrupt

    done = door(body)

    assert done.exit_code == 130
    assert done.stderr.startswith("Stopped by you.")


def test_an_input_that_ends_early_is_1(door: Callable[..., Result]) -> None:
    """Questions without anyone to answer them are told as such."""

    def body() -> None:
        typer.prompt("Title")

    done = door(body)

    assert done.exit_code == 1
    assert "The input ended before every question was answered." in done.stderr


def test_a_hostile_message_cannot_command_the_terminal(door: Callable[..., Result]) -> None:
    """Escape sequences from a feed do not reach the terminal."""

    def body() -> None:
        terminal.say("\x1b[2Jtitle \u202egnp.exe\x9b31m")
        raise DigestError("bad \x1b]0;title\x07 feed")

    done = door(body)

    assert "\x1b" not in done.output
    assert "\x9b" not in done.output
    assert "\u202e" not in done.output


def test_the_unexpected_is_one_line_with_a_way_to_see_more(tmp_path: Path) -> None:
    """A fault of ours exits with 1 and no traceback, unless DIGEST_TRACE asks for it."""
    code = (
        "import sys, types\n"
        "m = types.ModuleType('digest.cli.doctor')\n"
        "def doctor(): raise ZeroDivisionError('by zero')\n"
        "m.doctor = doctor; sys.modules['digest.cli.doctor'] = m\n"
        "sys.argv = ['digest', 'doctor']\n"
        "from digest.__main__ import main\nmain()"
    )

    def run(**environ: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **environ}
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env
        )

    quiet = run()
    assert quiet.returncode == 1
    assert quiet.stderr.count("\n") == 1
    assert "ZeroDivisionError: by zero" in quiet.stderr
    assert "DIGEST_TRACE=1" in quiet.stderr
    loud = run(DIGEST_TRACE="1")
    assert loud.returncode == 1
    assert "Traceback" in loud.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    """`digest … | head -1` says nothing on stderr."""
    code = (
        "import sys, types\n"
        "m = types.ModuleType('digest.cli.doctor')\n"
        "def doctor():\n"
        "    from digest.cli import terminal\n"
        "    for i in range(100_000): terminal.say(f'line {i}')\n"
        "m.doctor = doctor; sys.modules['digest.cli.doctor'] = m\n"
        "sys.argv = ['digest', 'doctor']\n"
        "from digest.__main__ import main\nmain()"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline() == b"line 0\n"
        program.stdout.close()
        assert program.stderr.read() == b""


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    at: datetime


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_the_output() -> None:
    """`digest … > FILE` on a full disk says so in one line, and fails."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        shown = subprocess.run(
            [sys.executable, "-m", "digest", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert shown.returncode == 1
    assert shown.stderr == "no space left on the disk. Make room and repeat the command.\n"


@pytest.mark.parametrize(
    ("words", "code"), [("--help >&-", 0), ("--help >&- 2>&-", 0), ("nonsense 2>&-", 2)]
)
def test_closed_streams(words: str, code: int) -> None:
    """Who closes our output does not want to read; the exit code tells the rest."""
    shown = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m digest {words}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (code, "")


def test_json_knows_our_values(capsys: pytest.CaptureFixture[str]) -> None:
    """Dataclasses, instants, days, durations, enums, paths and sets have a JSON form."""
    terminal.as_json(
        {
            "fact": Fact("ü", datetime(2023, 9, 22, 10, tzinfo=UTC)),
            "day": date(2023, 9, 22),
            "wait": timedelta(minutes=15),
            "colour": Colour.RED,
            "path": Path("var"),
            "set": frozenset({2, 1}),
            "tuple": (1, None),
        }
    )

    shown = capsys.readouterr().out
    assert "ü" in shown
    assert json.loads(shown) == {
        "fact": {"name": "ü", "at": "2023-09-22T10:00:00+00:00"},
        "day": "2023-09-22",
        "wait": 900.0,
        "colour": "red",
        "path": "var",
        "set": [1, 2],
        "tuple": [1, None],
    }


def test_facts_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """One fact a line, values below one another, several lines of a value too."""
    terminal.facts([("Headline", "One"), ("日本", 1234), ("Mail", "a\nb"), ("None", None)])

    assert capsys.readouterr().out.splitlines() == [
        "Headline  One",
        "日本      1,234",
        "Mail      a",
        "          b",
        "None",
    ]


def test_tables_put_numbers_right_and_keep_wide_letters_in_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Columns of numbers stand right; a title in Chinese takes two columns a letter."""
    terminal.table(("title", "n", "state"), [("四川", 5, Colour.RED), ("plain", 1200, None)])

    assert capsys.readouterr().out.splitlines() == [
        "title      n  state",
        "四川       5  red",
        "plain  1,200",
    ]


def test_a_table_fits_the_terminal_but_a_pipe_gets_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the broadest text is cut with …; nothing is cut where a program reads."""
    monkeypatch.setenv("COLUMNS", "40")
    terminal.table(("title", "n"), [("long " * 20, 1)])
    assert "…" not in capsys.readouterr().out

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    terminal.table(("title", "n"), [("long " * 20, 1)])
    shown = capsys.readouterr().out.splitlines()
    assert all(terminal.width(line) <= 40 for line in shown)
    assert "…" in shown[1]


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("四川", 4), ("e\u0301", 1), ("📰", 2), ("", 0), ("\u200b", 0)],
)
def test_width_is_what_a_terminal_shows(text: str, columns: int) -> None:
    """Wide letters take two columns, combining marks and joiners none."""
    assert terminal.width(text) == columns


def test_cutting_never_splits_a_wide_letter() -> None:
    """The cut text fits, whatever its letters."""
    assert terminal.cut("四川四川", 5) == "四川…"
    assert terminal.cut("四川四川", 4) == "四…"
    assert terminal.cut("abc", 3) == "abc"


class Terminal:
    """A stream that calls itself a terminal."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written.append(text)
        return len(text)

    def flush(self) -> None:
        pass


def test_colour_is_declined_as_agreed(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR, TERM=dumb and a pipe get no colour."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()

    assert terminal.wants_colour(screen)  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.wants_colour(screen)  # type: ignore[arg-type]
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.wants_colour(screen)  # type: ignore[arg-type]
    with Path(os.devnull).open("w") as pipe:
        assert not terminal.wants_colour(pipe)


def test_progress_appears_after_two_seconds_and_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Quick work draws nothing; long work draws one line and wipes it."""
    screen = Terminal()
    clock = iter([0.0, 1.9, 2.1, 2.15, 3.0])
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))

    with terminal.progress("Sending", 4000) as advance:
        advance(1000)
        assert screen.written == []
        advance(1000)
        advance(1)
        advance(999)

    assert len(screen.written) == 3
    assert "2,000 of 4,000" in screen.written[0]
    assert "3,000 of 4,000" in screen.written[1]
    assert screen.written[2] == "\r\x1b[K"


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    """Into a pipe or a log no bar is drawn, however long it takes."""
    with terminal.progress("Sending") as advance:
        advance(1)

    assert capsys.readouterr().err == ""


def an_installation(folder: Path, *keys: str) -> context.Installation:
    text = GOOD.format(key=keys[0])
    for key in keys[1:]:
        text += "\n".join(GOOD.format(key=key).splitlines()[2:]) + "\n"
    (folder / "config.yaml").write_text(text)
    return context.open_installation(folder / "config.yaml", create=True)


@pytest.fixture
def closing() -> Iterator[None]:
    yield
    context.close_all()


@pytest.mark.usefixtures("closing")
def test_opening_makes_the_folder_of_the_database(tmp_path: Path) -> None:
    """A relative SQLite path is beside config.yaml, and its folder need not exist."""
    here = an_installation(tmp_path, "weekly")

    assert here.database.file == tmp_path / "var" / "recap.db"
    assert (tmp_path / "var").is_dir()
    assert (here.folder, here.path) == (tmp_path, tmp_path / "config.yaml")


@pytest.mark.usefixtures("closing")
def test_a_database_without_tables_names_the_remedy(tmp_path: Path) -> None:
    """Opening what was never set up says `digest db upgrade`."""
    (tmp_path / "config.yaml").write_text(GOOD.format(key="weekly"))

    with pytest.raises(DigestError) as caught:
        context.open_installation(tmp_path / "config.yaml")

    assert "digest db upgrade" in caught.value.remedy


@pytest.mark.usefixtures("closing")
def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Where a file stands in the way of the folder, the error says so."""
    (tmp_path / "config.yaml").write_text(GOOD.format(key="weekly"))
    (tmp_path / "var").write_text("in the way")

    with pytest.raises(DigestError) as caught:
        context.open_installation(tmp_path / "config.yaml")

    assert "cannot be made" in str(caught.value)


@pytest.mark.usefixtures("closing")
def test_the_only_newsletter_needs_no_name(tmp_path: Path) -> None:
    """With one newsletter --newsletter may be left out; a wrong key lists the right one."""
    here = an_installation(tmp_path, "weekly")

    assert context.newsletter(here, None)[0] == "weekly"
    assert context.newsletter(here, "weekly")[1].title == "Weekly"
    with pytest.raises(DigestError) as caught:
        context.newsletter(here, "weakly")
    assert caught.value.remedy == "It has: weekly"


@pytest.mark.usefixtures("closing")
def test_of_several_newsletters_one_must_be_named(tmp_path: Path) -> None:
    """With two, leaving out --newsletter lists both."""
    here = an_installation(tmp_path, "weekly", "monthly")

    with pytest.raises(DigestError) as caught:
        context.newsletter(here, None)

    assert caught.value.remedy == "Say which: --newsletter weekly | monthly"
    assert context.newsletter(here, "monthly")[0] == "monthly"

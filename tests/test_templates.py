"""`digest templates check`: what is wrong in a template, with file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from digest.cli import app
from digest.render import lint
from tests.recaps import TEMPLATES, a_newsletter

CONFIG = """\
public_url: https://recap.example.org
newsletters:
  weekly:
    title: Weekly
    from: weekly@example.org
    postal_address: 12 Harbour Road, Springfield
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A newsletter folder whose templates/ go before ours."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "templates/mail/recap").mkdir(parents=True)
    (tmp_path / "templates/mail/parts").mkdir()
    return tmp_path / "templates"


def faults(own: Path, name: str, source: str) -> list[lint.Fault]:
    (own / name).write_text(source)
    return list(lint.check((own, *TEMPLATES), a_newsletter()))


@pytest.mark.parametrize("layout", ["cards", "compact", "text"])
def test_our_templates_have_no_faults(layout: str) -> None:
    """What we ship is sound in every layout."""
    assert lint.check(TEMPLATES, a_newsletter(layout)) == ()


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("<mj-foo></mj-foo>", 1, "MJML has no tag <mj-foo>."),
        ("\n<mj-txet>x</mj-txet>", 2, "Did you mean <mj-text>?"),
        ('\n\n<mj-text\n colour="red">x</mj-text>', 3, "no attribute colour. Did you mean color?"),
        ('{# \n #}\n<mj-text css-clas="a">x</mj-text>', 3, "Did you mean css-class?"),
        ("<mj-html-attributes />", 1, "mjml-python cannot read it"),
        ('<mj-include path="a.mjml" />', 1, "{% include"),
        ('<mj-font name="Roboto" href="https://fonts.example" />', 1, "third party"),
        ("<mj-preview>x</mj-preview>", 1, "hides text"),
        ("\n{{ isue.title }}", 2, "No value is called isue. Did you mean issue?"),
        ("\n\n{% if x %}", 3, "Unexpected end of template"),
        ('\n{% include "mail/parts/footr.mjml" %}', 2, "Did you mean mail/parts/footer.mjml?"),
        ("<mj-section>\n<mj-text>x</mj-text></mj-section>", 2, "its place is in <mj-column>."),
        ("<mj-section>\n<mj-column>\n</mj-section>", 3, "<mj-column> of line 2 is open"),
        ("\n<mj-section>", 2, "is never closed"),
        ("<mj-text>\n<script>x</script></mj-text>", 2, "<script> is dropped"),
    ],
)
def test_fault_names_file_and_line(own: Path, source: str, line: int, said: str) -> None:
    """Each slip is told where it is, with the nearest right word."""
    (fault, *_) = faults(own, "mail/parts/themes.mjml", source)
    assert fault.file == str(own / "mail/parts/themes.mjml")
    assert fault.line == line
    assert said in fault.sentence


def test_attributes_around_jinja_are_understood(own: Path) -> None:
    """Expressions in a tag, and greater-than signs in them, hide nothing."""
    source = (
        "{% for theme in section.themes %}"
        '<mj-section css-class="{{ "a" if theme.number > 1 else "b" }}" '
        '{% if theme.number > 1 %}bgcolor="red"{% endif %} padding="{{ 1 }}px"></mj-section>'
        "{% endfor %}"
    )
    (fault, *_) = faults(own, "mail/parts/themes.mjml", source)
    assert "no attribute bgcolor" in fault.sentence


def test_sound_looking_template_is_tried_out(own: Path) -> None:
    """A value that does not exist shows only when the template is rendered."""
    (fault,) = faults(own, "mail/recap/subject.txt", "x\n{{ issue.nothing }}\n")
    assert (fault.file, fault.line) == (str(own / "mail/recap/subject.txt"), 2)
    assert "nothing" in fault.sentence


def test_missing_slot_is_a_fault(own: Path) -> None:
    """A footer of one's own without the way out is found before an issue is."""
    footer = (
        "<mj-section><mj-column><mj-text>{{ newsletter.postal_address }}</mj-text>"
        "</mj-column></mj-section>"
    )
    sentences = [fault.sentence for fault in faults(own, "mail/parts/footer.mjml", footer)]
    assert any("no way to unsubscribe" in sentence for sentence in sentences)


def test_fault_in_a_small_mail_is_found(own: Path) -> None:
    """The mails to editors are tried out too."""
    (own / "mail/held").mkdir()
    (fault,) = faults(own, "mail/held/subject.txt", "{{ issue_title }}")
    assert fault.file == str(own / "mail/held/subject.txt")


def run(own: Path, *words: str) -> Result:
    return CliRunner().invoke(
        app, ["--config", str(own.parent / "config.yaml"), "templates", "check", *words]
    )


def test_command_says_that_all_is_well(own: Path) -> None:
    """One line, exit 0, and no database is made."""
    result = run(own)
    assert result.exit_code == 0, result.output
    assert "no faults" in result.output
    assert not (own.parent / "var").exists()


def test_command_lists_faults_and_fails(own: Path) -> None:
    """Exit 1; as JSON, the faults are data."""
    (own / "mail/parts/more.mjml").write_text("<mj-foo />\n<mj-bar />")
    result = run(own)
    assert result.exit_code == 1
    assert f"{own}/mail/parts/more.mjml:1: MJML has no tag <mj-foo>." in result.output
    assert "2 faults" in result.output
    told = json.loads(run(own, "--json").stdout)
    assert [fault["line"] for fault in told["faults"]] == [1, 2]

"""What an editor is told before an issue goes out."""

from __future__ import annotations

import dataclasses

import pytest

from digest.model import Block, Edition, Image, Recap, Section
from digest.model.settings import NewsletterSettings
from digest.render import fingerprint, fragments
from digest.render.finding import Finding
from digest.render.fit import size
from digest.render.preflight import check, message
from digest.render.specimen import recap as specimen
from digest.weekly import BARRING
from tests.recaps import a_newsletter, a_recap, addressed, an_item, edition, real_week


def found(
    recap: Recap | None = None,
    told: Edition | None = None,
    newsletter: NewsletterSettings | None = None,
) -> dict[str, Finding]:
    """Return the findings of *told* (default: *recap* as it is rendered) by code."""
    recap = recap or a_recap(an_item())
    newsletter = newsletter or a_newsletter(items={"min": 1})
    told = told or edition(recap, newsletter=newsletter)
    return {finding.code: finding for finding in check(told, recap, newsletter)}


def altered(told: Edition, **parts: str) -> Edition:
    said = dataclasses.replace(told, **parts)
    return dataclasses.replace(said, digest=fingerprint(said.subject, said.html, said.text))


def test_sound_issue_has_no_findings() -> None:
    """Nothing to say of an edition that is as it should be."""
    assert found() == {}


def test_real_week_has_no_errors() -> None:
    """The sample's own issue may go out; its gaps are warnings."""
    findings = found(real_week())
    assert {finding.level for finding in findings.values()} == {"warning"}
    assert set(findings) == {"no-link", "alt-empty"}


@pytest.mark.parametrize("layout", ["cards", "compact", "text"])
def test_every_shape_has_link_parity(layout: str) -> None:
    """No link of any section is lost in the text part."""
    findings = found(specimen(), newsletter=a_newsletter(layout, items={"min": 1}))
    assert not [f for f in findings.values() if f.level == "error" or "link-not" in f.code]


def test_findings_say_what_and_what_to_do() -> None:
    """Each finding is a sentence and has a remedy, errors first."""
    told = altered(edition(a_recap()), text="", subject="")
    findings = check(told, a_recap(), a_newsletter(postal_address="Your address here"))
    assert len(findings) > 5
    assert [f.level for f in findings] == sorted(f.level for f in findings)
    for finding in findings:
        assert finding.sentence.endswith(".") or "http" in finding.sentence
        assert finding.remedy.endswith(".")


def test_issue_without_items() -> None:
    """An empty issue is an error; few items are a warning."""
    assert found(a_recap())["no-items"].level == "error"
    newsletter = a_newsletter(items={"min": 3})
    assert found(newsletter=newsletter)["few-items"].level == "warning"


def test_item_that_no_section_shows() -> None:
    """What was chosen must be seen."""
    recap = a_recap(an_item(1), an_item(2), sections=(Section(key="themes", items=(1,)),))
    assert "“Publication 2”" in found(recap)["item-lost"].sentence


@pytest.mark.parametrize(
    "address",
    [
        "Your postal address",
        "TODO: address",
        "<street, town>",
        "[address]",
        "Change me now",
        "Fill me in, please",
        "...address",
    ],
)
def test_placeholder_for_a_postal_address(address: str) -> None:
    """The law asks for a real one; these are none."""
    newsletter = a_newsletter(postal_address=address, items={"min": 1})
    assert found(newsletter=newsletter)["postal-placeholder"].level == "error"


def test_postal_address_must_be_shown() -> None:
    """In both parts, whatever a template of one's own leaves out."""
    told = edition(a_recap(an_item()))
    told = altered(told, html=told.html.replace("1 Sample Street", ""))
    assert "HTML" in found(told=told)["postal-missing"].sentence


def test_postal_address_with_an_ampersand_is_found() -> None:
    """The address is looked for as it reads, not as it is escaped."""
    assert (
        found(newsletter=a_newsletter(postal_address="Rock & Roll Street 1", items={"min": 1}))
        == {}
    )


@pytest.mark.parametrize("part", ["html", "text"])
def test_unsubscribe_must_be_there(part: str) -> None:
    """No mail without the way out, in either part."""
    told = edition(a_recap(an_item()))
    without = getattr(told, part).replace(fragments.slot("unsubscribe_url"), "https://example.org")
    assert found(told=altered(told, **{part: without}))["unsubscribe-missing"].level == "error"


def test_slot_that_nobody_fills() -> None:
    """A hole in the mail is an error, not a surprise."""
    told = edition(a_recap(an_item()))
    told = altered(told, text=told.text + fragments.slot("surname"))
    assert "surname" in found(told=told)["slot-unknown"].sentence


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ("", "subject-empty"),
        ("Short", "subject-short"),
        ("Long " * 40, "subject-long"),
        ("Re: your question of last week", "subject-reply"),
        ("ESCALATION IN UKRAINE AND MORE", "subject-capitals"),
        ("Now! Act before it is too late!", "subject-shouting"),
        ("How much $$$ does it take", "subject-shouting"),
        ("Is this the end of it??", "subject-shouting"),
    ],
)
def test_subject(subject: str, code: str) -> None:
    """Empty, too short, too long, an answer to nothing, or shouted."""
    told = altered(edition(a_recap(an_item())), subject=subject)
    assert code in found(told=told)


@pytest.mark.parametrize(
    ("kilobytes", "code", "level"),
    [(82, "large", "warning"), (100, "too-large", "error")],
)
def test_size(kilobytes: int, code: str, level: str) -> None:
    """Over 80 KB is a warning; from 100 KB on Gmail would hide the footer."""
    told = edition(a_recap(an_item()))
    missing = 1024 * kilobytes - size(told)
    padding = f"<p>{'x' * missing}</p></body>"
    told = altered(told, html=told.html.replace("</body>", padding))
    assert found(told=told)[code].level == level


def test_what_was_left_out_to_fit_is_told() -> None:
    """Each step that made the mail small enough is a warning of its own."""
    recap = a_recap(*(an_item(n, summary="A sentence of some words. " * 20) for n in range(1, 61)))
    told = edition(recap)
    findings = check(told, recap, a_newsletter(items={"min": 1}))
    assert [f.sentence for f in findings if f.code == "shortened"] == list(told.notes) != []


def test_picture_without_description() -> None:
    """An empty alt is a warning with a remedy; none at all is a template's error."""
    image = Image(url="https://example.org/a.jpg")
    recap = a_recap(an_item(image=image))
    assert found(recap)["alt-empty"].level == "warning"
    told = edition(recap)
    told = altered(told, html=told.html.replace('alt=""', ""))
    assert found(recap, told)["alt-missing"].level == "error"


def test_newsletters_own_pictures_need_no_description() -> None:
    """Its name stands beside the logo; a picture of an item is still asked about."""
    look = {"logo": "logo.png", "header": "https://example.org/header.png"}
    newsletter = a_newsletter(look=look, items={"min": 1})
    assert "alt-empty" not in found(newsletter=newsletter)
    recap = a_recap(an_item(image=Image(url="https://example.org/a.jpg")))
    told = edition(recap, newsletter=newsletter)
    assert found(recap, told, newsletter=newsletter)["alt-empty"].sentence.startswith("1 picture ")


def test_link_that_only_the_html_has() -> None:
    """Readers of the text part would miss it."""
    told = edition(a_recap(an_item()))
    more = '<p><a href="https://example.org/only">x</a></p></body>'
    told = altered(told, html=told.html.replace("</body>", more))
    assert "https://example.org/only" in found(told=told)["link-not-in-text"].sentence


def test_link_with_another_scheme() -> None:
    """A template of one's own cannot smuggle one in."""
    told = edition(a_recap(an_item()))
    more = '<p><a href="javascript:x">x</a></p></body>'
    told = altered(told, html=told.html.replace("</body>", more))
    assert found(told=told)["link-unsafe"].level == "error"


def test_braces_of_a_publication() -> None:
    """Braces that a feed brings are shown to the editor; they keep no issue from going out."""
    recap = a_recap(an_item(title="How to write {{ name }} in a template", authors=("{{", "}}")))
    findings = found(recap)
    assert findings["template-words"].level == "warning"
    assert not {finding.code for finding in findings.values()} & BARRING


def test_braces_of_our_own() -> None:
    """What an editor or the settings left for a program to fill in never goes out."""
    edited = an_item(title="News for {{ name }}", edited=("title",))
    human = dataclasses.replace(a_recap(an_item()), lead="Dear {{ name }}.", human=("lead",))
    opened = dataclasses.replace(
        a_recap(an_item()),
        sections=(Section(key="intro", block=Block(key="intro", markdown="Hello {% who %}")),),
    )
    for recap in (a_recap(edited), human, opened):
        assert "words-unfilled" in {code for code, _ in found(recap).items()} & BARRING
    newsletter = a_newsletter(notice="Not affiliated with {{ them }}", items={"min": 1})
    assert found(newsletter=newsletter)["words-unfilled"].level == "error"


def test_message_has_what_every_server_asks_for() -> None:
    """Each field once, one-click over https, no line longer than SMTP carries."""
    sound = bytes(addressed(fragments.cut(edition())))
    assert list(message(sound)) == []
    doubled = sound.replace(b"List-Id:", b"From: x@example.org\r\nX-Was:", 1)
    assert [f.sentence for f in message(doubled)] == [
        "The field From stands there 2 times.",
        "The field List-Id is missing.",
    ]
    assert [f.code for f in message(sound.replace(b"<https:", b"<http:", 1))] == [
        "unsubscribe-http"
    ]
    assert [f.code for f in message(sound + b"x" * 999)] == ["line-too-long"]

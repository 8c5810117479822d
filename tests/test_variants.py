"""Topic sets' own issues: the same fragments in another choice, frozen, previewed, sent."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from digest import delivery, weekly
from digest.config import Loaded
from digest.errors import IssueError
from digest.model import Edition, Edits, Format, Issue, IssueState, Recap, Rhythm, Variant
from digest.model.settings import SmtpSettings
from digest.render import choice, fingerprint, fragments, sample, varied
from digest.render.specimen import recap as specimen
from digest.store import Database, editions, ledger, tallies
from digest.store.schema import deliveries, variants
from tests.friday import (
    BEFORE,
    SEND_HOUR,
    TITLES,
    a_loaded,
    draft_of,
    prepared,
    publish,
    sent_before,
    subscribe,
)
from tests.mailserver import MailServer, running
from tests.recaps import (
    PREFERENCES_URL,
    UNSUBSCRIBE_URL,
    addressed,
    edition,
    real_week,
)
from tests.website import served

VALUES = {"unsubscribe_url": UNSUBSCRIBE_URL, "preferences_url": PREFERENCES_URL}

DEFENCE, ASIA, RELIEF = "Defence", "Asia", "Relief"


# --- choices of fragments -----------------------------------------------------------------


def a_variant(told: Edition, full: Edition, **more: Any) -> Variant:
    """*told* as a choice of *full*'s fragments, the way approval keeps it."""
    facts: dict[str, Any] = {
        "topics": ("A",),
        "subject": told.subject,
        "headline": "",
        "lead": "",
        "preheader": "",
        "items": (1,),
        "digest": told.digest,
        "html": choice(told.html, full.html),
        "text": choice(told.text, full.text),
    }
    return Variant(**(facts | more))


def some_of(recap: Recap, kept: list[int], words: str) -> Recap:
    """*recap* with some of its items in another order, and words of its own."""
    themes = tuple(
        replace(theme, publications=left)
        for theme in recap.themes
        if (left := tuple(one for one in kept if one in theme.publications))
    )
    sections = tuple(
        replace(section, items=left)
        for section in recap.sections
        if (left := tuple(one for one in kept if one in section.items)) or section.block
    )
    return replace(
        recap,
        headline=words,
        subject=words,
        lead=f"This weekly recap focuses on {words}.",
        items=tuple(recap.item(one) for one in kept),
        themes=themes,
        sections=sections,
    )


FULL = {"week": real_week(), "specimen": specimen()}


@st.composite
def choices(draw: st.DrawFn) -> tuple[Recap, Recap]:
    full = FULL[draw(st.sampled_from(sorted(FULL)))]
    ids = [item.publication for item in full.items]
    kept = draw(st.lists(st.sampled_from(ids), unique=True, min_size=1))
    words = draw(st.text(min_size=1, max_size=80).filter(str.strip))
    return full, some_of(full, kept, words)


@pytest.mark.slow
@settings(max_examples=300)
@given(choices(), st.sampled_from(["cards", "compact", "text"]))
def test_fragments_chosen_are_the_variant_rendered(
    recaps: tuple[Recap, Recap], layout: str
) -> None:
    """Decoded, a variant's mail is its recap's own full rendering, in HTML and in text."""
    full, own = (edition(each, layout) for each in recaps)
    made = varied(full, a_variant(own, full))
    assert (made.subject, made.html, made.text) == (own.subject, own.html, own.text)
    assert fingerprint(made.subject, made.html, made.text) == own.digest
    read = email.message_from_bytes(bytes(addressed(fragments.cut(made))), policy=email.policy.SMTP)
    text, markup = (part.get_payload(decode=True) for part in read.iter_parts())  # type: ignore[attr-defined]
    assert text.decode().replace("\r\n", "\n") == fragments.filled(own.text, VALUES, escape=False)
    assert markup.decode().replace("\r\n", "\n") == fragments.filled(own.html, VALUES, escape=True)


def test_an_item_in_its_place_is_the_same_fragment() -> None:
    """Only head and what changed its place is a variant's own; the rest are places."""
    full = edition(real_week())
    kept = [item.publication for item in real_week().items[:5]]
    told = choice(edition(some_of(real_week(), kept, "Other Words")).html, full.html)
    own = sum(len(each) for each in told if isinstance(each, str))
    assert own < len(full.html) / 2
    assert [each for each in told if isinstance(each, int)] == sorted(
        each for each in told if isinstance(each, int)
    )


def test_text_alone_is_one_part() -> None:
    """Who wants no HTML gets text/plain, without a boundary or an empty part."""
    full = edition(real_week())
    alone = varied(full, a_variant(full, full, format=Format.TEXT, html=()))
    content = bytes(addressed(fragments.cut(alone)))
    read = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert not read.defects
    assert read.get_content_type() == "text/plain"
    payload = read.get_payload(decode=True)
    assert isinstance(payload, bytes)
    said = fragments.filled(full.text, VALUES, escape=False)
    assert payload.decode().replace("\r\n", "\n") == said
    assert b"boundary" not in content
    assert content.endswith(b"\r\n")


# --- approval -----------------------------------------------------------------------------


def topical(folder: Path, **told: Any) -> Loaded:
    return a_loaded(folder, topics={"offered": [DEFENCE, ASIA, RELIEF], **told})


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return topical(tmp_path)


@pytest.fixture
def fed(database: Database) -> Database:
    """Four publications: of defence, of Asia, of both, of relief."""
    publish(database, TITLES[0], topics=[DEFENCE])
    publish(database, TITLES[1], topics=[ASIA])
    publish(database, TITLES[2], topics=[DEFENCE, ASIA])
    publish(database, TITLES[3], topics=[RELIEF])
    return database


def approved(database: Database, loaded: Loaded) -> Issue:
    issue = prepared(database, loaded)
    return weekly.approve(database, loaded, issue, by="editor", now=BEFORE)


def frozen(database: Database, loaded: Loaded) -> Issue:
    issue = approved(database, loaded)
    return weekly.freeze(database, loaded, issue, now=SEND_HOUR)


def kept(database: Database, issue: Issue) -> dict[tuple[tuple[str, ...], Format], Variant]:
    assert issue.edition_id is not None
    with database.read() as conn:
        made = editions.variants_of(conn, issue.edition_id)
    return {(each.topics, each.format): each for each in made.values()}


def owed(database: Database, issue: Issue) -> dict[int, tuple[tuple[str, ...], Format]]:
    """Which variant each frozen reader is owed."""
    with database.read() as conn:
        rows = conn.execute(
            select(deliveries.c.subscriber_id, deliveries.c.variant_id).where(
                deliveries.c.issue_id == issue.id
            )
        ).all()
        made = {one: editions.variant(conn, one) for _, one in rows}
    return {reader: (made[one].topics, made[one].format) for reader, one in rows}


def test_a_topic_set_has_words_of_its_own(fed, loaded):
    """Its subject, headline and lead name its own items, and it has no others."""
    subscribe(fed, 1, topics=[DEFENCE])
    issue = approved(fed, loaded)
    made = kept(fed, issue)
    full, own = made[(), Format.HTML], made[(DEFENCE,), Format.HTML]
    titles = {item.publication: item.title for item in draft_of(fed, issue).recap.items}
    assert {titles[one] for one in own.items} == {TITLES[0], TITLES[2]}
    assert own.subject != full.subject
    assert "Ukraine" in own.headline
    assert "Korea" not in own.subject + own.lead + own.preheader
    told = weekly.preview(fed, loaded, issue, (DEFENCE,))
    assert TITLES[3] not in sample(told)[1]


def test_preview_of_a_set_is_what_approval_freezes(fed, loaded):
    """The draft's preview for some topics and the approved one are the same bytes."""
    subscribe(fed, 1, topics=[ASIA, DEFENCE])
    draft = prepared(fed, loaded)
    before = weekly.preview(fed, loaded, draft, (DEFENCE, ASIA))
    issue = weekly.approve(fed, loaded, draft, by="editor", now=BEFORE)
    after = weekly.preview(fed, loaded, issue, (ASIA, DEFENCE))
    assert (before.subject, before.html, before.text) == (after.subject, after.html, after.text)
    assert after.digest == kept(fed, issue)[(ASIA, DEFENCE), Format.HTML].digest


def test_view_in_browser_leads_to_the_topic_sets_own_page(fed, tmp_path):
    """Their items and words, and nothing of a reader's; the whole issue is a step further."""
    subscribe(fed, 1, topics=[DEFENCE, RELIEF])
    with served(fed, tmp_path) as site:
        plain = topical(tmp_path).settings.model_copy(update={"public_url": "http://127.0.0.1"})
        site.loaded = replace(site.loaded, settings=plain)
        issue = frozen(fed, site.loaded)
        own = kept(fed, issue)[tuple(sorted([DEFENCE, RELIEF])), Format.HTML]
        with fed.read() as conn:
            edition = editions.read(conn, issue.edition_id)
        page = "/issues/recap/2023-09-22"
        for mail, is_own in ((edition, False), (varied(edition, own), True)):
            said = sorted(set(re.findall(rf"{page}(?:\?[^\s\"<]*)?", mail.html + mail.text)))
            assert len(said) == 1
            assert ("?topics=" in said[0]) is is_own
        browser = site.browser()
        answer = browser.get(said[0])
        shown = unescape(answer.text)
        assert own.headline in shown
        assert "Puerto Rico" in shown
        assert TITLES[1] not in shown
        assert f'<a href="{page}">Read the whole issue</a>' in answer.text
        assert answer.headers["x-robots-tag"] == "noindex"
        assert f'<link rel="canonical" href="http://127.0.0.1{page}">' in answer.text
        assert "mail-only" not in answer.text
        assert "/unsubscribe/" not in answer.text
        unknown = browser.get(page, params={"topics": "astrology"})
        assert TITLES[1] in unescape(unknown.text)
        assert unknown.text == browser.get(page).text


def test_an_editors_headline_is_the_full_issues_alone(fed, loaded):
    """A headline somebody wrote may name what a topic's readers do not get; titles stay."""
    subscribe(fed, 1, topics=[DEFENCE])
    issue = prepared(fed, loaded)
    lead = draft_of(fed, issue).recap.items[0].publication
    edits = Edits(headline="Everything at Once", titles={lead: "A Better Title"})
    issue = weekly.edit(fed, loaded, issue, edits, now=BEFORE, actor="editor")
    issue = weekly.approve(fed, loaded, issue, by="editor", now=BEFORE)
    made = kept(fed, issue)
    assert made[(), Format.HTML].headline == "Everything at Once"
    own = made[(DEFENCE,), Format.HTML]
    assert "Everything" not in own.subject
    shown = sample(weekly.preview(fed, loaded, issue, (DEFENCE,)))[1]
    assert ("A Better Title" in shown) == (lead in own.items)


def test_each_reader_is_owed_their_variant(fed, loaded):
    """The freeze writes which variant everybody gets, by topics and by format."""
    wants: dict[tuple[tuple[str, ...], Format], list[int]] = {
        ((), Format.HTML): subscribe(fed, 2),
        ((), Format.TEXT): subscribe(fed, 1, format="text"),
        ((DEFENCE,), Format.HTML): subscribe(fed, 2, topics=[DEFENCE]),
        ((DEFENCE,), Format.TEXT): subscribe(fed, 1, topics=[DEFENCE], format="text"),
        # However a list was written, it is one set.
        ((ASIA, RELIEF), Format.HTML): subscribe(fed, 1, topics=[RELIEF, f" {ASIA}"]),
    }
    issue = frozen(fed, loaded)
    assert owed(fed, issue) == {one: want for want, readers in wants.items() for one in readers}


def test_a_set_first_seen_after_approval_gets_the_full_issue(fed, loaded):
    """Who chooses anew between approval and freeze gets what everybody gets."""
    issue = approved(fed, loaded)
    (late,) = subscribe(fed, 1, topics=[RELIEF])
    issue = weekly.freeze(fed, loaded, issue, now=SEND_HOUR)
    assert owed(fed, issue) == {late: ((), Format.HTML)}


def test_the_most_used_sets_have_variants(fed, tmp_path, monkeypatch):
    """Beyond the limit, the sets of fewest readers get the full issue."""
    monkeypatch.setattr("digest.weekly.approval.MOST_SETS", 1)
    few = subscribe(fed, 1, topics=[ASIA])
    many = subscribe(fed, 2, topics=[DEFENCE])
    issue = frozen(fed, topical(tmp_path))
    told = owed(fed, issue)
    assert {told[one] for one in many} == {((DEFENCE,), Format.HTML)}
    assert {told[one] for one in few} == {((), Format.HTML)}


def test_readers_of_another_rhythm_ask_for_no_variant(fed, loaded):
    """A weekly issue makes nothing for the topics of monthly readers."""
    subscribe(fed, 1, topics=[ASIA], rhythm=Rhythm.MONTHLY)
    assert kept(fed, approved(fed, loaded)).keys() == {((), Format.HTML), ((), Format.TEXT)}


@pytest.mark.parametrize("too_few", ["full", "none"])
def test_too_few_items_are_the_full_issue_or_none(fed, tmp_path, too_few):
    """Below the configured minimum a set's readers get everything, or are left out by name."""
    loaded = topical(tmp_path, min=2, too_few=too_few)
    (reader,) = subscribe(fed, 1, topics=[RELIEF])
    (other,) = subscribe(fed, 1)
    issue = frozen(fed, loaded)
    with fed.read() as conn:
        count, excluded = tallies.counted(conn, issue.id)
    if too_few == "full":
        assert owed(fed, issue)[reader] == ((), Format.HTML)
        assert (count, excluded) == (2, {})
    else:
        assert owed(fed, issue) == {other: ((), Format.HTML)}
        assert (count, excluded) == (1, {"no-items": 1})
        with pytest.raises(IssueError, match="get none"):
            weekly.preview(fed, loaded, issue, (RELIEF,))


def test_a_tampered_variant_is_not_sent(fed, loaded):
    """The freeze hashes every variant again, not only the edition."""
    subscribe(fed, 1, topics=[DEFENCE])
    issue = approved(fed, loaded)
    with fed.write() as conn:
        conn.execute(
            update(variants).where(variants.c.topics == DEFENCE).values(subject="Buy This Now")
        )
    with pytest.raises(IssueError, match="not the one that was approved"):
        weekly.freeze(fed, loaded, issue, now=SEND_HOUR)


@pytest.mark.parametrize(
    ("said", "why"),
    [("{{ nobody }}", "cannot be rendered"), ("", "The subject is empty")],
    ids=["a fault", "nothing"],
)
def test_what_only_some_readers_get_holds_too(fed, tmp_path, said, why):
    """A template that fails one topic set alone holds the issue with the reason, at its hour."""
    mine = tmp_path / "templates" / "mail" / "recap"
    mine.mkdir(parents=True)
    plain = "{{ issue.subject }}"
    ours = f"{{% if '?topics=' in web_url %}}{said}{{% else %}}{plain}{{% endif %}}"
    (mine / "subject.txt").write_text(ours, encoding="utf-8")
    loaded = topical(tmp_path)
    sent_before(fed, loaded)
    subscribe(fed, 1, topics=[DEFENCE])
    subscribe(fed, 9)
    [step] = weekly.advance(fed, loaded, "recap", now=SEND_HOUR)
    assert step.issue.state is IssueState.HELD
    assert why in step.issue.reasons[0]


def test_what_a_reader_receives_is_the_preview(fed, tmp_path):
    """A real server gets, for each reader, the bytes of that set's preview, links apart."""
    sets = {subscribe(fed, 1, topics=list(each))[0]: each for each in ((), (ASIA,), (DEFENCE,))}
    (alone,) = subscribe(fed, 1, topics=[ASIA], format="text")
    with running(MailServer()) as server:
        loaded = topical(tmp_path)
        smtp = SmtpSettings(host="127.0.0.1", port=server.port, tls="none")
        told = {"smtp": smtp, "token_key": "0" * 64}
        loaded = replace(loaded, settings=loaded.settings.model_copy(update=told))
        issue = frozen(fed, loaded)
        tally = delivery.settle(fed, loaded, issue.id, clock=lambda: SEND_HOUR)
    assert tally.settled
    got = {mail.recipient: mail.content for mail in server.mails}
    for reader, topics in sets.items():
        read = email.message_from_bytes(
            got[f"reader{reader}@example.org"], policy=email.policy.SMTP
        )
        preview = weekly.preview(fed, loaded, issue, topics)
        assert read["Subject"] == preview.subject
        text, markup = (part.get_payload(decode=True) for part in read.iter_parts())
        for said, shown in ((text, preview.text), (markup, preview.html)):
            assert without_links(said.decode()) == without_links(
                fragments.filled(shown, fragments_example(), escape=False)
            )
    read = email.message_from_bytes(got[f"reader{alone}@example.org"], policy=email.policy.SMTP)
    assert read.get_content_type() == "text/plain"
    assert read["Subject"] == weekly.preview(fed, loaded, issue, (ASIA,)).subject


def fragments_example() -> dict[str, str]:
    return {name: f"https://recap.example.org/{name}/x" for name in fragments.SLOTS}


def without_links(said: str) -> str:
    """Take a reader's links out, wherever they lead."""
    return re.sub(
        r"https://recap\.example\.org/(unsubscribe|preferences)(_url)?/[\w-]+",
        "LINK",
        said.replace("\r\n", "\n"),
    )


def test_topic_sets_are_counted_over_readers(fed, loaded):
    """The most used comes first; who left or waits for a confirmation asks for nothing."""
    subscribe(fed, 1, topics=[ASIA])
    subscribe(fed, 2, topics=[DEFENCE])
    subscribe(fed, 3, topics=[RELIEF], state="left")
    with fed.read() as conn:
        assert ledger.topic_sets(conn, "recap", Rhythm.WEEKLY) == [(DEFENCE,), (ASIA,)]


def test_unsent_editions_of_an_older_program_are_whole(fed, loaded):
    """An issue that was approved before variants had formats goes out to everybody."""
    readers = subscribe(fed, 1, format="text") + subscribe(fed, 1)
    issue = approved(fed, loaded)
    with fed.write() as conn:
        conn.execute(variants.delete().where(variants.c.format == "text"))
    issue = weekly.freeze(fed, loaded, issue, now=SEND_HOUR)
    assert issue.state is IssueState.SENDING
    assert owed(fed, issue) == dict.fromkeys(readers, ((), Format.HTML))


@pytest.mark.parametrize(
    ("named", "topics"),
    [
        ("", ()),
        ("asia", (ASIA,)),
        (" Relief ,DEFENCE", (DEFENCE, RELIEF)),
        ("Health, Care, and Aging,Asia", (ASIA, "Health, Care, and Aging")),
    ],
)
def test_topics_are_named_with_commas(tmp_path, named, topics):
    """Any case, any order, and a topic whose own name has commas is one."""
    newsletter = topical(tmp_path, offered=[DEFENCE, ASIA, RELIEF, "Health, Care, and Aging"])
    assert weekly.offered(newsletter.settings.newsletters["recap"], named) == topics


def test_an_unknown_topic_is_named(tmp_path):
    """Who mistypes a topic reads which ones there are."""
    newsletter = topical(tmp_path).settings.newsletters["recap"]
    with pytest.raises(IssueError, match="'Azia'") as e:
        weekly.offered(newsletter, "Azia")
    assert ASIA in e.value.remedy


# --- looking at it ------------------------------------------------------------------------


def test_the_desk_previews_a_topic_set(fed, tmp_path):
    """The preview lists the sets in use, shows one, and names a topic that it does not know."""
    subscribe(fed, 1, topics=[DEFENCE])
    with served(fed, tmp_path) as site:
        # Over https a browser would keep the session to itself here.
        plain = topical(tmp_path).settings.model_copy(update={"public_url": "http://127.0.0.1"})
        site.loaded = replace(site.loaded, settings=plain)
        page = f"/desk/issues/{prepared(fed, site.loaded).id}"
        browser = site.browser("viewer")
        whole, own = (
            browser.get(f"{page}/preview", params=told).text for told in ({}, {"topics": DEFENCE})
        )
        assert f"topics={DEFENCE}" in whole
        assert f"topics={DEFENCE}" in own
        assert re.findall("<h1>(.*?)</h1>", whole) != re.findall("<h1>(.*?)</h1>", own)
        framed = browser.get(f"{page}/mail", params={"topics": DEFENCE}).text
        assert "Deep-Strike" in framed
        assert "Puerto Rico" not in framed
        unknown = browser.get(f"{page}/preview", params={"topics": "Astrology"})
        assert unknown.status_code == 409
        assert DEFENCE in unknown.text

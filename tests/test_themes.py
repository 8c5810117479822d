"""Themes: labels that keep their form whatever the text, and name what it is about."""

from __future__ import annotations

import importlib.util
import json
import math
import random
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.model import Publication
from digest.themes import Wishes, choices, count, find, label, lexicon
from digest.themes.forms import akin
from digest.themes.tagging import stems, tokens
from digest.themes.words import Part

NOON = datetime(2023, 9, 19, 12, tzinfo=UTC)


def a_text(title: str, summary: str = "", *, id: int = 1, **told: Any) -> Publication:
    return Publication(id=id, title=title, summary=summary, first_seen_at=NOON, **told)


def the_label(title: str, summary: str = "", **told: Any) -> str:
    return label([a_text(title, summary, **told)])[1]


def themed(*texts: tuple[str, str]) -> Any:
    return find([a_text(title, summary, id=n) for n, (title, summary) in enumerate(texts, 1)])


# --- form, whatever comes -----------------------------------------------------------------

scripts = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from("aeiou tnrs 'the of-U.S.’“”\"«»,:;!?…—–123 "),
        st.characters(min_codepoint=0x400, max_codepoint=0x44F),  # Cyrillic
        st.characters(min_codepoint=0x620, max_codepoint=0x64A),  # Arabic
        st.characters(min_codepoint=0x4E00, max_codepoint=0x4E80),  # Chinese
        st.characters(min_codepoint=0x900, max_codepoint=0x970),  # Devanagari
    ),
    max_size=120,
)
ENGLISH = """
the of in and Ukraine's Russia war wars risks How why U.S. NATO drug policies policy study says
experts Kim Jong Un deep-strike Deep-Strike rebuilding Rebuilding is are “Truth Decay” schools'
teachers to for from on 2050 F-16s new growing : , . ? — health care Health Care report can could
not their veterans Veterans supported Support supports a “ ” ' Michael D. Rich K–12 what
"""
english = st.lists(st.sampled_from(ENGLISH.split()), max_size=25).map(" ".join)
weeks = st.lists(
    st.tuples(st.one_of(scripts, english), st.one_of(scripts, english)), min_size=1, max_size=7
)


def has_small_start(word: str) -> bool:
    """Tell a small start; some small letters have no capital of their own: ª, ß, µ."""
    return word[0].islower() and word[0].upper() != word[0] == word[0].upper().lower()


def form_faults(text: str, *, foreign: bool = False) -> list[str]:
    """Return what is wrong; a *foreign* label has capitals and small words of its own language."""
    words = text.split()
    faults = []
    if not 1 <= len(words) <= 5:
        faults.append("one to five words")
    # "Not" is need in German, "or" is gold in French: small words are not the same everywhere.
    if words and not foreign and {words[0].lower(), words[-1].lower()} & lexicon.FUNCTION:
        faults.append("no stop word at an end")
    titled = words[:1] if foreign else words
    if any(has_small_start(word) and word.lower() not in lexicon.SMALL for word in titled):
        faults.append("title case")
    if re.search(r"[\x00-\x1f\x7f<>]", text):
        faults.append("nothing that is no word")
    return faults


@settings(max_examples=120, deadline=None)
@given(weeks)
def test_labels_keep_their_form_in_any_script(texts):
    """Whatever the text, a label is one to five words in title case, or there is none."""
    found = themed(*texts)
    labels = choices([a_text(title, summary, id=n) for n, (title, summary) in enumerate(texts, 1)])
    foreign = {each.text for every in labels.values() for each in every if each.phrase.foreign}

    for theme in (*found.themes, *found.others):
        assert not form_faults(theme.label, foreign=theme.label in foreign), theme.label
        assert theme.phrase
        assert theme.publications
        assert len(theme.phrase.split()) <= 14
        assert 0 <= theme.evidence.strength <= 1


@settings(max_examples=80, deadline=None)
@given(weeks)
def test_no_two_labels_share_a_word(texts):
    """The labels of a headline, and those that could have been in it, have no word in common."""
    found = themed(*texts)
    words = [stems(theme.label) for theme in (*found.themes, *found.others)]

    for n, own in enumerate(words):
        for other in words[n + 1 :]:
            assert not any(akin(a, b) for a in own for b in other)


@settings(max_examples=80, deadline=None)
@given(weeks)
def test_every_word_is_the_publications_own(texts):
    """A label has no word that its publication does not have."""
    found = themed(*texts)

    for theme in (*found.themes, *found.others):
        title, summary = texts[theme.publications[0] - 1]
        own = {token.low for text in (title, summary) for token in tokens(text)}
        assert {token.low for token in tokens(theme.label)} <= own


@settings(max_examples=30, deadline=None)
@given(weeks, st.randoms())
def test_the_order_of_history_plays_no_part(texts, chance):
    """The same publications give the same themes, however their history is shuffled."""
    publications = [a_text(t, s, id=n) for n, (t, s) in enumerate(texts, 1)]
    history = [a_text(s, t, id=n) for n, (t, s) in enumerate(texts, 100)]
    shuffled = chance.sample(history, len(history))

    assert find(publications, history=history) == find(publications, history=shuffled)


@settings(max_examples=60, deadline=None)
@given(weeks, weeks, weeks, st.randoms())
def test_a_history_that_was_kept_is_the_history_counted_anew(texts, more, others, chance):
    """What came is added, what went is taken away: themes and counts are those of all anew."""
    then = [a_text(s, t, id=n) for n, (t, s) in enumerate(others, 100)]
    come = [a_text(t, s, id=n) for n, (t, s) in enumerate(more, 200)]
    gone = chance.sample(then, len(then) // 2)
    now = [each for each in (*then, *come) if each not in gone]
    kept = count(then).changed(more=come, less=gone)
    anew = count(now)

    assert (kept.count, kept.ids, kept.used, kept.names) == (
        anew.count,
        anew.ids,
        anew.used,
        anew.names,
    )
    assert vars(kept.casing) == vars(anew.casing)
    publications = [a_text(t, s, id=n) for n, (t, s) in enumerate(texts, 1)]
    assert find(publications, history=kept) == find(publications, history=now)


def test_what_was_read_before_is_read_anew_where_it_was_rewritten():
    """Over one kept history an edited text has the themes that it has over a history of its own."""
    before = [a_text("Bridges of Venice", "Bridges.", id=9)]
    week = [a_text("Rebuilding the Bridges of Dnipro", id=1), a_text("Wolves in the Alps", id=2)]
    rewritten = [a_text("Mending the Roads of Lviv", id=1), week[1]]
    kept = count(before)
    first = find(week, history=kept)
    assert find(rewritten, history=kept) == find(rewritten, history=before) != first
    assert find(week, history=kept) == first


def test_a_week_that_is_in_its_history_counts_once():
    """Publications that the counted history has already are not counted again."""
    week = [a_text("Rebuilding the Bridges of Dnipro", "Bridges again.", id=n) for n in (1, 2)]
    before = [a_text("Bridges of Venice", "Bridges.", id=3)]

    assert find(week, history=count([*before, *week])) == find(week, history=before)


@pytest.mark.parametrize(
    "title",
    ["", "…", "?!", "\r\nSubject: x", "<script>alert(1)</script>", "the of and", "a" * 10_000],
    ids=["empty", "dots", "marks", "line break", "markup", "small words", "endless word"],
)
def test_hostile_titles_are_no_exception(title):
    """A title without a usable word makes no theme, and nothing breaks."""
    found = themed((title, ""))

    assert all(not form_faults(theme.label) for theme in found.themes)


# --- what it is about ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "summary", "expected"),
    [
        ("Lessons from Ten Years of Wind Farms", "What wind farms taught fishers.", "Wind Farms"),
        ("How farmers feel about robots", "", "Robots"),
        ("The U.S. Steel Tariff", "", "U.S. Steel Tariff"),
        ("Why “Quiet Quitting” Is Loud", "Quiet quitting at work.", "Quiet Quitting"),
        ("Rewilding Scotland", "", "Rewilding Scotland"),
        ("Ferry Safety: Who Pays?", "A look at ferry safety in Norway.", "Ferry Safety"),
        ("The need for bridges", "", "Bridges"),
        ("A survey of beekeepers' incomes", "", "Beekeepers’ Incomes"),
    ],
    ids=[
        "research words never",
        "after about",
        "abbreviation kept",
        "quotation kept whole",
        "a telling gerund",
        "before the colon",
        "not the vague head",
        "possessive",
    ],
)
def test_labels_name_the_subject(title, summary, expected):
    """A label names what is written about, not the writing, nor a vague head of it."""
    assert the_label(title, summary) == expected


@pytest.mark.parametrize(
    ("title", "summary", "topics", "expected"),
    [
        ("能源转型的下一步", "关于能源的报告。", (), ""),
        ("能源转型的下一步", "关于能源的报告。", ("能源",), "能源"),
        ("سياسات المياه في الأردن", "", ("المياه",), "المياه"),
        ("Energian hinta nousee jälleen Oulussa", "", (), "Oulussa"),
    ],
    ids=["no theme", "the feed's topic", "right to left", "a name"],
)
def test_other_languages_get_an_honest_label(title, summary, topics, expected):
    """Where we do not know the grammar, a label is a name or a topic, or there is none."""
    assert the_label(title, summary, topics=topics) == expected


@pytest.mark.parametrize(
    ("title", "expected", "phrase"),
    [
        (
            "Warum die künstliche Intelligenz uns verändert",
            "Künstliche Intelligenz",
            "künstliche Intelligenz",
        ),
        (
            "Regierung plant Reform der Pflegeversicherung",
            "Reform der Pflegeversicherung",
            "Reform der Pflegeversicherung",
        ),
        ("Steigende Mieten in deutschen Großstädten", "Steigende Mieten", "Steigende Mieten"),
        (
            "La réforme des retraites divise les syndicats",
            "Réforme des retraites",
            "réforme des retraites",
        ),
        ("Étude : la pollution de l’air à Lyon", "Pollution de l’air", "pollution de l’air"),
        ("Le coût de la vie inquiète l’Europe", "Coût de la vie", "coût de la vie"),
        ("El cambio climático amenaza a los pescadores", "Cambio climático", "cambio climático"),
        ("Informe sobre la energía solar en Chile", "Energía solar", "energía solar"),
    ],
)
def test_noun_phrases_of_languages_whose_small_words_we_know(title, expected, phrase):
    """German, French and Spanish titles give noun phrases, written as the language does."""
    theme = themed((title, "")).themes[0]

    assert (theme.label, theme.phrase) == (expected, phrase)


def test_english_words_are_not_taken_for_another_languages():
    """ "war" and "die" are small words in German; an English title with them stays English."""
    assert the_label("America's Long War Fixation").endswith("War Fixation")


def test_people_who_speak_are_not_the_subject():
    """Who is quoted, and who wrote it, is not what it is about."""
    said = the_label(
        "Ports Are Clogged",
        "Jane Doe says ports need cranes. John Roe explains why ports clog.",
        authors=("John Roe",),
    )

    assert said == "Ports"


def test_what_everything_is_about_names_nothing():
    """Words that all of the history has count for less than those that are new."""
    history = [a_text("The Grain Trade", f"Grain trade, part {n}.", id=n) for n in range(100, 160)]
    publication = a_text("Grain Trade: Cobalt Mines")

    assert label([publication])[1] == "Grain Trade"
    assert label([publication], history=history)[1] == "Cobalt Mines"


@pytest.mark.parametrize(
    ("title", "summary", "expected"),
    [
        (
            "Ferries: News from the Line",
            "How the Bay of Plenty ferries run.",
            "Bay of Plenty Ferries",
        ),
        ("New Zealand's New Ferries Are Late", "", "New Zealand’s New Ferries"),
        ("The Withdrawal from Coal Is Near", "", "Withdrawal from Coal"),
        ("Lambs born with iron shortage", "", "Iron Shortage"),
        ("Programs for social and emotional learning", "", "Social and Emotional Learning"),
        ("The astonishing price of ferry tickets", "", "Price of Ferry Tickets"),
        ("Mapping racially motivated violence", "", "Violence"),
        ("A decline in ferry traffic early in the year", "", "Ferry Traffic"),
        ("Why it is time to mend the government's ferry fleet", "", "Ferry Fleet"),
        ("A survey of ferry crews shows limited rest", "", "Ferry Crews"),
    ],
    ids=[
        "a name with small words",
        "new as part of a name",
        "what a noun asks for",
        "a participle is no noun",
        "two adjectives",
        "a weighing adjective",
        "how it was moved",
        "an adjective behind",
        "whose is said elsewhere",
        "a verb after a plural",
    ],
)
def test_noun_phrases_are_whole_and_no_longer(title, summary, expected):
    """A label is cut neither within a name nor before what completes it, nor runs beyond."""
    assert the_label(title, summary) == expected


def test_titles_in_capitals_make_labels_in_title_case():
    """A shouted title is shown in title case; a name known from elsewhere keeps its capitals."""
    found = themed(
        ("NORDIC FERRIES NEED FASTER ENGINES", ""), ("Why NATO Paints Bridges", "NATO paints.")
    )

    assert found.themes[0].label == "Nordic Ferries"
    assert (
        "NATO" in themed(("NATO BUILDS LONGER BRIDGES", ""), ("So NATO it is", "")).themes[0].label
    )


def test_what_the_last_issues_spoke_of_is_less_of_a_theme():
    """A label that the last issues had weighs less, the less the longer ago it was."""
    texts = [("Heat Pumps for Old Houses", ""), ("Ferry Safety in Norway", "")]
    publications = [a_text(title, summary, id=n) for n, (title, summary) in enumerate(texts, 1)]

    def lost(*past: tuple[str, ...]) -> float:
        theme = find(publications, past=past).themes[1]
        return theme.evidence.parts.get("repeated", 0.0)

    assert lost() == 0
    assert lost(("Heat Pumps",)) == 0
    assert lost(("Norway’s Ferry Safety",)) < lost((), ("Norway’s Ferry Safety",)) < 0
    assert lost((), (), (), (), ("Norway’s Ferry Safety",)) == 0


def test_the_newsletters_own_name_is_hardly_a_theme():
    """What the newsletter is called, all of it is about."""
    publication = a_text("Acme Europe Looks at Tidal Power", "")

    assert find([publication], own="Acme Europe Weekly").themes[0].label == "Tidal Power"


def test_weights_are_told_in_words():
    """Theme and label say what their weight is made of, and the figures add up."""
    theme = themed(("Ferry Safety: Who Pays?", "On ferry safety.")).themes[0]
    best = choices([a_text("Ferry Safety: Who Pays?", "On ferry safety.")])[1][0]

    parts = theme.evidence.parts
    assert theme.evidence.reason.startswith(f"{sum(parts.values()):.2f} = label .")
    assert best.text == theme.label == "Ferry Safety"
    assert best.score == pytest.approx(math.prod(best.parts.values()))
    assert " words × " in best.reason
    assert best.reason.endswith(" alone")


def test_the_first_theme_is_the_leads():
    """The first publication's theme opens the headline, whatever else weighs more."""
    found = themed(
        ("Goats on Islands", ""),
        ("Solar Power Storage", "Solar power storage is cheap. Solar power storage wins."),
    )

    assert [theme.publications for theme in found.themes] == [(1,), (2,)]
    assert found.themes[0].label == "Goats on Islands"


def test_labels_get_shorter_along_the_headline():
    """What opens a headline in four words closes it in three, where three are nearly as good."""
    floods = ("Floods on the Coast of Malta", "")
    opening = themed(floods).themes[0]
    closing = themed(("Wolves in the Alps", ""), ("Ferry Safety: Who Pays?", ""), floods).themes[2]

    assert opening.label == "Floods on the Coast"
    assert closing.label == "Coast of Malta"


def test_the_first_label_ends_by_character_40():
    """A lead with a shorter label than its best takes that; one without still leads."""
    long = "Telecommunications Infrastructure Procurement"
    found = themed((f"{long} in Liechtenstein", ""), ("Goats on Islands", ""))
    first = found.themes[0]

    assert first.publications == (1,)
    assert len(first.label) <= 45
    assert len(themed((f"{long}: Cable Prices", "On cable prices.")).themes[0].label) <= 40


def test_publications_about_one_thing_share_a_theme():
    """Two publications of one subject become one theme, led by the first of them."""
    found = themed(
        ("Lithium Mining in Chile", "Lithium mining strains Chile's deserts."),
        ("School Meals Get Better", "Cooks and pupils agree on school meals."),
        ("Chile's Lithium Mining Boom", "Lithium mining in Chile booms."),
    )

    assert found.themes[0].publications == (1, 3)
    assert "lithium" in [term.lower() for term in found.themes[0].evidence.terms]


def test_an_editors_label_stays():
    """A label that an editor wrote is used as it is, and marked; the others avoid its words."""
    publications = [
        a_text("Heat Pumps for Old Houses", "Heat pumps.", id=1),
        a_text("Heat Waves and Cities", "Heat waves in cities.", id=2),
    ]
    found = find(publications, wishes=Wishes(labels={2: "Heat in the City"}))

    by_lead = {theme.publications[0]: theme for theme in found.themes}
    assert (by_lead[2].label, by_lead[2].human) == ("Heat in the City", True)
    assert not stems(by_lead[1].label) & stems("Heat in the City")


@pytest.mark.parametrize(
    ("title", "summary", "expected"),
    [
        ("Wolves Return", "The risk of wolves in the Alps. They came back.", None),
        ("How Towns Can Store Rain", "", "how towns can store rain"),
        ("The Dam Is Cracking Norway's Road", "", "how the dam is cracking Norway’s road"),
        ("Planning for Norway's Recovery", "", "planning for Norway’s recovery"),
    ],
    ids=["a phrase in the summary", "a clause with how", "a statement", "a gerund"],
)
def test_the_lead_phrase_reads_on_from_focuses_on(title, summary, expected):
    """The phrase begins small, keeps names, and is no sentence of its own."""
    said = themed((title, summary)).themes[0].phrase

    assert said == (expected or "the risk of wolves in the Alps")


@pytest.mark.parametrize(
    ("text", "word", "part"),
    [
        ("What provokes bears", "provokes", Part.VERB),
        ("Teachers view reforms", "view", Part.VERB),
        ("a view of the sea", "view", Part.NAMING),
        ("where to direct funds", "direct", Part.VERB),
        ("teen vaping", "vaping", Part.NAMING),
        ("Countering rumours", "Countering", Part.GERUND),
        ("supported employment", "supported", Part.NAMING),
    ],
)
def test_neighbours_decide_what_part_a_word_plays(text, word, part):
    """Verbs that look like nouns are told apart by what stands beside them."""
    assert next(token.part for token in tokens(text) if token.text == word) is part


# --- against the editors ------------------------------------------------------------------


def test_labels_agree_with_human_editors(shared):
    """On real past weeks the labels share at least 0.58 of their words with the editors' own."""
    folder = shared / "weeks"
    spec = importlib.util.spec_from_file_location("score", folder / "score.py")
    assert spec
    assert spec.loader
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    scores = []
    for line in (folder / "expected.jsonl").read_text().splitlines():
        week = json.loads(line)
        items = json.loads((folder / week["file"]).read_text())["items"]
        publications = [
            a_text(item["title"], item["summary"], id=n, topics=tuple(item["tags"]))
            for n, item in enumerate(items)
        ]
        ours = {items[n]["id"]: text for n, text in label(publications).items()}
        scores += [score.f1(ours[t["item"]], t["label"]) for t in week["themes"] if t["item"]]

    assert sum(scores) / len(scores) >= 0.58


# --- weeks of every kind ------------------------------------------------------------------

LONG = "Wind farms and fishers in the North Sea " * 60
WEEKS = {
    "empty": [],
    "one": [("Heat Pumps for Old Houses", "")],
    "all the same": [("Heat Pumps for Old Houses", "")] * 30,
    "capitals": [("HEAT PUMPS FOR OLD HOUSES IN NORWAY", ""), ("NATO AND THE ALPS", "")],
    "one word each": [(word, "") for word in ("Heat", "Ice", "Rain", "Wind", "Snow")],
    "no title": [("", "Heat pumps for old houses.")] * 3,
    "another language below": [("Heat Pumps for Old Houses", "Wärmepumpen für alte Häuser.")],
    "remains of HTML": [("Heat &amp; Ice <b>Pumps</b>", "<p>&nbsp;Heat&#8217;s pumps</p>")] * 2,
    "emoji": [("🔥 Heat Pumps 🏠 for Old Houses 🇳🇴", "👩‍🔧🔧"), ("🎉🎉🎉", "🎉")],
    "endless titles": [(LONG, LONG)] * 3,
    "right to left": [("مستقبل الطاقة في المدن العربية", "تقرير عن الطاقة.")] * 2,
    "no spaces": [("能源转型的下一步是什么", "关于能源的报告。"), ("エネルギーの未来", "")],
}


@pytest.mark.parametrize("texts", WEEKS.values(), ids=WEEKS)
def test_any_week_makes_themes_or_honestly_none(texts):
    """Whatever a week is made of, its labels are well formed, or there is no theme."""
    found = themed(*texts)

    assert len(found.themes) <= 3
    assert len({theme.label for theme in found.themes}) == len(found.themes)
    for theme in (*found.themes, *found.others):
        assert not form_faults(theme.label), theme.label


@pytest.mark.slow
def test_five_thousand_publications_are_one_week_too():
    """A week of 5,000 has three themes, and no publication stands in two of them."""
    chance = random.Random(7)
    nouns = [f"{a}{b}" for a in ("gran", "tor", "mel", "sib", "kor") for b in ("ium", "ade", "ish")]
    subjects = [" of ".join(chance.choices(nouns, k=2)) for _ in range(5000)]
    texts = [
        (f"The {subject}: What Is Next?".title(), f"How the {subject} may help the {other}.")
        for subject, other in zip(subjects, reversed(subjects), strict=True)
    ]
    found = themed(*texts)
    members = [one for theme in (*found.themes, *found.others) for one in theme.publications]

    assert len(found.themes) == 3
    assert len(members) == len(set(members))

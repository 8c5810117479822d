"""Learning from past edits, by asking: what is proposed, and what an answer does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import weekly
from digest.model import Candidate, Edits, Issue, IssueState
from digest.proposals import MOVES_UP, WEEKS_OUT, Proposal, Week, applied, proposals
from digest.store import Database, decisions, drafts, issues
from tests import friday
from tests.conftest import a_publication
from tests.website import NOW, Site, a_draft, a_loaded, served


def a_week(number: int, *items: tuple[str, tuple[str, ...]], **edits: Any) -> Week:
    """A past issue with those items (kind and topics), numbered from 1 in the rules' order."""
    return Week(
        key=f"2023-09-{number:02}",
        candidates=[
            Candidate(
                publication=place,
                title=f"Item {place} of week {number}",
                included=place not in edits.get("exclusions", ()),
                rank=_rank(place, edits.get("order", ())),
                code="chosen",
                reason="",
                score={"recency": 1 / place},
            )
            for place, _ in enumerate(items, 1)
        ],
        publications={
            place: a_publication(place, kind=kind, topics=topics)
            for place, (kind, topics) in enumerate(items, 1)
        },
        edits=Edits(**edits),
    )


def _rank(place: int, order: tuple[int, ...]) -> int:
    return order.index(place) + 1 if place in order else place + len(order)


def asked(weeks: list[Week], tmp_path: Path, **told: Any) -> tuple[Proposal, ...]:
    newsletter = friday.a_loaded(tmp_path, **told).settings.newsletters["recap"]
    return proposals(weeks, newsletter)


PODCAST = ("Podcast", ())
REPORT = ("Report", ("Taiwan",))


def test_a_kind_that_is_always_taken_out_is_asked_about(tmp_path: Path) -> None:
    """Four weeks running, and each time is named as evidence; three weeks are not enough."""
    weeks = [a_week(number, REPORT, PODCAST, exclusions=(2,)) for number in range(1, 5)]
    (found,) = asked(weeks, tmp_path)
    assert found.sentence == "“Podcast” was taken out 4 weeks running: exclude it from now on?"
    assert [each.week for each in found.evidence] == [week.key for week in weeks]
    assert found.evidence[0].title == "Item 2 of week 1"
    assert found.key == "exclude-kind:podcast"
    assert asked(weeks[1:], tmp_path) == ()


def test_one_that_stayed_breaks_the_row(tmp_path: Path) -> None:
    """A podcast that an editor left in says that podcasts are not unwanted as such."""
    weeks = [a_week(number, REPORT, PODCAST, exclusions=(2,)) for number in range(1, 5)]
    weeks.insert(2, a_week(9, REPORT, PODCAST))
    assert asked(weeks, tmp_path) == ()


def test_two_spellings_of_a_week_are_one_name(tmp_path: Path) -> None:
    """Two weeks with “Podcast” and “podcast” are two; and one spelling that stayed is enough."""
    both = (REPORT, PODCAST, ("podcast", ()))
    two = [a_week(number, *both, exclusions=(2, 3)) for number in range(1, 3)]
    assert asked(two, tmp_path) == ()
    stayed = [a_week(number, *both, exclusions=(2,)) for number in range(1, 5)]
    stayed += [a_week(number, *both, exclusions=(3,)) for number in range(5, 9)]
    assert asked(stayed, tmp_path) == ()


def test_weeks_without_any_do_not_break_it(tmp_path: Path) -> None:
    """Where there was no podcast, there was nothing to take out."""
    weeks = [a_week(number, REPORT, PODCAST, exclusions=(2,)) for number in range(1, 5)]
    weeks.insert(2, a_week(9, REPORT))
    assert len(asked(weeks, tmp_path)) == 1


def test_what_the_rules_do_already_is_not_asked(tmp_path: Path) -> None:
    """An excluded kind is not proposed for exclusion, however it is written."""
    weeks = [a_week(number, REPORT, PODCAST, exclusions=(2,)) for number in range(1, 5)]
    assert asked(weeks, tmp_path, exclude={"kinds": ["PODCAST"]}) == ()


def test_a_topic_that_is_always_moved_up_is_asked_about(tmp_path: Path) -> None:
    """The topic, how often, and what its weight would become."""
    items = [("Report", ()), ("Report", ("Taiwan",)), ("Report", ("Taiwan",))]
    weeks = [a_week(number, *items, order=(2, 3)) for number in range(1, 4)]
    (found,) = asked(weeks, tmp_path, weights={"taiwan": 1.2})
    assert found.sentence == (
        "Items on “Taiwan” were moved up 6 times: raise the topic’s weight from 1.2 to 1.3?"
    )
    assert len(found.evidence) >= MOVES_UP
    assert asked(weeks[:2], tmp_path) == ()


_items = st.tuples(st.sampled_from(["Podcast", "Report", ""]), st.sets(st.sampled_from("AB")))
_weeks = st.lists(
    st.tuples(
        st.lists(_items, max_size=4),
        st.sets(st.integers(1, 5), max_size=4),
        st.permutations([1, 2, 3, 4]),
        st.integers(0, 4),
    ),
    max_size=8,
)


@given(_weeks)
def test_every_proposal_has_its_evidence(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[Any]
) -> None:
    """Whatever editors did: no proposal without enough evidence, none twice, always the same."""
    folder = tmp_path_factory.getbasetemp()
    weeks = [
        a_week(
            number,
            *((kind, tuple(sorted(topics))) for kind, topics in items),
            exclusions=tuple(sorted(out)),
            order=tuple(each for each in order[:moved] if each <= len(items)),
        )
        for number, (items, out, order, moved) in enumerate(drawn, 1)
    ]
    found = asked(weeks, folder)
    assert found == asked(weeks, folder)
    assert len({each.key for each in found}) == len(found)
    for each in found:
        least = MOVES_UP if each.change == "weight-topic" else WEEKS_OUT
        assert len(each.evidence) >= least
        assert {one.week for one in each.evidence} <= {week.key for week in weeks}


def test_an_accepted_proposal_is_not_proposed_again(tmp_path: Path) -> None:
    """What was accepted is a rule: the same weeks under it ask for nothing more of the kind."""
    weeks = [a_week(number, REPORT, PODCAST, exclusions=(2,)) for number in range(1, 5)]
    newsletter = friday.a_loaded(tmp_path).settings.newsletters["recap"]
    accepted = [(each.change, each.about) for each in proposals(weeks, newsletter)]
    assert proposals(weeks, applied(newsletter, accepted)) == ()


# --- at the desk --------------------------------------------------------------------------


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


@pytest.fixture
def draft(site: Site) -> Issue:
    """This week's draft, after four issues out of which commentaries were taken."""
    friday.publish(site.database, *friday.TITLES)
    newsletter = site.loaded.settings.newsletters["recap"]
    slot = weekly.slot(newsletter, friday.CLOSING, now=NOW)
    issue = weekly.prepare(site.database, site.loaded, "recap", slot, now=NOW)
    for week in ("2023-08-25", "2023-09-01", "2023-09-08", "2023-09-15"):
        past = a_draft(site.database, f"Podcast of {week}", key=week)
        with site.database.write() as conn:
            before = drafts.read(conn, past.id)
            out = Edits(exclusions=(before.candidates[0].publication,))
            changed = replace(before, edits=out)
            past = drafts.write(conn, past, changed, now=NOW, actor="ana", what="edited")
            issues.set_state(
                conn, past.id, (past.state,), IssueState.FINISHED, now=NOW, actor="sender"
            )
    return issue


def fields(browser: Any) -> dict[str, str]:
    page = browser.get("/desk/rules").text
    return dict(re.findall(r'name="(csrf|newsletter|proposal)" value="([^"]+)"', page))


def included(site: Site, issue: Issue) -> int:
    newsletter = site.loaded.settings.newsletters["recap"]
    slot = weekly.slot(newsletter, friday.CLOSING, now=NOW)
    weekly.prepare(site.database, site.loaded, "recap", slot, now=NOW)
    with site.database.read() as conn:
        return sum(each.included for each in drafts.read(conn, issue.id).candidates)


def test_nothing_changes_before_somebody_accepts(site: Site, draft: Issue) -> None:
    """The proposal stands at the desk with its evidence; the draft is as the rules have it."""
    before = included(site, draft)
    page = site.browser("viewer").get("/desk/rules").text
    assert "“Commentary” was taken out 4 weeks running" in page
    assert "Podcast of 2023-09-15" in page
    assert included(site, draft) == before > 0
    with site.database.read() as conn:
        assert decisions.listed(conn, "recap") == []


def test_an_accepted_proposal_changes_the_next_draft_until_it_is_taken_back(
    site: Site, draft: Issue
) -> None:
    """The draft follows, `why` gives the reason, the log has who, and taking back undoes it."""
    before, publisher = included(site, draft), site.browser("publisher")
    told = fields(publisher)
    assert publisher.post("/desk/rules", data=told | {"accept": "yes"}).status_code == 303
    assert included(site, draft) == 0
    with site.database.read() as conn:
        reasons = {each.reason for each in drafts.read(conn, draft.id).candidates}
    assert any("kind excluded: Commentary" in reason for reason in reasons)
    page = publisher.get("/desk/rules").text
    assert "Accepted" in page
    assert "publisher@example.org" in page
    assert "was taken out 4 weeks running" in publisher.get("/desk/log").text
    publisher.post("/desk/rules/back", data=told)
    assert included(site, draft) == before


def test_a_refused_proposal_is_not_asked_again(site: Site, draft: Issue) -> None:
    """It changes nothing, and stands among the decisions."""
    before, publisher = included(site, draft), site.browser("publisher")
    told = fields(publisher)
    publisher.post("/desk/rules", data=told | {"accept": "no"})
    page = publisher.get("/desk/rules").text
    assert "Nothing at the moment" in page
    assert "Refused" in page
    assert included(site, draft) == before
    assert publisher.post("/desk/rules", data=told | {"accept": "yes"}).status_code == 409


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_the_rules_take_a_publisher(site: Site, draft: Issue, role: str) -> None:
    """Whoever may not approve an issue may not change the rules of all."""
    told = fields(site.browser("publisher"))
    browser = site.browser(role)
    own = {"csrf": fields(browser)["csrf"]}
    answer = browser.post("/desk/rules", data=told | own | {"accept": "yes"})
    assert answer.status_code == 403
    with site.database.read() as conn:
        assert decisions.listed(conn, "recap") == []


def test_a_made_up_proposal_is_refused(site: Site, draft: Issue) -> None:
    """Nobody excludes by a form what no week suggests."""
    publisher = site.browser("publisher")
    told = fields(publisher) | {"proposal": "exclude-kind:report", "accept": "yes"}
    assert publisher.post("/desk/rules", data=told).status_code == 409


def test_the_configuration_itself_stays_as_it_is(tmp_path: Path) -> None:
    """Decisions are laid over the rules; config.yaml's are not touched."""
    newsletter = a_loaded(tmp_path).settings.newsletters["recap"]
    after = applied(newsletter, [("exclude-kind", "Podcast"), ("weight-topic", "Taiwan")])
    assert newsletter.exclude.kinds == ()
    assert after.exclude.kinds == ("Podcast",)
    assert after.weights == {"Taiwan": 1.1}

"""What a topic set's own issue says: the full one's items of those topics, composed anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from digest.errors import IssueError
from digest.model import Candidate, Draft, Issue, Item, Recap, topic_set
from digest.model.settings import NewsletterSettings, Topics
from digest.store import Database, precedents, publications
from digest.weekly.blocks import laid
from digest.weekly.content import LAST_ISSUES, rules, slot_of
from digest.weekly.remembered import counted

if TYPE_CHECKING:
    from digest.config import Loaded

#: So many topic sets, the most used first, get words of their own; others the full issue.
MOST_SETS = 64

#: A topic set's themes are told from so many earlier publications, fewer than the full
#: issue's.
HISTORY = 400

#: Returns the recap of a topic set; None where its readers get the full issue or nothing.
Composer = Callable[[Sequence[str]], Recap | None]


def composer(database: Database, loaded: Loaded, issue: Issue, draft: Draft) -> Composer:
    """
    Return a function that composes topic sets' recaps out of *draft*'s.

    Their items and blocks are the full issue's, letter for letter: what an editor saw is what goes
    out. Headline, lead, themes and preheader are made anew of them alone, since a
    headline that an editor wrote may name what such a reader does not get.
    """
    from digest.compose import compose
    from digest.render.languages import words

    full = draft.recap
    assert full is not None  # noqa: S101 - who asks has a draft
    newsletter = rules(loaded.settings.newsletters[issue.of.newsletter], slot_of(issue))
    with database.read() as conn:
        close, key = issue.window.end, issue.of.newsletter
        material = publications.by_ids(conn, [item.publication for item in full.items])
        history = counted(conn, key, before=close, limit=HISTORY)
        newsletter = laid(conn, loaded, key, newsletter).newsletter
        past = precedents.labels(conn, key, issue.of.rhythm, before=close, limit=LAST_ISSUES)
    edits = replace(draft.edits, headline=None, lead=None)
    # The full issue's, whatever their files say by now.
    blocks = [section.block for section in full.sections if section.block]

    def composed(topics: Sequence[str]) -> Recap | None:
        inside = {item.publication for item in full.items if is_of(item, topics)}
        if len(inside) < newsletter.topics.min or len(inside) == len(full.items):
            return None
        made = compose(
            _only(draft.candidates, inside),
            material,
            slot=slot_of(issue),
            newsletter=newsletter,
            edits=edits,
            history=history,
            past=past,
            blocks=blocks,
            words=words(newsletter.language),
        )
        return replace(made, items=tuple(full.item(item.publication) for item in made.items))

    return composed


def offered(newsletter: NewsletterSettings, named: str) -> tuple[str, ...]:
    """
    Return the topics that *named* has, as the newsletter offers them, commas between.

    A topic's own name may have commas. IssueError for a name that is not offered.
    """
    known = {" ".join(topic.split()).casefold(): topic for topic in newsletter.topics.offered}
    left = [" ".join(part.split()) for part in named.split(",")]
    found: list[str] = []
    while left:
        ends = range(len(left), 0, -1)
        end = next((end for end in ends if ", ".join(left[:end]).casefold() in known), 1)
        name = ", ".join(left[:end])
        if name and name.casefold() not in known:
            raise _unknown(newsletter, name)
        found += [known[name.casefold()]] if name else []
        left = left[end:]
    return topic_set(found)


def _unknown(newsletter: NewsletterSettings, name: str) -> IssueError:
    offers = "; ".join(newsletter.topics.offered)
    return IssueError(
        f"{newsletter.title} does not offer the topic {name!r}",
        remedy=f"It offers: {offers}."
        if offers
        else "It offers none: name them under `topics` in config.yaml.",
    )


def is_of(item: Item, topics: Sequence[str]) -> bool:
    """Tell whether one of the item's topics is among *topics*, any case."""
    wanted = {topic.casefold() for topic in topics}
    return any(topic.casefold() in wanted for topic in item.topics)


def get_nothing(recap: Recap, topics: Sequence[str], rule: Topics) -> bool:
    """Tell whether the full issue *recap* has so little of *topics* that it is not sent."""
    found = sum(is_of(item, topics) for item in recap.items)
    return rule.too_few == "none" and found < rule.min


def _only(candidates: Sequence[Candidate], inside: set[int]) -> list[Candidate]:
    return [each for each in candidates if each.included and each.publication in inside]

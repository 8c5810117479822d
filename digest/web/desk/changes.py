"""What people changed: a draft beside what the rules alone would have made of it."""

from __future__ import annotations

from dataclasses import dataclass

from digest.model import Draft, Recap


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference; *before* or *after* is "" where there is nothing to compare with."""

    what: str
    before: str = ""
    after: str = ""


def changes(draft: Draft) -> tuple[Change, ...]:
    """Return how *draft* differs from what it would be without edits, in the order of the mail."""
    if draft.unedited is None or draft.recap is None:
        return ()
    old, new = draft.unedited, draft.recap
    told = [
        Change(what="Headline", before=old.headline, after=new.headline),
        Change(what="Lead", before=old.lead, after=new.lead),
        Change(what="Themes", before=_themes(old), after=_themes(new)),
        Change(what="Intro", before="", after=draft.edits.intro or ""),
        *_items(old, new),
    ]
    return tuple(each for each in told if each.before != each.after)


def _themes(recap: Recap) -> str:
    return " · ".join(theme.label for theme in recap.themes)


def _items(old: Recap, new: Recap) -> list[Change]:
    """Return what came in, what went out, what was rewritten, and a new order."""
    was = {each.publication: each for each in old.items}
    now = {each.publication: each for each in new.items}
    told = [Change(what="In", after=each.title) for one, each in now.items() if one not in was]
    told += [Change(what="Out", before=each.title) for one, each in was.items() if one not in now]
    both = [one for one in now if one in was]
    for one in both:
        told += [
            Change(what="Title", before=was[one].title, after=now[one].title),
            Change(what="Summary", before=was[one].summary, after=now[one].summary),
        ]
    stayed = [one for one in was if one in now]
    if stayed != both:
        told.append(Change(what="Order", after=_order(both, stayed, new)))
    return told


def _order(now: list[int], was: list[int], recap: Recap) -> str:
    """Return which items stand higher than they did: ``“A” up 2``."""
    risen = [(one, was.index(one) - place) for place, one in enumerate(now)]
    told = [f"“{recap.item(one).title}” up {by}" for one, by in risen if by > 0]
    return "; ".join(told)

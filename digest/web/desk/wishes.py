"""What an editor's form asks for, and what the edits become by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fastapi import Request
from starlette.exceptions import HTTPException

from digest.model import Draft, Edits, Publication
from digest.render.plain import lines, plain
from digest.weekly import overlay

#: The words that a form may carry, with the most characters that each may have.
LENGTHS = {
    "title": 300,
    "summary": 2000,
    "label": 100,
    "headline": 200,
    "lead": 600,
    "intro": 8000,
}

#: Words that may have several lines.
_LINES = ("intro",)

#: What a button asks for, as the page that asks again calls it.
ACTS = {
    "pin": "Have it in",
    "exclude": "Take it out",
    "put-back": "Leave it to the rules",
    "up": "Move it up",
    "down": "Move it down",
    "move": "Move it to its new place",
    "theme-pin": "Have the theme in the headline",
    "theme-drop": "Take the theme out of the headline",
    "theme-first": "Name the theme first",
    "theme-put-back": "Leave the theme to the rules",
    "merge": "Join the two themes",
    "split": "Give it a theme of its own",
    "words": "Save the words",
    "restore-title": "Restore the title",
    "restore-summary": "Restore the summary",
    "restore-label": "Restore the theme’s label",
    "restore-headline": "Restore the headline",
    "restore-lead": "Restore the lead",
    "restore-intro": "Take the intro out",
    "undo": "Undo",
    "redo": "Redo",
}


#: Acts on a theme, which is known by the publication that leads it.
OF_THEME = frozenset(
    {"theme-pin", "theme-drop", "theme-first", "theme-put-back", "merge", "split", "restore-label"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One form of the board, as it was sent."""

    act: str
    #: The publication that it is about; None where it is about the issue.
    publication: int | None
    #: The place (from 1) that it moves to, or the publication whose theme it joins.
    to: int | None = None
    #: The words that were typed, made plain.
    words: Mapping[str, str]
    #: The words that the form showed before.
    seen: Mapping[str, str]

    @property
    def typed(self) -> dict[str, str]:
        """The words that are not as the form showed them."""
        return {name: text for name, text in self.words.items() if text != self.seen.get(name)}


async def wish(request: Request) -> Wish:
    """Return what the request's form asks for; 422 for a form that is none of ours."""
    form = await request.form()
    told = {name: text for name, text in form.items() if isinstance(text, str)}
    act = told.get("act", "")
    if act not in ACTS:
        raise HTTPException(422, "This form is not one of ours. Reload the page.")
    seen = {name: told[f"seen_{name}"] for name in LENGTHS if f"seen_{name}" in told}
    number = _number(told.get("publication", ""))
    return asked(act, number, to=_number(told.get("to", "")), words=told, seen=seen)


def asked(
    act: str,
    publication: int | None,
    *,
    to: int | None = None,
    words: Mapping[str, str],
    seen: Mapping[str, str] = MappingProxyType({}),
) -> Wish:
    """Return the wish for one of `ACTS`, its words made plain; 422 for words that are too long."""
    return Wish(
        act=act,
        publication=publication,
        to=to,
        words={name: _written(name, words[name]) for name in LENGTHS if name in words},
        seen={name: _plain(name, text) for name, text in seen.items()},
    )


def _number(text: str) -> int | None:
    """Return the number that a form carries; None for nothing, 422 for anything else."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise HTTPException(422, "This form is not one of ours. Reload the page.")
    return int(text)


def _written(name: str, text: str) -> str:
    text = _plain(name, text)
    if len(text) > LENGTHS[name]:
        raise HTTPException(
            422, f"The {name} has {len(text):,} characters; {LENGTHS[name]:,} is the most."
        )
    return text


def _plain(name: str, text: str) -> str:
    return lines(text).strip() if name in _LINES else plain(text)


def shown(draft: Draft, publication: int | None) -> dict[str, str]:
    """Return the words that the draft has now, by their names in a form."""
    recap = draft.recap
    if recap is None:
        return {}
    if publication is None:
        told = {"headline": recap.headline, "lead": recap.lead, "intro": draft.edits.intro or ""}
    else:
        told = {}
        for item in recap.items:
            if item.publication == publication:
                told |= {"title": item.title, "summary": item.summary}
        for theme in recap.themes:
            if theme.publications[0] == publication:
                told |= {"label": theme.label}
    return {name: _plain(name, text) for name, text in told.items()}


def granted(wish: Wish, draft: Draft, publication: Publication | None) -> Edits:
    """
    Return the draft's edits as *wish* wants them; equal to those it has if it changes nothing.

    *publication* is the one that the wish is about. 422 if it needs one and has none.
    """
    if wish.act == "words":
        return _reworded(wish, draft, publication)
    if wish.act in _OF_ISSUE:
        return _OF_ISSUE[wish.act](draft.edits, None)
    if publication is None:
        raise HTTPException(422, "That publication is not among the candidates. Reload the page.")
    if wish.act in _STEPS or wish.act == "move":
        return _moved(wish, draft, publication.id)
    if wish.act == "merge":
        return _merged(wish, draft, publication.id)
    return _OF_ITEM[wish.act](draft.edits, publication.id)


def _moved(wish: Wish, draft: Draft, one: int) -> Edits:
    ranking = movable(draft)
    if one not in ranking:
        return draft.edits
    here = ranking.index(one)
    by = _STEPS[wish.act] if wish.to is None and wish.act in _STEPS else (wish.to or 1) - 1 - here
    return overlay.moved(draft.edits, ranking, one, by=by)


def _merged(wish: Wish, draft: Draft, one: int) -> Edits:
    known = {each.publication for each in draft.candidates}
    if wish.to not in known:
        raise HTTPException(422, "That theme is not there any more. Reload the page.")
    return overlay.merged(draft.edits, one, wish.to)


_FRONT: dict[str, Callable[[Edits, str | None], Edits]] = {
    "headline": overlay.headed,
    "lead": overlay.led,
    "intro": overlay.introduced,
}
_OF_ISSUE = {f"restore-{name}": laid for name, laid in _FRONT.items()}
_STEPS = {"up": -1, "down": 1}
_OF_ITEM: dict[str, Callable[[Edits, int], Edits]] = {
    "pin": overlay.pinned,
    "exclude": overlay.excluded,
    "put-back": overlay.put_back,
    "theme-pin": overlay.theme_pinned,
    "theme-drop": overlay.theme_dropped,
    "theme-first": overlay.theme_first,
    "theme-put-back": overlay.theme_put_back,
    "split": overlay.split,
    "restore-title": lambda edits, one: overlay.titled(edits, one, None),
    "restore-summary": lambda edits, one: overlay.summarised(edits, one, None),
    "restore-label": lambda edits, one: overlay.labelled(edits, one, None),
}


def movable(draft: Draft) -> list[int]:
    """Return the items that can be moved, in their order; events stand by their dates."""
    ranked = [each for each in draft.candidates if each.included and each.code != "event"]
    return [each.publication for each in sorted(ranked, key=lambda each: each.rank or 0)]


def _reworded(wish: Wish, draft: Draft, publication: Publication | None) -> Edits:
    """Lay down the words that differ from those shown now."""
    now = shown(draft, wish.publication)
    edits = draft.edits
    for name, text in wish.words.items():
        if text == now.get(name):
            continue
        if name in _FRONT:
            edits = _FRONT[name](edits, text)
        elif publication is not None:
            edits = _LAY[name](edits, publication, text)
    return edits


def _title(edits: Edits, publication: Publication, text: str) -> Edits:
    own = text == plain(publication.title)
    return overlay.titled(edits, publication.id, None if own else text)


def _summary(edits: Edits, publication: Publication, text: str) -> Edits:
    own = text == plain(publication.summary)
    return overlay.summarised(edits, publication.id, None if own else text)


def _label(edits: Edits, publication: Publication, text: str) -> Edits:
    return overlay.labelled(edits, publication.id, text)


_LAY: dict[str, Callable[[Edits, Publication, str], Edits]] = {
    "title": _title,
    "summary": _summary,
    "label": _label,
}

"""Which publications an issue shows, in which order, and why; and why the others not.

Every publication becomes a candidate with one code and one sentence. The rules are
asked in the order of `_ruled`; the first that speaks decides. What is left is ranked
by a score of named parts, freed of duplicates and cut to the newsletter's limits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from digest.calendar import Slot
from digest.identity import TELLING_TITLE_BYTES, title_key
from digest.model import Candidate, Edits, Publication
from digest.model.settings import Items, NewsletterSettings

if TYPE_CHECKING:
    import pandas as pd

#: What the table knows of one publication.
Row = Mapping[str, Any]

#: Parts of the score; `Ranking` says what each can bring.
PARTS = ("recency", "kind", "topic", "novelty", "substance")
#: A summary with this many words that the title lacks says all that we ask of it.
FULL_SUMMARY_WORDS = 25

#: Codes of publications that are in.
IN = ("lead", "chosen", "late", "pinned", "event")
#: Codes of those that are out, the ones an editor most likely wants back first.
OUT = (
    *("limit", "duplicate", "old", "after-close", "used", "kind", "topic", "word"),
    *("event-far", "event-unshown", "event-past", "excluded", "hidden"),
)
_DAY_SECONDS = 86400.0
_WORD = re.compile(r"\w+(?:[-’']\w+)*")


def select(
    publications: Sequence[Publication],
    *,
    slot: Slot,
    newsletter: NewsletterSettings,
    used: Mapping[int, str],
    edits: Edits,
) -> tuple[Candidate, ...]:
    """
    Return a candidate for every publication: those in by rank, then those out by reason.

    *used* names the issue that used a publication up. A pin beats every rule. Events
    come after all other items, soonest first, and count for no limit. Ties in the score
    go to the newer, then to the lower id, so the order of *publications* plays no part.
    Sentences are in the newsletter's local time.
    """
    if not publications:
        return ()
    rules = _Rules(slot, newsletter, used, edits)
    by_id = {each.id: each for each in publications}
    table = _scored(_ruled(_tabled(by_id.values(), rules), rules), rules)
    table["because"] = ""
    _drop_duplicates(table)
    ranked = _ranked(table, edits)
    _drop_over_limits(table, ranked, newsletter.items)
    rows = _rows(table)
    inside = [one for one in ranked if rows[one]["code"] in IN]
    outside = sorted(rows.keys() - set(inside), key=lambda one: _miss(rows[one], one))
    return (
        *(_included(by_id[one], n, rows[one], rules) for n, one in enumerate(inside, start=1)),
        *(_left_out(by_id[one], rows[one], rules) for one in outside),
    )


class _Rules:
    """The newsletter's rules for one slot, in the forms that they are asked in."""

    def __init__(
        self, slot: Slot, newsletter: NewsletterSettings, used: Mapping[int, str], edits: Edits
    ) -> None:
        self.used, self.edits, self.weights = used, edits, _folded(newsletter.weights)
        self.ranking = newsletter.ranking
        self.zone = newsletter.zone
        self.close, self.previous_close = slot.window.end, slot.previous_close
        local = self.close.astimezone(self.zone)
        # On the wall clock: a look-back that begins at 05:00 because of daylight saving
        # would puzzle everybody.
        self.look_back_from = (local - newsletter.look_back).astimezone(UTC)
        self.late_from = (local - newsletter.late).astimezone(UTC)
        self.sends_on = slot.sends_at.astimezone(self.zone).date()
        #: How far ahead events are shown; None where no section shows them.
        self.ahead = newsletter.upcoming
        self.kinds = {kind.casefold() for kind in newsletter.exclude.kinds}
        self.topics = {topic.casefold() for topic in newsletter.exclude.topics}
        self.words = _whole_words(newsletter.exclude.words)
        self.bounds = {
            "look_back": self.clock(self.look_back_from),
            "close": self.clock(self.close),
        }

    def days_before_close(self, moment: datetime) -> float:
        return (self.close - moment).total_seconds() / _DAY_SECONDS

    def day(self, moment: datetime) -> str:
        """Return ``Sep 11``, with the year where it is not the issue's."""
        local = moment.astimezone(self.zone)
        year = "" if local.year == self.close.astimezone(self.zone).year else f", {local.year}"
        return f"{local:%b} {local.day}{year}"

    def clock(self, moment: datetime) -> str:
        return f"{self.day(moment)} {moment.astimezone(self.zone):%H:%M}"

    def is_past(self, day: date | None) -> bool:
        return day is not None and day < self.sends_on

    def is_far(self, day: date | None) -> bool:
        return day is not None and self.ahead is not None and day > self.sends_on + self.ahead

    def weight(self, names: Iterable[str]) -> float:
        """Return the largest weight that is set for one of *names*, 1 if none is."""
        told = [self.weights[name] for n in names if (name := n.casefold()) in self.weights]
        return max(told, default=1.0)


def _folded(weights: Mapping[str, float]) -> dict[str, float]:
    return {name.casefold(): weight for name, weight in weights.items()}


def _whole_words(words: Collection[str]) -> re.Pattern[str] | None:
    if not words:
        return None
    either = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)


def _rows(table: pd.DataFrame) -> dict[int, Row]:
    return cast("dict[int, Row]", table.to_dict("index"))


# --- the rules ----------------------------------------------------------------------------


def _tabled(publications: Iterable[Publication], rules: _Rules) -> pd.DataFrame:
    """Return what the rules look at, a row for each publication, by id."""
    import pandas as pd

    rows = [
        {
            "id": each.id,
            # Days, not instants: a feed may date things in years that pandas has not.
            "age": rules.days_before_close(_known_since(each)),
            "seen": rules.days_before_close(each.first_seen_at),
            "feeds": each.feeds,
            **_told(each),
            "starts": each.starts_at and each.starts_at.astimezone(rules.zone).date(),
            "hidden": each.hidden,
        }
        for each in publications
    ]
    return pd.DataFrame(rows).set_index("id").sort_index()


@lru_cache(maxsize=4096)
def _told(publication: Publication) -> Row:
    """Return what its words say: the same for every draft, and most of what a draft takes."""
    words = tuple(_words(publication.title))
    return {
        "title_key": title_key(publication.title),
        "kind": publication.kind.strip().casefold(),
        "topics": tuple(sorted({topic.casefold() for topic in publication.topics})),
        "text": _text(publication),
        "words": words,
        "said": len(set(_words(publication.summary)) - set(words)),
    }


def _text(publication: Publication) -> str:
    return f"{publication.title}\n{publication.summary}"


def _known_since(publication: Publication) -> datetime:
    # Calendars stamp an event with the hour they are asked at (RFC 5545, 3.8.7.2).
    if publication.starts_at is not None:
        return min(publication.dated, publication.first_seen_at)
    return publication.dated


def _ruled(table: pd.DataFrame, rules: _Rules) -> pd.DataFrame:
    """Add the column *code*: the first rule that speaks for each row."""
    ids = table.index
    is_event = table["starts"].notna()
    look_back, late = (rules.days_before_close(x) for x in (rules.look_back_from, rules.late_from))
    seen_in_window = (table["seen"] > 0) & (
        table["seen"] <= rules.days_before_close(rules.previous_close)
    )
    verdicts = {
        "pinned": ids.isin(rules.edits.pins),
        "hidden": table["hidden"],
        "excluded": ids.isin(rules.edits.exclusions),
        "kind": table["kind"].isin(rules.kinds),
        "topic": table["topics"].map(lambda topics: not rules.topics.isdisjoint(topics)),
        "word": table["text"].map(lambda text: bool(rules.words and rules.words.search(text))),
        "after-close": table["age"] <= 0,
        "event-past": table["starts"].map(rules.is_past),
        "event-far": table["starts"].map(rules.is_far),
        "event-unshown": is_event & (rules.ahead is None),
        "event": is_event,
        "used": ids.isin(list(rules.used)),
        "chosen": table["age"] <= look_back,
        "late": (table["age"] <= late) & seen_in_window,
    }
    table["code"] = "old"
    for code, speaks in reversed(verdicts.items()):
        table.loc[speaks, "code"] = code
    return table


# --- the score ----------------------------------------------------------------------------


def _scored(table: pd.DataFrame, rules: _Rules) -> pd.DataFrame:
    """Add the parts of the score, each weighted and rounded, and their sum."""
    look_back = rules.days_before_close(rules.look_back_from)
    earlier = Counter(
        word for words in table.loc[table["code"] == "old", "words"] for word in set(words)
    )
    most = rules.ranking
    parts = {
        "recency": most.recency * (1 - table["age"] / look_back).clip(0, 1),
        "kind": most.kind * table["kind"].map(lambda kind: rules.weight((kind,))),
        "topic": most.topic * table["topics"].map(rules.weight),
        "novelty": most.novelty * table["words"].map(lambda words: _new_share(words, earlier)),
        "substance": most.substance * (table["said"] / FULL_SUMMARY_WORDS).clip(0, 1),
    }
    for name, values in parts.items():
        table[f"{name} part"] = values.astype(float).round(2)
    table["score"] = table[[f"{name} part" for name in parts]].sum(axis=1).round(2)
    return table


def _new_share(words: Sequence[str], earlier: Mapping[str, int]) -> float:
    """Return the share of a title's words that no older publication's title had."""
    return sum(word not in earlier for word in words) / len(words) if words else 0.0


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold()) if len(word) > 3]


# --- duplicates, ranks, limits ------------------------------------------------------------


def _drop_duplicates(table: pd.DataFrame) -> None:
    """Mark all but one of those with the same title; an issue that had it has it still."""
    telling = table["title_key"].map(lambda key: len(key.encode()) >= TELLING_TITLE_BYTES)
    # What is too old or comes after the close speaks for nothing: a series may keep its
    # title, and so may a seminar that is held on several days.
    asked = table[telling & table["code"].isin([*IN, "used", "excluded", "hidden"])]
    asked = asked[asked.duplicated("title_key", keep=False)]
    for _, alike in asked.groupby(["title_key", asked["starts"].map(str)], sort=True):
        rows = _rows(alike)
        first, *others = sorted(rows, key=lambda one: _standing(rows[one], one))
        for other in others:
            if rows[other]["code"] in ("chosen", "late", "event"):
                table.loc[other, ["code", "because"]] = ["duplicate", str(first)]


def _standing(row: Row, one: int) -> tuple[int, float, int]:
    """Return what decides who of several equals stays: the pinned, the used, the oldest."""
    order = ("pinned", "used", "excluded", "hidden")
    return (order.index(row["code"]) if row["code"] in order else len(order), -row["age"], one)


def _ranked(table: pd.DataFrame, edits: Edits) -> list[int]:
    """Return the ids that may be in: new pins, the editor's order, score; then events."""
    rows = _rows(table[table["code"].isin(IN)])
    ordered = list(dict.fromkeys(edits.order))
    pins = [pin for pin in dict.fromkeys(edits.pins) if pin not in ordered]

    def place(one: int) -> tuple[Any, ...]:
        row = rows[one]
        if row["code"] == "event":
            return (3, row["starts"], -row["score"], one)
        if one in pins:
            return (0, pins.index(one))
        if one in ordered:
            return (1, ordered.index(one))
        return (2, -row["score"], row["age"], one)

    return sorted(rows, key=place)


def _drop_over_limits(table: pd.DataFrame, ranked: Sequence[int], items: Items) -> None:
    """Mark what goes beyond a limit, the last ranked first; a pin counts and stays."""
    limits = _folded_limits(items)
    rows = _rows(table[table["code"].isin(IN) & (table["code"] != "event")])
    taken: Counter[tuple[str, str]] = Counter()
    over: dict[int, str] = {}
    # The pinned first, so that they are counted before any other is let in.
    for one in sorted((one for one in ranked if one in rows), key=lambda one: not _pin(rows[one])):
        bounds = [bound for bound in _limited_by(rows[one]) if bound in limits]
        full = next((bound for bound in bounds if taken[bound] >= limits[bound]), None)
        if full and not _pin(rows[one]):
            over[one] = _limit_said(full, limits[full])
        else:
            taken.update(bounds)
    # At once: pandas takes a millisecond for each assignment.
    table.loc[list(over), "code"] = "limit"
    table.loc[list(over), "because"] = list(over.values())


def _pin(row: Row) -> bool:
    return bool(row["code"] == "pinned")


def _folded_limits(items: Items) -> dict[tuple[str, str], int]:
    limits = {("", ""): items.max}
    for sort, named in (
        ("kind", items.per_kind),
        ("feed", items.per_feed),
        ("topic", items.per_topic),
    ):
        limits |= {(sort, name.casefold()): most for name, most in named.items()}
    return limits


def _limited_by(row: Row) -> list[tuple[str, str]]:
    return [
        ("kind", row["kind"]),
        *(("topic", topic) for topic in row["topics"]),
        *(("feed", feed.casefold()) for feed in row["feeds"]),
        ("", ""),
    ]


def _limit_said(bound: tuple[str, str], most: int) -> str:
    sort, name = bound
    return f"{most} for the {sort} “{name}”" if sort else _items(most)


def _items(most: int) -> str:
    return "1 item" if most == 1 else f"{most} items"


def _miss(row: Row, one: int) -> tuple[int, float, int]:
    """Return what orders those that are out: by reason, the nearest miss first."""
    near = -row["score"] if row["code"] == "limit" else abs(row["age"])
    return (OUT.index(row["code"]), near, one)


# --- what an editor reads -----------------------------------------------------------------


def _included(publication: Publication, rank: int, row: Row, rules: _Rules) -> Candidate:
    code = "lead" if rank == 1 and row["code"] in ("chosen", "late") else row["code"]
    parts = {name: row[f"{name} part"] for name in PARTS if row[f"{name} part"]}
    told = " + ".join(f"{name} {_short(value)}" for name, value in parts.items())
    said = f"{row['score']:.2f} = {told or 0}"
    return Candidate(
        publication=publication.id,
        title=publication.title,
        included=True,
        rank=rank,
        code=code,
        reason=_reason_in(publication, code, rank, row["code"], rules) + said,
        score=parts,
    )


def _reason_in(publication: Publication, code: str, rank: int, rule: str, rules: _Rules) -> str:
    told = ""
    if rule == "late":
        seen = rules.day(publication.first_seen_at)
        told = f"late arrival of {rules.day(publication.dated)}, first seen {seen}; "
    if rule == "pinned":
        told = "pinned as the lead by an editor; " if rank == 1 else "pinned by an editor; "
    if rule == "event" and publication.starts_at:
        told = f"takes place {rules.day(publication.starts_at)}; "
    return f"lead: {told}" if code == "lead" else told


#: What is said of those that are out; `_facts` fills it.
_SENTENCES = {
    "limit": "beyond the limit of {because}",
    "duplicate": "same title as publication {because}",
    "old": "{dated}; look-back began {look_back}",
    "after-close": "{dated}; after the close, {close}",
    "used": "in the issue of {issue}",
    "kind": "kind excluded: {kind}",
    "topic": "topic excluded: {topics}",
    "word": "word excluded: {word}",
    "event-past": "took place {starts}",
    "event-far": "takes place {starts}; shown from {shown}",
    "event-unshown": "no section shows events",
    "excluded": "excluded by an editor",
    "hidden": "hidden by an editor",
}


def _left_out(publication: Publication, row: Row, rules: _Rules) -> Candidate:
    code = row["code"]
    facts = _facts(publication, rules)
    return Candidate(
        publication=publication.id,
        title=publication.title,
        included=False,
        code="event" if code.startswith("event-") else code,
        reason=_SENTENCES[code].format(because=row["because"], **facts),
    )


def _facts(publication: Publication, rules: _Rules) -> dict[str, str]:
    word = rules.words and rules.words.search(_text(publication))
    facts = {
        **rules.bounds,
        "dated": rules.day(publication.dated),
        "issue": rules.used.get(publication.id, ""),
        "kind": publication.kind,
        "topics": ", ".join(t for t in publication.topics if t.casefold() in rules.topics),
        "word": word[0] if word else "",
    }
    if publication.starts_at:
        ahead = timedelta() if rules.ahead is None else rules.ahead
        facts["starts"] = rules.day(publication.starts_at)
        facts["shown"] = rules.day(publication.starts_at - ahead)
    return facts


def _short(value: float) -> str:
    """Return 0.34 as ``.34``."""
    return f"{value:.2f}".removeprefix("0")

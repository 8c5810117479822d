"""How well `digest themes` says what human editors said: labels, choice, form; then its speed.

    python bench/themes.py              all of it, about a minute
    python bench/themes.py --weeks even while working on rules: the odd weeks stay unseen
    python bench/themes.py --only speed one part: score, headlines, ablation, folds, speed

Reads the real weeks in `../shared/weeks` beside the clone and says so where they are not;
the speed needs them as well, for its vocabulary.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from statistics import mean, median
from typing import Any

from digest.cli import anyfeed
from digest.cli import themes as command
from digest.model import Publication
from digest.themes import background, count, find, grouping, label, labels, phrases, ranking

WEEKS = Path(__file__).resolve().parents[2] / "shared" / "weeks"
PARTS = ("score", "headlines", "ablation", "folds", "speed")
CANDIDATES, HISTORY = 500, 10_000

#: What is switched off, one piece at a time: its name, then (module, constant, neutral value).
PIECES: Mapping[str, Sequence[tuple[Any, str, Any]]] = {
    "title before summary": [(labels, "SUMMARY", labels.TITLE)],
    "topics support a phrase": [(labels, "TOPIC", 0.0)],
    "rarity against history": [(labels, "RARITY", 0.0)],
    "vague words count little": [(labels, "VAGUE_WORD", 1.0), (labels, "HOME_WORD", 1.0)],
    "whole noun phrases": [(labels, "CUT_OFF", 1.0), (labels, "CUT_INTO", 1.0)],
    "quotations": [(labels, "QUOTED", 1.0)],
    "names": [(labels, "PROPER", 1.0)],
    "what a text calls its subject": [(labels, "SUBJECT", 1.0)],
    "who acts in the title": [(labels, "ACTS", 1.0)],
    "before the colon": [(labels, "ALONE", 1.0)],
    "who says it is not the subject": [(labels, "SOURCE", 1.0)],
    "early in the title": [(labels, "EARLY", 0.0)],
    "said again": [(labels, "AGAIN", 0.0)],
    "one word says little": [(labels, "SINGLE", 1.0), (labels, "SINGLE_COMMON", 1.0)],
    "phrases across prepositions": [(phrases, "_across", lambda *_: iter(()))],
    "nouns left unfinished": [(labels, "UNFINISHED", 1.0)],
    "whose it is": [(labels, "OWNER", 1.0)],
    "after a preposition": [(labels, "OBLIQUE", 1.0)],
    "phrases with a name in them": [(labels, "NAMED", 1.0)],
    "names kept whole": [(background, "names_in", lambda _: [])],
    "shorter along the headline": [(ranking, "TAPER", (5, 5, 5))],
    "gerunds": [(phrases, "_after_gerund", lambda *_: iter(()))],
    "grouping": [(grouping, "ALIKE", 2.0)],
}
#: What each number is tried times, to see what fitting would bring.
FACTORS = (0.8, 1.25)
FITTED = (
    *("SUMMARY", "TOPIC", "RARITY", "CUT_OFF", "CUT_INTO", "QUOTED", "PROPER", "SUBJECT"),
    *("ACTS", "ALONE", "JOINED", "GERUND", "LONG", "SINGLE", "EARLY", "AGAIN"),
    *("UNFINISHED", "OWNER", "OBLIQUE", "NAMED"),
)
FOLDS = 8
THRESHOLDS = (0.15, 0.2, 0.25, 0.28, 0.35, 0.45, 2.0)


@dataclass(frozen=True, slots=True)
class Week:
    """A past week and its editors' themes: (label, id of the item it stands for or None)."""

    file: Path
    human: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Score:
    """As `score.py` has it, over some weeks."""

    f1: float
    choice: float
    faults: int
    #: Share of the headlines' labels that are one word.
    one_word: float

    def __str__(self) -> str:
        return (
            f"label F1 {self.f1:.3f}  choice {self.choice:.3f}"
            f"  form faults {self.faults}  one-word labels {self.one_word:.0%}"
        )


def _scorer() -> Any:
    spec = importlib.util.spec_from_file_location("score", WEEKS / "score.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def weeks(which: str) -> list[Week]:
    """Return the past weeks in order of time; every other one unless *which* is "all"."""
    lines = (WEEKS / "expected.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    kept = {"all": slice(None), "even": slice(0, None, 2), "odd": slice(1, None, 2)}[which]
    return [
        Week(WEEKS / each["file"], tuple((t["label"], t["item"]) for t in each["themes"]))
        for each in told[kept]
    ]


def score(past: Sequence[Week], said: Sequence[Mapping[str, Any]], scorer: Any) -> Score:
    agreeing, chosen, shown, faults = [], [], [], 0
    for week, ours in zip(past, said, strict=True):
        themes = ours["themes"][: ranking.IN_HEADLINE]
        members = {one for theme in themes for one in theme["publications"]}
        for human, item in week.human:
            if item is not None:
                agreeing.append(scorer.f1(ours["labels"].get(item, ""), human))
                chosen.append(item in members)
        faults += len(scorer.form_faults([theme["label"] for theme in themes]))
        shown += [theme["label"] for theme in themes]
    one = sum(len(text.split()) == 1 for text in shown) / max(1, len(shown))
    return Score(mean(agreeing), mean(chosen), faults, one)


def saying(past: Sequence[Week]) -> list[dict[str, Any]]:
    return [command.facts(week.file) for week in past]


# --- parts of the report ------------------------------------------------------------------


def report_score(past: Sequence[Week], scorer: Any) -> None:
    said = saying(past)
    print(f"{len(past)} weeks: {score(past, said, scorer)}")
    every = [text for ours in said for text in ours["labels"].values() if text]
    heads = [ours["headline"] for ours in said]
    phrases_said = [theme["phrase"] for ours in said for theme in ours["themes"]]
    asking = sum(p.split()[0] in ("how", "what", "why") for p in phrases_said)
    one_word = sum(len(text.split()) == 1 for text in every) / len(every)
    human = [label for week in past for label, _ in week.human]
    print(f"  one-word labels of all items {one_word:.0%}, of the editors' {_one_word(human):.0%}")
    print(f"  words in a label by slot: {_by_slot(said)}")
    print(
        f"  headline: median {median(map(len, heads)):.0f}, most {max(map(len, heads))} characters;"
        f" the first theme ends by character 40 in {_early(said)} of {len(said)}"
    )
    print(
        f"  lead phrases: {mean(len(p.split()) for p in phrases_said):.1f} words,"
        f" most {max(len(p.split()) for p in phrases_said)};"
        f" {asking / len(phrases_said):.0%} begin with how, what or why"
    )


def _one_word(texts: Sequence[str]) -> float:
    return sum(len(text.split()) == 1 for text in texts) / len(texts)


def _by_slot(said: Sequence[Mapping[str, Any]]) -> str:
    slots = [
        [len(ours["themes"][n]["label"].split()) for ours in said if len(ours["themes"]) > n]
        for n in range(ranking.IN_HEADLINE)
    ]
    return ", ".join(f"{mean(each):.1f}" for each in slots if each)


def _early(said: Sequence[Mapping[str, Any]]) -> int:
    return sum(bool(o["themes"]) and len(o["themes"][0]["label"]) <= 40 for o in said)


def report_headlines(past: Sequence[Week]) -> None:
    for week, ours in zip(past, saying(past), strict=True):
        print(week.file.stem)
        print("  editors:", ", ".join(label for label, _ in week.human))
        print("  ours:   ", ours["headline"])
        print("  lead:   ", ours["lead"])


def report_ablation(past: Sequence[Week], scorer: Any) -> None:
    whole = score(past, saying(past), scorer)
    print(f"{'without':34} {'label F1':>8} {'choice':>7} {'one word':>9}")
    print(f"{'(nothing left out)':34} {whole.f1:8.3f} {whole.choice:7.3f} {whole.one_word:9.0%}")
    for name, changes in PIECES.items():
        with changed(changes):
            less = score(past, saying(past), scorer)
        print(
            f"{name:34} {less.f1 - whole.f1:+8.3f} {less.choice - whole.choice:+7.3f}"
            f" {less.one_word:9.0%}"
        )


def report_folds(past: Sequence[Week], scorer: Any) -> None:
    """Print what fitting brings to the weeks that it saw, and to those that it did not."""
    shipped = _mean(_each(past, scorer), range(len(past)))
    seen, unseen = [], []
    for fold in range(FOLDS):
        inside = [n for n in range(len(past)) if n % FOLDS != fold]
        outside = [n for n in range(len(past)) if n % FOLDS == fold]
        with changed(_fit(past, inside, scorer)):
            each = _each(past, scorer)
        seen.append(_mean(each, inside))
        unseen += [value for n in outside for value in each[n]]
    print(f"label F1 with the numbers as they are {shipped:.3f}")
    print(f"  fitted on {FOLDS - 1} of {FOLDS} folds: on those {mean(seen):.3f}, on the fold left")
    print(f"  out {mean(unseen):.3f}")
    print("likeness from which two items are one theme; choice, wrongly joined pairs")
    for threshold in THRESHOLDS:
        with changed([(grouping, "ALIKE", threshold)]):
            said = saying(past)
        told = score(past, said, scorer)
        print(f"  {threshold:.2f}  {told.choice:.3f}  {_wrongly_joined(past, said)}")


def _each(past: Sequence[Week], scorer: Any) -> list[list[float]]:
    """Return each week's label F1 by theme, of the items' labels alone, which is quick."""
    return [
        [scorer.f1(given.get(item, ""), human) for human, item in week.human if item is not None]
        for week in past
        for given in [_labels(week.file)]
    ]


def _labels(file: Path) -> dict[str, str]:
    feed = _feed(file)
    return {feed.names[one]: text for one, text in label(feed.publications).items()}


@cache
def _feed(file: Path) -> anyfeed.AnyFeed:
    zone = anyfeed.newsletter("Recap").zone
    return anyfeed.read(str(file), zone=zone, now=anyfeed.now())


def _mean(each: Sequence[Sequence[float]], places: Sequence[int]) -> float:
    return mean(value for n in places for value in each[n])


def _fit(past: Sequence[Week], inside: Sequence[int], scorer: Any) -> list[tuple[Any, str, float]]:
    """Return the numbers, one after the other each at its best for the weeks *inside*."""
    found: dict[str, float] = {}
    best = _mean(_each(past, scorer), inside)
    for name in FITTED:
        for factor in FACTORS:
            tried = {**found, name: getattr(labels, name) * factor}
            with changed([(labels, one, value) for one, value in tried.items()]):
                told = _mean(_each(past, scorer), inside)
            if told > best:
                best, found = told, tried
    return [(labels, name, value) for name, value in found.items()]


def _wrongly_joined(past: Sequence[Week], said: Sequence[Mapping[str, Any]]) -> int:
    """Return how many pairs of items with themes of their own we put into one theme."""
    wrong = 0
    for week, ours in zip(past, said, strict=True):
        items = {item for _, item in week.human if item}
        for theme in ours["themes"]:
            inside = len(items & set(theme["publications"]))
            wrong += inside * (inside - 1) // 2
    return wrong


@contextmanager
def changed(changes: Sequence[tuple[Any, str, Any]]) -> Iterator[None]:
    before = [(module, name, vars(module)[name]) for module, name, _ in changes]
    try:
        for module, name, value in changes:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


# --- speed --------------------------------------------------------------------------------


def report_speed() -> None:
    """Time one week of `CANDIDATES` against `HISTORY` in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--only", "child"], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    print(
        f"{CANDIDATES} candidates, history of {HISTORY:,}: {told['seconds']:.2f} s of processor"
        f" where a draft before counted the history, {told['first']:.2f} s for the first one;"
        f" peak memory {told['megabytes']:.0f} MB (Python and imports included)"
    )


def run_child() -> None:
    texts = _texts()
    history = _recombined(texts, HISTORY, first=CANDIDATES + 1)
    week = _recombined(texts, CANDIDATES, first=1)
    # The processor's time: a machine at other work must not blur the figure.
    began = time.process_time()
    counted = count(history)
    counting = time.process_time() - began
    found = find(week, history=counted)
    first = time.process_time() - began
    assert len(found.themes) == ranking.IN_HEADLINE
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"first": first, "seconds": first - counting, "megabytes": kilobytes / 1024}))


def _texts() -> list[tuple[str, str]]:
    files = [*sorted(WEEKS.glob("20*.json")), WEEKS / "history.json"]
    items = [item for file in files for item in json.loads(file.read_text())["items"]]
    return [(item["title"], item["summary"]) for item in items]


def _recombined(texts: Sequence[tuple[str, str]], count: int, *, first: int) -> list[Publication]:
    """Return *count* publications, each of one text's beginning and another's end."""
    made = []
    for n in range(first, first + count):
        (title, summary), (other, more) = (
            texts[n % len(texts)],
            texts[(n * 7 + n // len(texts) * 31) % len(texts)],
        )
        a, b = title.split(), other.split()
        made.append(
            Publication(
                id=n,
                title=" ".join([*a[: len(a) // 2 + 1], *b[len(b) // 2 :]]),
                summary=f"{summary} {more}",
                first_seen_at=datetime(2023, 9, 22, tzinfo=UTC) - timedelta(hours=n),
            )
        )
    return made


def main() -> None:
    told = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    told.add_argument("--weeks", choices=("all", "even", "odd"), default="all")
    told.add_argument("--only", choices=(*PARTS, "child"))
    asked = told.parse_args()
    if not WEEKS.is_dir():
        print(f"{WEEKS} is not there: nothing to compare with.")
        return
    if asked.only == "child":
        run_child()
        return
    past, scorer = weeks(asked.weeks), _scorer()
    reports = {
        "score": lambda: report_score(past, scorer),
        "headlines": lambda: report_headlines(past),
        "ablation": lambda: report_ablation(past, scorer),
        "folds": lambda: report_folds(past, scorer),
        "speed": report_speed,
    }
    for name, report in reports.items():
        if asked.only in (None, name):
            print(f"--- {name}")
            report()


if __name__ == "__main__":
    main()

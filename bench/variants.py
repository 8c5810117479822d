"""
What a reader's variant costs: 12 of 40 items in an order of its own, about 100 KB of mail.

`.venv/bin/python bench/variants.py` prints messages per second of one core's time: body
segments as a socket's sendmsg takes them, joined to one piece, and whole with headers.
Every body is checked against a decoder first.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from pathlib import Path

from digest.model import Item, Recap, Recipient, Section, Theme, Variant, Window
from digest.model.settings import NewsletterSettings
from digest.render import choice, fragments, message, render, varied

ITEMS, CHOSEN, SETS, READERS, ROUNDS = 40, 12, 64, 10_000, 20
MUST = {"segments": 500_000, "joined": 200_000}
ROOT = "https://recap.example.org"
WORDS = [
    "deterrence",
    "alliance",
    "supply",
    "water",
    "housing",
    "energy",
    "policy",
    "budget",
    "readiness",
    "island",
]

NEWSLETTER = NewsletterSettings.model_validate(
    {
        "title": "A Weekly Recap",
        "from": "A Weekly Recap <recap@example.org>",
        "postal_address": "1 Sample Street, Springfield",
        "look": {"layout": "text"},
    }
)


def recap(ids: list[int], words: str) -> Recap:
    said = random.Random(7)
    items = {
        one: Item(
            publication=one,
            title=f"Publication {one} on {said.choice(WORDS)} and {said.choice(WORDS)}",
            summary=" ".join(said.choice(WORDS) for _ in range(350)) + ".",
            # Words of an editor are never cut.
            edited=("summary",),
            kind="Commentary",
            link=f"https://example.org/publications/{one}",
            published_on=date(2023, 9, 19),
        )
        for one in range(1, ITEMS + 1)
    }
    return Recap(
        title="A Weekly Recap",
        window=Window(datetime(2023, 9, 15, 10, tzinfo=UTC), datetime(2023, 9, 22, 10, tzinfo=UTC)),
        headline=words,
        lead=f"This weekly recap focuses on {words}.",
        subject=f"{words}: A Weekly Recap",
        preheader=f"Also: {words}.",
        themes=(Theme(label=words, publications=tuple(ids)),),
        items=tuple(items[one] for one in ids),
        sections=(Section(key="themes", items=tuple(ids)),),
    )


def edition(ids: list[int], words: str):
    return render(
        recap(ids, words),
        newsletter=NEWSLETTER,
        newsletter_key="weekly",
        issue_key="2023-09-22",
        number=1,
        public_url=ROOT,
        templates=(Path(__file__).parents[1] / "templates",),
    )


def rate(work: Callable[[int], object]) -> float:
    """Return how often a second of this process's own time does *work*; the best round."""
    best = 0.0
    for _ in range(ROUNDS):
        before = time.process_time()
        for reader in range(READERS):
            work(reader)
        best = max(best, READERS / (time.process_time() - before))
    return best


def main() -> None:
    draw = random.Random(1)
    full = edition([*range(1, ITEMS + 1)], "Everything")
    began = time.process_time()
    cuttings = []
    for number in range(SETS):
        ids = draw.sample(range(1, ITEMS + 1), CHOSEN)
        told = edition(ids, f"Words of Set {number}")
        kept = Variant(
            topics=(str(number),),
            subject=told.subject,
            headline="",
            lead="",
            preheader="",
            items=tuple(ids),
            digest=told.digest,
            html=choice(told.html, full.html),
            text=choice(told.text, full.text),
        )
        made = varied(full, kept)
        assert (made.html, made.text) == (told.html, told.text)
        cuttings.append(fragments.cut(made))
    once = (time.process_time() - began) / SETS
    links = [
        {
            "unsubscribe_url": f"{ROOT}/unsubscribe/{draw.getrandbits(280):070x}",
            "preferences_url": f"{ROOT}/preferences/{draw.getrandbits(280):070x}",
        }
        for _ in range(READERS)
    ]

    def segments(reader: int) -> list[bytes]:
        return fragments.addressed(cuttings[reader % SETS], links[reader])

    def whole(reader: int) -> message.Message:
        return message.address(
            cuttings[reader % SETS],
            Recipient(subscriber=reader, address=f"reader{reader}@example.org", name="A Reader"),
            newsletter=NEWSLETTER,
            newsletter_key="weekly",
            issue_key="2023-09-22",
            public_url=ROOT,
            **links[reader],
            message_id=f"<{reader}@example.org>",
            date=datetime(2023, 9, 22, 13, tzinfo=UTC),
        )

    for reader in range(SETS):
        parts = [*message_from_bytes(bytes(whole(reader)), policy=policy.SMTP).iter_parts()]
        told = [part.get_payload(decode=True).decode() for part in parts]
        assert all(link in said for link in links[reader].values() for said in told)
    size = sum(map(len, segments(0)))
    print(f"{CHOSEN} of {ITEMS} items, {SETS} sets, {size / 1000:.0f} KB of body")
    print(f"  made once a set       {once * 1000:8.1f} ms")
    missed = False
    for name, work in (
        ("segments", segments),
        ("joined", lambda reader: b"".join(segments(reader))),
        ("whole, with headers", whole),
    ):
        reached = rate(work)
        must = MUST.get(name)
        missed |= must is not None and reached < must
        print(f"  {name:20} {reached:10,.0f} /s" + (f"   must {must:,}" if must else ""))
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()

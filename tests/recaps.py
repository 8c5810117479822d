"""Recaps, newsletters and editions that the tests of rendering share."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from digest.model import Edition, Item, Recap, Recipient, Section, Theme, Window
from digest.model.settings import NewsletterSettings
from digest.render import render
from digest.render.fragments import Fragments
from digest.render.message import Message, address

GOLDEN = Path(__file__).parent / "golden"
TEMPLATES = (Path(__file__).parents[1] / "templates",)
PUBLIC_URL = "https://recap.example.org"
UNSUBSCRIBE_URL = f"{PUBLIC_URL}/unsubscribe/v1.1.c2lnbmF0dXJlLW9mLWEtcmVhZGVy"
PREFERENCES_URL = f"{PUBLIC_URL}/preferences/v1.1.b3RoZXItbGluay1vZi1hLXJlYWRlcg"
SENT_AT = datetime(2023, 9, 22, 13, 0, 5, tzinfo=UTC)


def real_week() -> Recap:
    """The week of 22 September 2023; titles are facts, summaries our own."""
    return TypeAdapter(Recap).validate_json((GOLDEN / "week.json").read_bytes())


def a_newsletter(layout: str = "cards", **told: Any) -> NewsletterSettings:
    facts: dict[str, Any] = {
        "title": "RAND Weekly Recap",
        "from": "RAND Weekly Recap <recap@example.org>",
        "reply_to": "editors@example.org",
        "postal_address": "1 Sample Street, Springfield",
        "timezone": "America/New_York",
        "look": {"layout": layout},
        "notice": "A sample made with Weekly Recap. Not affiliated with the RAND Corporation.",
    }
    return NewsletterSettings.model_validate(facts | told)


def an_item(publication: int = 1, **told: Any) -> Item:
    facts: dict[str, Any] = {
        "title": f"Publication {publication}",
        "summary": "What it says.",
        "kind": "Commentary",
        "link": f"https://example.org/publications/{publication}",
        "published_on": date(2023, 9, 19),
    }
    return Item(publication=publication, **(facts | told))


def a_recap(*items: Item, **told: Any) -> Recap:
    """One theme over all *items*; name only what the test is about."""
    ids = tuple(item.publication for item in items)
    facts: dict[str, Any] = {
        "title": "A Weekly",
        "window": Window(
            datetime(2023, 9, 15, 10, tzinfo=UTC), datetime(2023, 9, 22, 10, tzinfo=UTC)
        ),
        "headline": "A Headline",
        "lead": "This weekly recap focuses on one thing.",
        "subject": "A Headline: A Weekly",
        "preheader": "This weekly recap focuses on one thing.",
        "themes": (Theme(label="A Theme", publications=ids),) if ids else (),
        "items": items,
        "sections": (Section(key="themes", items=ids),) if ids else (),
    }
    return Recap(**(facts | told))


def an_arabic_issue() -> Recap:
    """A recap in Arabic, with one item in English."""
    return a_recap(
        an_item(1, title="أمن البحر الأحمر وطرق التجارة", summary="كيف تغيّر مسار السفن.",
                kind="تعليق", language="ar"),
        an_item(2, title="A Report in English", summary="It stays as it is.", language="en"),
        an_item(3, title="ندوة عن المياه", summary="لقاء مفتوح للجميع.", kind="فعالية",
                starts_at=datetime(2023, 9, 28, 18, tzinfo=UTC)),
        title="الموجز الأسبوعي",
        headline="أمن البحر الأحمر، المياه",
        lead="أبرز مواضيع هذا الأسبوع: أمن البحر الأحمر والمياه.",
        subject="أمن البحر الأحمر، المياه: الموجز الأسبوعي",
        preheader="",
        themes=(Theme(label="أمن البحر الأحمر", publications=(1, 2)),),
        sections=(
            Section(key="themes", items=(1, 2)),
            Section(key="upcoming", title="قريبًا", items=(3,)),
        ),
    )  # fmt: skip


def a_japanese_issue() -> Recap:
    """A recap in Japanese, whose lines break without spaces."""
    return a_recap(
        an_item(1, title="紅海の安全保障と世界の海上貿易への影響", kind="論評", language="ja",
                summary="海運の経路はどう変わったのか。保険料は三倍になり、船は喜望峰を回る。"
                "この報告は、港湾と荷主の双方に何ができるかを示す。"),
        an_item(2, title="気候災害からの復興とその経済学", kind="報告", language="ja",
                summary="復興には順序がある。住宅、道路、そして仕事である。"),
        title="週刊レビュー",
        headline="紅海の安全保障、災害復興",
        lead="今週の主な話題は、紅海の安全保障と災害からの復興です。",
        subject="紅海の安全保障、災害復興：週刊レビュー",
        preheader="",
        themes=(
            Theme(label="紅海の安全保障", publications=(1,)),
            Theme(label="災害復興", publications=(2,)),
        ),
        sections=(Section(key="themes", items=(1, 2)),),
    )  # fmt: skip


def edition(recap: Recap | None = None, layout: str = "cards", **told: Any) -> Edition:
    """Render *recap* (default: the real week) as issue 37."""
    facts: dict[str, Any] = {
        "newsletter": a_newsletter(layout),
        "newsletter_key": "weekly-recap",
        "issue_key": "2023-09-22",
        "number": 37,
        "public_url": PUBLIC_URL,
        "templates": TEMPLATES,
    }
    return render(recap or real_week(), **(facts | told))


def changed(recap: Recap, **told: Any) -> Recap:
    return dataclasses.replace(recap, **told)


def addressed(fragments: Fragments, **told: Any) -> Message:
    """Address *fragments* to a reader; name only what the test is about."""
    recipient = Recipient(
        subscriber=1,
        address=told.pop("to", "reader@example.org"),
        name=told.pop("name", "A Reader"),
    )
    facts: dict[str, Any] = {
        "newsletter": a_newsletter(),
        "newsletter_key": "weekly-recap",
        "issue_key": "2023-09-22",
        "public_url": PUBLIC_URL,
        "unsubscribe_url": UNSUBSCRIBE_URL,
        "preferences_url": PREFERENCES_URL,
        "message_id": "<i1.s1.abc@example.org>",
        "date": SENT_AT,
    }
    return address(fragments, recipient, **(facts | told))

"""The settings' own types: what they accept, and in which form they keep it."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from digest.model.settings import (
    NewsletterSettings,
    Settings,
    is_loopback,
    is_placeholder,
)


def a_newsletter(**told: Any) -> NewsletterSettings:
    least = {
        "title": "Weekly",
        "from": "weekly@example.org",
        "postal_address": "12 Harbour Road, Springfield",
    }
    return NewsletterSettings.model_validate(least | told)


@pytest.mark.parametrize(
    ("written", "kept", "address"),
    [
        ("recap@example.org", "recap@example.org", "recap@example.org"),
        ("Recap <recap@example.org>", "Recap <recap@example.org>", "recap@example.org"),
        ("Recap, Inc. <r@example.org>", '"Recap, Inc." <r@example.org>', "r@example.org"),
        ('"Recap, Inc." <r@example.org>', '"Recap, Inc." <r@example.org>', "r@example.org"),
        ('"a \\"b\\" c" <r@example.org>', '"a \\"b\\" c" <r@example.org>', "r@example.org"),
        ("<r@example.org>", "r@example.org", "r@example.org"),
        ('"Plain" <r@example.org>', "Plain <r@example.org>", "r@example.org"),
        ("Récap été <r@EXAMPLE.org>", "Récap été <r@example.org>", "r@example.org"),
        ("r@exämple.org", "r@exämple.org", "r@exämple.org"),
    ],
)
def test_a_mailbox_is_kept_so_that_it_reads_back(written: str, kept: str, address: str) -> None:
    """A name with a comma gets its quotes; the bare address can always be had."""
    newsletter = a_newsletter(**{"from": written})

    assert newsletter.from_ == kept
    assert newsletter.from_address == address


@pytest.mark.parametrize(
    "written",
    ["", "nobody", "a@b@c.org", "a@example.org, b@example.org", "A <a@example.org>, B <b@x.org>",
     "A <a@example.org>\nBcc: b@example.org", "A <a@example.org", "<>", "a\x00@example.org"],
)  # fmt: skip
def test_no_mailbox_smuggles_a_second_one(written: str) -> None:
    """Two addresses, a broken one or a line break are refused."""
    with pytest.raises(ValidationError):
        a_newsletter(**{"from": written})


@given(st.text(max_size=60))
def test_a_mailbox_never_holds_a_line_break(written: str) -> None:
    """Whatever is accepted can stand in a header as it is."""
    try:
        kept = a_newsletter(reply_to=f"{written} <a@example.org>").reply_to
    except ValidationError:
        return
    assert kept is not None
    assert len(kept.splitlines()) == 1
    assert a_newsletter(reply_to=kept).reply_to == kept


@pytest.mark.parametrize(
    "url",
    ["https://example.org/feed", "HTTP://example.org", "feeds/week.json", "a: b.csv", "by-hand:x"],
)
def test_a_feed_is_an_address_or_a_path(url: str) -> None:
    """A file's name may have a colon."""
    assert a_newsletter(feeds=[url]).feeds[0].url == url


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/xml,x", "file:///etc/passwd", "gopher://x", "https:", ""],
)
def test_no_other_scheme_is_a_feed(url: str) -> None:
    """What is neither fetched nor opened is refused when it is configured."""
    with pytest.raises(ValidationError):
        a_newsletter(feeds=[url])


@pytest.mark.parametrize(
    ("written", "weekday", "at"),
    [
        ("friday 06:00", 4, time(6)),
        (" Monday 9:30 ", 0, time(9, 30)),
        ("SUNDAY 23:59", 6, time(23, 59)),
    ],
)
def test_a_weekday_and_a_time(written: str, weekday: int, at: time) -> None:
    """Case and spaces do not matter; 0 is Monday."""
    closes = a_newsletter(closes=written).closes

    assert (closes.weekday, closes.at) == (weekday, at)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("6 h", timedelta(hours=6)),
        ("10d", timedelta(days=10)),
        ("2w", timedelta(days=14)),
    ],
)
def test_a_duration_has_a_unit(written: str, kept: timedelta) -> None:
    """Seconds, minutes, hours, days and weeks."""
    assert a_newsletter(look_back=written).look_back == kept


@pytest.mark.parametrize(
    "written",
    ["Your postal address", "TODO", "CHANGE ME", "change me, please", "<street, town>",
     "xxxxxxxxxx", "---------", "Company, Postal Address, City", "Placeholder 1, Town"],
)  # fmt: skip
def test_a_placeholder_is_recognised(written: str) -> None:
    """Words that only say where an address should stand are none."""
    assert is_placeholder(written)


@pytest.mark.parametrize(
    "written",
    ["1 Sample Street, Springfield", "12 Harbour Road, Springfield", "Postfach 12, 10115 Berlin",
     "1-2-3 Toranomon, Minato-ku, Tokyo", "P.O. Box 2138, Townville", "東京都港区1-2-3"],
)  # fmt: skip
def test_a_postal_address_is_not_a_placeholder(written: str) -> None:
    """Real addresses pass, and so does the sample's, which goes nowhere but the own inbox."""
    assert not is_placeholder(written)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.0.1", "::1", "[::1]", "localhost", "LOCALHOST"]
)
def test_this_machine_is_known_by_name(host: str) -> None:
    """Only loopback addresses and localhost are this machine."""
    assert is_loopback(host)
    assert not is_loopback(f"{host}.example.org")


def test_the_public_address_ends_without_a_slash() -> None:
    """Links are made by adding a path, so there must be one slash and not two."""
    settings = Settings.model_validate(
        {
            "public_url": "https://recap.example.org/mail/",
            "newsletters": {
                "weekly": {
                    "title": "Weekly",
                    "from": "weekly@example.org",
                    "postal_address": "12 Harbour Road, Springfield",
                }
            },
        }
    )

    assert settings.public_url == "https://recap.example.org/mail"


def test_secrets_are_neither_shown_nor_dumped() -> None:
    """A log line or a JSON answer made from settings holds no password and no key."""
    settings = Settings.model_validate(
        {
            "public_url": "https://recap.example.org",
            "token_key": "hidden-key",
            "smtp": {"user": "hidden-user", "password": "hidden-password"},
            "newsletters": {"weekly": a_newsletter()},
        }
    )

    assert "hidden" not in repr(settings)
    assert "hidden" not in settings.model_dump_json()


def test_text_may_have_lines_where_an_address_has() -> None:
    """A postal address may be written over several lines; other controls are refused."""
    newsletter = a_newsletter(postal_address="Recap\n12 Harbour Road\nSpringfield\n")

    assert newsletter.postal_address == "Recap\n12 Harbour Road\nSpringfield"
    with pytest.raises(ValidationError):
        a_newsletter(postal_address="12 Harbour\x1b[2J Road")
    with pytest.raises(ValidationError):
        a_newsletter(title="Weekly\r\nBcc: b@example.org")

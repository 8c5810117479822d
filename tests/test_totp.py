"""Codes of an authenticator app, against the RFCs' own vectors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from digest import totp

#: The secret of RFC 4226 (appendix D) and RFC 6238 (appendix B, SHA-1).
SECRET = b"12345678901234567890"


#: The codes of counts 0 to 9, appendix D of RFC 4226.
COUNTED = (
    *("755224", "287082", "359152", "969429", "338314"),
    *("254676", "287922", "162583", "399871", "520489"),
)


@pytest.mark.parametrize(("step", "code"), list(enumerate(COUNTED)))
def test_codes_are_those_of_rfc_4226(step: int, code: str) -> None:
    """Appendix D, count for count."""
    assert totp.code(SECRET, step) == code


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    """Appendix B, the last six of its eight digits, leading zeros kept."""
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert totp.step_of(SECRET, code, now=now) == seconds // 30
    assert totp.step_of(SECRET, f"{code[:3]} {code[3:]}", now=now) == seconds // 30


def test_a_clock_may_be_half_a_minute_off() -> None:
    """The code before and the one after are taken, those beyond are not."""
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    current = int(now.timestamp()) // 30
    taken = [
        totp.step_of(SECRET, totp.code(SECRET, current + off), now=now) for off in range(-3, 4)
    ]
    assert taken == [None, None, current - 1, current, current + 1, None, None]


@pytest.mark.parametrize("wrong", ["", "12345", "1234567", "abcdef", "１２３４５６", "\x00" * 6])
def test_what_is_no_code_is_none(wrong: str) -> None:
    """Nothing that a form can send raises or fits."""
    assert totp.step_of(SECRET, wrong, now=datetime(2026, 5, 1, tzinfo=UTC)) is None


def test_an_app_reads_the_address() -> None:
    """Label, issuer and secret as the apps' common form has them."""
    made = urlsplit(totp.address(SECRET, issuer="A & B: Weekly", account="ana@example.org"))
    assert (made.scheme, made.netloc) == ("otpauth", "totp")
    assert made.path == "/A%20%26%20B:%20Weekly:ana@example.org"
    assert parse_qs(made.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["A & B: Weekly"],
    }
    assert totp.spelled(SECRET).replace(" ", "") == parse_qs(made.query)["secret"][0]

"""Tokens: what opens, what does not, and what they give away."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import tokens
from digest.errors import BadToken

KEY = "a" * 64
NEWER = "b" * 64
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

words = st.text(st.characters(min_codepoint=32, codec="utf-8"), max_size=20)
parts = st.lists(words | st.integers(), min_size=1, max_size=5)


@given(st.sampled_from(["unsubscribe", "confirm"]), parts)
def test_a_token_says_its_parts_again(purpose: str, parts: list[str | int]) -> None:
    """Whatever the parts are, opening gives them back, as text."""
    assert tokens.opened(KEY, purpose, tokens.make(KEY, purpose, *parts)) == tuple(map(str, parts))


def test_the_same_parts_make_the_same_token() -> None:
    """A message that is sent again carries the same link."""
    assert tokens.make(KEY, "unsubscribe", 7, "n") == tokens.make(KEY, "unsubscribe", 7, "n")


def test_a_token_is_safe_in_an_address() -> None:
    """It holds letters, digits, - and _ only, and is short enough for a header line."""
    for reader in range(300):
        token = tokens.make(KEY, "unsubscribe", reader, "weekly-recap")
        assert token.replace("-", "").replace("_", "").isalnum()
        assert token.isascii()
        assert len(token) < 60


def test_a_token_has_128_bits_that_nobody_can_guess() -> None:
    """The keyed part of two neighbours' tokens has 16 octets, and they differ widely."""
    one, two = (
        base64.urlsafe_b64decode(tokens.make(KEY, "unsubscribe", reader, "nnn") + "==")[3:19]
        for reader in (10, 11)
    )
    differing = sum((a ^ b).bit_count() for a, b in zip(one, two, strict=True))
    assert len(one) == 16
    assert differing > 30


@given(st.text(max_size=600))
def test_what_we_did_not_make_opens_nothing(forged: str) -> None:
    """Any other text is refused, without another exception; so is what another key signed."""
    for text in (forged, tokens.make("another key, as long as ours is", "unsubscribe", 12, "nnn")):
        with pytest.raises(BadToken):
            tokens.opened(KEY, "unsubscribe", text)


@given(st.data())
def test_a_changed_letter_closes_it(data: st.DataObject) -> None:
    """One letter changed, added or cut anywhere: refused."""
    token = tokens.make(KEY, "unsubscribe", 12, "weekly-recap")
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl0123456789-_+/=. \n"))
    changed = {
        token[:at] + letter + token[at + 1 :],
        token[:at] + letter + token[at:],
        token[:at],
        token[:at] + token[at + 1 :],
        token + letter,
    } - {token}
    for wrong in changed:
        with pytest.raises(BadToken):
            tokens.opened(KEY, "unsubscribe", wrong)


def test_every_refusal_reads_the_same() -> None:
    """Forged, cut, foreign in purpose or key: the answer does not tell which."""
    token = tokens.make(KEY, "unsubscribe", 12, "n")
    expired = tokens.make_until(KEY, "confirm", NOW, 12)
    said = set()
    for key, purpose, wrong in (
        (KEY, "confirm", token),
        (NEWER, "unsubscribe", token),
        (KEY, "unsubscribe", token[:-1]),
        (KEY, "unsubscribe", "x"),
        (KEY, "unsubscribe", ""),
        (KEY, "unsubscribe", "A" * 5000),
        (KEY, "unsubscribe", "é"),
    ):
        with pytest.raises(BadToken) as refused:
            tokens.opened(key, purpose, wrong)
        said.add((str(refused.value), refused.value.remedy))
    with pytest.raises(BadToken) as refused:
        tokens.opened_by(KEY, "confirm", expired, now=NOW)
    said.add((str(refused.value), refused.value.remedy))
    assert len(said) == 1


def test_parts_do_not_run_together() -> None:
    """Parts cut elsewhere are another token, and no part can hold what stands between them."""
    assert tokens.make(KEY, "p", "a", "bc") != tokens.make(KEY, "p", "ab", "c")
    with pytest.raises(ValueError, match="control"):
        tokens.make(KEY, "p", "a\x1fb")


@pytest.mark.parametrize("parts", [(), ("x" * 400,)], ids=["none", "too long"])
def test_a_token_that_could_not_open_is_not_made(parts: tuple[str, ...]) -> None:
    """No link is made that its own check would refuse."""
    with pytest.raises(ValueError, match="token"):
        tokens.make(KEY, "p", *parts)


def test_without_a_key_nothing_is_made_or_opened() -> None:
    """An empty key is an error, not a key."""
    for key in ("", " , "):
        with pytest.raises(ValueError, match="no token key"):
            tokens.make(key, "p", 1)


def test_old_links_live_on_when_keys_rotate() -> None:
    """The newest secret signs; each secret that is still listed opens."""
    both = f"{NEWER}, {KEY}"
    old, new = tokens.make(KEY, "p", 1), tokens.make(both, "p", 1)
    assert new == tokens.make(NEWER, "p", 1)
    assert tokens.opened(both, "p", old) == tokens.opened(both, "p", new) == ("1",)
    with pytest.raises(BadToken):
        tokens.opened(NEWER, "p", old)


@pytest.mark.parametrize(
    ("after", "opens"),
    [(timedelta(0), True), (timedelta(seconds=59), True), (timedelta(minutes=1), False)],
    ids=["at once", "the last second", "the expiry itself"],
)
def test_a_token_of_a_time_ends_with_it(after: timedelta, opens: bool) -> None:
    """It opens before its expiry, and not from then on."""
    token = tokens.make_until(KEY, "confirm", NOW + timedelta(minutes=1), 5, "n")
    if opens:
        assert tokens.opened_by(KEY, "confirm", token, now=NOW + after) == ("5", "n")
    else:
        with pytest.raises(BadToken):
            tokens.opened_by(KEY, "confirm", token, now=NOW + after)


def test_a_message_id_is_one_readers_of_one_issue() -> None:
    """The same at each attempt and after a rotation, another for any other reader or issue."""
    one = tokens.message_id(KEY, 3, 12, "example.org")
    assert one == tokens.message_id(f"{NEWER},{KEY}", 3, 12, "example.org")
    others = {tokens.message_id(KEY, issue, reader, "example.org") for issue, reader in
              ((3, 13), (4, 12), (31, 2), (12, 3))}  # fmt: skip
    assert one not in others
    assert len(others) == 4
    assert one.endswith("@example.org>")
    assert one[1:].partition("@")[0].isalnum()


def test_a_kept_hash_is_keyed_and_outlives_rotation() -> None:
    """Without the key the address cannot be guessed from its hash; a new key keeps it found."""
    kept = tokens.address_hash(KEY, "ana@example.org")
    assert kept == tokens.address_hash(f"{NEWER},{KEY}", "ana@example.org")
    assert kept != tokens.address_hash(NEWER, "ana@example.org")
    assert len(bytes.fromhex(kept)) == 32

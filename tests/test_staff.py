"""Accounts of the desk: links that open once, sessions that end, passwords, roles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from digest import staff
from digest.config import Loaded
from digest.errors import BadToken, DigestError
from digest.staff import Role, passwords
from digest.store import Database, schema
from tests.readership import installed

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANA = "ana@example.org"
WORDS = "correct horse battery staple"


@pytest.fixture
def account(database: Database) -> staff.Account:
    return staff.add(database, ANA, Role.EDITOR, now=NOW)


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return installed(tmp_path)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with little work: these tests are not about its cost."""
    monkeypatch.setattr(
        passwords, "hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    )
    passwords.nobodys.cache_clear()


def test_a_link_opens_once(database: Database, account: staff.Account) -> None:
    """The first click signs in, the second opens nothing."""
    secret = staff.link(database, "ANA@example.org", now=NOW)
    session = staff.sign_in(database, secret, now=NOW)
    assert staff.session(database, session, now=NOW) == account
    with pytest.raises(BadToken, match="used before or has expired"):
        staff.sign_in(database, secret, now=NOW)


def test_a_link_opens_once_for_many_at_a_time(database: Database, account: staff.Account) -> None:
    """Of eight clicks at one moment exactly one signs in."""
    secret = staff.link(database, account.address, now=NOW)

    def click(_: int) -> bool:
        try:
            staff.sign_in(database, secret, now=NOW)
        except BadToken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(click, range(8))) == 1


def test_links_and_sessions_end(database: Database, account: staff.Account) -> None:
    """A link opens for a day, a session lasts two weeks, to the second."""
    late = staff.link(database, account.address, now=NOW)
    with pytest.raises(BadToken):
        staff.sign_in(database, late, now=NOW + staff.LINK_LASTS)
    session = staff.sign_in(database, late, now=NOW + staff.LINK_LASTS - timedelta(seconds=1))
    began = NOW + staff.LINK_LASTS - timedelta(seconds=1)
    end = began + timedelta(seconds=staff.SESSION_SECONDS)
    assert staff.session(database, session, now=end - timedelta(seconds=1)) == account
    assert staff.session(database, session, now=end) is None


def test_signing_out_ends_the_session(database: Database, account: staff.Account) -> None:
    """The secret of an ended session opens nothing, wherever it is kept; twice is safe."""
    session = staff.sign_in(database, staff.link(database, ANA, now=NOW), now=NOW)
    other = staff.sign_in(database, staff.link(database, ANA, now=NOW), now=NOW)
    for _ in range(2):
        staff.sign_out(database, session)
        assert staff.session(database, session, now=NOW) is None
    assert staff.session(database, other, now=NOW) == account


@pytest.mark.parametrize("forged", ["", "x", "é" * 10, "'; DROP TABLE sessions; --", "a" * 9999])
def test_forged_secrets_open_nothing(
    database: Database, account: staff.Account, forged: str
) -> None:
    """What we did not hand out is neither a link nor a session; a link is no session."""
    link = staff.link(database, account.address, now=NOW)
    for wrong in (forged, link):
        assert staff.session(database, wrong, now=NOW) is None
    session = staff.sign_in(database, link, now=NOW)
    for wrong in (forged, session):
        with pytest.raises(BadToken):
            staff.sign_in(database, wrong, now=NOW)


@pytest.mark.usefixtures("quick")
def test_the_database_holds_no_secret(
    database: Database, loaded: Loaded, account: staff.Account
) -> None:
    """Who reads the tables can sign in with nothing of what is in them."""
    link = staff.link(database, account.address, now=NOW)
    waiting = staff.link(database, account.address, now=NOW)
    session = staff.sign_in(database, link, now=NOW)
    with database.read() as conn:
        kept = [
            str(row) for t in (schema.sessions, schema.accounts) for row in conn.execute(select(t))
        ]
    staff.set_password(database, loaded, account.address, WORDS, now=NOW)
    with database.read() as conn:
        kept += [str(row) for row in conn.execute(select(schema.accounts))]
    assert not [row for row in kept for secret in (link, waiting, session, WORDS) if secret in row]
    assert "$argon2id$" in kept[-1]


def test_a_removed_account_is_out_at_once(database: Database, account: staff.Account) -> None:
    """Its sessions, links and password end; added again, it needs a new link."""
    session = staff.sign_in(database, staff.link(database, ANA, now=NOW), now=NOW)
    link = staff.link(database, ANA, now=NOW)
    staff.remove(database, ANA, now=NOW)
    assert staff.session(database, session, now=NOW) is None
    assert staff.listed(database) == []
    with pytest.raises(BadToken):
        staff.sign_in(database, link, now=NOW)
    with pytest.raises(DigestError, match="nobody at the desk"):
        staff.link(database, ANA, now=NOW)
    again = staff.add(database, ANA, Role.VIEWER, now=NOW)
    assert (again.id, again.role) == (account.id, "viewer")
    assert staff.session(database, session, now=NOW) is None


def test_a_role_holds_from_the_next_click(database: Database, account: staff.Account) -> None:
    """A session carries no role of its own: it is read each time."""
    session = staff.sign_in(database, staff.link(database, ANA, now=NOW), now=NOW)
    staff.change_role(database, "Ana@Example.org", Role.VIEWER, now=NOW)
    seen = staff.session(database, session, now=NOW)
    assert seen is not None
    assert seen.role == "viewer"
    with pytest.raises(DigestError, match="nobody at the desk"):
        staff.change_role(database, "ben@example.org", Role.ADMIN, now=NOW)


def test_roles_include_those_before_them() -> None:
    """Viewer, editor, publisher, admin: each may do what those before it may."""
    roles = list(Role)
    assert roles == ["viewer", "editor", "publisher", "admin"]
    for i, role in enumerate(roles):
        assert [role.includes(other) for other in roles] == [j <= i for j in range(4)]


@pytest.mark.parametrize("address", ["", "ana", "ana@", "ana@example.org\nx", "a b@example.org"])
def test_an_account_needs_an_address(database: Database, address: str) -> None:
    """What is no address is no account."""
    with pytest.raises(DigestError, match="is no address"):
        staff.add(database, address, Role.EDITOR, now=NOW)


def test_the_first_link_makes_an_admin(database: Database, tmp_path: Path) -> None:
    """A new installation's first link is an admin's, any further unknown one a viewer's."""
    loaded = installed(tmp_path)
    url = staff.one_time_link(database, loaded, ANA, now=NOW)
    assert url.startswith("https://recap.example.org/sign-in/")
    staff.one_time_link(database, loaded, "ben@example.org", now=NOW)
    staff.one_time_link(database, loaded, ANA, now=NOW)
    assert [(a.address, a.role) for a in staff.listed(database)] == [
        (ANA, "admin"),
        ("ben@example.org", "viewer"),
    ]
    secret = url.rpartition("/")[2]
    assert staff.session(database, staff.sign_in(database, secret, now=NOW), now=NOW)


# --- passwords ----------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_a_password_signs_in(database: Database, loaded: Loaded, account: staff.Account) -> None:
    """The right one begins a session, however its letters are composed."""
    staff.set_password(database, loaded, ANA, "Jörgs langes Passwort", now=NOW)
    for written in ("Jörgs langes Passwort", "Jo\u0308rgs langes Passwort"):
        session = staff.sign_in_by_password(database, "ANA@example.org", written, now=NOW)
        assert staff.session(database, session, now=NOW) == account


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("address", "password"),
    [
        (ANA, "wrong horse battery staple"),
        (ANA, ""),
        (ANA, WORDS + " "),
        (ANA, "x" * 100_000),
        ("ben@example.org", WORDS),
        ("none@example.org", WORDS),
        ("", ""),
        ("no address", "\x00"),
    ],
    ids=["wrong", "empty", "longer", "huge", "no password", "unknown", "nothing", "odd"],
)
@pytest.mark.usefixtures("account")
def test_wrong_words_are_all_alike(
    database: Database, loaded: Loaded, address: str, password: str
) -> None:
    """Wrong password and unknown address get one answer."""
    staff.add(database, "ben@example.org", Role.EDITOR, now=NOW)
    staff.set_password(database, loaded, ANA, WORDS, now=NOW)
    with pytest.raises(BadToken, match=r"^address or password is wrong$"):
        staff.sign_in_by_password(database, address, password, now=NOW)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("account")
def test_an_unknown_address_is_hashed_for_as_well(
    database: Database, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time taken does not tell who has an account: one hash is verified either way."""
    verified: list[str] = []

    class Counting:
        def __init__(self) -> None:
            self.real = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

        def hash(self, password: str) -> str:
            return self.real.hash(password)

        def check_needs_rehash(self, hashed: str) -> bool:
            return self.real.check_needs_rehash(hashed)

        def verify(self, hashed: str, password: str) -> bool:
            verified.append(hashed)
            return self.real.verify(hashed, password)

    counting = Counting()
    monkeypatch.setattr(passwords, "hasher", lambda: counting)
    passwords.nobodys.cache_clear()
    staff.set_password(database, loaded, ANA, WORDS, now=NOW)
    for address in (ANA, "none@example.org"):
        with pytest.raises(BadToken):
            staff.sign_in_by_password(database, address, "wrong", now=NOW)
    assert len(verified) == 2


@pytest.mark.usefixtures("quick", "account")
def test_a_new_password_signs_out_everywhere(database: Database, loaded: Loaded) -> None:
    """The old password, sessions and links that wait open nothing any more."""
    staff.set_password(database, loaded, ANA, WORDS, now=NOW)
    session = staff.sign_in_by_password(database, ANA, WORDS, now=NOW)
    link = staff.link(database, ANA, now=NOW)
    staff.set_password(database, loaded, ANA, "another long password", now=NOW)
    assert staff.session(database, session, now=NOW) is None
    with pytest.raises(BadToken):
        staff.sign_in(database, link, now=NOW)
    with pytest.raises(BadToken):
        staff.sign_in_by_password(database, ANA, WORDS, now=NOW)


@pytest.mark.usefixtures("account")
def test_a_weak_hash_is_renewed(
    database: Database, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hash of less work than today's is replaced at the next sign-in; the password stays."""
    weaker = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    today = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    hashers: list[PasswordHasher] = [weaker]
    monkeypatch.setattr(passwords, "hasher", lambda: hashers[0])
    staff.set_password(database, loaded, ANA, WORDS, now=NOW)
    hashers[0] = today
    for _ in range(2):
        staff.sign_in_by_password(database, ANA, WORDS, now=NOW)
        with database.read() as conn:
            kept = conn.execute(select(schema.accounts.c.password)).scalar_one()
        assert not today.check_needs_rehash(kept)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("password", ["", "fourteen chars", "x" * 257])
def test_a_password_has_a_length(database: Database, loaded: Loaded, password: str) -> None:
    """Too short to resist guessing, or too long to hash: refused, and the old one stays."""
    with pytest.raises(DigestError, match="letters") as refused:
        staff.set_password(database, loaded, ANA, password, now=NOW)
    assert "15 to 256" in refused.value.remedy


def test_todays_hash_is_argon2id_of_some_weight() -> None:
    """RFC 9106's second recommendation is the least: 64 MiB, three passes."""
    hasher = passwords.hasher()
    assert hasher.type.name == "ID"
    assert (hasher.memory_cost, hasher.time_cost) >= (65536, 3)

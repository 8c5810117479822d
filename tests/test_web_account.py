"""Coming to the desk: passwords, guesses, second factors, sessions; and attacks on each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic, process_time, sleep

import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from digest import staff, totp
from digest.staff import passwords
from digest.store import Database, schema
from digest.web import deskapi
from tests.website import NOW, Site, served

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

ANA = "ana@example.org"
WORDS = "correct horse battery staple"


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with little work, except where the time is what is tested."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "hasher", lambda: quick)
    passwords.nobodys.cache_clear()


@pytest.fixture
def ana(site: Site) -> staff.Account:
    account = staff.add(site.database, ANA, staff.Role.EDITOR, now=NOW)
    staff.set_password(site.database, site.loaded, ANA, WORDS, now=NOW)
    return account


def enter(
    browser: httpx.Client, address: str = ANA, password: str = WORDS, **told: str
) -> httpx.Response:
    return browser.post("/sign-in", data={"address": address, "password": password} | told)


def signed_in(site: Site, **headers: str) -> httpx.Client:
    browser = site.browser(headers=headers)
    assert enter(browser).status_code == 303
    return browser


def csrf(browser: httpx.Client, path: str = "/desk/account") -> dict[str, str]:
    return dict(re.findall(r'name="(csrf)" value="([^"]+)"', browser.get(path).text))


def is_in(browser: httpx.Client) -> bool:
    return browser.get("/desk/account").status_code == 200


# --- passwords ----------------------------------------------------------------------------


@pytest.mark.usefixtures("ana")
def test_a_password_opens_the_desk(site: Site) -> None:
    """Address and password lead to the page that was asked for."""
    browser = site.browser()
    asked = browser.get("/desk/log?actor=ana")
    assert asked.headers["location"] == "/sign-in?next=%2Fdesk%2Flog%3Factor%3Dana"
    form = browser.get(asked.headers["location"]).text
    assert 'name="next" value="/desk/log?actor=ana"' in form
    entered = enter(browser, address="ANA@example.org ", next="/desk/log?actor=ana")
    assert (entered.status_code, entered.headers["location"]) == (303, "/desk/log?actor=ana")
    assert is_in(browser)


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example.org/",
        "//evil.example.org/",
        "/\\evil.example.org/",
        "\\\\evil.example.org/",
        "/\t/evil.example.org",
        "/\n/evil.example.org",
        "javascript:alert(1)",
        " //evil.example.org",
        "",
    ],
)
@pytest.mark.usefixtures("ana")
def test_signing_in_leads_to_no_other_site(site: Site, path: str) -> None:
    """What is no path of ours leads to the desk's first page, from the form's field too."""
    browser = site.browser()
    assert 'name="next" value="/"' in browser.get("/sign-in", params={"next": path}).text
    assert enter(browser, next=path).headers["location"] == "/"


@pytest.mark.usefixtures("ana")
def test_a_planted_session_is_not_taken_over(site: Site) -> None:
    """Fixation: who signs in gets a new secret, and the one they came with opens nothing."""
    attacker = site.browser("viewer")
    planted = attacker.cookies["recap_desk"]
    victim = site.browser()
    victim.cookies.set("recap_desk", planted)
    entered = enter(victim)
    assert entered.status_code == 303
    fresh = entered.cookies["recap_desk"]
    assert fresh != planted
    assert not is_in(attacker)
    account = staff.session(site.database, fresh, now=NOW)
    assert account is not None
    assert account.address == ANA


@pytest.mark.usefixtures("ana")
def test_known_and_unknown_addresses_are_answered_alike(site: Site) -> None:
    """Status, words and headers are the same but for the address typed, also beyond the limit."""
    staff.add(site.database, "ben@example.org", staff.Role.EDITOR, now=NOW)

    def answers(address: str) -> list[tuple[int, str, list[tuple[str, str]]]]:
        browser, found = site.browser(), []
        for _ in range(7):
            answer = enter(browser, address=address, password="wrong")
            headers = sorted(
                (name, value)
                for name, value in answer.headers.items()
                if name not in ("date", "content-length")
            )
            found.append((answer.status_code, answer.text.replace(address, "…"), headers))
        return found

    known = answers(ANA)
    assert {status for status, _, _ in known} == {403, 429}
    assert answers("none@example.org") == known
    assert answers("ben@example.org") == known  # an account without a password


@pytest.mark.usefixtures("ana")
def test_an_unknown_address_takes_as_long(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """One hash of full weight is verified either way; that is nearly all of the time."""
    slow = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
    monkeypatch.setattr(passwords, "hasher", lambda: slow)
    passwords.nobodys.cache_clear()
    passwords.nobodys()
    staff.set_password(site.database, site.loaded, ANA, WORDS, now=NOW)

    def fastest(address: str) -> float:
        spent = []
        for _ in range(3):
            began = process_time()  # others on the machine take none of it
            assert enter(site.browser(), address=address, password="wrong").status_code == 403
            spent.append(process_time() - began)
        return min(spent)

    known, unknown = fastest(ANA), fastest("none@example.org")
    assert 0.5 < known / unknown < 2


# --- guesses ------------------------------------------------------------------------------


@pytest.mark.usefixtures("ana")
def test_guessing_a_password_ends_in_waiting(site: Site) -> None:
    """Brute force: after five wrong ones even the right one is not heard, until the wait ends."""
    browser = site.browser()
    said = [enter(browser, password=f"wrong {n}").status_code for n in range(5)]
    assert said == [403] * 5
    refused = enter(browser)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 15
    assert "Wait 15 seconds" in refused.text
    site.now += timedelta(seconds=15)
    assert enter(browser).status_code == 303


@pytest.mark.usefixtures("ana")
def test_each_wait_is_longer_up_to_a_quarter_of_an_hour(site: Site) -> None:
    """15 s, 30 s, 1 min, …, 15 min: some hundred guesses a day, and nobody is locked out."""
    browser, waits = site.browser(), []
    for _ in range(13):
        answer = enter(browser, password="wrong")
        if answer.status_code == 403:
            answer = enter(browser, password="wrong")
        if answer.status_code == 429:
            waits.append(int(answer.headers["retry-after"]))
            site.now += timedelta(seconds=waits[-1])
    assert waits == sorted(waits)
    assert waits[-1] == 900
    assert enter(browser).status_code == 303


@pytest.mark.usefixtures("ana")
def test_guessing_at_many_addresses_ends_in_waiting(site: Site) -> None:
    """One household has thirty wrong guesses, whomever they are about; another place goes on."""

    def from_(ip: str) -> httpx.Client:
        return site.browser(headers={"x-forwarded-for": ip})

    for number in range(30):
        address = f"nobody{number}@example.org"
        assert enter(from_(f"203.0.113.{number}"), address=address).status_code == 403
    assert enter(from_("203.0.113.200")).status_code == 429
    assert enter(from_("198.51.100.7")).status_code == 303


@pytest.mark.usefixtures("ana")
def test_an_own_account_does_not_wash_a_network_clean(site: Site) -> None:
    """Signing in rightly between guesses at others takes only its own guess back."""
    headers = {"x-forwarded-for": "203.0.113.9"}
    for number in range(30):
        browser = site.browser(headers=headers)
        assert enter(browser, address=f"n{number}@example.org").status_code == 403
        if number < 29:
            assert enter(browser).status_code == 303
    assert enter(site.browser(headers=headers)).status_code == 429


# --- another address ------------------------------------------------------------------------

ANNA = "anna@example.org"


def move_links(database: Database, address: str = ANNA, least: int = 1) -> list[str]:
    """The secrets of the mails to a new address, of which *least* are waited for."""
    until, rows = monotonic() + 20, []
    while len(rows) < least and monotonic() < until:
        sleep(0.02)
        with database.read() as conn:
            rows = list(conn.execute(select(schema.outbox).filter_by(kind="new-address")))
    assert all(row.address == address for row in rows)
    return [re.findall(r"/new-address/([\w-]+)", row.text)[0] for row in rows]


def ask_to_move(browser: httpx.Client, address: str = ANNA, given: str = WORDS) -> httpx.Response:
    told = csrf(browser) | {"address": address, "given": given}
    return browser.post("/desk/account/address", data=told)


def test_an_address_moves_by_a_password_and_a_link_to_the_new_one(
    site: Site, ana: staff.Account
) -> None:
    """Other browsers end, the old address is told, tokens go on, and the log has both."""
    token = staff.make_token(
        site.database, site.loaded, ana, name="x", scopes=["issues:read"], lasts=None, now=NOW
    )
    browser, other = signed_in(site), signed_in(site)
    assert ask_to_move(browser, given="wrong").status_code == 422
    assert ask_to_move(browser, address="no address").status_code == 422
    assert f"mailbox of {ANNA}" in ask_to_move(browser).text
    (link,) = move_links(site.database)
    for _ in range(3):  # scanners open links
        assert f"sign in as {ANNA}" in browser.get(f"/new-address/{link}").text
    assert is_in(other)
    assert enter(site.browser()).status_code == 303
    assert f"sign in as {ANNA}" in browser.post(f"/new-address/{link}").text
    assert [is_in(browser), is_in(other)] == [True, False]
    assert enter(site.browser()).status_code == 403
    assert enter(site.browser(), address=ANNA).status_code == 303
    assert notices(site.database)[-1] == "The address of your account was changed"
    assert browser.post(f"/new-address/{link}").status_code == 404
    bearer = {"authorization": f"Bearer {token}"}
    me = site.browser(headers=bearer).get(f"{deskapi.PATH}/me")
    assert me.json()["address"] == ANNA
    log = browser.get("/desk/log").text
    assert "took another address" in log
    assert ANA in log


@pytest.mark.usefixtures("ana")
def test_a_taken_address_is_answered_like_a_free_one(site: Site) -> None:
    """Nobody learns who is at the desk, of closed accounts neither; no mail goes there."""
    browser = signed_in(site)
    for address in ("ben@example.org", "gone@example.org"):
        staff.add(site.database, address, staff.Role.EDITOR, now=NOW)
    staff.remove(site.database, "gone@example.org", now=NOW)
    answers = set()
    for address in ("ben@example.org", "gone@example.org", ANNA):
        said = ask_to_move(browser, address=address)
        answers.add((said.status_code, said.text.replace(address, "…")))
    assert len(answers) == 1
    assert len(move_links(site.database)) == 1


@pytest.mark.usefixtures("ana")
def test_a_link_to_a_new_address_ends(site: Site) -> None:
    """After an hour, when all others are signed out, and when somebody else has the address."""
    browser = signed_in(site)
    for end in (
        lambda: setattr(site, "now", site.now + staff.NEW_ADDRESS_LASTS),
        lambda: browser.post("/desk/account/sessions/end-others", data=csrf(browser)),
        lambda: staff.add(site.database, ANNA, staff.Role.VIEWER, now=NOW),
    ):
        ask_to_move(browser)
        *_, link = move_links(site.database, least=1)
        assert site.browser().get(f"/new-address/{link}").status_code == 200
        end()
        assert site.browser().post(f"/new-address/{link}").status_code == 404
        with site.database.write() as conn:
            conn.execute(schema.outbox.delete())
    assert enter(site.browser()).status_code == 303


@pytest.mark.usefixtures("ana")
def test_with_a_second_factor_a_code_moves_the_address(site: Site) -> None:
    """The password alone is not enough; the link opened on another machine ends all browsers."""
    browser = signed_in(site)
    _, codes = set_up(browser, site)
    assert ask_to_move(browser).status_code == 422
    assert ask_to_move(browser, given=codes[0]).status_code == 200
    (link,) = move_links(site.database)
    assert "All browsers were signed out" in site.browser().post(f"/new-address/{link}").text
    assert not is_in(browser)


def test_without_a_password_the_sign_in_has_to_be_fresh(site: Site) -> None:
    """Who has neither password nor second factor comes by a link, and asks soon after that."""
    browser = site.browser("viewer")
    site.now += staff.MAILED_LINK_LASTS + timedelta(seconds=1)
    refused = ask_to_move(browser, given="")
    assert refused.status_code == 422
    assert "sign in by a mailed link" in refused.text
    assert ask_to_move(site.browser("viewer"), given="").status_code == 200
    assert len(move_links(site.database)) == 1


@pytest.mark.usefixtures("ana")
def test_an_admin_moves_somebodys_address(site: Site) -> None:
    """The link goes to the new mailbox all the same; of a taken address an admin is told."""
    admin = site.browser("admin")
    whose = staff.account(site.database, ANA).id
    told = csrf(admin, "/desk/people") | {"address": "admin@example.org"}
    assert admin.post(f"/desk/people/{whose}/address", data=told).status_code == 409
    page = admin.post(f"/desk/people/{whose}/address", data=told | {"address": ANNA})
    assert f"on its way to {ANNA}" in page.text
    (link,) = move_links(site.database)
    assert staff.account(site.database, ANA).id == whose
    site.browser().post(f"/new-address/{link}")
    assert staff.account(site.database, ANNA).id == whose
    assert is_in(admin)


# --- a forgotten password -----------------------------------------------------------------


@pytest.mark.usefixtures("ana")
def test_the_page_says_how_long_its_link_lasts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the time that the link has, whatever that is."""
    monkeypatch.setattr(staff, "RESET_LASTS", timedelta(minutes=25))
    assert "within 25 minutes" in ask_for_mail(site).text
    mailed(site.database)  # it comes after the answer


def notices(database: Database) -> list[str]:
    """The subjects of the mails about changes of Ana's account."""
    box = schema.outbox.c
    with database.read() as conn:
        rows = conn.execute(select(box.subject, box.address).where(box.kind == "account-changed"))
        return [row.subject for row in rows if row.address == ANA]


def mailed(database: Database, least: int = 1, room: str = "password") -> list[str]:
    """The secrets of the mails, of which *least* are waited for: they come after the answer."""
    until, rows = monotonic() + 20, []
    while len(rows) < least and monotonic() < until:
        sleep(0.02)
        with database.read() as conn:
            asked = select(schema.outbox).where(schema.outbox.c.kind == room)
            rows = list(conn.execute(asked.order_by(schema.outbox.c.id)))
    assert all(row.address == ANA for row in rows)
    return [re.findall(rf"/{room}/([\w-]+)", row.text)[0] for row in rows]


def ask_for_mail(site: Site, address: str = ANA, door: str = "forgotten") -> httpx.Response:
    return site.browser().post(f"/sign-in/{door}", data={"address": address})


@pytest.mark.usefixtures("ana")
def test_a_mailed_link_sets_a_password_once(site: Site) -> None:
    """It ends all sessions, the new password opens the desk, and a second use does nothing."""
    before = signed_in(site)
    ask_for_mail(site)
    (link,) = mailed(site.database)
    browser = site.browser()
    for _ in range(3):  # scanners open links
        assert "Choose a password" in browser.get(f"/password/{link}").text
    assert browser.post(f"/password/{link}", data={"password": "short"}).status_code == 422
    kept = browser.post(f"/password/{link}", data={"password": "another long password"})
    assert "Your password is kept" in kept.text
    assert not is_in(before)
    assert not is_in(browser)
    again = browser.post(f"/password/{link}", data={"password": "yet another long one"})
    assert again.status_code == 404
    assert browser.get(f"/password/{link}").status_code == 404
    assert enter(browser).status_code == 403
    assert enter(browser, password="another long password").status_code == 303


@pytest.mark.usefixtures("ana")
def test_a_mailed_link_is_good_for_that_alone_and_for_an_hour(site: Site) -> None:
    """It signs nobody in; a sign-in link sets no password; after an hour it opens nothing."""
    ask_for_mail(site)
    (link,) = mailed(site.database)
    assert site.browser().post(f"/sign-in/{link}").status_code == 404
    other = staff.link(site.database, ANA, now=NOW)
    told = {"password": "another long password"}
    assert site.browser().post(f"/password/{other}", data=told).status_code == 404
    site.now += timedelta(hours=1)
    assert site.browser().post(f"/password/{link}", data=told).status_code == 404


@pytest.mark.usefixtures("ana")
def test_a_mailed_link_signs_in_once(site: Site) -> None:
    """Only its button does, for a quarter of an hour, and it leads to the page asked for."""
    told = {"address": " ANA@example.org", "next": "/desk/log"}
    site.browser().post("/sign-in/by-mail", data=told)
    (link,) = mailed(site.database, room="sign-in")
    browser = site.browser()
    for _ in range(3):  # scanners open links
        page = browser.get(f"/sign-in/{link}?next=/desk/log").text
        assert 'name="next" value="/desk/log"' in page
    assert not is_in(browser)
    assert browser.post(f"/password/{link}", data={"password": WORDS}).status_code == 404
    entered = browser.post(f"/sign-in/{link}", data={"next": "//evil.example.org"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert is_in(browser)
    assert site.browser().post(f"/sign-in/{link}").status_code == 404
    ask_for_mail(site, door="by-mail")
    late = mailed(site.database, 2, room="sign-in")[1]
    site.now += staff.MAILED_LINK_LASTS
    assert site.browser().post(f"/sign-in/{late}").status_code == 404


@pytest.mark.usefixtures("ana")
def test_asking_for_a_way_in_tells_nothing_and_bombs_nobody(site: Site) -> None:
    """Known or not, the answer is the same; beyond three mails an address gets none."""
    answers = {ask_for_mail(site, f"{n}@example.org", "by-mail").text for n in range(3)}
    answers |= {ask_for_mail(site, door="by-mail").text for _ in range(5)}
    assert len(answers) == 1
    assert "within 15 minutes" in answers.pop()
    assert len(mailed(site.database, 3, room="sign-in")) == 3


@pytest.mark.usefixtures("ana")
def test_asking_for_a_mail_tells_nothing_and_bombs_nobody(site: Site) -> None:
    """The answer is one for all, and of many askings few mails come."""
    assert ask_for_mail(site, "none@example.org").text == ask_for_mail(site).text
    for _ in range(10):
        assert ask_for_mail(site).status_code == 200
    assert len(mailed(site.database, 3)) == 3
    sleep(0.5)
    assert len(mailed(site.database)) == 3


# --- the second factor --------------------------------------------------------------------


def set_up(browser: httpx.Client, site: Site) -> tuple[bytes, list[str]]:
    """Set a second factor up as a person does; return its secret and the recovery codes."""
    import base64

    page = browser.get("/desk/account/second-factor").text
    spelled = re.findall(r"<code>([A-Z2-7 ]+)</code>", page)[0].replace(" ", "")
    secret = base64.b32decode(spelled + "=" * (-len(spelled) % 8))
    told = csrf(browser, "/desk/account/second-factor") | {"code": code(secret, site)}
    shown = browser.post("/desk/account/second-factor", data=told)
    assert shown.status_code == 200, shown.text
    block = re.findall(r"Recovery codes\">([^<]+)</pre>", shown.text)[0]
    return secret, block.split()


def code(secret: bytes, site: Site) -> str:
    return totp.code(secret, int(site.now.timestamp()) // totp.PERIOD)


def give(browser: httpx.Client, code: str, **told: str) -> httpx.Response:
    return browser.post(
        "/sign-in/code", data=csrf(browser, "/sign-in/code") | {"code": code} | told
    )


@pytest.mark.usefixtures("ana")
def test_with_a_second_factor_the_password_is_half_the_way(site: Site) -> None:
    """Nothing opens before the code; with it, the page that was asked for does, under a new id."""
    first, other = signed_in(site), signed_in(site)
    before = first.cookies["recap_desk"]
    secret, codes = set_up(first, site)
    assert first.cookies["recap_desk"] != before
    assert is_in(first)
    assert not is_in(other)
    assert len(set(codes)) == 10
    site.now += timedelta(minutes=1)

    browser = site.browser()
    enter(browser, next="/desk/log")
    half = browser.cookies["recap_desk"]
    asked = browser.get("/desk/log")
    assert asked.headers["location"] == "/sign-in/code?next=%2Fdesk%2Flog"
    assert browser.post("/desk/account/sessions/end-others").status_code == 403
    entered = give(browser, code(secret, site), next="/desk/log")
    assert (entered.status_code, entered.headers["location"]) == (303, "/desk/log")
    assert browser.cookies["recap_desk"] != half
    assert is_in(browser)


@pytest.mark.usefixtures("ana")
def test_a_code_is_taken_once(site: Site) -> None:
    """Who looked over a shoulder cannot use it again within its half minute; nor one before."""
    secret, _ = set_up(signed_in(site), site)
    site.now += timedelta(minutes=2)
    seen, older = code(secret, site), totp.code(secret, int(site.now.timestamp()) // 30 - 1)
    first, second = site.browser(), site.browser()
    enter(first)
    enter(second)
    assert give(first, seen).status_code == 303
    for replayed in (seen, older):
        assert give(second, replayed).status_code == 403
    assert not is_in(second)


@pytest.mark.usefixtures("ana")
def test_guessing_codes_ends_in_waiting(site: Site) -> None:
    """After five wrong ones the right one is not heard, in another browser either."""
    secret, _ = set_up(signed_in(site), site)
    site.now += timedelta(minutes=2)
    wrong = f"{(int(code(secret, site)) + 1) % 10**6:06}"
    for _ in range(5):
        browser = site.browser()
        enter(browser)
        assert give(browser, wrong).status_code == 403
    browser = site.browser()
    enter(browser)
    assert give(browser, code(secret, site)).status_code == 429


@pytest.mark.usefixtures("ana")
def test_a_recovery_code_stands_in_once(site: Site) -> None:
    """As written or in capitals with spaces; then it is gone, and the page counts what is left."""
    _, codes = set_up(signed_in(site), site)
    for written in (codes[0], codes[1].upper().replace("-", " ")):
        browser = site.browser()
        enter(browser)
        assert give(browser, written).status_code == 303
        again = site.browser()
        enter(again)
        assert give(again, written).status_code == 403
    assert "8 recovery codes left" in browser.get("/desk/account").text


@pytest.mark.usefixtures("ana")
def test_a_link_does_not_pass_by_the_second_factor(site: Site) -> None:
    """A one-time link, made by an admin or mailed, is half the way as well."""
    set_up(signed_in(site), site)
    browser = site.browser()
    ask_for_mail(site, door="by-mail")
    (mailed_one,) = mailed(site.database, room="sign-in")
    for link in (staff.link(site.database, ANA, now=site.now), mailed_one):
        browser.post(f"/sign-in/{link}")
        assert not is_in(browser)
        assert browser.get("/").headers["location"] == "/sign-in/code"


@pytest.mark.usefixtures("ana")
def test_half_a_sign_in_ends_after_ten_minutes(site: Site) -> None:
    """Then the password is asked for again."""
    secret, _ = set_up(signed_in(site), site)
    browser = site.browser()
    enter(browser)
    told = csrf(browser, "/sign-in/code")
    site.now += timedelta(minutes=10)
    answer = browser.post("/sign-in/code", data=told | {"code": code(secret, site)})
    assert answer.headers["location"] == "/sign-in"
    assert not is_in(browser)


@pytest.mark.usefixtures("ana")
def test_the_second_factor_comes_off_with_a_code_or_at_the_command_line(site: Site) -> None:
    """A stolen open browser alone cannot take it off; an operator can, which signs out."""
    browser = signed_in(site)
    _, codes = set_up(browser, site)
    for path in ("off", "codes"):
        told = csrf(browser) | {"code": "000000"}
        assert browser.post(f"/desk/account/second-factor/{path}", data=told).status_code == 422
    fresh = browser.post(
        "/desk/account/second-factor/codes", data=csrf(browser) | {"code": codes[0]}
    )
    renewed = re.findall(r"Recovery codes\">([^<]+)</pre>", fresh.text)[0].split()
    told = csrf(browser) | {"code": codes[1]}
    assert browser.post("/desk/account/second-factor/off", data=told).status_code == 422
    told["code"] = renewed[0]
    assert browser.post("/desk/account/second-factor/off", data=told).status_code == 303
    assert is_in(signed_in(site))
    set_up(browser, site)
    staff.drop_factor(site.database, site.loaded, ANA, now=NOW)
    assert not is_in(browser)
    assert is_in(signed_in(site))


@pytest.mark.usefixtures("ana")
def test_the_database_alone_makes_no_code(site: Site) -> None:
    """A copy of it has neither the app's secret nor the recovery codes."""
    secret, codes = set_up(signed_in(site), site)
    with site.database.read() as conn:
        tables = (schema.accounts, schema.recovery_codes, schema.sessions)
        kept = "\n".join(str(row) for table in tables for row in conn.execute(select(table)))
    for told in (secret.hex(), totp.spelled(secret).replace(" ", ""), *codes):
        assert told not in kept
        assert told.replace("-", "") not in kept


# --- sessions -----------------------------------------------------------------------------


@pytest.mark.usefixtures("ana")
def test_the_page_lists_ones_browsers(site: Site) -> None:
    """Each with what it is and when it was seen; this one is marked, markup is never shown."""
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Version/17.0 Safari/604.1"
    signed_in(site, **{"user-agent": phone})
    signed_in(site, **{"user-agent": "<script>alert(1)</script>"})
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
    browser = signed_in(site, **{"user-agent": firefox})
    site.now += timedelta(hours=1)
    browser.get("/")
    page = browser.get("/desk/account").text
    rows = re.findall(r'<th scope="row" class="title-cell">(.*?)</th>', page)
    assert rows == [
        'Firefox on Linux <span class="mark small">this one</span>',
        *sorted(["Safari on iPhone", "A browser that did not say what it is"], key=rows.index),
    ]
    assert "<script>alert" not in page
    assert "22 Sep 2023, 07:46" in page


@pytest.mark.usefixtures("ana")
def test_one_browser_is_ended_from_another(site: Site) -> None:
    """One by its button, then all others; this one stays."""
    browser, lost, other = signed_in(site), signed_in(site), signed_in(site)
    ends = re.findall(
        r'action="(/desk/account/sessions/\w+/end)"', browser.get("/desk/account").text
    )
    assert len(ends) == 2
    browser.post(ends[0], data=csrf(browser))
    assert [is_in(lost), is_in(other)].count(True) == 1
    browser.post("/desk/account/sessions/end-others", data=csrf(browser))
    assert [is_in(browser), is_in(lost), is_in(other)] == [True, False, False]


@pytest.mark.usefixtures("ana")
def test_nobody_ends_anothers_session(site: Site) -> None:
    """IDOR: the name of somebody else's session opens nothing, for an admin's page either."""
    whose = signed_in(site)
    account = next(each for each in staff.listed(site.database) if each.address == ANA)
    name = staff.open_sessions(site.database, account.id, now=NOW)[0].name
    admin = site.browser("admin")
    answer = admin.post(f"/desk/account/sessions/{name}/end", data=csrf(admin))
    assert answer.status_code == 404
    assert is_in(whose)
    assert name not in admin.get("/desk/account").text


@pytest.mark.usefixtures("ana")
def test_changing_the_password_takes_the_old_one_and_ends_other_sessions(site: Site) -> None:
    """An open browser alone cannot change it; this one goes on under another secret."""
    browser, other = signed_in(site), signed_in(site)
    before = browser.cookies["recap_desk"]
    told = csrf(browser) | {"old": "wrong", "new": "another long password"}
    assert browser.post("/desk/account/password", data=told).status_code == 422
    assert is_in(other)
    told["old"] = WORDS
    assert browser.post("/desk/account/password", data=told).status_code == 303
    assert [is_in(browser), is_in(other)] == [True, False]
    assert browser.cookies["recap_desk"] != before
    old = site.browser()
    old.cookies.set("recap_desk", before)
    assert not is_in(old)


def test_a_greater_role_takes_another_session_id(site: Site) -> None:
    """What was planted while it opened little does not open more; a smaller role renews nothing."""
    browser = site.browser("editor")
    before = browser.cookies["recap_desk"]
    staff.change_role(site.database, "editor@example.org", staff.Role.VIEWER, now=NOW)
    assert browser.get("/desk/log").status_code == 200
    assert browser.cookies["recap_desk"] == before
    staff.change_role(site.database, "editor@example.org", staff.Role.ADMIN, now=NOW)
    renewed = browser.get("/desk/log?actor=x")
    assert (renewed.status_code, renewed.headers["location"]) == (303, "/desk/log?actor=x")
    assert browser.cookies["recap_desk"] != before
    assert browser.get("/desk/log").status_code == 200
    planted = site.browser()
    planted.cookies.set("recap_desk", before)
    assert not is_in(planted)


@pytest.mark.usefixtures("ana")
def test_forms_of_signing_in_are_taken_from_no_other_site(site: Site) -> None:
    """Login CSRF: what another site sent does nothing, nor does a code without its token."""
    foreign = {"sec-fetch-site": "cross-site"}
    told = {"address": ANA, "password": WORDS}
    assert site.browser().post("/sign-in", data=told, headers=foreign).status_code == 403
    with site.database.read() as conn:
        before = conn.execute(select(schema.outbox)).all()
    for door in ("forgotten", "by-mail"):
        told = {"address": ANA}
        ask = site.browser().post(f"/sign-in/{door}", data=told, headers=foreign)
        assert ask.status_code == 403
    with site.database.read() as conn:
        assert conn.execute(select(schema.outbox)).all() == before
    secret, _ = set_up(signed_in(site), site)
    site.now += timedelta(minutes=1)
    browser = site.browser()
    enter(browser)
    for token in ("", "0" * 64):
        answer = browser.post("/sign-in/code", data={"code": code(secret, site), "csrf": token})
        assert answer.status_code == 403
    assert not is_in(browser)


# --- what one is told by mail -------------------------------------------------------------


@pytest.mark.usefixtures("ana")
def test_whatever_opens_an_account_does_not_change_without_a_mail(site: Site) -> None:
    """What, when, and what to do if it was not oneself; nothing about what was refused."""
    browser = signed_in(site)
    secret, _ = set_up(browser, site)

    def post(path: str, **told: str) -> None:
        browser.post(f"/desk/{path}", data=csrf(browser) | told)
        site.now += timedelta(minutes=1)

    site.now += timedelta(minutes=1)
    post("account/second-factor/codes", code="000000")
    post("account/second-factor/codes", code=code(secret, site))
    post("account/second-factor/off", code=code(secret, site))
    post("account/password", old="not it", new="another long password")
    post("account/password", old=WORDS, new="another long password")
    post("tokens", name="Friday script", scope="issues:read", days="30")
    staff.drop_factor(site.database, site.loaded, ANA, now=site.now)
    assert notices(site.database) == [
        "The password of your account was changed",
        "A second factor was set up for your account",
        "New recovery codes were made for your account",
        "The second factor of your account was taken off",
        "The password of your account was changed",
        "An API token was made for your account",
        "The second factor of your account was taken off",
    ]
    with site.database.read() as conn:
        box = schema.outbox.c
        query = select(box.text).where(box.subject.like("An API token%"))
        said = " ".join(conn.execute(query).scalar_one().split())
    for told in ("When: Fri, Sep 22, 06:5", "Friday script", "revoke the token", "/desk/tokens"):
        assert told in said

"""Signing in at an identity provider: a real one on the loopback, honest and not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey

from digest import staff
from digest.model.settings import OidcSettings
from digest.staff import Role
from digest.store import Database
from tests.identityprovider import CLIENT, SECRET, IdentityProvider, providing
from tests.test_web_account import ANA, WORDS, enter, is_in, quick, set_up
from tests.website import NOW, Site, served

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
__all__ = ["quick"]

HERE = "/sign-in/elsewhere"


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with providing() as provider:
        provider.now = int(NOW.timestamp())
        yield provider


@pytest.fixture
def site(database: Database, tmp_path: Path, provider: IdentityProvider) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        site.settings(
            public_url=site.address,
            oidc=OidcSettings(issuer=provider.url, client_id=CLIENT, name="Example"),
            oidc_client_secret=SECRET,
        )
        staff.add(database, "editor@example.org", Role.EDITOR, now=NOW)
        yield site


def there(browser: httpx.Client, path: str = "/") -> str:
    """Go to the provider, and return where it sends the browser back to."""
    left = browser.get(HERE, params={"next": path})
    assert left.status_code == 303, left.text
    return httpx.get(left.headers["location"]).headers["location"]


def signed_in(site: Site, path: str = "/") -> tuple[httpx.Client, httpx.Response]:
    browser = site.browser()
    return browser, browser.get(there(browser, path))


def test_who_is_vouched_for_comes_in(site: Site, provider: IdentityProvider) -> None:
    """By the button of the sign-in, to the page that was asked for, as the account they have."""
    form = site.browser().get("/sign-in?next=/desk/log").text
    assert f'href="{HERE}?next=/desk/log"' in form
    assert "Sign in with Example" in form
    provider.claims = {"email": "Editor@Example.org"}
    browser, back = signed_in(site, "/desk/log")
    assert (back.status_code, back.headers["location"]) == (303, "/desk/log")
    assert is_in(browser)
    assert "editor@example.org, editor" in browser.get("/").text
    assert provider.changed == [200]


def test_without_a_provider_there_is_no_such_way(site: Site) -> None:
    """Neither the button nor the routes."""
    site.settings(oidc=None)
    browser = site.browser()
    assert HERE not in browser.get("/sign-in").text
    assert [browser.get(path).status_code for path in (HERE, f"{HERE}/back")] == [404, 404]


def test_nobody_becomes_an_account_by_it(site: Site, provider: IdentityProvider) -> None:
    """Whom the desk does not know is told so, with or without the first admin there."""
    provider.claims = {"email": "stranger@example.org"}
    browser, back = signed_in(site)
    assert back.status_code == 403
    assert "nobody at the desk has this address" in back.text
    assert not is_in(browser)
    assert [each.address for each in staff.listed(site.database)] == ["editor@example.org"]
    staff.remove(site.database, "editor@example.org", now=NOW)
    provider.claims = {}
    assert signed_in(site)[1].status_code == 403
    assert staff.listed(site.database) == []


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email": None},
        {"email": ["editor@example.org"]},
        {"iss": "https://other.example.org"},
        {"aud": "another client"},
        {"aud": [CLIENT, "another client"]},
        {"azp": "another client"},
        {"nonce": "another sign-in's"},
        {"nonce": None},
        {"exp": int(NOW.timestamp()) - 61},
        {"exp": None},
        {"exp": True},
        {"iat": int(NOW.timestamp()) + 3600},
        {"iat": None},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_sign_in_opens_nothing(
    site: Site, provider: IdentityProvider, claims: dict[str, Any]
) -> None:
    """Each claim of Core 3.1.3.7, and the address's being verified, counts by itself."""
    provider.claims = claims
    browser, back = signed_in(site)
    assert provider.changed == [200]
    assert back.status_code == 403
    assert not is_in(browser)


@pytest.mark.parametrize("forged", ["another key", "no signature", "public key as a secret"])
def test_a_token_that_the_provider_did_not_sign_opens_nothing(
    site: Site, provider: IdentityProvider, forged: str
) -> None:
    """Nor one whose header asks to be checked in a weaker way (RFC 8725, 2.1)."""
    match forged:
        case "another key":
            provider.forger = RSAKey.generate_key(2048)
        case "no signature":
            provider.header = {"alg": "none"}
        case "public key as a secret":
            provider.forger = OctKey.import_key("x" * 32)
            provider.header = {"alg": "HS256", "kid": "1"}
    browser, back = signed_in(site)
    assert provider.changed == [200]
    assert back.status_code == 403
    assert "not signed by the provider" in back.text
    assert not is_in(browser)


def test_the_code_of_one_browser_does_not_sign_another_in(
    site: Site, provider: IdentityProvider
) -> None:
    """Login CSRF: without the cookie that began it, or with another's, a way back opens nothing."""
    mine = there(site.browser())
    for victim in (site.browser(), site.browser()):
        there(victim)
        answer = victim.get(mine)
        assert answer.status_code == 403
        assert not is_in(victim)
    assert site.browser().get(mine).status_code == 403
    assert provider.changed == []


def test_a_way_back_is_good_once_and_for_ten_minutes(
    site: Site, provider: IdentityProvider
) -> None:
    """A code that was used, or a sign-in that was left lying, opens nothing."""
    browser = site.browser()
    back = there(browser)
    kept = browser.cookies["recap_oidc"]
    assert browser.get(back).status_code == 303
    again = site.browser()
    again.cookies.set("recap_oidc", kept)
    assert again.get(back).status_code == 403
    assert provider.changed == [200, 400]
    late = site.browser()
    back = there(late)
    site.now += timedelta(minutes=10)
    assert late.get(back).status_code == 403
    assert provider.changed == [200, 400]


def test_the_provider_is_asked_with_pkce_and_nonce(site: Site, provider: IdentityProvider) -> None:
    """Each sign-in has its own; the address of the provider keeps its own parameters."""
    asked = [
        parse_qs(urlsplit(site.browser().get(HERE).headers["location"]).query) for _ in range(2)
    ]
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]
    assert asked[0]["tenant"] == ["one"]
    assert asked[0]["scope"] == ["openid email"]
    assert asked[0]["redirect_uri"] == [f"{site.address}{HERE}/back"]


@pytest.mark.parametrize(
    "path", ["//evil.example.org", "https://evil.example.org", "/" + "x" * 200]
)
def test_it_leads_to_no_other_site(site: Site, path: str) -> None:
    """What is no path of ours, or too long to be kept, leads to the desk's first page."""
    _, back = signed_in(site, path)
    assert back.headers["location"] == "/"


def test_a_second_factor_is_asked_for_all_the_same(
    site: Site, provider: IdentityProvider, quick: None
) -> None:
    """The provider stands for the password alone."""
    staff.add(site.database, ANA, Role.EDITOR, now=NOW)
    staff.set_password(site.database, site.loaded, ANA, WORDS, now=NOW)
    browser = site.browser()
    enter(browser)
    set_up(browser, site)
    provider.claims = {"email": ANA}
    other, back = signed_in(site)
    assert back.status_code == 303
    assert other.get("/").headers["location"] == "/sign-in/code"


@pytest.mark.parametrize(
    "configuration",
    [{"issuer": "https://other.example.org"}, {"jwks_uri": "http://127.0.0.1:9/keys"}],
    ids=["speaks for another", "keys that are not there"],
)
def test_a_provider_that_does_not_work_is_told(
    site: Site, provider: IdentityProvider, configuration: dict[str, str]
) -> None:
    """A page says what is wrong, and passwords go on working."""
    provider.configuration = configuration
    browser = site.browser()
    left = browser.get(HERE)
    if left.status_code == 303:
        left = browser.get(httpx.get(left.headers["location"]).headers["location"])
    assert left.status_code == 403
    assert "Signing in did not work" in left.text

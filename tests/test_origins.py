"""Where each value in force comes from, as the settings' page tells it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from digest.config import Setting, load

CONFIG = """\
public_url: https://recap.example.org
smtp:
  host: smtp.example.org
  limit: 14/s, 50000/day
webhooks:
  - url: https://hooks.example.org/a-secret-path
newsletters:
  recap:
    title: A Weekly
    from: A Weekly <recap@example.org>
    postal_address: 1 Sample Street, Springfield
    items: {max: 9}
    closes: friday 06:00
    feeds:
      - https://user:a-secret@example.org/feed.xml
      - {url: "https://example.org/events.ics", kind: event}
"""


def told(folder: Path, environ: Mapping[str, str] | None = None) -> dict[str, Setting]:
    (folder / "config.yaml").write_text(CONFIG)
    (folder / ".env").write_text(
        "TOKEN_KEY=" + "k" * 64 + "\nSMTP_PASSWORD=a-secret-word\nSMTP_USER=recap\n"
    )
    (folder / ".env").chmod(0o600)
    return {each.key: each for each in load(folder, environ or {}).origins()}


def test_each_value_has_its_place(tmp_path: Path) -> None:
    """A line of the file, a line of .env, a variable of the process, or the default."""
    found = told(tmp_path, {"PUBLIC_URL": "https://other.example.org"})
    places = {
        "smtp.host": ("smtp.example.org", "config.yaml, line 3"),
        "newsletters.recap.title": ("A Weekly", "config.yaml, line 9"),
        "newsletters.recap.items.max": ("9", "config.yaml, line 12"),
        "newsletters.recap.feeds[1].kind": ("event", "config.yaml, line 16"),
        "public_url": ("https://other.example.org", "PUBLIC_URL"),
        "smtp.password": ("set, and not shown", "SMTP_PASSWORD in .env, line 2"),
        "newsletters.recap.look_back": ("10d", ""),
        "newsletters.recap.closes": ("friday 06:00", "config.yaml, line 13"),
        "newsletters.recap.sends": ("daily 09:00", ""),
        "fleet": ("no", ""),
        "dkim": ("none", ""),
    }
    for key, (value, place) in places.items():
        assert (found[key].value, found[key].place) == (value, place), key


def test_what_one_line_says_in_short_is_of_that_line(tmp_path: Path) -> None:
    """A feed by its address alone: the address is written, the rest of it is default."""
    found = told(tmp_path)
    assert found["newsletters.recap.feeds[0].url"].place == "config.yaml, line 15"
    assert found["newsletters.recap.feeds[0].kind"].origin == "default"
    assert found["smtp.limit"].place == "config.yaml, line 4"


def test_no_secret_is_told(tmp_path: Path) -> None:
    """Not from .env, not within an address, not the address of a webhook."""
    environ = {"DATABASE_URL": "postgresql://recap:a-secret@db.example.org/recap"}
    found = told(tmp_path, environ)
    everything = "\n".join(str(each) for each in found.values())
    assert "secret" not in everything.replace("webhook_secret", "").replace(
        "oidc_client_secret", ""
    )
    assert "k" * 20 not in everything
    assert found["newsletters.recap.feeds[0].url"].value == "https://example.org/feed.xml"
    assert found["database"].value == "postgresql://db.example.org/recap"
    assert found["webhooks[0].url"].value == "https://hooks.example.org/…"
    assert found["token_key"].value == "set, and not shown"
    assert found["api_token"].value == "not set"


def test_what_was_not_written_is_a_default(tmp_path: Path) -> None:
    """Of the settings' page: what nobody wrote is only shown with all defaults."""
    written = {each.key for each in told(tmp_path).values() if each.origin != "default"}
    assert "newsletters.recap.title" in written
    assert "newsletters.recap.language" not in written


def test_a_configuration_does_not_tell_its_secrets_when_it_is_printed(tmp_path: Path) -> None:
    """What a log or a trace shows of it has none of .env's values."""
    told(tmp_path)
    assert "a-secret-word" not in repr(load(tmp_path, {}))

"""The doctor: each check shown well and shown failing."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import select, update
from typer.testing import CliRunner, Result

from digest import staff
from digest.cli import app
from digest.cli.doctor import mail, stores
from digest.cli.init import Answers, write_folder
from digest.config import load
from digest.errors import SenderFault
from digest.model import DeliveryState
from digest.model.settings import DkimSettings, FeedSettings, NewsletterSettings
from digest.render import lint, signature
from digest.smtp import records
from digest.store import Database, feeds, hooks, outbox, schema, upgrade, vitals
from tests import certificates, identityprovider, imapserver, mailserver, nameserver, released
from tests.test_screenshot import draws, png
from tests.webserver import WebServer, answer

#: Long enough ago that a feed which has not worked since is dead.
LONG_AGO = datetime.now(UTC) - timedelta(days=30)
FEED = "https://example.org/feed.xml"


@pytest.fixture
def mail_server() -> Iterator[int]:
    """A mail server on a port of its own that wants no login."""
    server = Controller(_Nothing(), hostname="127.0.0.1", port=_free_port())
    server.start()
    yield server.port
    server.stop()


class _Nothing:
    """Takes no mail: the doctor offers none."""


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def ours_looked_at() -> Callable[..., tuple[lint.Fault, ...]]:
    """Look at the program's own templates once for each newsletter: no test changes them."""
    looked_at: dict[str, tuple[lint.Fault, ...]] = {}
    check = lint.check

    def checked(
        templates: Sequence[Path], newsletter: NewsletterSettings
    ) -> tuple[lint.Fault, ...]:
        if lint.found(templates[:-1]):  # the folder has templates of its own
            return check(templates, newsletter)
        key = repr(newsletter)
        if key not in looked_at:
            looked_at[key] = check(templates, newsletter)
        return looked_at[key]

    return checked


@pytest.fixture(scope="module")
def empty(_sqlite_template: Path) -> Path:
    """A database of the newest schema, to be copied."""
    return _sqlite_template


@pytest.fixture
def folder(
    tmp_path: Path,
    mail_server: int,
    ours_looked_at: Callable[..., tuple[lint.Fault, ...]],
    empty: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A newsletter folder in which nothing is amiss."""
    monkeypatch.setattr(lint, "check", ours_looked_at)
    for variable in ("DIGEST_CONFIG", "DATABASE_URL", "SMTP_HOST", "SMTP_PORT", "TOKEN_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    write_folder(
        tmp_path,
        Answers(
            title="Weekly",
            from_="weekly@example.org",
            postal_address="12 Harbour Road, Springfield",
            feed=FEED,
            timezone="UTC",
        ),
    )
    change(tmp_path, "port: 2525", f"port: {mail_server}")
    change(tmp_path, "newsletters:\n", "chromium: none\nnewsletters:\n")
    (tmp_path / "var").mkdir()
    shutil.copyfile(empty, tmp_path / "var" / "recap.db")
    with opened(tmp_path) as database:
        _read_feed(database)
    return tmp_path


@contextmanager
def opened(folder: Path) -> Iterator[Database]:
    database = Database(load(folder, {}).settings.database, folder=folder)
    yield database
    database.close()


def _read_feed(database: Database) -> None:
    with database.write() as conn:
        feeds.seed(conn, {"weekly": (FeedSettings(url=FEED),)}, now=LONG_AGO)
        (feed,) = feeds.listed(conn)
        feeds.succeeded(conn, feed.id, at=LONG_AGO, next_fetch_at=None)


def change(folder: Path, old: str, new: str, file: str = "config.yaml") -> None:
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def examined(*words: str) -> tuple[Result, list[dict[str, Any]]]:
    done = CliRunner().invoke(app, ["doctor", "--json", *words])
    assert done.stdout, done.output
    return done, json.loads(done.stdout)["findings"]


def amiss(findings: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["check"], one["health"]) for one in findings if one["health"] != "ok"]


def the_one(findings: list[dict[str, Any]]) -> dict[str, Any]:
    (one,) = [one for one in findings if one["health"] != "ok"]
    assert one["remedy"], "every finding says what to do"
    return one


def test_a_healthy_folder_exits_with_0(folder: Path) -> None:
    """All checks are named and nothing is amiss."""
    done, findings = examined()

    assert done.exit_code == 0, findings
    assert amiss(findings) == []
    assert {one["check"] for one in findings} == {
        "clock",
        "config",
        "database",
        "disk",
        "feeds",
        "keys",
        "retention",
        "templates",
        "mail server",
        "port",
    }
    assert json.loads(done.stdout)["healthy"] is True


def test_people_get_a_line_for_each_finding_and_its_remedy(folder: Path) -> None:
    """The last line says how it stands; a remedy stands under its finding."""
    well = CliRunner().invoke(app, ["doctor"])
    assert well.stdout.splitlines()[-1] == "Nothing is broken."

    change(folder, "TOKEN_KEY=", "# TOKEN_KEY=", ".env")
    ill = CliRunner().invoke(app, ["doctor"])

    assert ill.exit_code == 1
    lines = ill.stdout.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("broken")]
    assert "TOKEN_KEY: not set" in lines[at]
    assert lines[at + 1].lstrip().startswith("→ Write TOKEN_KEY=")
    assert lines[-1] == "1 broken. Nothing goes out until that is mended."


def test_a_configuration_that_cannot_be_read(folder: Path) -> None:
    """Every fault of config.yaml is a finding; the checks that need it are left out."""
    change(folder, "    closes:", "    colour: x\n    closes:")
    change(folder, "timezone: UTC", "timezone: UCT+1")

    done, findings = examined()

    assert done.exit_code == 1
    assert amiss(findings) == [("config", "broken"), ("config", "broken")]
    assert "unknown key" in findings[1]["sentence"]


def test_no_configuration_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder without config.yaml the doctor says how to make one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGEST_CONFIG", raising=False)

    done, findings = examined()

    assert done.exit_code == 1
    assert "digest init" in the_one(findings)["remedy"]


@pytest.mark.parametrize(
    ("key", "says"), [("", "not set"), ("secret", "shorter than 32 letters")], ids=["none", "short"]
)
def test_a_token_key_that_does_not_serve(folder: Path, key: str, says: str) -> None:
    """Without a key, or with one that can be guessed, nothing may go out."""
    (folder / ".env").write_text(f"TOKEN_KEY={key}\n")

    done, findings = examined()

    assert done.exit_code == 1
    assert says in the_one(findings)["sentence"]


def test_a_placeholder_for_the_postal_address(folder: Path) -> None:
    """The law asks for an address; a placeholder keeps everything back."""
    change(folder, "12 Harbour Road, Springfield", "TODO our address")

    done, findings = examined()

    assert done.exit_code == 1
    assert "newsletters.weekly.postal_address" in the_one(findings)["sentence"]


def test_secrets_that_others_may_read(folder: Path) -> None:
    """An open .env is a warning with the command that closes it."""
    (folder / ".env").chmod(0o644)

    done, findings = examined()

    assert done.exit_code == 0, findings
    assert the_one(findings)["health"] == "warning"
    assert "chmod 600" in the_one(findings)["remedy"]


def test_a_database_that_is_not_there(folder: Path) -> None:
    """A missing file is named, and asking for it does not make it."""
    shutil.rmtree(folder / "var")

    done, findings = examined()

    assert done.exit_code == 1
    assert the_one(findings)["check"] == "database"
    assert "digest db upgrade" in the_one(findings)["remedy"]
    assert not (folder / "var").exists()


def test_a_database_without_tables(folder: Path) -> None:
    """An empty database is told apart from a missing one."""
    (folder / "var" / "recap.db").unlink()
    (folder / "var" / "recap.db").touch()

    done, findings = examined()

    assert done.exit_code == 1
    assert "no tables" in the_one(findings)["sentence"]


def test_a_database_that_is_damaged(folder: Path) -> None:
    """A file that is no database any more is said to be none."""
    for name in ("recap.db-wal", "recap.db-shm"):
        (folder / "var" / name).unlink(missing_ok=True)
    (folder / "var" / "recap.db").write_bytes(b"not a database, " * 1000)

    done, findings = examined()

    assert done.exit_code == 1
    assert "not a database" in the_one(findings)["sentence"]
    assert "backup" in the_one(findings)["remedy"]


def test_a_database_that_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another process holds the write lock, the check says so."""
    monkeypatch.setattr("digest.store.database.BUSY_SECONDS", 0.1)
    with opened(folder) as other, other.write():
        done, findings = examined()

    assert done.exit_code == 1
    assert the_one(findings)["check"] == "database"
    assert "locked by another process" in the_one(findings)["sentence"]


def test_a_database_of_an_older_program(folder: Path) -> None:
    """What has steps before it says which schema it has, and what to type."""
    file = folder / "var" / "recap.db"
    file.unlink()
    released.load(released.FOLDER / "0002.sqlite.sql", f"sqlite:///{file}")

    done, findings = examined()

    assert done.exit_code == 1
    assert f"has schema 0002, and this program needs {upgrade.newest()}" in str(findings)
    assert "digest db upgrade" in the_one(findings)["remedy"]


@pytest.fixture
def on_postgresql(folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The same folder, its database on PostgreSQL."""
    _read_feed(database)
    monkeypatch.setenv("DATABASE_URL", database.url)
    return database


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_server_that_is_too_old(
    on_postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its version is shown, and said to be too old where our statements need a newer one."""
    _, findings = examined()
    assert amiss(findings) == []
    assert any(one["sentence"].startswith("PostgreSQL 1") for one in findings)

    monkeypatch.setitem(vitals.OLDEST, "postgresql", (99,))
    done, findings = examined()

    assert done.exit_code == 1
    assert "too old" in the_one(findings)["sentence"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_transaction_that_was_forgotten(
    on_postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has left a transaction open is named, with what ends it."""
    monkeypatch.setattr(vitals, "PATIENCE", timedelta())
    other = Database(on_postgresql.url)
    with other.read() as forgotten:
        forgotten.exec_driver_sql("SELECT 1")
        _, findings = examined()
    other.close()

    assert "has left a transaction open" in the_one(findings)["sentence"]
    assert "pg_terminate_backend" in the_one(findings)["remedy"]


# --- the clock ----------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_clock_that_differs_from_the_databases(
    on_postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines whose clocks are apart take one another for dead."""
    monkeypatch.setattr(stores, "CLOCKS_DIFFER", timedelta(microseconds=-1))

    done, findings = examined()

    assert done.exit_code == 1
    assert the_one(findings)["check"] == "clock"
    assert "apart" in the_one(findings)["sentence"]


def test_a_clock_that_went_back(folder: Path) -> None:
    """Where the log has something of tomorrow, today is wrong, or yesterday was."""
    with opened(folder) as database, database.write() as conn:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        conn.execute(
            schema.events.insert().values(at=tomorrow, actor="bell", what="prepared", detail={})
        )

    done, findings = examined()

    assert done.exit_code == 1
    assert the_one(findings)["check"] == "clock"


@pytest.fixture
def elsewhere(folder: Path) -> Iterator[WebServer]:
    """The server that the newsletter's feed comes from; it can be told what o'clock it is."""
    server = WebServer(lambda *_: answer(b"", date=format_datetime(server.now, usegmt=True)))
    server.now = datetime.now(UTC)
    change(folder, f"- {FEED}", f"- {{url: {server.url}, allow_private: true}}")
    yield server
    server.close()


@pytest.mark.parametrize(
    ("hours", "says"), [(-1, "3,6.. s ahead of"), (1, "3,[56].. s behind")], ids=["ahead", "behind"]
)
def test_a_clock_that_no_other_agrees_with(
    folder: Path, elsewhere: WebServer, hours: int, says: str
) -> None:
    """What the feeds' servers say of the hour tells a wrong clock where NTP cannot be asked."""
    _, findings = examined()
    assert "The clock agrees with that of 127.0.0.1." in [one["sentence"] for one in findings]

    elsewhere.now += timedelta(hours=hours)
    done, findings = examined()

    assert done.exit_code == 0, findings
    assert the_one(findings)["check"] == "clock"
    assert re.search(says, the_one(findings)["sentence"])


def test_one_clock_that_agrees_is_enough(folder: Path, elsewhere: WebServer) -> None:
    """A server whose own clock is wrong raises no alarm."""
    elsewhere.now -= timedelta(days=3)
    right = WebServer(lambda *_: answer(b"", date=format_datetime(datetime.now(UTC), usegmt=True)))
    other = right.url.replace("127.0.0.1", "localhost")
    change(folder, "allow_private: true}", f"allow_private: true}}\n      - {{url: {other}, "
           "allow_private: true}")  # fmt: skip
    _, findings = examined()
    right.close()

    assert "The clock agrees with that of localhost." in [one["sentence"] for one in findings]


# --- keys -----------------------------------------------------------------------------------


def test_a_secret_that_was_never_changed(folder: Path) -> None:
    """A secret counts from when it was first seen; a new one before it mends it."""
    with (folder / ".env").open("a") as file:
        file.write(f"WEBHOOK_SECRET={'s' * 40}\n")
    with opened(folder) as database:
        settings = load(folder, {}).settings
        staff.secrets_in_use(database, settings, now=datetime.now(UTC) - timedelta(days=500))
        with database.read() as conn:
            kept = list(conn.scalars(select(schema.installation.c.value)))
    assert len(kept) == 2
    assert not any(b"s" * 40 in value for value in kept)

    done, findings = examined()

    assert done.exit_code == 0, findings
    told = [one for one in findings if one["check"] == "keys"]
    assert [one["sentence"].split()[0] for one in told] == ["TOKEN_KEY", "WEBHOOK_SECRET"]
    assert all(one["sentence"].endswith("500 days.") and one["remedy"] for one in told)

    change(folder, "TOKEN_KEY=", f"TOKEN_KEY={'n' * 40},", ".env")
    change(folder, "s" * 40, "t" * 40, ".env")
    assert amiss(examined()[1]) == []


_token = partial(staff.make_token, scopes=["issues:read"])


def test_a_token_that_no_program_uses(folder: Path) -> None:
    """An API token that was not used for half a year is named; one that has ended is not."""
    long_ago, loaded = datetime.now(UTC) - timedelta(days=200), load(folder, {})
    with opened(folder) as database:
        account = staff.add(database, "ana@example.org", staff.Role.ADMIN, now=long_ago)
        for name, lasts in (("old script", None), ("trial", timedelta(days=30))):
            _token(database, loaded, account, name=name, lasts=lasts, now=long_ago)
        secret = _token(database, loaded, account, name="used", lasts=None, now=long_ago)
        staff.program(database, secret, now=datetime.now(UTC))

    done, findings = examined()

    assert done.exit_code == 0, findings
    assert "'old script' of ana@example.org" in the_one(findings)["sentence"]
    assert "was never used" in the_one(findings)["sentence"]


# --- ports --------------------------------------------------------------------------------


def test_a_port_that_somebody_else_has(folder: Path) -> None:
    """Where another program listens, `digest serve` cannot; the remedy is another port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with (folder / "config.yaml").open("a") as config:
            config.write(f"\nweb: {{port: {other.getsockname()[1]}}}\n")

        done, findings = examined()

    assert done.exit_code == 1
    assert the_one(findings)["check"] == "port"


@pytest.mark.parametrize(("megabytes", "health"), [(10, "broken"), (200, "warning")])
def test_a_disk_that_is_nearly_full(
    folder: Path, monkeypatch: pytest.MonkeyPatch, megabytes: int, health: str
) -> None:
    """Little space is a warning, next to none is broken."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, megabytes * 1024**2))

    done, findings = examined()

    assert the_one(findings)["health"] == health
    assert f"Only {megabytes} MB are free" in the_one(findings)["sentence"]
    assert done.exit_code == (1 if health == "broken" else 0)


def test_a_newsletter_without_feeds(folder: Path) -> None:
    """Nothing can be composed where nothing is read."""
    change(folder, f"    feeds:\n      - {FEED}\n", "    feeds: []\n")
    with opened(folder) as database, database.write() as conn:
        feeds.seed(conn, {"weekly": ()}, now=LONG_AGO)

    done, findings = examined()

    assert done.exit_code == 1
    assert the_one(findings)["sentence"] == "weekly has no feeds."


def test_feeds_that_were_not_read_yet(folder: Path, empty: Path) -> None:
    """Before the first fetch the doctor says what to type."""
    shutil.copyfile(empty, folder / "var" / "recap.db")

    done, findings = examined()

    assert done.exit_code == 0, findings
    assert the_one(findings)["health"] == "warning"
    assert the_one(findings)["remedy"] == "Run: digest feeds fetch"


@pytest.mark.parametrize(("times", "health"), [(1, "warning"), (20, "broken")])
def test_a_feed_that_fails(folder: Path, times: int, health: str) -> None:
    """One failure is a warning; a feed that has failed for days holds the issue."""
    now = datetime.now(UTC)
    with opened(folder) as database, database.write() as conn:
        (feed,) = feeds.listed(conn)
        for _ in range(times):
            feeds.failed(conn, feed.id, at=now, next_fetch_at=now, error="404 Not Found")

    done, findings = examined()

    assert the_one(findings)["health"] == health
    assert "404 Not Found" in the_one(findings)["sentence"]
    assert FEED in the_one(findings)["sentence"]
    assert done.exit_code == (1 if health == "broken" else 0)


def test_a_template_that_cannot_be_read(folder: Path) -> None:
    """A template of one's own with a fault is named with file and line."""
    own = folder / "templates" / "mail" / "recap"
    own.mkdir(parents=True)
    (own / "body.txt").write_text("Hello\n{% if issue %}\nnever closed\n")

    done, findings = examined()

    assert done.exit_code == 1
    assert the_one(findings)["check"] == "templates"
    assert "body.txt" in the_one(findings)["sentence"]


def test_a_mail_server_that_does_not_answer(folder: Path, mail_server: int) -> None:
    """A closed port is named; no mail was needed to find out."""
    change(folder, f"port: {mail_server}", f"port: {_free_port()}")

    done, findings = examined()

    assert done.exit_code == 1
    assert the_one(findings)["check"] == "mail server"
    assert "does not answer" in the_one(findings)["sentence"]


def test_no_remedy_leads_back_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault whose remedy is the doctor is told without one, and ends with one mark."""

    async def greet(*_: object) -> None:
        raise SenderFault("what is this?", remedy="Run: digest doctor")

    monkeypatch.setattr(mail, "greet", greet)
    _, findings = examined()
    (told,) = (finding for finding in findings if finding["check"] == "mail server")
    assert (told["sentence"], told["remedy"]) == ("what is this?", "")


def test_what_is_kept_of_people_is_shown(folder: Path) -> None:
    """The schedule is told line by line, and what should be gone by it is a warning."""
    _, findings = examined()
    kept = [finding for finding in findings if finding["check"] == "retention"]
    assert "never confirmed is forgotten after 30 days" in kept[0]["sentence"]
    assert len(kept) == 6
    assert {finding["health"] for finding in kept} == {"ok"}
    with opened(folder) as database, database.write() as conn:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        outbox.put(
            conn, idempotency_key="x", newsletter="weekly", kind="welcome", address="a@example.org",
            subject="", html="", text="", due_at=long_ago, now=long_ago,
        )  # fmt: skip
        conn.execute(update(schema.outbox).values(state="sent"))
    _, findings = examined()
    assert "1 should be gone." in the_one(findings)["sentence"]


def test_a_mail_server_that_never_greets(
    folder: Path, mail_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes the connection and says nothing does not stop the doctor."""
    monkeypatch.setattr(mail, "SMTP_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        change(folder, f"port: {mail_server}", f"port: {silent.getsockname()[1]}")
        done, findings = examined()

    assert done.exit_code == 1
    assert "no greeting within" in the_one(findings)["sentence"]


def test_a_mail_server_without_starttls(folder: Path) -> None:
    """Where encryption is asked for and not offered, nothing is sent in the open."""
    change(folder, "tls: none", "tls: starttls")

    done, findings = examined()

    assert done.exit_code == 1
    assert "STARTTLS" in the_one(findings)["sentence"]


@pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")
def test_a_mail_server_that_refuses_the_password(
    folder: Path, mail_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused login names the server's answer and where the password is written."""
    server = Controller(
        _Nothing(),
        hostname="127.0.0.1",
        port=_free_port(),
        authenticator=lambda *_: AuthResult(success=False, handled=False),
        auth_require_tls=False,
        auth_required=True,
    )
    server.start()
    change(folder, f"port: {mail_server}", f"port: {server.port}")
    monkeypatch.setenv("SMTP_USER", "weekly")
    monkeypatch.setenv("SMTP_PASSWORD", "hidden")

    done, findings = examined()
    server.stop()

    assert done.exit_code == 1
    assert "535" in the_one(findings)["sentence"]
    assert ".env" in the_one(findings)["remedy"]
    assert "hidden" not in done.output


@pytest.mark.parametrize(("days", "health"), [(-1, "broken"), (5, "warning"), (40, "ok")])
def test_a_certificate_that_nobody_renewed(
    folder: Path, mail_server: int, tmp_path: Path, days: int, health: str
) -> None:
    """An expired certificate is broken, one that expires soon is a warning with the day."""
    shown = certificates.issue(tmp_path, "127.0.0.1", days=(-60, days))
    with mailserver.running(mailserver.MailServer(starttls=True, certificate=shown.server)) as it:
        change(folder, f"port: {mail_server}", f"port: {it.port}")
        change(folder, "tls: none", f"tls: starttls\n  ca_file: {shown.authority.name}")

        _, findings = examined()

    told = [one for one in findings if one["check"] == "mail server"]
    assert told[0]["health"] == health
    assert health == "ok" or "expire" in told[0]["sentence"]


# --- signing, and what the domain says ----------------------------------------------------


@pytest.fixture(scope="module")
def made_key() -> bytes:
    """A private key, which takes long to make."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.fixture
def key(folder: Path, made_key: bytes) -> Path:
    """The newsletter signs as example.org."""
    path = folder / "var" / "dkim.pem"
    path.write_bytes(made_key)
    path.chmod(0o600)
    with (folder / "config.yaml").open("a") as config:
        config.write("\ndkim: {domain: example.org, selector: s1}\n")
    return path


def record(key: Path) -> str:
    settings = DkimSettings(domain="example.org", selector="s1", key=key.name)
    return signature.signer(settings, folder=key.parent).record()


def test_a_domain_that_says_all_it_should(folder: Path, key: Path) -> None:
    """SPF, DKIM, DMARC and MX are shown as they are found, in strings or in one piece."""
    with nameserver.running(nameserver.zone(record(key))) as server:
        done, findings = examined("--dns", "--resolver", server)

    assert done.exit_code == 0, findings
    assert amiss(findings) == []
    said = [one["sentence"] for one in findings if one["check"] == "dns"]
    assert [each.split(":")[0] for each in said] == ["SPF", "DMARC", "MX", "DKIM"]


def test_without_dns_nobody_is_asked(folder: Path, key: Path) -> None:
    """The key is tried, and no question leaves the machine."""
    done, findings = examined()

    assert done.exit_code == 0, findings
    assert "dns" not in {one["check"] for one in findings}
    assert "signature" in {one["check"] for one in findings}


@pytest.mark.parametrize(
    ("place", "values", "health", "says"),
    [
        ("example.org.", [], "warning", "there is none, so nobody knows who may send"),
        ("example.org.", ["v=spf1 -all", "v=spf1 mx -all"], "warning", "more than one"),
        ("example.org.", ["v=spf1 mx all"], "warning", "everyone"),
        ("example.org.", ["v=spf1 +all"], "warning", "everyone"),
        ("_dmarc.example.org.", [], "warning", "there is none, and large providers"),
        ("_dmarc.example.org.", ["v=DMARC1; p=maybe"], "warning", "none of none"),
        ("_dmarc.example.org.", ["v=DMARC1; p=none"] * 2, "warning", "more than one"),
        ("s1._domainkey.example.org.", [], "broken", "every signature of ours fails"),
        ("s1._domainkey.example.org.", ["v=DKIM1; p="], "broken", "withdrawn"),
        ("s1._domainkey.example.org.", ["v=DKIM1; p=MIIB"], "broken", "another key"),
        ("s1._domainkey.example.org.", ["hello"], "broken", "no record of a key"),
        ("s1._domainkey.example.org.", ["p=a", "p=b"], "broken", "more than one"),
    ],
)
def test_a_record_that_is_not_right(
    folder: Path, key: Path, place: str, values: list[str], health: str, says: str
) -> None:
    """Each is told with what to publish, and where."""
    zone = nameserver.zone(record(key))
    # Two records that say the same are one (RFC 2181, 5).
    zone[place, "TXT"] = [nameserver.text(value + " " * at) for at, value in enumerate(values)]
    with nameserver.running(zone) as server:
        done, findings = examined("--resolver", server)

    finding = the_one(findings)
    assert done.exit_code == (1 if health == "broken" else 0)
    assert (finding["check"], finding["health"]) == ("dns", health)
    assert says in finding["sentence"]
    assert f"Publish as TXT at {place.rstrip('.')}: v=" in finding["remedy"]


def test_a_domain_below_another_has_its_policy(folder: Path) -> None:
    """The policy of the domain above holds where there is none of its own (RFC 9989)."""
    change(folder, "weekly@example.org", "weekly@news.example.org")
    zone = nameserver.zone("")
    for kind in ("TXT", "MX"):
        zone["news.example.org.", kind] = zone["example.org.", kind]
    with nameserver.running(zone) as server:
        _, findings = examined("--dns", "--resolver", server)

    assert amiss(findings) == []
    assert "DMARC: _dmarc.example.org says: v=DMARC1; p=reject" in [
        one["sentence"] for one in findings
    ]


@pytest.mark.parametrize(
    ("without", "values", "says"),
    [
        (("example.org.", "A"), [], "there is none, and no address either"),
        ((), ["0 ."], "takes no mail"),
        (("mx.example.org.", "A"), ["10 mx.example.org."], "no host that it names has an address"),
    ],
)
def test_a_domain_that_nobody_can_answer_to(
    folder: Path, without: tuple[str, str], values: list[str], says: str
) -> None:
    """Where no mail comes in, answers, requests to leave and bounces are lost."""
    zone = nameserver.zone("")
    zone["example.org.", "MX"] = values
    zone.pop(without, None)
    with nameserver.running(zone) as server:
        done, findings = examined("--resolver", server)

    assert done.exit_code == 0, findings
    assert says in the_one(findings)["sentence"]
    assert the_one(findings)["remedy"].startswith("Publish as MX at example.org: ")


def test_each_domain_that_mail_returns_to_is_asked_for(folder: Path) -> None:
    """That of the bounces and that of the answers need an MX as well as the sender's."""
    change(folder, "    closes:", "    reply_to: editors@desk.example.org\n    closes:")
    with (folder / "config.yaml").open("a") as config:
        config.write("\nbounces: {address: bounces@back.example.org, maildir: var/mail}\n")
    with nameserver.running(nameserver.zone("")) as server:
        _, findings = examined("--resolver", server)

    without = [one["sentence"] for one in findings if one["health"] == "warning"]
    assert [said.split(": there")[0] for said in without if said.startswith("MX")] == [
        "MX: back.example.org",
        "MX: desk.example.org",
    ]


def test_a_name_server_that_does_not_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be asked for is told, and is no fault of the domain."""
    monkeypatch.setattr(records, "SECONDS", 0.5)
    done, findings = examined("--resolver", f"127.0.0.1:{_free_port()}")

    assert done.exit_code == 0, findings
    assert amiss(findings) == [("dns", "warning")] * 3
    assert all("could not be asked" in one["sentence"] for one in findings[-4:-1])


def test_no_name_server_at_all(folder: Path) -> None:
    """An address that is none is told before anyone is asked."""
    done, findings = examined("--resolver", "nobody")

    assert done.exit_code == 1
    assert "'nobody' is no address" in the_one(findings)["sentence"]


def test_a_key_that_is_not_there(folder: Path, key: Path) -> None:
    """Nothing could be sent, so it is broken, and said once."""
    key.unlink()
    with nameserver.running(nameserver.zone("")) as server:
        done, findings = examined("--resolver", server)

    assert done.exit_code == 1
    assert the_one(findings)["check"] == "signature"


def test_a_key_that_others_may_read(folder: Path, key: Path) -> None:
    """Who reads the key can sign as the domain."""
    key.chmod(0o644)
    done, findings = examined()

    assert done.exit_code == 0, findings
    assert the_one(findings)["remedy"] == f"Run: chmod 600 {key}"


def test_a_key_that_is_old(folder: Path, key: Path) -> None:
    """A key that nobody changed for over a year is a warning with its age."""
    os.utime(key, (LONG_AGO.timestamp(), (LONG_AGO - timedelta(days=400)).timestamp()))

    done, findings = examined()

    assert done.exit_code == 0
    assert "430 days old" in the_one(findings)["sentence"]


def test_a_webhook_that_takes_nothing_is_told(folder: Path) -> None:
    """Without a secret nothing is told, and calls that wait are counted for their address."""
    url = "https://members.example.org/hook"
    change(folder, "public_url:", f"webhooks: [{{url: {url}}}]\npublic_url:")
    _, findings = examined()
    assert "webhooks are told nothing" in the_one(findings)["sentence"]
    with (folder / ".env").open("a") as file:
        file.write(f"WEBHOOK_SECRET={'s' * 40}\n")
    with opened(folder) as database, database.write() as conn:
        now = datetime.now(UTC)
        hooks.note(conn, [{"at": now, "what": "left", "newsletter": "weekly"}])
        hooks.fan_out(conn, [(url, ("left",))], now=now)
        (call,) = hooks.claim(conn, now=now, lease=timedelta(minutes=1), size=1)
        hooks.settle(conn, call.id, DeliveryState.DEFERRED, "answered 500", due_at=now)
    _, findings = examined()
    assert the_one(findings)["sentence"] == f"{url}: 1 calls not taken yet, 0 given up."


def told_of(check: str) -> list[tuple[str, str]]:
    _, findings = examined()
    return [(one["health"], one["sentence"]) for one in findings if one["check"] == check]


def test_a_mailbox_for_bounces_is_opened(
    folder: Path, needs: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a login it is asked for; a wrong one is told with the server's words."""
    with imapserver.running(needs) as server:
        where = f"{{address: bounces@example.org, imap: 127.0.0.1, port: {server.port}, tls: none}}"
        change(folder, "public_url:", f"bounces: {where}\npublic_url:")
        lacks = the_one(examined()[1])
        assert lacks["sentence"].startswith("BOUNCES_USER: not set")

        monkeypatch.setenv("BOUNCES_USER", "bounces")
        monkeypatch.setenv("BOUNCES_PASSWORD", "wrong")
        assert "BOUNCES_PASSWORD" in the_one(examined()[1])["remedy"]

        monkeypatch.setenv("BOUNCES_PASSWORD", "s3cret")
        assert told_of("bounces") == [("ok", f"127.0.0.1:{server.port} opens INBOX.")]


def test_an_identity_provider_is_asked_who_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing secret is named, then the address to register; another name is a warning."""
    with identityprovider.providing() as provider:
        given = f"oidc: {{issuer: {provider.url}, client_id: recap}}\npublic_url:"
        change(folder, "public_url:", given)
        assert the_one(examined()[1])["sentence"].startswith("OIDC_CLIENT_SECRET: not set")

        monkeypatch.setenv("OIDC_CLIENT_SECRET", "s" * 40)
        [(health, sentence)] = told_of("oidc")
        assert health == "ok"
        assert sentence.endswith("/sign-in/elsewhere/back.")

        provider.configuration["issuer"] = "https://other.example.org"
        [(health, sentence)] = told_of("oidc")
        assert health == "warning"
        assert "calls itself 'https://other.example.org'" in sentence


def test_readers_of_a_month_without_an_issue_are_told(folder: Path) -> None:
    """Who chose the month's issue gets nothing once `monthly` is taken out of the configuration."""
    with opened(folder) as database, database.write() as conn:
        now = datetime.now(UTC)
        person = {"attributes": {}, "created_at": now}
        whose = conn.execute(schema.subscribers.insert().values(person)).inserted_primary_key
        assert whose
        told = {"newsletter": "weekly", "state": "active", "rhythm": "monthly", "topics": []}
        more = {"subscriber_id": whose[0], "lists": [], "source": "a test", "changed_at": now}
        conn.execute(schema.subscriptions.insert().values(**told, **more))
    _, findings = examined()
    said = the_one(findings)
    assert said["sentence"].startswith("1 readers of weekly chose the month's issue")
    assert "monthly: {}" in said["remedy"]
    change(folder, "    title:", "    monthly: {}\n    title:")
    assert amiss(examined()[1]) == []


# --- the picture of the mail -----------------------------------------------------------------


def test_who_draws_the_mail_for_editors(folder: Path) -> None:
    """Doctor draws one: it names the program, or says that there are words alone and why."""

    def found() -> dict[str, Any]:
        return next(each for each in examined()[1] if each["check"] == "picture")

    change(folder, "    closes:", "    editors: [editor@example.org]\n    closes:")
    assert found()["sentence"] == "Editors get the top of the mail in words: `chromium: none`."
    change(folder, "chromium: none", f"chromium: {draws(folder, png())}")
    assert found()["sentence"] == f"{folder}/browser draws the mail for its editors."
    (folder / "browser").write_text("#!/bin/sh\nexit 7\n")
    one = found()
    assert one["health"] == "warning"
    assert "in words:" in one["sentence"]
    assert "ended with 7" in one["sentence"]
    assert one["remedy"]

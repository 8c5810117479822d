"""Reading feeds into the store: politely, side by side, no feed harming another."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest import intake
from digest.config import Loaded
from digest.errors import NotAFeed
from digest.intake import Reading
from digest.model import Entry
from digest.model.settings import FeedSettings, Settings
from digest.store import Database, feeds, publications
from digest.store.feeds import Feed
from tests.webserver import Answering, WebServer, answer

NOW = datetime(2023, 9, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_feed(*titles: str, **told: Any) -> bytes:
    """Return a JSON Feed of items with these titles."""
    items = [
        {
            "id": title,
            "title": title,
            "url": f"https://example.org/{title.replace(' ', '-')}",
            "date_published": "2023-09-11T12:00:00Z",
        }
        for title in titles
    ]
    return json.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "items": items} | told
    ).encode()


def of(folder: Path, *sources: str | dict[str, Any], **others: Any) -> Loaded:
    """Return a configuration with these feeds."""
    newsletter = {
        "title": "Weekly",
        "from": "recap@example.org",
        "postal_address": "1 Sample Street, Springfield",
        "timezone": "America/New_York",
        "feeds": list(sources),
    }
    settings = Settings.model_validate(
        {"public_url": "https://recap.example.org", "newsletters": {"weekly": newsletter, **others}}
    )
    return Loaded(settings, folder, folder / "config.yaml")


@pytest.fixture
def serve() -> Iterator[Callable[[Answering], WebServer]]:
    servers: list[WebServer] = []

    def start(answering: Answering) -> WebServer:
        servers.append(WebServer(answering))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def at(server: WebServer, path: str = "/feed.json", **told: Any) -> dict[str, Any]:
    return {"url": server.url + path, "allow_private": True} | told


def read(database: Database, loaded: Loaded, **how: Any) -> tuple[Reading, ...]:
    return intake.fetch_due(database, loaded, **({"now": NOW, "pause_seconds": 0} | how))


def state(database: Database, url: str) -> Feed:
    with database.read() as conn:
        found = feeds.find(conn, url)
    assert found
    return found


def titles(database: Database) -> list[str]:
    with database.read() as conn:
        found = publications.candidates(conn, "weekly", since=NOW - timedelta(days=999))
    return sorted(one.title for one in found)


# --- which feeds --------------------------------------------------------------------------


def test_a_feed_that_leaves_the_config_is_switched_off_and_may_return(database, tmp_path):
    """Its publications stay in the store; on its return it is due at once."""
    with_feed, without = of(tmp_path, "a.json"), of(tmp_path)
    intake.seed_feeds(database, with_feed, now=NOW)
    intake.seed_feeds(database, without, now=NOW)
    assert not state(database, "a.json").enabled

    intake.seed_feeds(database, with_feed, now=NOW + HOUR)
    assert state(database, "a.json").enabled
    assert state(database, "a.json").next_fetch_at == NOW + HOUR


def test_a_feed_switched_off_at_the_desk_stays_off(database, tmp_path):
    """Reading the config again does not overrule a person."""
    loaded = of(tmp_path, "a.json")
    intake.seed_feeds(database, loaded, now=NOW)
    with database.write() as conn:
        feeds.switch(conn, feeds.find(conn, "a.json").id, enabled=False, now=NOW)
    intake.seed_feeds(database, loaded, now=NOW)
    assert not state(database, "a.json").enabled


def test_changed_settings_make_a_feed_due_and_read_anew(database, tmp_path):
    """A topic added in config.yaml reaches what the same bytes list."""
    (tmp_path / "a.json").write_bytes(a_feed("One of Them"))
    read(database, of(tmp_path, "a.json"))
    (reading,) = read(database, of(tmp_path, {"url": "a.json", "topic": "Ukraine"}))

    assert not reading.unchanged
    with database.read() as conn:
        (one,) = publications.by_ids(conn, reading.changed)
    assert one.topics == ("Ukraine",)


def test_one_feed_of_two_newsletters_is_read_once(database, tmp_path):
    """Seeding does not flip its settings to and fro, and both newsletters have it."""
    (tmp_path / "a.json").write_bytes(a_feed("One of Them"))
    other = {
        "title": "Other",
        "from": "o@example.org",
        "postal_address": "1 Sample Street, Springfield",
        "feeds": [{"url": "a.json", "topic": "Asia"}],
    }
    loaded = of(tmp_path, "a.json", other=other)
    assert len(read(database, loaded)) == 1
    assert read(database, loaded) == ()
    assert state(database, "a.json").newsletters == ("other", "weekly")


# --- reading ------------------------------------------------------------------------------


def test_a_first_reading_is_the_baseline_and_later_ones_are_not(database, tmp_path):
    """A backlog is not late; what the feed adds afterwards with an old date is."""
    file = tmp_path / "a.json"
    file.write_bytes(a_feed("Backlog of the Feed"))
    loaded = of(tmp_path, "a.json")
    read(database, loaded)
    file.write_bytes(a_feed("Backlog of the Feed", "Added With an Old Date"))
    (reading,) = read(database, loaded, now=NOW + 2 * HOUR)

    with database.read() as conn:
        seen = {
            one.title: one.first_seen_at
            for one in publications.candidates(conn, "weekly", since=NOW - timedelta(days=99))
        }
    assert seen["Backlog of the Feed"] == datetime(2023, 9, 11, 12, tzinfo=UTC)
    assert seen["Added With an Old Date"] == NOW + 2 * HOUR
    assert (len(reading.new), reading.same) == (1, 1)


def test_a_feed_is_read_when_it_is_due(database, tmp_path):
    """Not before its interval is over; at once with force; only those named."""
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_bytes(a_feed(f"Only Title of {name}"))
    loaded = of(tmp_path, "a.json", "b.json")

    assert len(read(database, loaded)) == 2
    assert read(database, loaded, now=NOW + HOUR / 2) == ()
    assert [one.url for one in read(database, loaded, force=True, only=["b.json"])] == ["b.json"]
    assert all(one.unchanged for one in read(database, loaded, now=NOW + 2 * HOUR))


def test_one_failing_feed_harms_no_other(database, tmp_path, serve):
    """Each failure keeps its reason; the good feed comes in; all are tried again."""
    server = serve(
        lambda path, _: answer(status="500 Oops") if "bad" in path else answer(b"<html>")
    )
    (tmp_path / "good.json").write_bytes(a_feed("Good News of the Day"))
    loaded = of(
        tmp_path,
        at(server, "/bad"),
        at(server, "/page"),
        "missing.json",
        {"url": "http://127.0.0.1:9/", "allow_private": True},
        "http://127.0.0.1/private",
        "good.json",
    )
    readings = read(database, loaded)

    assert [one.url for one in readings if not one.error] == ["good.json"]
    assert len(readings) == 6
    assert titles(database) == ["Good News of the Day"]
    bad = state(database, server.url + "/bad")
    assert (bad.failures, bad.succeeded_at) == (1, None)
    assert "500" in bad.error
    assert NOW + HOUR <= bad.next_fetch_at <= NOW + 1.1 * HOUR


def test_a_failing_feed_is_asked_less_and_less_and_keeps_what_it_gave(database, tmp_path):
    """Its publications stay, the pauses grow to a day, one success forgives all."""
    file = tmp_path / "a.json"
    file.write_bytes(a_feed("What It Gave Before"))
    loaded = of(tmp_path, "a.json")
    read(database, loaded)
    file.write_bytes(b"<html><body>Sorry</body></html>")
    pauses = []
    now = NOW
    for _ in range(7):
        now = state(database, "a.json").next_fetch_at
        read(database, loaded, now=now)
        pauses.append(state(database, "a.json").next_fetch_at - now)

    assert pauses[0] < pauses[2] < pauses[4] <= timedelta(days=1.1)
    assert titles(database) == ["What It Gave Before"]
    with database.read() as conn:
        assert [one.url for one in feeds.dead(conn, "weekly", now=now)] == ["a.json"]
        assert intake.health(conn, now=now)[0].state == "dead"

    file.write_bytes(a_feed("What It Gave Before"))
    read(database, loaded, force=True)
    assert state(database, "a.json").failures == 0


def test_a_server_is_asked_politely(database, tmp_path, serve):
    """Validators go back, a 304 is a success, Cache-Control and Retry-After set the next time."""
    answers = [
        answer(a_feed("One of Them"), etag='"1"', cache_control="max-age=7200"),
        answer(status="304 Not Modified"),
        answer(status="429 Slow Down", retry_after="86400"),
    ]
    server = serve(lambda *_: answers[len(server.asked) - 1])
    loaded = of(tmp_path, at(server))
    url = server.url + "/feed.json"

    read(database, loaded)
    assert state(database, url).next_fetch_at >= NOW + 2 * HOUR
    (second,) = read(database, loaded, force=True)
    assert second.unchanged
    assert server.asked[1][1]["if-none-match"] == '"1"'
    assert "recap.example.org" in server.asked[0][1]["user-agent"]
    read(database, loaded, force=True)
    assert state(database, url).next_fetch_at >= NOW + timedelta(days=1)


def test_a_body_that_was_no_feed_is_not_taken_for_unchanged(database, tmp_path, serve):
    """A bad body's validator is not sent back: its 304 would look like success."""
    server = serve(lambda *_: answer(b"<html>", etag='"bad"'))
    loaded = of(tmp_path, at(server))
    read(database, loaded)
    read(database, loaded, force=True)

    assert "if-none-match" not in server.asked[1][1]
    assert state(database, server.url + "/feed.json").failures == 2


def test_a_permanent_move_is_remembered_until_it_fails(database, tmp_path, serve):
    """The new address is asked from then on; if it fails, the old one again."""
    gone: list[bool] = []

    def answering(path: str, _: dict[str, str]) -> bytes:
        if path == "/feed.json":
            return answer(status="301 Moved Permanently", location="/new.json")
        return answer(status="404 Not Found") if gone else answer(a_feed("One of Them"))

    server = serve(answering)
    loaded = of(tmp_path, at(server))
    read(database, loaded)
    read(database, loaded, force=True)
    gone.append(True)
    read(database, loaded, force=True)
    read(database, loaded, force=True)

    asked = [path for path, _ in server.asked]
    assert asked == ["/feed.json", "/new.json", "/new.json", "/new.json", "/feed.json", "/new.json"]


def test_two_processes_do_not_read_one_feed_at_the_same_moment(database, tmp_path, serve):
    """The second finds it taken and leaves it; nothing is asked or stored twice."""
    inside: list[int] = []
    most: list[int] = []

    def answering(*_: Any) -> bytes:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.3)
        inside.pop()
        return answer(a_feed("One of Them"))

    server = serve(answering)
    loaded = of(tmp_path, at(server))
    with ThreadPoolExecutor(4) as pool:
        read_by = list(pool.map(lambda _: read(database, loaded), range(4)))

    assert len(server.asked) == 1
    assert sum(len(readings) for readings in read_by) == 1
    assert max(most) == 1
    assert titles(database) == ["One of Them"]


def test_a_claim_of_a_process_that_died_ends(database, tmp_path):
    """After its lease another may read the feed."""
    loaded = of(tmp_path, "a.json")
    intake.seed_feeds(database, loaded, now=NOW)
    feed = state(database, "a.json")
    with database.write() as conn:
        assert feeds.claim(conn, feed.id, holder="dead", at=NOW, until=NOW + HOUR)
        assert not feeds.claim(conn, feed.id, holder="next", at=NOW, until=NOW + HOUR)
        assert feeds.claim(conn, feed.id, holder="next", at=NOW + 2 * HOUR, until=NOW + 3 * HOUR)
        feeds.release(conn, feed.id, holder="dead")
        assert not feeds.claim(conn, feed.id, holder="third", at=NOW + 2 * HOUR, until=NOW)


def test_one_host_is_asked_one_question_at_a_time(database, tmp_path, serve):
    """Several feeds of one host wait for each other."""
    inside: list[int] = []
    most: list[int] = []

    def answering(path: str, _: dict[str, str]) -> bytes:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.05)
        inside.pop()
        return answer(a_feed(f"The Title at {path}"))

    server = serve(answering)
    read(database, of(tmp_path, *(at(server, f"/{n}") for n in range(4))))
    assert (len(server.asked), max(most)) == (4, 1)


def test_a_picture_may_be_looked_for_on_the_page(database, tmp_path, serve):
    """Only where the feed's settings ask for it, only for new publications, at most a few."""
    page = b'<html><head><meta property="og:image" content="/i.jpg"><title>x</title></head></html>'
    items = [{"id": str(n), "title": f"The Title Number {n}"} for n in range(12)]

    def answering(path: str, _: dict[str, str]) -> bytes:
        if path != "/feed.json":
            return answer(page) if path != "/3" else answer(status="404 Not Found")
        told = [item | {"url": f"{server.url}/{item['id']}"} for item in items]
        return answer(json.dumps({"items": told}).encode())

    server = serve(answering)
    read(database, of(tmp_path, at(server, images="page")))
    read(database, of(tmp_path, at(server, images="page")), force=True)

    with database.read() as conn:
        found = publications.candidates(conn, "weekly", since=NOW)
    pictured = [one for one in found if one.image]
    assert len(pictured) == intake.MOST_PAGES - 1
    assert {one.image.url for one in pictured} == {server.url + "/i.jpg"}
    assert len(server.asked) == 2 + intake.MOST_PAGES


def test_refusals_are_kept_for_a_person(database, tmp_path):
    """Health tells what was not taken, and why."""
    (tmp_path / "a.json").write_bytes(a_feed("Good News of the Day", ""))
    read(database, of(tmp_path, "a.json"))
    with database.read() as conn:
        (health,) = intake.health(conn, now=NOW)
    assert (health.state, health.publications) == ("well", 1)
    assert [one.why[:15] for one in health.refused] == ["it has no title"]


# --- by hand ------------------------------------------------------------------------------


def test_a_file_is_imported_once(database, tmp_path):
    """Importing it again changes nothing; its first import is its baseline."""
    file = tmp_path / "past.json"
    file.write_bytes(a_feed("Past of the Feed"))
    loaded = of(tmp_path)
    first = intake.import_file(database, loaded, "weekly", file, now=NOW)
    again = intake.import_file(database, loaded, "weekly", file, now=NOW + HOUR)

    assert (len(first.new), len(again.new), again.same) == (1, 0, 1)
    with database.read() as conn:
        (one,) = publications.by_ids(conn, first.new)
    assert one.first_seen_at == one.published_at
    assert read(database, loaded, force=True) == ()


def test_a_file_may_be_read_in_a_feeds_name(database, tmp_path):
    """It counts as that feed's next reading, with that feed's topic, and is late if it is."""
    (tmp_path / "a.json").write_bytes(a_feed("Already There Before"))
    (tmp_path / "later.json").write_bytes(a_feed("Added in the Week After"))
    loaded = of(tmp_path, {"url": "a.json", "topic": "Ukraine"})
    read(database, loaded)
    reading = intake.import_file(
        database, loaded, "weekly", tmp_path / "later.json", feed_url="a.json", now=NOW + HOUR
    )
    with database.read() as conn:
        (one,) = publications.by_ids(conn, reading.new)
    assert (one.feeds, one.topics, one.first_seen_at) == (("a.json",), ("Ukraine",), NOW + HOUR)
    assert state(database, "a.json").origin == "config"


def test_a_file_that_is_no_feed_changes_nothing(database, tmp_path):
    """The error tells; no feed is made."""
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(NotAFeed):
        intake.import_file(database, of(tmp_path), "weekly", tmp_path / "x.txt", now=NOW)
    with database.read() as conn:
        assert feeds.listed(conn) == []


def test_the_seed_and_our_sample_are_the_same_publications(database, tmp_path, shared):
    """The page, imported after our feed of it, brings nothing new and changes no word."""
    sample = Path(__file__).resolve().parents[1] / "digest" / "sample" / "security-cooperation.json"
    loaded = of(tmp_path, {"url": str(sample), "topic": "Security Cooperation"})
    read(database, loaded)
    reading = intake.import_file(
        database, loaded, "weekly", shared / "seed" / "security-cooperation.txt", now=NOW
    )
    assert (reading.new, reading.changed, reading.same) == ((), (), 22)


def test_adding_a_feed_reads_it_first(database, tmp_path):
    """A feed that cannot be read is not added."""
    loaded = of(tmp_path)
    (tmp_path / "a.json").write_bytes(a_feed("One of Them"))
    intake.add_feed(database, loaded, "weekly", FeedSettings(url="a.json"), now=NOW)
    (tmp_path / "b.json").write_bytes(b"<html>")
    with pytest.raises(NotAFeed):
        intake.add_feed(database, loaded, "weekly", FeedSettings(url="b.json"), now=NOW)

    with database.read() as conn:
        assert [(one.url, one.origin) for one in feeds.listed(conn)] == [("a.json", "desk")]
    intake.seed_feeds(database, loaded, now=NOW)
    assert state(database, "a.json").enabled


def test_an_editor_may_write_an_entry_by_hand(database, tmp_path):
    """It is a publication like any other, and written twice it is one."""
    entry = Entry(title="A Talk at the Town Hall", kind="Event", starts_at=NOW + timedelta(days=9))
    for _ in range(2):
        intake.write_in(database, "weekly", [entry], now=NOW)
    assert titles(database) == ["A Talk at the Town Hall"]

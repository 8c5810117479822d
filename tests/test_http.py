"""Asking the web within bounds, against real servers on the loopback."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from digest import http
from digest.errors import FetchFailed, FetchRefused, NoSuchHost
from digest.http import Answer, Bounds
from tests.webserver import Answering, WebServer, answer

SMALL = Bounds(max_bytes=1000, seconds=5)


@pytest.fixture
def serve() -> Iterator[Callable[[Answering], WebServer]]:
    servers: list[WebServer] = []

    def start(answering: Answering) -> WebServer:
        servers.append(WebServer(answering))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def fetch(url: str, **how: Any) -> Answer:
    return http.fetch(url, **({"allow_private": True, "bounds": SMALL} | how))


def test_a_page_comes_with_what_its_server_says_of_it(serve):
    """Body, type, validators and the address without password come back."""
    server = serve(
        lambda *_: answer(
            b"hello", content_type="text/plain", etag='"1"', cache_control="max-age=60"
        )
    )
    got = fetch(server.url.replace("://", "://ana:secret@") + "/x")

    assert (got.body, got.status, got.etag, got.fresh_seconds) == (b"hello", 200, '"1"', 60)
    assert got.url == server.url + "/x"
    assert server.asked[0][1]["authorization"].startswith("Basic ")
    assert server.asked[0][1]["user-agent"].startswith("WeeklyRecap/")


def test_an_unchanged_page_is_not_sent_again(serve):
    """ETag and Last-Modified go back to the server; its 304 is an answer."""
    server = serve(lambda *_: answer(status="304 Not Modified"))
    got = fetch(server.url, etag='"1"', last_modified="Tue, 19 Sep 2023 04:00:00 GMT")

    assert got.unchanged
    assert server.asked[0][1]["if-none-match"] == '"1"'
    assert server.asked[0][1]["if-modified-since"] == "Tue, 19 Sep 2023 04:00:00 GMT"


def test_a_servers_words_cannot_add_headers(serve):
    """A validator with a line break in it is not sent back."""
    server = serve(lambda *_: answer(b"x"))
    fetch(server.url, etag='"1"\r\nX-Evil: 1', last_modified="é")

    assert not {"if-none-match", "if-modified-since", "x-evil"} & set(server.asked[0][1])


def test_a_304_that_nobody_asked_for_is_a_failure(serve):
    """Without a validator sent there is nothing that could be unchanged."""
    server = serve(lambda *_: answer(status="304 Not Modified"))
    with pytest.raises(FetchFailed):
        fetch(server.url)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"date": "Tue, 19 Sep 2023 04:00:00 GMT"}, datetime(2023, 9, 19, 4, tzinfo=UTC)),
        (
            {"date": "Tue, 19 Sep 2023 04:00:00 GMT", "age": "90"},
            datetime(2023, 9, 19, 4, 1, 30, tzinfo=UTC),
        ),
        ({"date": "yesterday", "age": "much"}, None),
        ({}, None),
    ],
)
def test_the_hour_at_a_server_is_its_date_and_the_age_of_the_answer(serve, said, told):
    """What a cache has kept for a while is that much older; what is no date tells nothing."""
    server = serve(lambda *_: answer(status="404 Not Found", **said))
    assert http.time_told(server.url, allow_private=True) == told


def reached(url: str, **how: Any) -> Any:
    return http.reach([url], **({"allow_private": True, "bounds": SMALL} | how))[url]


def test_reaching_reads_no_body_and_follows_redirects(serve):
    """HEAD is enough: the last status, the address where it ended, size and type."""
    server = serve(
        lambda path, _: (
            answer(b"", length=False, content_type="image/png", content_length="123456")
            if path == "/end"
            else answer(status="302 Found", location="/end")
        )
    )
    assert reached(server.url + "/begin") == http.Reached(
        status=200, url=server.url + "/end", content_type="image/png", length=123456
    )


def test_what_refuses_head_is_asked_by_get():
    """Many servers know no HEAD; only the answer to GET counts."""
    methods: list[str] = []

    def handle(connection: socket.socket) -> None:
        with connection:
            methods.append(connection.recv(4096).split()[0].decode())
            status = "404 Not Found" if methods[-1] == "HEAD" else "200 OK"
            connection.sendall(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(
            target=lambda: [handle(listening.accept()[0]) for _ in range(2)], daemon=True
        )
        thread.start()
        told = reached(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        thread.join(5)
    assert (told.status, methods) == (200, ["HEAD", "GET"])


@pytest.mark.parametrize("status", [401, 404, 410, 429, 500])
def test_any_status_is_an_answer(serve, status):
    """Reaching tells what the server said, good or bad."""
    server = serve(lambda *_: answer(status=f"{status} Said"))
    assert reached(server.url).status == status


def test_reaching_is_guarded_like_fetching(serve):
    """A private address is refused, also at the end of a redirect; each fails alone."""
    server = serve(lambda *_: answer(b"x"))
    public = {"example.org": ["127.0.0.1"], "other.test": ["127.0.0.1"]}

    def lookup(host: str, port: int) -> list[str]:
        if host == "nobody.test":
            raise socket.gaierror(socket.EAI_NONAME, "nobody")
        if host == "later.test":
            raise socket.gaierror(socket.EAI_AGAIN, "later")
        return public.get(host, [host])

    urls = [
        "http://example.org/",
        "http://nobody.test/",
        "http://later.test/",
        "ftp://example.org/",
        "https://[",
    ]
    found = http.reach(urls, bounds=SMALL, lookup=lookup)
    assert isinstance(found["http://example.org/"], FetchRefused)
    assert isinstance(found["http://nobody.test/"], NoSuchHost)
    assert not isinstance(found["http://later.test/"], NoSuchHost)
    assert isinstance(found["http://later.test/"], FetchFailed)
    assert isinstance(found["ftp://example.org/"], FetchRefused)
    assert isinstance(found["https://["], FetchRefused)
    assert server.asked == []


def test_reaching_many_ends_in_time(serve):
    """A server that says nothing costs its own answer, and all together the time allowed."""
    quick = serve(lambda *_: answer(b"x"))
    end = threading.Event()
    mute = serve(lambda *_: (end.wait(60), b"")[1])
    began = time.monotonic()
    urls = [f"{mute.url}/{n}" for n in range(20)] + [quick.url + "/a", quick.url + "/b"]
    found = http.reach(urls, allow_private=True, seconds=2)
    assert time.monotonic() - began < 20
    end.set()
    assert [found[url].status for url in urls[20:]] == [200, 200]
    assert all(isinstance(found[url], FetchFailed) for url in urls[:20])


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/", "gopher://x", "x", ""])
def test_only_web_addresses_are_asked(url):
    """No other scheme is read, whatever stands behind it."""
    with pytest.raises(FetchRefused):
        fetch(url)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1"),
        *("::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "not an address"),
    ],
)
def test_addresses_of_ones_own_network_are_refused(address):
    """Private, loopback, link-local and reserved addresses, also wrapped into IPv6."""
    assert http.why_refused(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f::1", "64:ff9b::5db8:d70e"])
def test_public_addresses_are_not_refused(address):
    """The web itself stays open."""
    assert http.why_refused(address) == ""


def test_private_addresses_may_be_allowed_but_never_a_clouds_metadata():
    """An intranet's feed can be read; the link-local service that hands out keys cannot."""
    assert http.why_refused("10.0.0.1", allow_private=True) == ""
    assert http.why_refused("::1", allow_private=True) == ""
    assert http.why_refused("169.254.169.254", allow_private=True)
    assert http.why_refused("::ffff:169.254.169.254", allow_private=True)


def test_a_host_with_one_private_address_is_not_asked(serve):
    """A name that mixes public and private addresses is a trick."""
    server = serve(lambda *_: answer(b"x"))
    with pytest.raises(FetchRefused, match="private"):
        http.fetch(
            f"http://feed.test:{server.port}/", lookup=lambda *_: ("93.184.215.14", "127.0.0.1")
        )
    assert server.asked == []


def test_a_name_is_looked_up_once_and_connected_to_where_it_was(serve):
    """A name that answers differently the second time gains nothing."""
    server = serve(lambda *_: answer(b"x"))
    answers = iter([("127.0.0.1",), ("10.0.0.1",)])
    got = fetch(f"http://feed.test:{server.port}/a", lookup=lambda *_: next(answers))

    assert got.body == b"x"
    assert server.asked[0][1]["host"] == f"feed.test:{server.port}"
    assert next(answers) == ("10.0.0.1",)


def test_the_next_address_is_tried_where_one_takes_no_connection(serve):
    """A host with a dead address is still reachable at its other one."""
    server = serve(lambda *_: answer(b"x"))
    got = fetch(f"http://feed.test:{server.port}/", lookup=lambda *_: ("127.0.0.9", "127.0.0.1"))
    assert got.body == b"x"


def test_every_redirect_is_judged(serve):
    """A public page cannot send us to an address that we would not ask."""
    target = {"location": "http://169.254.169.254/latest/meta-data/"}
    server = serve(lambda *_: answer(status="302 Found", **target))
    with pytest.raises(FetchRefused, match="link-local"):
        fetch(server.url)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "javascript:alert(1)", "http://[", "//"])
def test_a_redirect_to_no_web_address_ends_there(serve, target):
    """Neither files nor scripts are followed to."""
    server = serve(lambda *_: answer(status="301 Moved Permanently", location=target))
    with pytest.raises((FetchRefused, FetchFailed)):
        fetch(server.url)


def test_an_endless_redirect_ends(serve):
    """Six requests are the most."""
    server = serve(lambda path, _: answer(status="302 Found", location=path + "x"))
    with pytest.raises(FetchRefused, match="5 redirects"):
        fetch(server.url + "/")
    assert len(server.asked) == 6


def test_only_a_permanent_move_is_remembered(serve):
    """301 and 308 from the start on count; what follows a passing redirect does not."""
    moves = {
        "/1": ("301 Moved Permanently", "/2"),
        "/2": ("308 Permanent Redirect", "/3"),
        "/3": ("302 Found", "/4"),
        "/4": ("301 Moved Permanently", "/end"),
    }

    def answering(path: str, _: dict[str, str]) -> bytes:
        status, location = moves.get(path, ("200 OK", ""))
        return answer(b"x", status=status, location=location) if location else answer(b"x")

    server = serve(answering)
    assert fetch(server.url + "/1").moved_to == server.url + "/3"
    assert fetch(server.url + "/3").moved_to is None
    assert fetch(server.url + "/1").url == server.url + "/end"


def test_a_password_is_not_told_to_another_host(serve):
    """Credentials in an address stay with its host."""
    other = serve(lambda *_: answer(b"x"))
    server = serve(lambda *_: answer(status="302 Found", location=other.url + "/"))
    fetch(server.url.replace("://", "://ana:secret@"))
    assert "authorization" not in other.asked[0][1]


def test_a_body_that_is_announced_too_large_is_not_read(serve):
    """Content-Length over the limit ends it at once."""
    server = serve(lambda *_: answer(b"x", length=False, content_length="2000000000"))
    with pytest.raises(FetchRefused, match="larger"):
        fetch(server.url)


def test_an_endless_body_ends_at_the_limit(serve):
    """What never says its length is cut off when it has been too much."""

    def answering(*_: Any) -> Iterator[bytes]:
        yield answer(length=False)
        for _ in range(100_000):
            yield b"x" * 1000

    server = serve(answering)
    with pytest.raises(FetchRefused, match="larger"):
        fetch(server.url)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_bomb_does_not_go_off(serve, pack):
    """A kilobyte that unpacks to a hundred megabytes is refused, and never unpacked."""
    bomb = pack(b"\0" * 100_000_000)
    server = serve(lambda *_: answer(bomb, content_encoding="gzip"))
    tracemalloc.start()
    try:
        with pytest.raises(FetchRefused, match="larger"):
            fetch(server.url, bounds=Bounds(max_bytes=200_000, seconds=5))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


RAW = zlib.compressobj(wbits=-15)


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(b"hello"), "gzip"),
        (gzip.compress(b"hel") + gzip.compress(b"lo"), "x-gzip"),
        (gzip.compress(b"hello") + b"\0\0\0", "GZIP"),
        (zlib.compress(b"hello"), "deflate"),
        (RAW.compress(b"hello") + RAW.flush(), "deflate"),
        (b"hello", "identity"),
    ],
    ids=["gzip", "two members", "padded", "deflate", "bare deflate", "identity"],
)
def test_packed_bodies_are_unpacked(serve, packed, encoding):
    """What servers send in practice is understood."""
    server = serve(lambda *_: answer(packed, content_encoding=encoding))
    assert fetch(server.url).body == b"hello"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(b"hello" * 50, mtime=0)[:-9], "gzip"),
        (b"no gzip", "gzip"),
        (b"x", "br"),
        (b"x", "gzip, gzip"),
    ],
)
def test_a_damaged_or_unasked_for_packing_is_a_failure(serve, body, encoding):
    """Half a body is not passed on as if it were whole."""
    server = serve(lambda *_: answer(body, content_encoding=encoding))
    with pytest.raises(FetchFailed):
        fetch(server.url)


def test_a_body_that_ends_early_is_a_failure(serve):
    """Fewer bytes than announced are not a feed's end."""
    server = serve(lambda *_: answer(b"half", length=False, content_length="10"))
    with pytest.raises(FetchFailed):
        fetch(server.url)


@pytest.mark.parametrize("slow", ["head", "body"])
def test_a_server_that_drips_is_left(serve, slow):
    """The limit is on the whole, not on each byte."""

    def answering(*_: Any) -> Iterator[bytes]:
        yield answer(length=False) if slow == "body" else b"HTTP/1.1 200 OK\r\n"
        for _ in range(1200):
            time.sleep(0.05)
            yield b"x: y\r\n"

    server = serve(answering)
    began = time.monotonic()
    with pytest.raises(FetchFailed, match=r"within 0\.3 s"):
        fetch(server.url, bounds=Bounds(seconds=0.3))
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone", "500 Oops", "204 No Content"])
def test_any_other_status_is_a_failure_with_its_number(serve, status):
    """Only a body is a body."""
    server = serve(lambda *_: answer(status=status))
    with pytest.raises(FetchFailed) as failure:
        fetch(server.url)
    assert failure.value.status == int(status[:3])
    assert failure.value.remedy


IN_AN_HOUR = "the time it is in an hour"


@pytest.mark.parametrize(
    ("told", "least", "most"),
    [
        ("120", 120, 120),
        pytest.param(IN_AN_HOUR, 3500, 3601, id="in an hour"),
        ("Tue, 19 Sep 2023 04:00:00 GMT", 0, 0),
        ("9" * 30, 7 * 86400, 7 * 86400),
        ("soon", None, None),
        ("-5", None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(serve, told, least, most):
    """A server may ask for a pause of up to a week; nonsense asks for nothing."""
    if told == IN_AN_HOUR:
        told = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    server = serve(lambda *_: answer(status="503 Busy", retry_after=told))
    with pytest.raises(FetchFailed) as failure:
        fetch(server.url)
    asked = failure.value.retry_after_seconds
    assert asked is None if least is None else least <= asked <= most


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"cache_control": "public, max-age=3600"}, 3600),
        ({"cache_control": 'Max-Age="60"'}, 60),
        ({"cache_control": "no-cache, max-age=3600"}, 0),
        ({"cache_control": "max-age=-1"}, None),
        ({"cache_control": "max-age=" + "9" * 40}, 365 * 86400),
        ({"expires": "0"}, 0),
        (
            {"date": "Tue, 19 Sep 2023 04:00:00 GMT", "expires": "Tue, 19 Sep 2023 05:00:00 GMT"},
            3600,
        ),
        ({}, None),
    ],
)
def test_freshness_is_what_the_server_says(serve, headers, seconds):
    """Cache-Control goes before Expires; absurd values are bounded."""
    server = serve(lambda *_: answer(b"x", **headers))
    assert fetch(server.url).fresh_seconds == seconds


def test_nobody_there_is_a_failure():
    """A closed port and a name that is none are told, not raised as something else."""
    with pytest.raises(FetchFailed, match="no connection"):
        fetch("http://127.0.0.1:9/")
    with pytest.raises(FetchFailed, match="no host"):
        fetch("http://nobody.invalid/")


@pytest.mark.parametrize("said", [b"", b"hello\r\n\r\n", b"HTTP/1.1 999\xff\r\n\r\n"])
def test_what_speaks_no_http_is_a_failure(serve, said):
    """Whatever a port answers, only our own errors come out."""
    server = serve(lambda *_: said)
    with pytest.raises(FetchFailed):
        fetch(server.url)


def test_an_address_is_shown_without_its_password():
    """Logs and errors tell where, not with which key."""
    assert http.shown("https://ana:secret@example.org/x#y") == "https://example.org/x"
    assert "secret" not in http.shown("https://ana:secret@[::1/x\n")

"""Taking in a list at the desk: compared first, confirmed, and taken up again after a kill."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import httpx
import pytest
from sqlalchemy import func, select

from digest.errors import ReaderError
from digest.readership import archives, keep_schedule, lists
from digest.readership import uploads as uploading
from digest.schedule import Bell
from digest.store import Database, consents, readers, subscriptions, uploads
from digest.store.schema import consents as consent_rows
from digest.store.schema import subscribers
from digest.store.schema import subscriptions as subscription_rows
from digest.store.uploads import UploadState
from tests.website import Site, a_reader, served

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
PAGE = "/desk/subscribers/import"
LIST = (
    "email,name\nana@example.org,Ana Maria\nnew@example.org,Nell\nnobody,Nobody\nben@example.org,\n"
)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


def give(
    browser: httpx.Client, content: bytes | str, *, name: str = "list.csv", **told: str
) -> httpx.Response:
    """Upload a list as the form does."""
    page = browser.get(PAGE).text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    form = {"csrf": csrf[1] if csrf else "", "newsletter": "recap", "source": "a sheet"} | told
    return browser.post(PAGE, data=form, files={"file": (name, content)})


def ring(site: Site) -> None:
    Bell(site.database, lambda: site.loaded, clock=lambda: site.now).ring("lists")


def answer(browser: httpx.Client, place: str, said: str) -> httpx.Response:
    csrf = re.findall(r'name="csrf" value="([^"]+)"', browser.get(place).text)[-1]
    return browser.post(place, data={"csrf": csrf, "answer": said})


def numbers(page: str) -> list[int]:
    """The counts of the table: new, changed, there, left here, left by the list, invalid."""
    table = re.search(r"<caption.*?</table>", page, re.DOTALL)
    assert table
    return [int(n.replace(",", "")) for n in re.findall(r'"number">([\d,]+)<', table[0])]


def addresses(site: Site) -> set[str]:
    with site.database.read() as conn:
        return {str(a) for a in conn.execute(select(subscribers.c.address)).scalars()}


def zipped(*files: tuple[str, str | bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return held.getvalue()


# --- from the file to the readers ----------------------------------------------------------


def test_a_list_is_compared_then_taken_in(site: Site) -> None:
    """Nothing changes before somebody confirms what they have seen; after it the file is gone."""
    a_reader(site.database, "ana@example.org")
    gone = a_reader(site.database, "ben@example.org")
    with site.database.write() as conn:
        subscriptions.change(conn, gone, "recap", at=site.now, state="left")
    browser = site.browser("publisher")
    place = give(browser, LIST).headers["location"]
    assert 'http-equiv="refresh"' in browser.get(place).text
    ring(site)
    page = browser.get(place).text
    assert 'http-equiv="refresh"' not in page
    assert numbers(page) == [1, 1, 0, 1, 0, 1]
    assert re.search(r"4</td><td>[^<]*nobody", page), "line and reason of the row not taken"
    assert "new@example.org" in page
    assert addresses(site) == {"ana@example.org", "ben@example.org"}

    assert answer(browser, place, "import").status_code == 303
    ring(site)
    page = browser.get(place).text
    assert numbers(page) == [1, 1, 0, 1, 0, 1]
    assert "new@example.org" in addresses(site)
    assert "new@example.org" not in page
    with site.database.read() as conn:
        found = readers.known(conn, "recap", ["new@example.org"])["new@example.org"]
        acts = conn.execute(select(consent_rows.c.source, consent_rows.c.proof)).all()
    assert found.subscription
    assert found.subscription.source == "a sheet"
    assert ("a sheet", {"file": "list.csv", "line": 3}) in [tuple(act) for act in acts]
    assert "nobody" in browser.get(f"{place}/refused.csv").text
    assert not list((site.loaded.folder / uploading.PLACE).glob("*.list"))


@SQLITE
def test_the_page_says_how_far_a_list_is(site: Site) -> None:
    """Comparing and taking in show rows of how many, how much longer, and the meter of others."""
    people = "".join(f"reader{n}@example.org\n" for n in range(95))
    browser = site.browser("publisher")
    place = give(browser, f"email\n{people}no address\n").headers["location"]
    number = int(place.rpartition("/")[2])

    def after(seconds: int, was: UploadState, rows: int) -> str:
        site.now += timedelta(seconds=seconds)
        with site.database.write() as conn:
            assert uploads.change(conn, number, was, now=site.now, rows=rows)
        page = browser.get(place).text
        assert 'class="meter"' in page
        return " ".join(page.split())

    begun = " ".join(browser.get(place).text.split())
    assert "Comparing, 0 of 97." in begun
    compared = after(10, UploadState.COMPARING, 48)
    assert "Comparing, 48 of 97; at this speed done in about 10 s." in compared
    ring(site)
    answer(browser, place, "import")
    taken = after(20, UploadState.IMPORTING, 38)
    assert "Taking it in, 38 of 95; at this speed done in about 30 s." in taken
    assert 'width="40.0"' in taken


@SQLITE
def test_a_kill_half_way_loses_and_doubles_nobody(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped import goes on where it was, and comes to what an uninterrupted one does."""
    monkeypatch.setattr(lists, "BATCH", 10)
    rows = "".join(f"reader{n}@example.org\n" for n in range(95))
    browser = site.browser("publisher")
    place = give(browser, f"email\n{rows}no address\n").headers["location"]
    ring(site)
    answer(browser, place, "import")
    stop = Event()
    stop.set()
    uploading.work(site.database, site.loaded, clock=lambda: site.now, stop=stop)
    with site.database.read() as conn:
        taken = conn.execute(select(func.count()).select_from(subscription_rows)).scalar_one()
    assert 0 < taken < 95
    ring(site)
    assert numbers(browser.get(place).text) == [95, 0, 0, 0, 0, 1]
    with site.database.read() as conn:
        assert conn.execute(select(func.count()).select_from(consent_rows)).scalar_one() == 95


def test_one_list_is_one_process_work(site: Site) -> None:
    """Who has it in hand keeps it from others, until it says nothing for a minute."""
    browser = site.browser("publisher")
    give(browser, LIST)
    with site.database.read() as conn:
        (one,) = uploads.recent(conn, "recap", limit=1)
    first = uploading._Work(site.database, site.loaded, one, lambda: site.now, Event())
    assert first._claimed()
    ring(site)
    assert 'http-equiv="refresh"' in browser.get(f"{PAGE}/{one.id}").text
    site.now += timedelta(seconds=61)
    ring(site)
    assert numbers(browser.get(f"{PAGE}/{one.id}").text)[0] == 3


# --- archives --------------------------------------------------------------------------------


@SQLITE
def test_mailchimps_archive_is_taken_whole(site: Site) -> None:
    """Its three files are read by what their names say, wherever they pretend to lie."""
    archive = zipped(
        ("../../etc/subscribed_members_export_ab.csv", "Email Address\nana@example.org\n"),
        ("unsubscribed_members_export_ab.csv", "Email Address\nben@example.org\n"),
        ("cleaned_members_export_ab.csv", "Email Address\ncy@example.org\n"),
        ("__MACOSX/._cleaned.csv", "rubbish"),
        ("readme.pdf", "rubbish"),
    )
    browser = site.browser("publisher")
    place = give(browser, archive, name="audience.zip").headers["location"]
    ring(site)
    assert numbers(browser.get(place).text) == [1, 0, 0, 0, 2, 0]
    assert [each.name for each in (site.loaded.folder / uploading.PLACE).iterdir()] == ["1.list"]


@SQLITE
def test_a_single_file_speaks_by_its_name(site: Site) -> None:
    """Everybody in a file called unsubscribed… has left, though it lies under another name."""
    browser = site.browser("publisher")
    place = give(browser, "email\nana@example.org\n", name="unsubscribed.csv").headers["location"]
    ring(site)
    assert numbers(browser.get(place).text) == [0, 0, 0, 0, 1, 0]


@SQLITE
@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (zipped(("a.csv", b"email\n" + b"a" * 30_000_000)), "bomb.zip", "would unpack to 30 MB"),
        (zipped(*((f"{n}.csv", "email\n") for n in range(30))), "many.zip", "30 lists"),
        (zipped(("xl/workbook.xml", "<x/>"), ("a.txt", "x")), "list.xlsx", "spreadsheet"),
        (zipped(("a.pdf", "x")), "pdf.zip", "no file in pdf.zip is a list"),
        (b"PK\x05\x06" + b"\xff" * 18, "broken.zip", "damaged"),
        (b"", "empty.csv", "no file was chosen"),
    ],
    ids=["bomb", "many", "xlsx", "no list", "broken", "empty"],
)
def test_what_is_no_list_is_refused_at_once(
    site: Site, content: bytes, name: str, said: str
) -> None:
    """The form comes back with the reason, and nothing is kept."""
    refused = give(site.browser("publisher"), content, name=name)
    assert refused.status_code == 422
    assert said in refused.text
    with site.database.read() as conn:
        assert uploads.recent(conn, "recap", limit=9) == []


def test_an_archive_that_lies_about_its_size_is_cut(tmp_path: Path) -> None:
    """No more comes out of a file than the archive said: it is damaged, and said to be."""
    packed = bytearray(zipped(("a.csv", "email\n" + "reader@example.org\n" * 100_000)))
    size = (6 + 19 * 100_000).to_bytes(4, "little")
    assert packed.count(size) == 2
    file = tmp_path / "liar.zip"
    file.write_bytes(bytes(packed).replace(size, (1000).to_bytes(4, "little")))
    (source,) = archives.sources(file)
    with pytest.raises(ReaderError, match="damaged"), archives.octets(source) as stream:
        assert len(stream.read()) <= 1000


# --- who may, and what stays -----------------------------------------------------------------


@SQLITE
def test_a_list_takes_a_publisher_and_a_form_of_ours(site: Site) -> None:
    """Editors look, publishers take in; another site's form and a forged one do nothing."""
    assert "needs the account of a publisher" in site.browser("editor").get(PAGE).text
    assert give(site.browser("editor"), LIST).status_code == 403
    assert site.browser().post(PAGE, files={"file": ("a.csv", LIST)}).status_code == 403
    browser = site.browser("publisher")
    assert give(browser, LIST, csrf="forged").status_code == 403
    browser.headers["sec-fetch-site"] = "cross-site"
    assert give(browser, LIST).status_code == 403
    with site.database.read() as conn:
        assert uploads.recent(conn, "recap", limit=9) == []


@SQLITE
def test_a_list_without_a_source_of_consent_is_not_taken(site: Site) -> None:
    """The form comes back and says what is missing."""
    refused = give(site.browser("publisher"), LIST, source=" ")
    assert (refused.status_code, "where the consent came from" in refused.text) == (422, True)


@SQLITE
def test_a_file_that_is_too_large_is_not_read_to_its_end(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused when the limit is passed."""
    monkeypatch.setattr(uploading, "MOST_OCTETS", 100_000)
    refused = give(site.browser("publisher"), "a" * 300_000)
    assert refused.status_code == 413


@SQLITE
def test_what_nobody_confirms_goes(site: Site) -> None:
    """Let go at once on a word, else after a week: the file, and the rows that were shown."""
    browser = site.browser("publisher")
    first, second = (give(browser, LIST).headers["location"] for _ in range(2))
    ring(site)
    answer(browser, first, "drop")
    assert "Nothing was changed" in browser.get(first).text
    site.now += timedelta(days=8)
    keep_schedule(site.database, site.loaded, now=site.now)
    with site.database.read() as conn:
        assert {each.compared is None for each in uploads.recent(conn, "recap", limit=9)} == {True}
    assert not list((site.loaded.folder / uploading.PLACE).iterdir())
    assert addresses(site) == set()
    assert second != first


@SQLITE
def test_a_list_that_cannot_be_read_says_why(site: Site) -> None:
    """A file without a column of addresses is refused with the remedy, by its own name."""
    browser = site.browser("publisher")
    place = give(browser, "phone,city\n1,Rome\n", name="people.csv").headers["location"]
    ring(site)
    page = browser.get(place).text
    assert "people.csv:1: no column of addresses" in page
    assert 'role="alert"' in page


# --- growth ------------------------------------------------------------------------------------


def test_growth_is_told_week_by_week(site: Site) -> None:
    """Who came and who went stands in the week's row, and each week's end adds up."""
    for n, at in enumerate((site.now - timedelta(weeks=3), site.now)):
        person = a_reader(site.database, f"r{n}@example.org")
        with site.database.write() as conn:
            act = {"subscriber": person, "at": at, "what": "confirmed", "source": "link"}
            consents.prove(conn, "recap", [act])
    with site.database.write() as conn:
        act = {"subscriber": 1, "at": site.now, "what": "left", "source": "link"}
        subscriptions.change(conn, 1, "recap", at=site.now, state="left")
        consents.prove(conn, "recap", [act])
    page = site.browser("viewer").get("/desk/subscribers/growth").text
    rows = re.findall(r'class="short">(.*?)</th>' + r'<td class="number">(\d+)</td>' * 3, page)
    assert len(rows) == 52
    assert rows[0] == ("18 Sep 2023", "1", "1", "1")
    assert [row[3] for row in rows[:5]] == ["1", "1", "1", "1", "0"]
    assert 'role="img"' in page

"""A subscriber's life: lists in any shape, joining, leaving, coming back, being forgotten."""

from __future__ import annotations

import csv
import io
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from digest import readership, tokens
from digest.errors import BadToken, ConfigError, ReaderError
from digest.model import Rhythm, SubscriptionState
from digest.model.settings import Monthly
from digest.readership import Refused, Step, lists
from digest.store import Database, imports, schema, suppressions
from tests.readership import KEY, NEWSLETTER, NOW, Readership, installed

#: For what is about a file's shape, which no database changes.
ON_ONE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ACTIVE, LEFT = SubscriptionState.ACTIVE, SubscriptionState.LEFT
PENDING, SUPPRESSED = SubscriptionState.PENDING, SubscriptionState.SUPPRESSED


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Readership:
    return Readership(database, tmp_path)


# --- a list comes in ----------------------------------------------------------------------


def test_a_list_comes_in_whole(house: Readership) -> None:
    """Address, name, topics, rhythm and language are kept, and where the consent came from."""
    report = house.bring(
        "E-Mail;Full Name;Topics;Rhythm;Language;Source;Consented at\n"
        "Ana@Example.ORG;Łucja Żółć;Ukraine|Drones;Weekly;pt_BR;the fair;2026-01-02T03:04:05\n"
        "ben+recap@example.org;;;;;;\n"
    )
    assert (report.added, report.invalid, report.rows) == (2, [], 2)
    ana, ben = house.known()
    assert (ana.subscriber.address, ana.subscriber.name) == ("Ana@example.org", "Łucja Żółć")
    assert ana.subscriber.language == "pt-BR"
    one, other = ana.subscription, ben.subscription
    assert one
    assert other
    assert (one.topics, one.rhythm) == (("Drones", "Ukraine"), Rhythm.WEEKLY)
    assert (one.source, one.state) == ("the fair", ACTIVE)
    assert one.consented_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (other.source, other.rhythm, other.consented_at) == (
        "a sign-up sheet",
        Rhythm.WEEKLY,
        NOW,
    )


def test_bad_rows_cost_no_good_ones(house: Readership) -> None:
    """Every good row is taken; each bad one is listed with its line and the reason."""
    report = house.bring(
        "email,name,rhythm\n"
        "ana@example.org,Ana,\n"
        "not an address,Bo,\n"
        ",Nobody,\n"
        "\n"
        '"quoted local"@example.org,Q,\n'
        "x@[192.0.2.1],Literal,\n"
        "postmaster@example.org,Role,\n"
        "ana@EXAMPLE.org,Ana again,\n"
        "cy@example.org,Cy,hourly\n"
        "dee@example.org\n"
        "eve@example.org,Eve,,,,too,many\n"
    )
    assert house.addresses() == ["ana@example.org", "dee@example.org", "eve@example.org"]
    assert report.added == 3
    assert [row.line for row in report.invalid] == [3, 4, 6, 7, 8, 9, 10]
    assert "twice" in report.invalid[5].reason
    assert "'hourly' is none of: weekly, monthly" in report.invalid[6].reason


def test_nobody_waits_for_an_issue_that_is_never_made(house: Readership) -> None:
    """A monthly reader is listed with the reason; one who left by the list's word stays gone."""
    report = house.bring(
        "email,rhythm,state\n"
        "ana@example.org,monthly,\n"
        "ben@example.org,monthly,paused\n"
        "cy@example.org,Weekly,\n"
        "dee@example.org,monthly,unsubscribed\n"
        "eve@example.org,monthly,bounced\n"
    )
    assert (report.added, report.gone, [row.line for row in report.invalid]) == (1, 2, [2, 3])
    assert "asks for a monthly issue, and there are weekly ones only" in report.invalid[0].reason
    again = house.bring("email\ndee@example.org\neve@example.org\n")
    assert (again.added, again.barred) == (0, 2)


def test_a_monthly_reader_is_taken_in_where_there_is_a_monthly_issue(house: Readership) -> None:
    """The newsletter's own rhythms decide what a list may ask for."""
    settings = house.loaded.settings
    offering = settings.newsletters[NEWSLETTER].model_copy(update={"monthly": Monthly()})
    told = settings.model_copy(update={"newsletters": {NEWSLETTER: offering}})
    house.loaded = replace(house.loaded, settings=told)
    report = house.bring("email,rhythm\nana@example.org,monthly\nben@example.org,weekly\n")
    assert (report.added, report.invalid) == (2, [])
    assert house.of("ana@example.org").rhythm is Rhythm.MONTHLY


def test_importing_again_changes_nothing(house: Readership) -> None:
    """The second time everybody was there, and nothing is written down twice."""
    house.bring("email,name\nana@example.org,Ana\nben@example.org,\n")
    again = house.bring("email,name\nana@example.org,Ana\nben@example.org,\n")
    assert (again.added, again.changed, again.unchanged) == (0, 0, 2)
    assert house.acts("ana@example.org") == ["imported"]


def test_a_list_changes_names_and_lists_only(house: Readership) -> None:
    """A later list brings a name or a list; language and topics stay as the reader has them."""
    house.bring("email,language,topics\nana@example.org,de,Ukraine\n")
    report = house.bring(
        "email,name,language,topics\nana@example.org,Ana,fr,Drones\n", list_name="staff"
    )
    one = house.of("ana@example.org")
    assert report.changed == 1
    assert house.known()[0].subscriber.name == "Ana"
    assert house.known()[0].subscriber.language == "de"
    assert (one.lists, one.topics) == (("staff",), ("Ukraine",))


def test_an_import_revives_nobody(house: Readership) -> None:
    """Who left, is suppressed or was erased stays so, and is counted apart."""
    house.bring("email\nleft@example.org\nstopped@example.org\nerased@example.org\n")
    house.leave(house.token("left@example.org"))
    house.suppress("stopped@example.org")
    house.erase("erased@example.org")
    report = house.bring(
        "email,name\nleft@example.org,L\nstopped@example.org,S\nErased@example.org,E\n"
    )
    assert (report.added, report.changed, report.barred) == (0, 0, 3)
    assert house.of("left@example.org").state is LEFT
    assert "erased@example.org" not in [a.casefold() for a in house.addresses()]


def test_who_left_elsewhere_has_left_here(house: Readership) -> None:
    """A list's own word that somebody left, or that mail bounced, is kept, and ends a consent."""
    house.bring("email\nana@example.org\nben@example.org\n")
    report = house.bring(
        "Email Address,Status,UNSUB_TIME,CLEAN_TIME\n"
        "ana@example.org,Unsubscribed,,\n"
        "ben@example.org,,,2026-01-01\n"
        "cy@example.org,,2026-01-01,\n"
        "dee@example.org,cleaned,,\n"
        "eve@example.org,subscribed,,\n"
        "fay@example.org,pending,,\n"
        "gus@example.org,lapsed,,\n"
    )
    assert (report.gone, report.added) == (4, 1)
    states = {a: house.of(a).state for a in house.addresses()}
    assert states == {
        "ana@example.org": LEFT,
        "ben@example.org": SUPPRESSED,
        "cy@example.org": LEFT,
        "eve@example.org": ACTIVE,
    }
    assert [row.line for row in report.invalid] == [7, 8]
    later = house.bring(
        "email\nana@example.org\nben@example.org\ncy@example.org\ndee@example.org\n"
    )
    assert (later.barred, later.added) == (4, 0)


def test_the_word_that_somebody_left_wins_within_a_list(house: Readership) -> None:
    """Named once as a reader and once as gone, in either order, a person is gone."""
    house.bring("email,state\na@example.org,active\na@example.org,left\n")
    house.bring("email,state\nb@example.org,left\nb@example.org,active\n")
    assert {house.of(a).state for a in ("a@example.org", "b@example.org")} == {LEFT}


def test_a_stopped_import_is_taken_up(house: Readership, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after any batch and begun again later, an import comes to the same as in one go."""
    monkeypatch.setattr(lists, "BATCH", 10)
    content = "email,state\n" + "".join(
        f"r{n}@example.org,{('', 'left', 'bounced')[n % 7 % 3]}\n" if n % 5 else f"bad {n}\n"
        for n in range(60)
    )
    whole = house.bring(content)
    expected = house.everything()
    house.empty()

    def stop(_count: int) -> None:
        raise KeyboardInterrupt

    for later in range(3):
        with pytest.raises(KeyboardInterrupt):
            house.bring(content, at=NOW + timedelta(hours=later), progress=stop)
        assert 0 < len(house.everything()) < len(expected)
    rest = house.bring(content, at=NOW + timedelta(days=1))
    assert rest.resumed
    assert house.everything() == expected
    assert replace(rest, resumed=False) == whole


def test_an_import_killed_in_a_transaction_is_taken_up(
    house: Readership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the database did not commit is not counted as done."""
    monkeypatch.setattr(lists, "BATCH", 2)
    content = "email\n" + "".join(f"r{n}@example.org\n" for n in range(7))
    written = imports.advance

    def fail(conn: Connection, standing: imports.Standing, **told: Any) -> imports.Standing:
        if told["done"] > 4:
            raise OSError("killed")
        return written(conn, standing, **told)

    monkeypatch.setattr(imports, "advance", fail)
    with pytest.raises(OSError, match="killed"):
        house.bring(content)
    assert len(house.addresses()) == 4
    monkeypatch.undo()
    report = house.bring(content)
    assert (report.added, report.unchanged, len(house.addresses())) == (7, 0, 7)


def test_another_list_is_no_resumption(house: Readership, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that was changed, or is read otherwise, begins anew."""
    monkeypatch.setattr(lists, "BATCH", 1)

    def stop(_count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        house.bring("email\na@example.org\nb@example.org\n", progress=stop)
    assert not house.bring("email\nb@example.org\na@example.org\n").resumed
    assert not house.bring("email\na@example.org\nb@example.org\n", list_name="staff").resumed
    assert house.of("a@example.org").lists == ("staff",)
    taken_up = house.bring("email\na@example.org\nb@example.org\n")
    assert (taken_up.resumed, taken_up.added, taken_up.unchanged) == (True, 1, 1)
    assert not house.bring("email\na@example.org\nb@example.org\n").resumed


def test_two_imports_of_one_list_do_not_mix(
    house: Readership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second process that takes up the same list is told so, and writes nothing."""
    monkeypatch.setattr(lists, "BATCH", 1)
    content = "email\na@example.org\nb@example.org\nc@example.org\n"

    def meanwhile(_count: int) -> None:
        house.bring(content)

    with pytest.raises(ReaderError, match="another process imports the same list"):
        house.bring(content, progress=meanwhile)
    assert house.addresses() == ["a@example.org", "b@example.org", "c@example.org"]
    assert house.acts("b@example.org") == ["imported"]


def test_a_dry_run_says_what_an_import_would_do(house: Readership) -> None:
    """The same sums as the import's, what changes of whom, and not one row written."""
    house.bring("email,name\nana@example.org,Ana\nben@example.org,Ben\nleft@example.org,\n")
    house.leave(house.token("left@example.org"))
    house.suppress("bounced@example.org")
    content = (
        "email,name,country,state\nana@example.org,Anna,DE,\nben@example.org,Ben,,\n"
        "new@example.org,New,,\nleft@example.org,L,,\nbounced@example.org,B,,\n"
        "gone@example.org,,,unsubscribed\nnew@example.org,,,\nbad,,,\n"
    )
    before = house.everything()
    steps: list[Step] = []
    file = house.folder / "list.csv"
    file.write_text(content)
    planned = readership.rehearse_import(
        house.database, house.loaded, NEWSLETTER,
        readership.List(files=(file,), source="x", name="staff", attributes=("country",)),
        now=NOW, each=steps.append,
    )  # fmt: skip
    assert house.everything() == before
    assert {step.row.address: step.outcome for step in steps} == {
        "ana@example.org": "changed",
        "ben@example.org": "changed",
        "new@example.org": "added",
        "left@example.org": "barred",
        "bounced@example.org": "barred",
        "gone@example.org": "gone",
    }
    assert [step.changes for step in steps[:2]] == [("name", "list", "country"), ("list",)]
    assert [(row.line, row.file) for row in planned.invalid] == [(8, str(file)), (9, str(file))]
    done = house.bring(content, source="x", list_name="staff", attributes=("country",))
    assert done == planned
    assert house.known()[0].subscriber.attributes == {"country": "DE"}


def test_refused_rows_are_counted_without_end(
    house: Readership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report keeps the first ones, and whoever listens hears of all."""
    monkeypatch.setattr(lists, "KEPT", 3)
    heard: list[Refused] = []
    report = house.bring("email\n" + "bad\n" * 9, on_refused=heard.append)
    assert (report.refused, len(report.invalid), len(heard)) == (9, 3, 9)
    assert heard[-1].line == 10


# --- the shapes of a file -----------------------------------------------------------------


@ON_ONE
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom", "utf-16-le", "cp1252"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_any_usual_shape_is_read(house: Readership, mark: str, encoding: str, end: str) -> None:
    """Encoding, delimiter and line ends are found out."""
    name = "Zo\xeb" if encoding != "utf-16-le" else "Zoe"
    text = end.join(
        (f"Email{mark}First Name{mark}Last Name", f"zoe@example.org{mark}{name}{mark}M", "")
    )
    if encoding == "utf-16-be-bom":
        content = b"\xfe\xff" + text.encode("utf-16-be")
    else:
        content = text.encode(encoding)
    report = house.bring(content)
    assert report.invalid == []
    assert house.known()[0].subscriber.name == f"{name} M"


@ON_ONE
def test_an_address_is_taken_out_of_what_was_written_around_it(house: Readership) -> None:
    """Names, brackets, mailto:, a spreadsheet's quotes, invisible signs: all are left behind."""
    cells = [
        "Ana B <a1@example.org>", '"""C, D"" <a2@example.org>"', "<a3@example.org>,",
        "mailto:a4@example.org", "a5@example.org <MAILTO:a5@example.org>", "a6@example.org.",
        "a7@example.org;", "\u00a0a8@example.org\u200b", "\ufeffa9@example.org", "'b1@example.org",
        '"=""b2@example.org"""', "b3 @ example.org", "ｂ4＠example．org", "O'b5@example.org",
    ]  # fmt: skip
    report = house.bring("\n".join(["email", *cells]))
    assert report.invalid == []
    local = [*(f"a{n}" for n in range(1, 10)), *(f"b{n}" for n in range(1, 5)), "O'b5"]
    assert sorted(house.addresses()) == sorted(f"{one}@example.org" for one in local)
    names = {one.subscriber.address: one.subscriber.name for one in house.known()}
    assert (names["a1@example.org"], names["a2@example.org"]) == ("Ana B", "C, D")


@ON_ONE
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('"a@example.org, b@example.org"', "several addresses"),
        ('"a@example.org\nb@example.org"', "several addresses"),
        ("a@example.org b@example.org", "several addresses"),
        ("a@exаmple.org", "Latin and Cyrillic"),
        ("аna@example.org", "Latin and Cyrillic"),
        ("an\u200ba@example.org", "cannot be seen"),
    ],
)
def test_a_cell_that_is_no_one_address_is_refused(house: Readership, cell: str, said: str) -> None:
    """Two addresses are not guessed to be one, nor look-alike letters to be what they seem."""
    [refused] = house.bring(f"email\n{cell}\n").invalid
    assert said in refused.reason


@ON_ONE
def test_one_letter_of_windows_spoils_no_other(house: Readership) -> None:
    """A list of UTF-8 into which somebody pasted a row keeps its other names."""
    house.bring(b"email,name\na@example.org,Zo\xc3\xab\nb@example.org,Zo\xeb\n")
    assert [one.subscriber.name for one in house.known()] == ["Zoë", "Zoë"]


@ON_ONE
def test_excels_line_about_the_delimiter_is_no_header(house: Readership) -> None:
    """ "sep=;" above the names of columns is Excel's own."""
    assert house.bring("sep=;\r\nCourriel;Nom\r\nana@example.org;B\r\n").invalid == []
    assert house.addresses() == ["ana@example.org"]


@ON_ONE
def test_a_cell_may_go_on_over_lines(house: Readership) -> None:
    """A note of several lines in quotes is one cell, and the next row's line is still right."""
    report = house.bring(
        'email,notes\nana@example.org,"one\ntwo, ""three""\nfour"\nbad\nben@example.org,x\n'
    )
    assert house.addresses() == ["ana@example.org", "ben@example.org"]
    assert [row.line for row in report.invalid] == [5]


@ON_ONE
def test_an_open_quote_costs_its_own_row_only(house: Readership) -> None:
    """A quote that nobody closes is one bad row; all readers after it come in."""
    many = "".join(f"r{n}@example.org,R\n" for n in range(200))
    report = house.bring(
        f'email,name\nana@example.org,"Ana\n{many}cy@example.org,"Cy\nd@example.org,D'
    )
    assert report.added == 201
    assert [row.line for row in report.invalid] == [2, 203]
    assert "quote" in report.invalid[0].reason


@ON_ONE
def test_a_line_without_end_is_a_bad_row(house: Readership) -> None:
    """A line of three million letters is refused in pieces, and the rows around it come in."""
    report = house.bring(f"email\nana@example.org\n{'x' * 3_000_000}\nben@example.org\n")
    assert house.addresses() == ["ana@example.org", "ben@example.org"]
    assert 1 <= len(report.invalid) <= 4
    assert all(len(row.reason) < 300 for row in report.invalid)


@ON_ONE
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column of addresses among: nothing"),
        (b"name,phone\nAna,1\n", "no column of addresses among: name, phone"),
        (b"ana@example.org,Ana,2020\n", "the first line holds an address"),
        (b"ana@example.org,ben@example.org\n", "the first line holds an address"),
        (b"\x00\x01\x02\xff\xfe\x00", "no column of addresses"),
    ],
    ids=["empty", "no address", "no header, three columns", "addresses in one line", "binary"],
)
def test_a_file_that_is_no_list_is_refused(house: Readership, content: bytes, said: str) -> None:
    """Without a column of addresses nothing comes in, and the error says what to write."""
    with pytest.raises(ReaderError, match=said) as refused:
        house.bring(content)
    assert refused.value.remedy
    assert house.addresses() == []


@ON_ONE
@pytest.mark.parametrize(
    "content",
    [
        b"ana@example.org\nben@example.org\n",
        b"\xef\xbb\xbfana@example.org,Ana\r\nben@example.org,Ben\r\n",
        b"Ana;ana@example.org\nBen;ben@example.org\n",
        b"ana@example.org\tAna\nben@example.org\tBen\n",
        b"Ana <ana@example.org>\nBen <ben@example.org>\n",
        b'"Lima, Ana" <ana@example.org>\nBen <ben@example.org>,\n',
        b"ana@example.org,\nben@example.org,Ben\n",
        "ana@example.org\nben@example.org".encode("utf-16"),
    ],
    ids=["bare", "name after", "name before", "tabs", "brackets", "comma", "gap", "utf-16"],
)
def test_a_list_without_column_names_is_read(house: Readership, content: bytes) -> None:
    """One address a line, and perhaps a name: the first line is a reader, and that is told."""
    report = house.bring(content)
    assert (report.added, report.refused, len(report.headless)) == (2, 0, 1)
    assert house.addresses() == ["ana@example.org", "ben@example.org"]
    assert not house.bring(b"email\ncy@example.org\n").headless


@ON_ONE
@pytest.mark.parametrize("beside", ["unsubscribed", "Bounced", "0", "no", "2020-01-02"])
def test_what_may_say_that_somebody_left_is_no_name(house: Readership, beside: str) -> None:
    """Without a line of column names nobody can say what it means, so the row is not taken."""
    report = house.bring(f"ana@example.org,Ana\nben@example.org,{beside}\n".encode())
    assert house.addresses() == ["ana@example.org"]
    assert "no first line says what it means" in report.invalid[0].reason


@ON_ONE
def test_a_file_that_is_not_there_is_named(house: Readership) -> None:
    """A missing file or a folder is refused by its name."""
    for path in (house.folder / "none.csv", house.folder):
        with pytest.raises(ReaderError, match=str(path)):
            house.take(path)


@ON_ONE
def test_an_import_says_where_consent_came_from(house: Readership) -> None:
    """Without a source, or without a key to know the suppressed by, nothing is imported."""
    file = house.folder / "list.csv"
    file.write_text("email\nana@example.org\n")
    with pytest.raises(ReaderError, match="where the consent came from"):
        house.take(file, source=" ")
    house.loaded = installed(house.folder, key="")
    with pytest.raises(ConfigError, match="TOKEN_KEY"):
        house.take(file)
    assert house.addresses() == []


@ON_ONE
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=40) | st.sampled_from(['"', 'a,"b', ",,,"])), st.binary())
def test_no_row_costs_another(house: Readership, lines: list[str], tail: bytes) -> None:
    """Whatever stands in other rows, a good row before and one after them come in."""
    hostile = "\n".join(lines).encode("utf-8", "replace") + b"\n" + tail
    report = house.bring(
        b"email,name\nana@example.org,Ana\n" + hostile + b"\nben@example.org,Ben\n"
    )
    assert {"ana@example.org", "ben@example.org"} <= set(house.addresses())
    assert report.rows >= 2
    for reader in house.known():
        assert not any(
            unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in reader.subscriber.name
        )


# --- a list goes out ----------------------------------------------------------------------


def test_what_goes_out_comes_in_again(house: Readership, tmp_path: Path) -> None:
    """An export imported elsewhere gives the same readers, and who left has left there too."""
    house.bring(
        "email,name,topics,rhythm,language,format\n"
        '+plus@example.org,"=HYPERLINK(""x"")",Ukraine;Drones,weekly,de,text\n'
        "left@example.org,-Lea,,,,\n"
    )
    house.leave(house.token("left@example.org"))
    out = io.StringIO()
    csv.writer(out).writerows(readership.exported(house.database, NEWSLETTER))
    before = [(r.subscriber.address, r.subscriber.name, r.subscription) for r in house.known()]
    assert "\n'+plus@" in out.getvalue()
    assert not [
        c for row in csv.reader(io.StringIO(out.getvalue())) for c in row if c[:1] in "=+-@" and c
    ]

    with house.database.write() as conn:
        for table in (schema.consents, schema.subscriptions, schema.subscribers):
            conn.execute(table.delete())
    house.bring(out.getvalue())
    after = [(r.subscriber.address, r.subscriber.name, r.subscription) for r in house.known()]
    assert [(a, n) for a, n, _ in after] == [(a, n) for a, n, _ in before]
    for (*_, was), (*_, now) in zip(before, after, strict=True):
        assert was
        assert now
        assert (now.state, now.topics, now.rhythm, now.format, now.source, now.consented_at) == (
            was.state, was.topics, was.rhythm, was.format, was.source, was.consented_at,
        )  # fmt: skip
    assert {r.subscription.format for r in house.known() if r.subscription} == {"html", "text"}


def test_who_is_known_from_another_newsletter(house: Readership) -> None:
    """They keep name and number and take a seat here too, in one batch with strangers."""
    house.bring("email,name\nana@example.org,Ana\n")
    with house.database.write() as conn:
        conn.execute(schema.subscriptions.update().values(newsletter="another"))
    report = house.bring(
        "email,name,left at\n"
        "zoe@example.org,Zoe,\nana@example.org,Somebody,\nlea@example.org,,2024-01-01\n"
    )
    assert (report.added, report.gone) == (2, 1)
    known = {r.subscriber.address: r for r in house.known()}
    assert known["ana@example.org"].subscriber.name == "Ana"
    assert [house.acts(address) for address in known] == [
        ["imported"], ["imported"], ["imported", "left"],
    ]  # fmt: skip
    with house.database.read() as conn:
        assert len(conn.execute(select(schema.subscribers)).all()) == 3


# --- addresses ----------------------------------------------------------------------------

#: Valid by RFC 5321, yet refused: a top-level domain alone.
REFUSED_BY_POLICY = {"test@io"}


def test_addresses_of_is_email(shared: Path) -> None:
    """Of Dominic Sayers' cases each error is refused, each valid one taken or refused by policy."""
    cases = ET.parse(shared / "corpora/addresses/isemail.xml").getroot().iter("test")
    wrong = []
    for case in cases:
        told = case.findtext("address") or ""
        address = "".join(chr(ord(c) - 0x2400) if 0x2400 <= ord(c) < 0x2420 else c for c in told)
        category, diagnosis = case.findtext("category"), case.findtext("diagnosis")
        good = category in ("ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN")
        good = good and address not in REFUSED_BY_POLICY
        # Blanks around an address are a slip of the typist, and the one thing we mend.
        good = good or (category == "ISEMAIL_CFWS" and address.strip(" ") == "test@iana.org")
        try:
            readership.mailbox(address)
            taken = True
        except ReaderError:
            taken = False
        if taken is not good:
            wrong.append((case.get("id"), address, diagnosis, taken))
    assert wrong == []


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" Ana.Lima@Example.ORG\t", "Ana.Lima@example.org"),
        ("ben+tag@example.org", "ben+tag@example.org"),
        ("mei@xn--bcher-kva.example.org", "mei@bücher.example.org"),
        ("mei@Bücher.example.org", "mei@bücher.example.org"),
        ("jörg@example.org", "jörg@example.org"),
        ("jo\u0308rg@example.org", "jörg@example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
    ],
)
def test_an_address_keeps_what_is_its_owners(written: str, kept: str) -> None:
    """Case and tag before the @ stay, the domain is lower case, letters are composed."""
    assert readership.mailbox(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            "@",
            "ana",
            "ana@",
            "@example.org",
            "ana@example",
            "ana@localhost",
            "a b@example.org",
        ),
        *("Ana <ana@example.org>", "ana@example.org, ben@example.org", "ana@exa_mple.org"),
        *("ana@example.org\r\nBcc: all@example.org", "ana@example.org\n", "ana\x00@example.org"),
        *(
            "ana\u200b@example.org",
            "ana\u202e@example.org",
            "=1+1@example..org",
            "ana@-example.org",
        ),
        *(".ana@example.org", "ana.@example.org", "a..na@example.org", "x" * 65 + "@example.org"),
        *("NoReply@example.org", "abuse@example.org", "ana@" + "d" * 63 + ".example" * 30),
    ],
)
def test_what_is_no_reader_is_refused(written: str) -> None:
    """Lists, names, headers, invisible letters and mailboxes of a function are no address."""
    with pytest.raises(ReaderError) as refused:
        readership.mailbox(written)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


@given(st.text(max_size=40) | st.emails())
def test_any_text_is_an_address_or_an_error(written: str) -> None:
    """Nothing else happens, and what is taken is taken again as it is."""
    try:
        kept = readership.mailbox(written)
    except ReaderError:
        return
    assert readership.mailbox(kept) == kept


# --- leaving and coming back --------------------------------------------------------------


def test_leaving_is_for_good_and_can_be_undone(house: Readership) -> None:
    """Leaving works at once, twice is once, and the reader may come back; all is written down."""
    house.bring("email\nana@example.org\n")
    token = house.token("ana@example.org")
    before = readership.seat(house.database, house.loaded, token)
    assert (before.newsletter, before.left) == (NEWSLETTER, False)
    first, second = house.leave(token), house.leave(token)
    assert first == second
    assert (first.left, first.can_return) == (True, True)
    assert house.of("ana@example.org").left_at == NOW
    assert house.undo(token) == house.undo(token)
    assert house.of("ana@example.org").state is ACTIVE
    assert house.acts("ana@example.org") == ["imported", "left", "undone"]


def test_leaving_is_a_success_for_whoever_is_gone(house: Readership) -> None:
    """An erased or unknown reader leaves as any other, and cannot be brought back by a link."""
    house.bring("email\nana@example.org\n")
    token = house.token("ana@example.org")
    house.erase("ana@example.org")
    never = tokens.make(KEY, readership.PURPOSE, 4711, NEWSLETTER)
    for gone in (token, never):
        assert house.leave(gone).left
        assert not house.leave(gone).can_return
        with pytest.raises(BadToken):
            house.undo(gone)


def test_a_complaint_after_leaving_cannot_be_undone(house: Readership) -> None:
    """Who was suppressed meanwhile is not brought back by the old link."""
    house.bring("email\nana@example.org\n")
    token = house.token("ana@example.org")
    house.leave(token)
    house.suppress("ana@example.org")
    assert not readership.seat(house.database, house.loaded, token).can_return
    with pytest.raises(BadToken):
        house.undo(token)


def test_another_purpose_opens_no_seat(house: Readership) -> None:
    """A confirmation's token does not unsubscribe, and an unsubscribe link confirms nothing."""
    house.bring("email\nana@example.org\n")
    reader = house.of("ana@example.org").subscriber
    with pytest.raises(BadToken):
        house.leave(tokens.make(KEY, "confirm", reader, NEWSLETTER))
    with pytest.raises(BadToken):
        readership.confirm(
            house.database, house.loaded, house.token("ana@example.org"), proof={}, now=NOW
        )


# --- joining ------------------------------------------------------------------------------


@pytest.fixture
def ask(house: Readership) -> Callable[..., str]:
    """Ask to read, as a form does; the token of the confirmation mail."""

    def asked(address: str, at: datetime = NOW) -> str:
        return readership.ask(
            house.database, house.loaded, NEWSLETTER, address,
            source="the form", proof={"form": "1"}, now=at,
        )  # fmt: skip

    return asked


def confirmed(house: Readership, token: str, at: datetime = NOW + timedelta(hours=1)) -> str:
    told = readership.confirm(house.database, house.loaded, token, proof={"by": "post"}, now=at)
    return told.newsletter


def test_a_reader_is_who_confirms(house: Readership, ask: Callable[..., str]) -> None:
    """Asking makes nobody a reader; the link of the mail does, within 48 hours."""
    token = ask("ana@example.org")
    assert house.of("ana@example.org").state is PENDING
    for _ in range(2):
        assert confirmed(house, token) == NEWSLETTER
    one = house.of("ana@example.org")
    assert (one.state, one.confirmed_at) == (ACTIVE, NOW + timedelta(hours=1))
    assert house.acts("ana@example.org") == ["asked", "confirmed"]
    with pytest.raises(BadToken):
        confirmed(house, ask("ben@example.org"), NOW + timedelta(hours=48))


def test_a_confirmation_brings_back_who_asks_anew(
    house: Readership, ask: Callable[..., str]
) -> None:
    """Who left, was suppressed or erased comes back by asking and confirming, and only so."""
    house.bring("email\nleft@example.org\nstopped@example.org\nerased@example.org\n")
    house.leave(house.token("left@example.org"))
    house.suppress("stopped@example.org")
    house.erase("erased@example.org")
    for address in ("left@example.org", "stopped@example.org", "erased@example.org"):
        confirmed(house, ask(address, NOW + timedelta(minutes=1)))
        assert house.of(address).state is ACTIVE
    assert house.bring("email\nstopped@example.org\n").unchanged == 1


def test_leaving_ends_older_confirmations(house: Readership, ask: Callable[..., str]) -> None:
    """A confirmation that was asked for before leaving, complaining or erasure does nothing."""
    for address in ("left@example.org", "stopped@example.org", "erased@example.org"):
        ask(address)
    old = {a: ask(a) for a in house.addresses()}
    house.leave(house.token("left@example.org"))
    house.suppress("stopped@example.org")
    house.erase("erased@example.org")
    for token in old.values():
        with pytest.raises(BadToken):
            confirmed(house, token)
    assert ACTIVE not in {house.of(a).state for a in house.addresses()}


# --- one person ---------------------------------------------------------------------------


def test_adding_one_by_hand(house: Readership) -> None:
    """A new one is added, one who is there is put on the list, one who left stays away."""

    def add(address: str, *lists: str) -> str:
        return readership.add(
            house.database, house.loaded, NEWSLETTER, address,
            name="Ana", source="by phone", lists=lists, now=NOW,
        )  # fmt: skip

    assert add("ana@example.org") == "added"
    assert add("Ana@example.org", "staff") == "there"
    assert house.of("ana@example.org").lists == ("staff",)
    house.leave(house.token("ana@example.org"))
    assert add("ana@example.org") == "barred"
    house.erase("ana@example.org")
    assert add("ana@example.org") == "barred"
    with pytest.raises(ReaderError, match="how did they ask"):
        readership.add(
            house.database, house.loaded, NEWSLETTER, "b@example.org", source="", now=NOW
        )


def test_all_that_is_known_is_shown(house: Readership) -> None:
    """Person, subscriptions and every act with its proof; nothing for nobody."""
    house.bring("email,name\nana@example.org,Ana\n")
    shown = readership.show(house.database, house.loaded, "ANA@example.org")
    assert shown["subscriber"].name == "Ana"
    (one,) = shown["subscriptions"]
    (act,) = one["consent"]
    assert (act.what, act.source, act.proof) == (
        "imported",
        "a sign-up sheet",
        {"file": "list.csv", "line": 2},
    )
    with pytest.raises(ReaderError, match="nobody here"):
        readership.show(house.database, house.loaded, "ben@example.org")


def test_erasure_leaves_a_keyed_hash_only(house: Readership) -> None:
    """Of an erased person no table holds address or name; the hash is all that is kept."""
    house.bring("email,name\nana.secret@example.org,Secret Ana\n")
    house.erase("ana.secret@example.org")
    with house.database.read() as conn:
        for table in schema.metadata.sorted_tables:
            for row in conn.execute(select(table)):
                assert "secret" not in str(tuple(row)).casefold(), table.name
        hashed = tokens.address_hash(KEY, "ana.secret@example.org")
        assert suppressions.among(conn, [hashed]) == {hashed}
    with pytest.raises(ReaderError, match="must not be written to"):
        readership.show(house.database, house.loaded, "ana.secret@example.org")
    with pytest.raises(ReaderError, match="nobody here"):
        house.erase("ana.secret@example.org")

"""Lists as other programs export them, and as people write them by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.errors import ReaderError
from digest.model import SubscriptionState
from digest.readership import people
from digest.readership.rows import Seen
from digest.store import Database
from tests.readership import Readership

FOLDER = Path(__file__).parent / "corpus" / "lists"
ON_ONE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ACTIVE, LEFT = SubscriptionState.ACTIVE, SubscriptionState.LEFT
SUPPRESSED = SubscriptionState.SUPPRESSED
#: (address, name, state, consented on)
ANA = ("ana@example.org", "Ana Ferreira", ACTIVE, "2023-02-01")
BEN = ("ben@example.org", "", ACTIVE, "2024-07-19")
ELI = ("eli@example.org", "", LEFT, "2022-05-05")


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Readership:
    return Readership(database, tmp_path)


def told(house: Readership) -> list[tuple[str, str, str, str]]:
    return [
        (
            one.subscriber.address,
            one.subscriber.name,
            one.subscription.state,
            f"{one.subscription.consented_at:%Y-%m-%d}",
        )
        for one in house.known()
        if one.subscription
    ]


@pytest.mark.parametrize("backwards", [False, True], ids=["subscribed first", "subscribed last"])
def test_three_files_of_mailchimp(house: Readership, backwards: bool) -> None:
    """Subscribed, unsubscribed and cleaned come in as what they are, in any order of files."""
    files = sorted(FOLDER.glob("mailchimp/*.csv"), reverse=backwards)
    report = house.take(*files)
    assert (len(files), report.added, report.gone, report.invalid) == (3, 2, 2, [])
    assert sorted(told(house)) == [
        ANA,
        ("eli@example.org", "Eli Stone", LEFT, "2022-05-05"),
        ("joao@example.org", "João Sá, Jr.", ACTIVE, "2024-07-19"),
    ]
    assert house.of("ana@example.org").topics == ()
    assert house.bring("email\nfay@example.org\neli@example.org\n").barred == 2


@ON_ONE
@pytest.mark.parametrize(
    ("name", "expected", "gone", "refused"),
    [
        ("substack.csv", [(ANA[0], "", ACTIVE, ANA[3]), BEN, ELI], 1, []),
        ("substack-columns.csv", [ANA, BEN], 0, []),
        (
            "listmonk.csv",
            [ANA, (BEN[0], "Ben", *BEN[2:]), (ELI[0], "Eli", *ELI[2:])],
            2,
            [(6, "its attributes are no JSON object")],
        ),
        ("ghost.csv", [ANA, BEN, (ELI[0], "Eli Stone", *ELI[2:])], 1, []),
        (
            "mailpoet.csv",
            [ANA, (BEN[0], "Ben", *BEN[2:]), (ELI[0], "Eli Stone", *ELI[2:])],
            2,
            [(6, "has not confirmed, and an import cannot do that for them")],
        ),
    ],
)
def test_exports_of_other_programs(
    house: Readership,
    name: str,
    expected: list[tuple[str, str, str, str]],
    gone: int,
    refused: list[tuple[int, str]],
) -> None:
    """Names, states and times of consent are understood; who is gone or unconfirmed gets none."""
    report = house.take(FOLDER / name)
    assert told(house) == expected
    assert (report.gone, [(row.line, row.reason) for row in report.invalid]) == (gone, refused)


@ON_ONE
def test_attributes_of_a_list(house: Readership) -> None:
    """A column of JSON is taken with its plain values, another column where it is named."""
    house.take(FOLDER / "listmonk.csv")
    (ana,) = (r.subscriber for r in house.known() if r.subscriber.address == ANA[0])
    assert ana.attributes == {"city": "Lisboa", "country_code": "PT", "seats": "3", "vip": "true"}
    house.take(FOLDER / "spreadsheet.csv", attributes=("land",))
    known = {r.subscriber.address: r.subscriber.attributes for r in house.known()}
    assert known["ben@example.org"] == {"land": "Schweiz"}
    assert known["ana@example.org"] == {**ana.attributes, "land": "Österreich"}
    with pytest.raises(ReaderError, match="no column is called 'Region'") as refused:
        house.take(FOLDER / "spreadsheet.csv", attributes=("Region",))
    assert "Land" in refused.value.remedy


@ON_ONE
def test_a_file_speaks_for_its_rows_by_its_name(house: Readership) -> None:
    """Rows of a file called cleaned… or unsubscribed… are gone, also without a column of it."""
    for name in (
        "cleaned_2025.csv",
        "Unsubscribed contacts.csv",
        "subscribed.csv",
        "left-bank.txt",
    ):
        (house.folder / name).write_text(f"email\n{name[:4].lower()}@example.org\n")
        house.take(house.folder / name)
    assert {a: house.of(a).state for a in house.addresses()} == {
        "unsu@example.org": LEFT,
        "subs@example.org": ACTIVE,
        "left@example.org": LEFT,
    }
    assert house.bring("email\nclea@example.org\n").barred == 1


@ON_ONE
@pytest.mark.parametrize(
    "encoding", ["utf-16-le", "utf-16-be", "cp1251", "iso-8859-2", "mac-roman"]
)
def test_an_encoding_is_found_or_named(house: Readership, encoding: str) -> None:
    """UTF-16 shows itself by its zeros; what no machine can tell apart can be named."""
    name = {"cp1251": "Анна", "iso-8859-2": "Łucja", "mac-roman": "Zoë"}.get(encoding, "Zoë Ł")
    report = house.bring(
        f"email,name\nana@example.org,{name}\n".encode(encoding),
        encoding=None if encoding.startswith("utf") else encoding,
    )
    assert report.invalid == []
    assert house.known()[0].subscriber.name == name
    with pytest.raises(ReaderError, match="no encoding is called 'klingon'"):
        house.bring("email\n", encoding="klingon")


@settings(max_examples=100)
@given(st.lists(st.sampled_from([f"k{n}" for n in range(900)]), max_size=1200))
def test_seen_is_a_set(keys: list[str]) -> None:
    """Whatever comes in whatever order, an address is new once."""
    seen, plain = Seen(), set()
    for key in keys:
        assert seen.again(key) is (key in plain)
        plain.add(key)


LABELS = st.text("abXY019-", min_size=1, max_size=6) | st.sampled_from(
    ["xn--mnchen-3ya", "localhost", "test", "local", "invalid", "arpa", "onion", "a" * 64, "ab--c"]
)


@settings(max_examples=400)
@given(st.lists(LABELS, min_size=1, max_size=4).map(".".join))
@example(".".join(["a" * 60] * 5))
@example("a.b-")
@example("a.internal")
@example("example.org\n")
def test_plain_domains_are_what_the_library_says(domain: str) -> None:
    """The short way of ordinary domains lets in what email-validator does, and nothing else."""
    try:
        expected = validate_email(
            f"a@{domain}", check_deliverability=False, test_environment=True
        ).domain
    except EmailNotValidError:
        expected = None
    try:
        found = people.mailbox(f"a@{domain}").removeprefix("a@")
    except ReaderError:
        found = None
    assert found == expected

"""Conditions on readers: read, refused with a caret, and asked of one reader or a database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from digest import conditions, weekly
from digest.conditions import And, Compared, Condition, Empty, Facts, Not, OneOf, Or, Sign
from digest.config import Loaded
from digest.errors import ConditionError, WrongState
from digest.model import Issue
from digest.store import (
    Database,
    ledger,
    newsletters,
    readers,
    schema,
    segments,
    subscribers,
    subscriptions,
    tallies,
)
from tests import friday

NEWSLETTER = "weekly-recap"
ANA = Facts(
    attributes={"country": "DE", "age": "41", "city": "Köln"},
    domain="uni.example.org",
    language="de",
    source="the fair",
    topics=("Ukraine", "Drones"),
    lists=("staff",),
    joined=datetime(2026, 3, 1, 12, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('country = "DE"', True),
        ("country = 'DE'", True),
        ('COUNTRY == "DE"', True),
        ('country = "de"', False),
        ('country != "DE"', False),
        ('country <> "FR" and age > 40', True),
        ("age >= 41 and age <= 41.0 and not age < 41", True),
        ("age in (1, 41)", True),
        ('age = "41"', True),
        ("country > 3", False),
        ('country in ("FR", "DE")', True),
        ('country not in ("FR")', True),
        ('city > "Kiel" and city < "L"', True),
        ('shoe_size = "9"', False),
        ('shoe_size != "9"', True),
        ("shoe_size is empty and country is not empty", True),
        ('topic = "Drones"', True),
        ('topic != "Drones"', False),
        ('not topic in ("Iran", "China")', True),
        ('list = "staff"', True),
        ('domain = "uni.example.org" and language = "de" and source = "the fair"', True),
        ('joined >= "2026-03-01" and joined < "2026-03-02"', True),
        ('joined > "2026-03-02"', False),
        ('country = "FR" or country = "AT" or age = 41', True),
        ('country = "DE" or country = "FR" and age = 1', True),
        ('(country = "DE" or country = "FR") and age = 1', False),
        ('not (country = "DE" and age = 41)', False),
        ('NOT country = "FR" AND NOT country = "AT"', True),
        ("germans", True),
        ("germans and not old", True),
    ],
)
def test_a_condition_is_met_or_not(text: str, expected: bool) -> None:
    """Each form of the language says of a reader what it says in English."""
    named = {"germans": 'country = "DE"', "old": "age > 60", "old_germans": "germans and old"}
    assert conditions.holds(conditions.parse(text, named), ANA) is expected


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("", 1, "expected a name"),
        ("country = DE", 11, 'write "DE" in quotes'),
        ('country = "DE', 11, "this quote is not closed"),
        ("country = “DE”", 11, "straight quotes"),
        ('country "DE"', 1, "write what country should be"),
        ('country = "DE" age = 3', 16, 'expected "and", "or" or the end'),
        ('(country = "DE"', 16, "closing parenthesis"),
        ('country in "DE"', 12, 'expected "("'),
        ('country in ("DE"', 17, 'expected "," or ")"'),
        ('country not = "DE"', 13, 'expected "in"'),
        ('country is "DE"', 12, 'expected "empty"'),
        ("country; drop", 8, "';' has no place here"),
        ('topic > "a"', 7, "several values"),
        ('joined = "2026-01-01"', 8, "instant"),
        ('joined > "May"', 10, "expected a day"),
        ("joined > 3", 10, "expected a day"),
        ("nobody", 1, "segments are: loop"),
        ("loop", 11, "segment loop: the segment loop is made of itself"),
        ("(" * 60 + "a = 1", 51, "more than 50 parentheses"),
        ("a = 1 or " * 500, 1, "more than 4000 letters"),
    ],
)
def test_a_slip_is_shown_where_it_is(text: str, column: int, said: str) -> None:
    """The column, what was expected, and a caret under the very letter."""
    with pytest.raises(ConditionError) as refused:
        conditions.parse(text, {"loop": "a = 1 and loop"} if "=" not in text else {})
    error = refused.value
    assert said in str(error)
    assert (error.column, f"column {column}:" in str(error)) == (column, True)
    line, caret = error.shown
    assert caret.strip() == "^"
    assert len(line) <= 70


@settings(max_examples=300)
@given(st.text(max_size=60) | st.text("abc=<>!(),\"' 12andornotinisempty", max_size=60))
def test_any_text_is_a_condition_or_an_error(text: str) -> None:
    """Nothing else comes of it: no crash, no half-read condition."""
    try:
        found = conditions.parse(text)
    except ConditionError as e:
        assert e.shown[1].endswith("^")  # noqa: PT017
    else:
        assert isinstance(conditions.holds(found, ANA), bool)


# --- the same answer from Python and from both databases ----------------------------------

NAMES = ("country", "age", "größe", "absent")
VALUES = ["DE", "de", "FR", "", "9", "10", "1e3", "-2.50", "Köln", "a'b", "x%_", "9\n"]
DAYS = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3, 5)]
PEOPLE = [
    Facts(
        attributes={"country": VALUES[n % 12], "age": VALUES[(n * 7 + 3) % 12]}
        | ({"größe": VALUES[(n * 5) % 12]} if n % 3 else {}),
        domain=f"{'uni' if n % 2 else 'gov'}.example.org",
        language=("", "de", "en")[n % 3],
        source=("the fair", "a form")[n % 2],
        topics=((), ("Ukraine",), ("Ukraine", "Drones"))[n % 3],
        lists=((), ("staff",))[n % 2],
        joined=DAYS[n % 3] if n % 4 else None,
    )
    for n in range(24)
]
TEXT_NAMES = (*NAMES, *conditions.TEXTS)
TEXTS = st.sampled_from([*VALUES, "uni.example.org", "the fair"])
NUMBERS = st.sampled_from([9.0, 10.0, -2.5, 1000.0, 0.0])
LEAVES = st.one_of(
    st.builds(Compared, st.sampled_from(TEXT_NAMES), st.sampled_from(Sign), TEXTS | NUMBERS),
    st.builds(
        Compared,
        st.sampled_from(conditions.SEVERAL),
        st.just(Sign.EQUAL),
        st.sampled_from(["Ukraine", "Drones", "staff", "x"]),
    ),
    st.builds(
        Compared,
        st.just("joined"),
        st.sampled_from([sign for sign in Sign if sign is not Sign.EQUAL]),
        st.sampled_from(DAYS),
    ),
    st.builds(
        OneOf,
        st.sampled_from((*TEXT_NAMES, *conditions.SEVERAL)),
        st.lists(TEXTS | st.just("Ukraine"), max_size=3).map(tuple),
        st.lists(NUMBERS, max_size=2).map(tuple),
    ),
    st.builds(Empty, st.sampled_from((*TEXT_NAMES, *conditions.SEVERAL, "joined"))),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES)
def test_the_databases_agree_with_the_evaluator(database: Database, tree: Condition) -> None:
    """Of every reader both databases say what Python says, whatever is asked of whomever."""
    with database.write() as conn:
        if not conn.execute(select(schema.subscribers.c.id).limit(1)).first():
            for n, facts in enumerate(PEOPLE):
                _take_in(conn, n, facts)
        query = (
            select(schema.subscribers.c.name)
            .join(
                schema.subscriptions,
                schema.subscriptions.c.subscriber_id == schema.subscribers.c.id,
            )
            .where(segments.clause(conn, tree))
        )
        found = {int(name) for name in conn.execute(query).scalars()}
    assert found == {n for n, facts in enumerate(PEOPLE) if conditions.holds(tree, facts)}


def _take_in(conn: Any, n: int, facts: Facts) -> None:
    key = f"reader{n}@{facts.domain}"
    subscribers.add(
        conn,
        [
            {
                "address": key,
                "address_key": key,
                "name": str(n),
                "language": facts.language or None,
                "attributes": dict(facts.attributes),
                "created_at": DAYS[0],
            }
        ],
    )
    told = {
        "subscriber_id": subscribers.numbers(conn, [key])[key],
        "newsletter": NEWSLETTER,
        "state": "active",
        "topics": list(facts.topics),
        "lists": list(facts.lists),
        "source": facts.source,
        "consented_at": facts.joined,
        "changed_at": DAYS[0],
    }
    subscriptions.add(conn, [told])


@given(TREES)
def test_what_is_written_is_what_is_read(tree: Condition) -> None:
    """A tree written out in the language and parsed again asks the same of everybody."""
    again = conditions.parse(_written(tree)) if _can_be_written(tree) else tree
    for facts in PEOPLE:
        assert conditions.holds(again, facts) is conditions.holds(tree, facts)


def _can_be_written(tree: Condition) -> bool:
    match tree:
        case And(parts) | Or(parts):
            return all(map(_can_be_written, parts))
        case Not(part):
            return _can_be_written(part)
        case OneOf(_, texts, numbers):
            return bool(texts or numbers)
    return True


def _written(tree: Condition) -> str:
    match tree:
        case And(parts):
            return "(" + " and ".join(map(_written, parts)) + ")"
        case Or(parts):
            return "(" + " or ".join(map(_written, parts)) + ")"
        case Not(part):
            return f"not {_written(part)}"
        case Empty(name):
            return f"{name} is empty"
        case OneOf(name, texts, numbers):
            return f"{name} in ({', '.join([*map(_quoted, texts), *map(str, numbers)])})"
        case Compared(name, sign, value):
            return f"{name} {sign} {_quoted(value)}"


def _quoted(value: object) -> str:
    if isinstance(value, datetime):
        return f'"{value:%Y-%m-%d}"'
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Country", "country"),
        ("Country Code", "country_code"),
        ("E-Mail (work)", "e_mail_work"),
        ("2nd name", "_2nd_name"),
        ("Größe", "größe"),
        ("?!", ""),
    ],
)
def test_an_attribute_has_a_name_that_can_be_asked_for(written: str, name: str) -> None:
    """Whatever a column is called, a condition can name it."""
    assert conditions.attribute_name(written) == name
    if name:
        conditions.parse(f"{name} is empty")


# --- who gets an issue --------------------------------------------------------------------


def _friday(database: Database, folder: Path, **told: Any) -> tuple[Loaded, Issue]:
    """An approved issue before ten readers, of whom the numbers 1 to 4 are German."""
    loaded = friday.a_loaded(folder, **told)
    with database.write() as conn:
        newsletters.started(conn, "recap", now=friday.MONDAY)
    friday.publish(database, *friday.TITLES)
    friday.subscribe(database, 10)
    with database.write() as conn:
        for one in readers.listed(conn, "recap")[:4]:
            subscribers.describe(conn, one.subscriber.id, {"country": "DE"})
    issue = friday.prepared(database, loaded)
    return loaded, weekly.approve(database, loaded, issue, by="editor", now=friday.BEFORE)


@pytest.mark.parametrize(
    ("only", "where", "frozen"),
    [
        (None, None, 10),
        ("germans", None, 4),
        ('not country = "DE"', None, 6),
        (None, 'country = "DE"', 4),
        ("germans", 'country != "DE"', 0),
    ],
)
def test_an_issue_goes_to_whom_it_is_meant_for(
    database: Database, tmp_path: Path, only: str | None, where: str | None, frozen: int
) -> None:
    """The newsletter's `only` and the command's condition decide; the others are counted."""
    told = {"segments": {"germans": 'country = "DE"'}} | ({"only": only} if only else {})
    loaded, issue = _friday(database, tmp_path, **told)
    condition = conditions.parse(where) if where else None
    issue = weekly.freeze(database, loaded, issue, now=friday.SEND_HOUR, where=condition)
    with database.read() as conn:
        count, excluded = tallies.counted(conn, issue.id)
        tally = ledger.tally(conn, issue.id)
        meant = weekly.audience_of(loaded.settings.newsletters["recap"], condition)
        audience = ledger.audience(conn, "recap", issue.of.rhythm, where=meant)
    assert (count, tally.frozen, audience) == (frozen, frozen, frozen)
    assert excluded == ({"segment": 10 - frozen} if frozen < 10 else {})
    with pytest.raises(WrongState, match="was decided when it began"):
        weekly.freeze(
            database, loaded, issue, now=friday.SEND_HOUR, where=conditions.parse("a = 1")
        )


def test_who_is_gone_is_counted_as_gone(database: Database, tmp_path: Path) -> None:
    """Of somebody who left and is in no segment the ledger says that they left."""
    loaded, issue = _friday(database, tmp_path, only='country = "DE"')
    with database.write() as conn:
        last = readers.listed(conn, "recap")[-1].subscriber.id
        subscriptions.change(conn, last, "recap", at=friday.MONDAY, state="left")
    issue = weekly.freeze(database, loaded, issue, now=friday.SEND_HOUR)
    with database.read() as conn:
        assert tallies.counted(conn, issue.id) == (4, {"segment": 5, "left": 1})

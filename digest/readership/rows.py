"""A list of readers as a file: its columns, and its rows, one person each."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from digest.conditions import attribute_name
from digest.errors import ReaderError
from digest.identity import address_key
from digest.model import Format, Rhythm, SubscriptionState, topic_set
from digest.readership.archives import Source
from digest.readership.headless import column_names
from digest.readership.people import mailbox, plain_name
from digest.readership.records import Refuse, delimiter, opened, records
from digest.readership.written import named_address

#: How the columns that we use are called elsewhere; compared without case and punctuation.
COLUMNS = {
    "address": (
        *("email", "emailaddress", "mail", "address", "subscriberemail", "useremailaddress"),
        *("email1", "email1value", "primaryemail", "contactemail", "workemail", "useremail"),
        *("emailaddress1", "emailrequired", "recipient", "subscriber"),
        *("adresse", "emailadresse", "adresseemail", "adressemail", "adresseelectronique"),
        *("adresseélectronique", "courriel", "correo", "correoelectronico", "correoelectrónico"),
        *("indirizzoemail", "indirizzoposta", "emailadres", "endereçodeemail", "enderecodeemail"),
        *("epost", "epostadress", "epostadresse", "sähköposti", "adresemail", "emailováadresa"),
        *("eposta", "epostaadresi", "электроннаяпочта", "почта", "メールアドレス", "メール"),
        *("电子邮件", "邮箱", "電子郵件", "이메일"),
    ),
    "name": ("name", "fullname", "displayname", "subscribername", "username"),
    "first": ("firstname", "fname", "givenname", "vorname", "prenom"),
    "last": ("lastname", "lname", "surname", "familyname", "nachname", "nom"),
    "topics": ("topics", "interests"),
    "language": ("language", "lang", "locale"),
    "rhythm": ("rhythm", "frequency"),
    "format": ("format", "emailtype", "mailformat"),
    "source": ("source", "optinsource", "consentsource"),
    "attributes": ("attributes",),
    # Best first: when they confirmed says more than when somebody was written down.
    "consented": (
        *("consentedat", "confirmtime", "confirmedat", "optintime", "subscribedat"),
        *("startdate", "createdat"),
    ),
    "left": ("leftat", "unsubtime", "unsubscribedat"),
    "bounced": ("cleantime", "bouncedat"),
}

#: Columns that say how somebody stands; a list may have several, and the worst word holds.
STATE_COLUMNS = (
    *("state", "status", "subscriberstatus", "subscriptionstatus", "liststatus", "globalstatus"),
)
#: Columns that say yes or no: the name, and which of the two means that the person has left.
LEFT_FLAGS = {
    "emaildisabled": True,  # Substack
    "unsubscribed": True,
    "optedout": True,
    "subscribedtoemails": False,  # Ghost
    "subscribed": False,
}
_SAYS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

#: What programs call mail without HTML; compared as the columns are.
TEXT_ALONE = ("text", "plain", "plaintext", "textplain", "textonly", "txt")

#: What programs call the states of a subscription; compared as the columns are.
STATES = {
    SubscriptionState.ACTIVE: ("active", "subscribed", "confirmed", "enabled", "optedin"),
    SubscriptionState.PAUSED: ("paused",),
    SubscriptionState.PENDING: ("pending", "unconfirmed"),
    SubscriptionState.LEFT: ("left", "unsubscribed", "optedout", "optout", "disabled", "inactive"),
    SubscriptionState.SUPPRESSED: (
        *("suppressed", "cleaned", "bounced", "hardbounced", "complained", "spam"),
        *("blocklisted", "blacklisted"),
    ),
}
_STATE_CALLED = {word: state for state, words in STATES.items() for word in words}
#: From a reader to somebody who must not be written to: of several words the last one holds.
_GRAVITY = tuple(STATES)

#: Whoever these say is a reader gets issues, now or after a pause.
READING = (SubscriptionState.ACTIVE, SubscriptionState.PAUSED)

#: More than this of one person is no attribute list any more.
MOST_ATTRIBUTES = 50


class Row(NamedTuple):
    """One person as a list has them."""

    line: int
    address: str
    key: str
    name: str
    topics: tuple[str, ...]
    language: str | None
    rhythm: Rhythm | None
    format: Format | None
    source: str
    #: When the list says that they consented; None where it does not, or not legibly.
    consented_at: datetime | None
    #: What the list says of them: active, paused, left or suppressed.
    state: SubscriptionState
    attributes: dict[str, str]
    #: The file's name, as it is kept with the consent.
    file: str

    @property
    def is_gone(self) -> bool:
        return self.state in (SubscriptionState.LEFT, SubscriptionState.SUPPRESSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a list is to be read."""

    #: Where the consent of a row came from that does not say so itself.
    source: str
    #: Columns kept as attributes, besides a column of JSON called "attributes".
    attributes: tuple[str, ...] = ()
    #: None: it is found out.
    encoding: str | None = None
    #: In which issues are made: who waits for another would never get one.
    rhythms: tuple[Rhythm, ...] = (Rhythm.WEEKLY,)


def rows(source: Source, reading: Reading, seen: Seen, refuse: Refuse) -> Iterator[Row]:
    """
    Yield the people of a file of rows, in its order; *refuse* hears of each row not taken.

    The second row of an address in *seen* is one of those, unless it says that the person
    is gone. A first row that is a person is one (`column_names`). ReaderError if the file
    cannot be read or has no column of addresses.
    """
    with opened(source, reading.encoding) as stream:
        found = records(stream, delimiter(stream), refuse)
        header = next(found, None)
        names = header.cells if header else []
        made = column_names(names)
        if header and made:
            found = chain([header], found)
        columns = Columns(made or names, source, reading, headless=bool(made))
        for record in found:
            try:
                row = columns.row(record.line, record.cells)
            except ReaderError as e:
                refuse(record.line, str(e))
                continue
            if seen.again(row.key) and not row.is_gone:
                refuse(record.line, f"{row.address}: stands in this list twice")
                continue
            yield row


class Seen:
    """
    The addresses of a list so far, in about 16 octets each: a set of a million takes 150 MB.

    Kept are 64 bits of each address's hash. Two addresses of a million have the same ones
    with a chance of 1 in 30 million; the second one would be refused by name.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 1024))
        self._count = 0

    def again(self, key: str) -> bool:
        """Tell whether *key* was there before, and remember it."""
        if self._count * 2 > len(self._slots):
            self._grow()
        # 0 marks a free slot.
        mark = hash(key) & 0xFFFF_FFFF_FFFF_FFFF or 1
        at = self._place(mark)
        if self._slots[at]:
            return True
        self._slots[at] = mark
        self._count += 1
        return False

    def _place(self, mark: int) -> int:
        slots, last = self._slots, len(self._slots) - 1
        at = mark & last
        while (held := slots[at]) and held != mark:
            at = (at + 1) & last
        return at

    def _grow(self) -> None:
        marks = self._slots
        self._slots = array("Q", bytes(8 * len(marks) * 2))
        for mark in marks:
            if mark:
                self._slots[self._place(mark)] = mark


# --- its columns --------------------------------------------------------------------------


@dataclass(slots=True)
class _Found:
    """Which column holds what."""

    one: dict[str, int] = field(default_factory=dict)
    states: list[int] = field(default_factory=list)
    #: (column, what says that the person has left)
    flags: list[tuple[int, bool]] = field(default_factory=list)
    #: (column, name of the attribute)
    attributes: list[tuple[int, str]] = field(default_factory=list)


class Columns:
    """The columns of one file, and how a record of it becomes a row."""

    def __init__(
        self, header: Sequence[str], source: Source, reading: Reading, *, headless: bool = False
    ) -> None:
        """ReaderError without a column of addresses, or without one that *reading* names."""
        self.file, self.reading, self._headless = source.name, reading, headless
        self._found = _found(header, str(source), reading)
        self._file_says = _state_of_file(source.stem)

    def row(self, line: int, cells: Sequence[str]) -> Row:
        """Return the person in *cells*; ReaderError with the reason if there is none."""
        has = len(cells)
        told = {
            name: text
            for name, index in self._found.one.items()
            if index < has and (text := _unguarded(cells[index].strip()))
        }
        if self._headless:
            _refuse_doubtful(told.get("name", ""))
        written, beside = named_address(told.get("address", ""))
        address = mailbox(written)
        state = self._state(cells, told)
        rhythm = _rhythm(told["rhythm"]) if "rhythm" in told else None
        offered = self.reading.rhythms
        if state in READING and rhythm not in (None, *offered):
            raise ReaderError(
                f"asks for a {rhythm} issue, and there are {' and '.join(offered)} ones only; "
                "write a rhythm that there is, or take the row in later"
            )
        return Row(
            line=line,
            address=address,
            key=address_key(address),
            name=_name(told) or plain_name(beside),
            topics=_topics(told["topics"]) if "topics" in told else (),
            language=_language(told["language"]) if "language" in told else None,
            rhythm=rhythm,
            format=_format(told["format"]) if "format" in told else None,
            source=plain_name(told["source"]) if "source" in told else self.reading.source,
            consented_at=_instant(told["consented"]) if "consented" in told else None,
            state=state,
            attributes=self._attributes(cells, told),
            file=self.file,
        )

    def _state(self, cells: Sequence[str], told: Mapping[str, str]) -> SubscriptionState:
        """
        Return the worst that the list says of the person; ReaderError for an unknown word.

        To take an unknown one for a reader would write to somebody who may have left.
        """
        said = [self._file_says]
        said += [_state(cells[i].strip()) for i in self._found.states if i < len(cells)]
        for index, left in self._found.flags:
            if index < len(cells) and _SAYS.get(_word(cells[index])) is left:
                said.append(SubscriptionState.LEFT)
        if "left" in told:
            said.append(SubscriptionState.LEFT)
        if "bounced" in told:
            said.append(SubscriptionState.SUPPRESSED)
        worst = max(said, key=_GRAVITY.index)
        if worst is SubscriptionState.PENDING:
            raise ReaderError("has not confirmed, and an import cannot do that for them")
        return worst

    def _attributes(self, cells: Sequence[str], told: Mapping[str, str]) -> dict[str, str]:
        found = _attributes(told["attributes"]) if "attributes" in told else {}
        for index, name in self._found.attributes:
            if index < len(cells) and (value := plain_name(_unguarded(cells[index].strip()))):
                found[name] = value
        return found


def _found(header: Sequence[str], file: str, reading: Reading) -> _Found:
    plain = [_word(name) for name in header]
    found = _Found(
        one={
            ours: plain.index(theirs)
            for ours, names in COLUMNS.items()
            for theirs in reversed(names)
            if theirs in plain
        },
        states=[i for i, name in enumerate(plain) if name in STATE_COLUMNS],
        flags=[(i, LEFT_FLAGS[name]) for i, name in enumerate(plain) if name in LEFT_FLAGS],
    )
    if "address" not in found.one:
        raise _no_addresses(header, file)
    for wanted in reading.attributes:
        if _word(wanted) not in plain:
            raise ReaderError(
                f"{file}:1: no column is called {wanted!r}",
                remedy=f"It has: {_named(header)}",
            )
        found.attributes.append((plain.index(_word(wanted)), attribute_name(wanted)))
    return found


def _no_addresses(header: Sequence[str], file: str) -> ReaderError:
    if any("@" in name for name in header):
        return ReaderError(
            f"{file}:1: the first line holds an address, not the names of columns",
            remedy=f'Write a line above it that names the columns, such as "{_suggested(header)}".',
        )
    return ReaderError(
        f"{file}:1: no column of addresses among: {_named(header) or 'nothing'}",
        remedy='Call it "email".',
    )


def _suggested(header: Sequence[str]) -> str:
    names = ["email" if "@" in cell else f"column {n}" for n, cell in enumerate(header, start=1)]
    return ",".join(names[:5])


def _named(header: Sequence[str]) -> str:
    return ", ".join(plain_name(name) for name in header[:20])


def _state_of_file(stem: str) -> SubscriptionState:
    """Return what the file's name says of everybody in it: Mailchimp exports three files."""
    first = re.split(r"[\W_]+", stem.casefold())[0]
    named = _STATE_CALLED.get(first, SubscriptionState.ACTIVE)
    return (
        named
        if named in (SubscriptionState.LEFT, SubscriptionState.SUPPRESSED)
        else (SubscriptionState.ACTIVE)
    )


# --- its cells ----------------------------------------------------------------------------


@lru_cache(maxsize=1000)
def _word(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def _unguarded(cell: str) -> str:
    # An export keeps spreadsheets from running a cell by a quote before it.
    return cell[1:] if cell[:2] in ("'=", "'+", "'-", "'@") else cell


def _name(told: Mapping[str, str]) -> str:
    whole = told.get("name")
    return plain_name(whole if whole else f"{told.get('first', '')} {told.get('last', '')}")


def _topics(text: str) -> tuple[str, ...]:
    return topic_set(plain_name(part) for part in re.split(r"[;|]", text))


def _attributes(text: str) -> dict[str, str]:
    """Return the plain values of a JSON object, as text; ReaderError if it is none."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ReaderError("its attributes are no JSON object")
    plain = ((attribute_name(name), _plain(value)) for name, value in told.items())
    return dict([(name, value) for name, value in plain if name and value][:MOST_ATTRIBUTES])


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain_name(str(value)) if isinstance(value, str | int | float) else ""


@lru_cache(maxsize=1000)
def _language(tag: str) -> str | None:
    tag = tag.replace("_", "-")
    return tag if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", tag) else None


def _rhythm(word: str) -> Rhythm:
    try:
        return Rhythm(word.casefold())
    except ValueError:
        allowed = ", ".join(Rhythm)
        raise ReaderError(f"the rhythm {plain_name(word)!r} is none of: {allowed}") from None


def _format(word: str) -> Format:
    """Return how the mail should look; whatever is not text alone has text beside it."""
    return Format.TEXT if _word(word) in TEXT_ALONE else Format.HTML


def _refuse_doubtful(beside: str) -> None:
    """Raise ReaderError if what stands beside an address may say that the person has left."""
    word = _word(beside)
    if beside and (word in _STATE_CALLED or word in _SAYS or not any(map(str.isalpha, beside))):
        raise ReaderError(
            f"{plain_name(beside)!r} stands beside the address, and no first line says what it "
            'means; write one such as "email,status"'
        )


def _instant(text: str) -> datetime | None:
    """Return an instant of ISO 8601; without a zone, of UTC."""
    try:
        told = datetime.fromisoformat(text)
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _state(word: str) -> SubscriptionState:
    state = _STATE_CALLED.get(_word(word)) if word else SubscriptionState.ACTIVE
    if state is None:
        raise ReaderError(f"the state {plain_name(word)!r} is not known: is this a reader?")
    return state

"""
Conditions on readers: ``country = "DE" and not topic in ("Drones", "Ukraine")``.

A condition is parsed into a tree, and nothing of its text goes anywhere else: `holds` tells
of one reader whether it is met, and `digest.store.segments` asks the database the same.

    condition   or-joined; `and` binds closer, `not` closest; parentheses as usual
    comparison  NAME = VALUE, and != < <= > >=; NAME in (VALUE, …), and not in;
                NAME is empty, and is not empty
    VALUE       text in single or double quotes, or a number
    NAME        a field below, an attribute of the list, or a segment standing alone

What a reader does not have is equal to nothing: ``country = "DE"`` is false for them and
``country != "DE"`` true. Text is compared letter by letter, case and all; with a number, a
text that is none is equal to nothing either.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from digest.errors import ConditionError

#: Fields of one text; every other name is an attribute's.
TEXTS = ("domain", "language", "source")
#: Fields of several texts: what is said holds if it holds of one of them. Who reads all
#: topics has chosen none.
SEVERAL = ("list", "topic")
#: Fields that are an instant, compared with a day's first moment in UTC.
INSTANTS = ("joined",)

#: More letters than anybody writes by hand, and more parentheses.
MOST_LETTERS = 4000
DEEPEST = 50

NUMBER = r"-?[0-9]{1,15}(\.[0-9]{1,9})?"


class Sign(StrEnum):
    """How two values are compared."""

    EQUAL = "="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Compared:
    """A field beside a value; for a field of several texts, one of them."""

    name: str
    sign: Sign
    value: str | float | datetime


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field that is one of some values."""

    name: str
    texts: tuple[str, ...]
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Empty:
    """A field without a value."""

    name: str


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    part: Condition


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple[Condition, ...]


Condition = Compared | OneOf | Empty | Not | And | Or


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a condition may ask of one reader."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    domain: str = ""
    language: str = ""
    source: str = ""
    topics: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    #: When they consented.
    joined: datetime | None = None


def attribute_name(written: str) -> str:
    """Return how conditions call the attribute that a list calls *written*; "" for nothing."""
    letters = unicodedata.normalize("NFC", written).lower()
    name = re.sub(r"\W+", "_", letters).strip("_")[:64].strip("_")
    return f"_{name}" if name[:1].isdigit() else name


# --- asking one reader --------------------------------------------------------------------

_SIGNS: dict[Sign, Callable[[Any, Any], bool]] = {
    Sign.EQUAL: operator.eq,
    Sign.LESS: operator.lt,
    Sign.AT_MOST: operator.le,
    Sign.MORE: operator.gt,
    Sign.AT_LEAST: operator.ge,
}


def holds(condition: Condition, facts: Facts) -> bool:
    """Tell whether the reader of *facts* meets *condition*."""
    match condition:
        case And(parts):
            return all(holds(part, facts) for part in parts)
        case Or(parts):
            return any(holds(part, facts) for part in parts)
        case Not(part):
            return not holds(part, facts)
        case Empty(name):
            return not _values(name, facts)
        case OneOf(name, texts, numbers):
            return any(v in texts or _number(v) in numbers for v in _values(name, facts))
        case Compared(name, sign, value):
            compare = _SIGNS[sign]
            return any(compare(found, value) for found in _alike(name, facts, value))


def _values(name: str, facts: Facts) -> list[Any]:
    """Return the values of a field; none for what the reader does not have."""
    match name:
        case "topic":
            return list(facts.topics)
        case "list":
            return list(facts.lists)
        case "joined":
            return [facts.joined] if facts.joined else []
        case "domain" | "language" | "source":
            return [value] if (value := getattr(facts, name)) else []
    value = facts.attributes.get(name)
    return [value] if value else []


def _alike(name: str, facts: Facts, value: object) -> Iterator[Any]:
    """Yield the values of a field that can be compared with *value*."""
    for found in _values(name, facts):
        if isinstance(value, float):
            if (number := _number(found)) is not None:
                yield number
        else:
            yield found


def _number(text: object) -> float | None:
    return float(text) if isinstance(text, str) and re.fullmatch(NUMBER, text) else None


# --- reading one --------------------------------------------------------------------------


def parse(text: str, segments: Mapping[str, str] | None = None) -> Condition:
    """
    Return *text* as a tree; a name that stands alone is one of *segments*, parsed with it.

    Raises ConditionError with the column, and the text with a caret under it.
    """
    return _Parser(text, segments or {}, ()).whole()


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


_TOKENS = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')"
    rf"|(?P<number>{NUMBER}(?![\w.]))"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign><=|>=|==|!=|<>|[=<>])"
    r"|(?P<mark>[(),])"
)
_WORDS = ("and", "or", "not", "in", "is", "empty")


class _Parser:
    """One condition on its way from text to tree, by recursive descent."""

    def __init__(self, text: str, segments: Mapping[str, str], within: tuple[str, ...]) -> None:
        self.text, self.segments, self.within = text, segments, within
        if len(text) > MOST_LETTERS:
            raise ConditionError(f"it has more than {MOST_LETTERS} letters", text=text[:60], at=0)
        self.tokens = list(self._tokens())
        self.depth = 0

    def _tokens(self) -> Iterator[_Token]:
        at = 0
        while at < len(self.text):
            found = _TOKENS.match(self.text, at)
            if found is None:
                raise self._at(at, self._strange(at))
            kind = str(found.lastgroup)
            word = found.group().lower()
            if kind == "name" and word in _WORDS:
                yield _Token("word", word, at)
            elif kind != "space":
                yield _Token(kind, found.group(), at)
            at = found.end()
        yield _Token("end", "", len(self.text))

    def _strange(self, at: int) -> str:
        letter = self.text[at]
        if letter in "\"'":
            return "this quote is not closed"
        if letter in "“”„‟‘’«»":
            return 'write text in straight quotes, "like this"'
        return f"{letter!r} has no place here" if letter.isprintable() else "no letter"

    # One function a rule, as the module's text has them.

    def whole(self) -> Condition:
        found = self._either()
        if self._next.kind != "end":
            raise self._wrong('expected "and", "or" or the end')
        return found

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._take("word", "or"):
            parts.append(self._both())
        return Or(tuple(parts)) if len(parts) > 1 else parts[0]

    def _both(self) -> Condition:
        parts = [self._single()]
        while self._take("word", "and"):
            parts.append(self._single())
        return And(tuple(parts)) if len(parts) > 1 else parts[0]

    def _single(self) -> Condition:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._wrong(f"more than {DEEPEST} parentheses or nots within one another")
        try:
            if self._take("word", "not"):
                return Not(self._single())
            if self._take("mark", "("):
                found = self._either()
                self._need("mark", ")", "expected a closing parenthesis")
                return found
            return self._comparison()
        finally:
            self.depth -= 1

    def _comparison(self) -> Condition:
        name = self._need("name", "", 'expected a name, such as country, or "not"')
        if sign := self._take("sign"):
            return self._compared(name, sign)
        if self._take("word", "in"):
            return self._one_of(name)
        if self._take("word", "not"):
            self._need("word", "in", 'expected "in" after "not"')
            return Not(self._one_of(name))
        if self._take("word", "is"):
            negated = self._take("word", "not")
            self._need("word", "empty", 'expected "empty" after "is"')
            found = Empty(attribute_name(name.text))
            return Not(found) if negated else found
        return self._segment(name)

    def _compared(self, name: _Token, sign: _Token) -> Condition:
        spelling = {"==": "=", "<>": "!="}.get(sign.text, sign.text)
        asked, value = attribute_name(name.text), self._value()
        if asked in INSTANTS:
            if spelling in ("=", "!="):
                raise self._at(sign.at, f"{asked} is an instant: compare it with < <= > or >=")
            return Compared(asked, Sign(spelling), self._day(value))
        if asked in SEVERAL and spelling not in ("=", "!="):
            raise self._at(sign.at, f'{asked} has several values: use =, != or "in"')
        plain = float(value.text) if value.kind == "number" else value.text[1:-1]
        if spelling == "!=":
            return Not(Compared(asked, Sign.EQUAL, plain))
        return Compared(asked, Sign(spelling), plain)

    def _one_of(self, name: _Token) -> Condition:
        asked = attribute_name(name.text)
        if asked in INSTANTS:
            raise self._at(name.at, f"{asked} is an instant: compare it with < <= > or >=")
        self._need("mark", "(", 'expected "(" and a list of values after "in"')
        values = [self._value()]
        while self._take("mark", ","):
            values.append(self._value())
        self._need("mark", ")", 'expected "," or ")"')
        return OneOf(
            asked,
            tuple(value.text[1:-1] for value in values if value.kind == "text"),
            tuple(float(value.text) for value in values if value.kind == "number"),
        )

    def _value(self) -> _Token:
        token = self._take("text") or self._take("number")
        if token is None and self._next.kind in ("name", "word"):
            raise self._wrong(f'write "{self._next.text}" in quotes')
        if token is None:
            raise self._wrong("expected text in quotes or a number")
        return token

    def _day(self, value: _Token) -> datetime:
        try:
            return datetime.strptime(value.text[1:-1], "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            raise self._at(value.at, 'expected a day, such as "2026-05-01"') from None

    def _segment(self, name: _Token) -> Condition:
        if name.text not in self.segments:
            known = f"; segments are: {', '.join(self.segments)}" if self.segments else ""
            says = f'write what {name.text} should be, such as {name.text} = "…"{known}'
            raise self._at(name.at, says)
        if name.text in self.within:
            raise self._at(name.at, f"the segment {name.text} is made of itself")
        within = (*self.within, name.text)
        return _Parser(self.segments[name.text], self.segments, within).whole()

    @property
    def _next(self) -> _Token:
        return self.tokens[0]

    def _take(self, kind: str, text: str = "") -> _Token | None:
        """Return the next token and step over it, if it is the one; else None."""
        if self._next.kind == kind and text in ("", self._next.text):
            return self.tokens.pop(0)
        return None

    def _need(self, kind: str, text: str, else_say: str) -> _Token:
        token = self._take(kind, text)
        if token is None:
            raise self._wrong(else_say)
        return token

    def _wrong(self, says: str) -> ConditionError:
        return self._at(self._next.at, says)

    def _at(self, at: int, says: str) -> ConditionError:
        within = f"segment {self.within[-1]}: " if self.within else ""
        return ConditionError(within + says, text=self.text, at=at)

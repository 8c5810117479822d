"""Every error the program raises on purpose.

DigestError                 one sentence that says what, where, and what to do
├── ConfigError             config.yaml or .env: file, line, key
├── FeedError               a feed as a whole; its publications stay as they are
│   ├── FetchRefused        we would not: private address, too large, not http(s)
│   ├── FetchFailed         they did not: time-out, 4xx, 5xx
│   │   └── NoSuchHost      the address names nobody
│   └── NotAFeed            what came is no feed of the kind asked for
├── StoreError              the database did not do it; nothing was half done
│   ├── StoreBusy           locked for longer than we wait; try again
│   │   └── StoreAway       not to be reached, or gone in the middle; it may come back
│   ├── StoreFull           no space left; make room and repeat the command
│   └── StoreOutdated       the schema is not this program's; `digest db upgrade`
├── IssueError              an issue cannot take this step
│   ├── NoSuchIssue
│   ├── WrongState          the step is not allowed from the state it is in
│   └── Held                a safety rule stopped it; the reasons are listed
├── TemplateError           a template: file, line
├── SendError               the mail server as a whole; no reader is to blame
│   ├── Unreachable         passing: no connection, time-out, 4xx at greeting
│   ├── SenderFault         ours to mend: TLS, AUTH, 5xx at MAIL; the run pauses
│   └── AlreadySending      another process is sending this issue; it goes on
├── ReaderError             a subscriber or a list of them: file, line, address
├── ConditionError          a condition on readers cannot be read: column, caret
├── BadToken                forged, cut or made for another purpose; never says which
├── OidcError               the identity provider, or what it said, cannot be believed
└── TooManyGuesses          at a sign-in; nothing is heard for some seconds
"""

from __future__ import annotations


class DigestError(Exception):
    """Something was asked for and did not happen; the text says why, *remedy* what to do."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class ConfigError(DigestError):
    """The configuration cannot be used as it stands; *also* holds what else is wrong in it."""

    def __init__(
        self,
        message: str,
        *,
        file: str = "",
        line: int | None = None,
        key: str = "",
        remedy: str = "",
        also: tuple[ConfigError, ...] = (),
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.file = file
        self.line = line
        self.key = key
        self.also = also

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line else "")
        return ": ".join(part for part in (place, self.key, super().__str__()) if part)


class FeedError(DigestError):
    """A feed could not be read; what it gave before is kept."""


class FetchRefused(FeedError):
    """We did not ask, or stopped reading, because it would not have been safe."""


class FetchFailed(FeedError):
    """The other side did not answer as it should.

    *status* is the HTTP status if there was one; *retry_after_seconds* what the
    server asked us to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_seconds: float | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class NoSuchHost(FetchFailed):
    """The address names a host that nobody knows."""


class NotAFeed(FeedError):
    """The body is no feed, listing or file of the kind that was asked for."""


class StoreError(DigestError):
    """The database refused; the transaction was rolled back whole."""


class StoreBusy(StoreError):
    """Another process held the database for longer than we wait."""


class StoreAway(StoreBusy):
    """The database could not be reached, or ended in the middle of our transaction."""


class StoreFull(StoreError):
    """The disk is full."""


class StoreOutdated(StoreError):
    """The schema in the database is older or newer than this program's."""


class IssueError(DigestError):
    """An issue cannot do what was asked of it."""


class NoSuchIssue(IssueError):
    """No issue has this newsletter, rhythm and key."""


class WrongState(IssueError):
    """The step is not allowed from the state that the issue is in."""


class Held(IssueError):
    """A safety rule stopped the issue; *reasons* are sentences for an editor."""

    def __init__(self, message: str, *, reasons: tuple[str, ...], remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reasons = reasons


class TemplateError(DigestError):
    """A template cannot be rendered."""

    def __init__(
        self, message: str, *, file: str = "", line: int | None = None, remedy: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.file = file
        self.line = line

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line else "")
        return f"{place}: {super().__str__()}" if place else super().__str__()


class SendError(DigestError):
    """The mail server did not work with us; no recipient is to blame."""


class Unreachable(SendError):
    """A passing failure of the connection; trying again later may work."""


class SenderFault(SendError):
    """Our configuration, credentials or reputation; a person must look at it."""


class AlreadySending(SendError):
    """Another process is sending the issue; asking again later is safe."""


class ReaderError(DigestError):
    """A subscriber's record, or a row of a list, cannot be taken as it is."""


class ConditionError(DigestError):
    """A condition on readers cannot be read; *column* counts from 1."""

    def __init__(self, message: str, *, text: str, at: int) -> None:
        super().__init__(f"column {at + 1}: {message}")
        self.column = at + 1
        #: The text, as much of it as fits in a line, and below it a caret.
        self.shown = _under(text, at)


def _under(text: str, at: int) -> tuple[str, str]:
    first = max(0, at - 50)
    line = "".join(c if c.isprintable() else " " for c in text)
    return line[first : first + 70], " " * (at - first) + "^"


class BadToken(DigestError):
    """The token opens nothing. Why is never told to whoever shows it."""


class OidcError(DigestError):
    """Signing in elsewhere did not work; nobody was signed in."""


class TooManyGuesses(DigestError):
    """Somebody guessed too often at a sign-in; for *seconds* no further guess is heard."""

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message, remedy="Wait, then try again.")
        self.seconds = seconds

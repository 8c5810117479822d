"""A newsroom with something on each of its pages, and where each of them is to be found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update

from digest import readership, staff, tokens, weekly
from digest.model import DeliveryState, Edits, IssueState
from digest.schedule import Bell
from digest.store import issues, tallies
from digest.store.schema import bounces, deliveries, feeds, outbox, publications
from digest.web import application
from tests import friday
from tests.archived import an_issue
from tests.walking import routes
from tests.website import KEY, NOW, Site, a_loaded, a_reader

TOPICS = ("Security Cooperation", "Ukraine", "Health, Care, and Aging")
NEWSLETTER = {
    "title": "Sample Weekly Recap",
    "from": "Sample Weekly Recap <recap@example.org>",
    "postal_address": "1 Sample Street, Springfield",
    "timezone": "America/New_York",
    "closes": "friday 06:00",
    "sends": "friday 09:00",
    "editors": ["editor@example.org"],
    "topics": list(TOPICS),
    "monthly": {"title": "Sample Monthly Recap"},
    "own_clock": True,
    "look": {"accent": "#6b2c91"},
}
#: As long as titles and addresses get.
LONG = (
    "Counterintelligence, Interoperability, and Institutionalization: Lessons of Thirty Years of"
    " Transatlantic Cooperation for the Next Generation of Multinational Peacekeeping Forces"
)
MAILBOXES = (
    "ana@example.org",
    "ben.of.a.rather.long.name.that.does.not.end.here@department.of.long.names.example.org",
    "chloe@example.org",
    "dmitri@example.org",
)
ANSWERS = {
    DeliveryState.SENT: "250 2.0.0 Ok: queued",
    DeliveryState.UNCERTAIN: "the sender ended before an answer was recorded",
}
PREFERENCES = ("topics", "rhythm", "pause", "timezone", "format", "language", "address")
#: Not pages: what a program asks for, files, a stream, the mail itself (which runs no script and
#: is judged by `make judges`), and the other way to write an address.
NO_PAGES = (
    "/sign-in/elsewhere",
    "/to/",
    "/api/",
    "/static/",
    "/pictures/",
    "/health",
    "/readyz",
    "/metrics",
    "/favicon.ico",
)
NO_ENDINGS = ("/", "/mail", "/progress", "/version", ".csv", ".json", ".txt", ".xml", ".{ending}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Newsroom:
    """What there is in it, by number."""

    site: Site
    #: By what they are called: a draft, one going out, one that went.
    issues: dict[str, int]
    publication: int
    reader: int
    account: int
    upload: int

    def addresses(self) -> dict[str, str]:
        """
        Return where every page is, by a name that files may have; the desk's begin with ``desk``.

        Each GET route of the application, filled in; AssertionError for a part of a path that
        nobody has said anything about: a new page says it in `_parts`.
        """
        app = application(self.site.database, lambda: self.site.loaded)
        paths = sorted(path for method, path in routes(app) if method == "GET" and is_page(path))
        return {name: address for path in paths for name, address in self._filled(path)}

    def _filled(self, path: str) -> Iterator[tuple[str, str]]:
        if "{issue_id}" in path:
            for which, number in self.issues.items():
                parts = {"issue_id": number, "action": "hold"}
                yield _name(path, which), path.format(**parts)
        elif "{key}" in path and path.startswith("/preferences"):
            for key in PREFERENCES:
                yield _name(path, key), path.format(**self._parts(path) | {"key": key})
        else:
            try:
                yield _name(path), path.format(**self._parts(path))
            except KeyError as e:
                raise AssertionError(f"the newsroom does not know what {e} is in {path}") from None

    def _parts(self, path: str) -> dict[str, str | int]:
        room = path.split("/")[1]
        return {
            "newsletter": "recap",
            "number": self._number(path),
            "name": "jobs",
            "subscriber_id": self.reader,
            "account_id": self.account,
            "key": "2023-09-08",
            "topic": "security-cooperation",
        } | ({"token": self._token(room)} if "{token}" in path else {})

    def _number(self, path: str) -> int:
        of_reader = self.upload if "/import/" in path else self.reader
        return of_reader if path.startswith("/desk/subscribers") else self.publication

    def _moving(self) -> str:
        """Ask for another mailbox, as the reader does; return the mailed link's token."""
        fresh = self._token("preferences")
        told = {"answer": "ana@example.com"}
        self.site.browser().post(f"/preferences/{fresh}/address", data=told)
        return self._mailed("move")

    def _mailed(self, room: str) -> str:
        with self.site.database.read() as conn:
            mails = conn.execute(select(outbox.c.text).order_by(outbox.c.id.desc())).scalars()
            return next(found[0] for mail in mails if (found := _link(room, mail)))

    def _token(self, room: str) -> str:
        now, reader = self.site.now, self.reader
        match room:
            case "sign-in":
                return self.site.link("viewer")
            case "confirm":
                return readership.ask(
                    self.site.database,
                    self.site.loaded,
                    "recap",
                    "new@example.org",
                    source="a form",
                    proof={},
                    now=now,
                )
            case "preferences":
                return tokens.make_until(KEY, "preferences", now + timedelta(1), reader, "recap")
            case "move":
                return self._moving()
            case "password":
                staff.mail_reset(
                    self.site.database, self.site.loaded, "ana@example.org", prefix="", now=now
                )
                return self._mailed(room)
            case "new-address":
                told = (self.site.database, self.site.loaded)
                ana = staff.account(self.site.database, "ana@example.org")
                staff.mail_new_address(*told, ana, "anna@example.org", prefix="", now=now)
                return self._mailed(room)
            case "stop":
                return tokens.make_until(KEY, "stop", now + timedelta(1), self.issues["sending"])
            case _:
                return tokens.make(KEY, room, reader, "recap")


def _link(room: str, mail: str) -> list[str]:
    return re.findall(rf"/{room}/(\S+)", mail)


def is_page(path: str) -> bool:
    if path == "/":
        return True
    return not path.startswith(NO_PAGES) and not path.endswith(NO_ENDINGS)


def _name(path: str, which: str = "") -> str:
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    if "{" in path and not which:
        parts.append("one")
    return "-".join([*(parts or ["desk", "this-week"]), *filter(None, [which])])


def furnished(site: Site) -> Newsroom:
    """Fill the *site*: feeds well and ill, publications, readers, issues in three states."""
    site.loaded = a_loaded(site.loaded.folder, newsletters={"recap": NEWSLETTER})
    account = staff.add(site.database, "ana@example.org", staff.Role("publisher"), now=NOW)
    readers = [a_reader(site.database, address) for address in MAILBOXES]
    went = an_issue(site.database, site.loaded, "2023-09-08", number=1)
    going = an_issue(
        site.database,
        site.loaded,
        "2023-09-15",
        number=2,
        state=IssueState.SENDING,
        titles=(LONG, "B"),
    )
    written = friday.publish(site.database, *friday.TITLES, LONG, topics=TOPICS[:1])
    friday.publish(site.database, f"{friday.TITLES[3]} Again")
    states = [DeliveryState.SENT, DeliveryState.SENT, DeliveryState.UNCERTAIN]
    _owe(site, went.id, readers, [*states, DeliveryState.FAILED])
    _owe(site, going.id, readers, [DeliveryState.SENT, DeliveryState.DEFERRED] * 2)
    _spoil(site, readers[1], went.id)
    return Newsroom(
        site=site,
        issues={"draft": _draft(site, written), "sending": going.id, "finished": went.id},
        publication=written[0],
        reader=readers[0],
        account=account.id,
        upload=_written(site),
    )


def _written(site: Site) -> int:
    """Write a block and bring a list, as an editor and an admin do; return the list's number."""
    admin = site.browser("admin")
    csrf = dict(re.findall(r'name="(csrf)" value="([^"]+)"', admin.get("/desk/blocks").text))
    told = csrf | {"newsletter": "recap"}
    block = told | {"name": "jobs", "title": "Jobs", "place": "end", "words": "We are hiring."}
    assert admin.post("/desk/blocks", data=block).status_code == 303
    brought = admin.post(
        "/desk/subscribers/import",
        data=told | {"source": "the conference"},
        files={"file": ("list.csv", "email,name\nnew@example.org,New\nno address,x\n")},
    )
    assert brought.status_code == 303, brought.text
    Bell(site.database, lambda: site.loaded, clock=lambda: site.now).ring("lists")
    return int(brought.headers["location"].rpartition("/")[2])


def _draft(site: Site, written: list[int]) -> int:
    newsletter = site.loaded.settings.newsletters["recap"]
    slot = weekly.slot(newsletter, friday.CLOSING, now=NOW)
    issue = weekly.prepare(site.database, site.loaded, "recap", slot, now=NOW)
    edits = Edits(titles={written[1]: "A Partnership of Three"}, exclusions=(written[3],))
    return weekly.edit(
        site.database, site.loaded, issue, edits, now=NOW, actor="ben@example.org"
    ).id


def _owe(site: Site, issue: int, readers: list[int], states: list[DeliveryState]) -> None:
    with site.database.write() as conn:
        edition = issues.by_id(conn, issue).edition_id
        for reader, address, state in zip(readers, MAILBOXES, states, strict=True):
            answer = ANSWERS.get(state, "452 4.2.2 The mailbox is full")
            conn.execute(
                deliveries.insert().values(
                    issue_id=issue,
                    subscriber_id=reader,
                    edition_id=edition,
                    variant_id=1,
                    address=address,
                    state=state,
                    due_at=NOW - timedelta(hours=1),
                    attempts=1,
                    answer=answer,
                    changed_at=NOW - timedelta(minutes=5),
                )
            )
        tallies.count(conn, issue, frozen=len(readers), excluded={"paused": 1})


def _spoil(site: Site, reader: int, issue: int) -> None:
    """Let a mail come back, a feed fail, and a publication be hidden."""
    with site.database.write() as conn:
        conn.execute(
            bounces.insert().values(
                key="<1@example.org>",
                place=0,
                at=NOW - timedelta(days=6),
                kind="bounce",
                subscriber_id=reader,
                issue_id=issue,
                verdict="ours",
                said="550 5.7.26 This mail has been blocked because the sender is unauthenticated",
                address=MAILBOXES[1],
                outcome="unsure",
            )
        )
        conn.execute(
            feeds.update().values(
                failures=3,
                error="https://example.org/feed answered 503; the next try is in two hours",
                next_fetch_at=NOW + timedelta(hours=2),
                fetched_at=NOW - timedelta(minutes=20),
                succeeded_at=NOW - timedelta(days=3),
            )
        )
        oldest = select(publications.c.id).order_by(publications.c.id.desc()).limit(1)
        conn.execute(
            update(publications)
            .where(publications.c.id == oldest.scalar_subquery())
            .values(topics=[*TOPICS, "Interoperability"])
        )

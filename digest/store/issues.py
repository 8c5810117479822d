"""Issues with their drafts, states and editions, and what each of them used up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, func, not_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from digest.errors import NoSuchIssue, WrongState
from digest.model import (
    CORRECTION,
    Candidate,
    DeliveryState,
    Draft,
    Edition,
    Edits,
    Format,
    Issue,
    IssueId,
    IssueState,
    Recap,
    Rhythm,
    Tally,
    Variant,
    Window,
)
from digest.store import archive, hooks
from digest.store.schema import editions, events, issues, merges, newsletters, uses, variants

_RECAP = TypeAdapter(Recap)
_CANDIDATES = TypeAdapter(tuple[Candidate, ...])
_EDITS = TypeAdapter(Edits)

_NEWEST_EDITION = (
    select(func.max(editions.c.id)).where(editions.c.issue_id == issues.c.id).scalar_subquery()
)
_CONTENT = ("recap", "candidates", "edits", "unedited", "unworded", "subject")
#: What an issue is made of; `of_row` makes it.
RECORD = select(
    *(c for c in issues.c if c.name not in _CONTENT),
    _NEWEST_EDITION.label("newest_edition"),
)
#: One that puts another right goes to some readers and shows nothing new.
_IS_NO_CORRECTION = not_(issues.c.key.contains(CORRECTION, autoescape=True))


# --- newsletters --------------------------------------------------------------------------


def started(conn: Connection, newsletter: str, *, now: datetime) -> datetime:
    """Return since when we keep this newsletter, which is *now* at the first call."""
    _insert_once(conn, newsletters, {"key": newsletter, "started_at": now})
    query = select(newsletters.c.started_at).where(newsletters.c.key == newsletter)
    moment: datetime = conn.execute(query).scalar_one()
    return moment


# --- records ------------------------------------------------------------------------------


def plan(
    conn: Connection, of: IssueId, window: Window, *, sends_at: datetime, now: datetime
) -> Issue:
    """
    Return the issue of that identity, made if there was none. Calling twice is safe.

    One that is still a draft moves to *window* and *sends_at* if the calendar has changed.
    """
    fresh = {
        "newsletter": of.newsletter,
        "rhythm": of.rhythm,
        "key": of.key,
        "window_start": window.start,
        "window_end": window.end,
        "sends_at": sends_at,
        "state": IssueState.PLANNED,
        "version": 1,
        "reasons": [],
        "edits": {},
        "created_at": now,
    }
    _insert_once(conn, issues, fresh)
    issue = find(conn, of)
    if issue.state not in (IssueState.PLANNED, IssueState.DRAFT):
        return issue
    if (issue.window, issue.sends_at) == (window, sends_at):
        return issue
    return move(conn, issue, window, sends_at=sends_at)


def move(conn: Connection, issue: Issue, window: Window, *, sends_at: datetime) -> Issue:
    """Give the issue another window and send hour; WrongState if it changed since it was read."""
    places = {"window_start": window.start, "window_end": window.end, "sends_at": sends_at}
    _change(conn, issue, places)
    return by_id(conn, issue.id)


def find(conn: Connection, of: IssueId) -> Issue:
    """Return the issue of that identity; NoSuchIssue if there is none."""
    row = conn.execute(
        RECORD.where(
            issues.c.newsletter == of.newsletter,
            issues.c.rhythm == of.rhythm,
            issues.c.key == of.key,
        )
    ).one_or_none()
    if row is None:
        raise NoSuchIssue(
            f"{of.newsletter} has no {of.rhythm} issue that closes on {of.key}",
            remedy=f"Run: digest issue prepare --closing {of.key}",
        )
    return of_row(row)


def by_id(conn: Connection, issue_id: int) -> Issue:
    """Return the issue of that row number; NoSuchIssue if there is none."""
    row = conn.execute(RECORD.where(issues.c.id == issue_id)).one_or_none()
    if row is None:
        raise NoSuchIssue(f"there is no issue {issue_id}", remedy="Run: digest issue list")
    return of_row(row)


def listed(
    conn: Connection,
    newsletter: str | None = None,
    *,
    states: Collection[IssueState] = (),
) -> list[Issue]:
    """Return the issues, the newest window first; of all newsletters unless one is named."""
    query = RECORD.order_by(issues.c.window_end.desc(), issues.c.id.desc())
    if newsletter is not None:
        query = query.where(issues.c.newsletter == newsletter)
    if states:
        query = query.where(issues.c.state.in_(states))
    return [of_row(row) for row in conn.execute(query)]


def of_row(row: Row[*tuple[Any, ...]]) -> Issue:
    """Return the issue of a row of `RECORD`, whatever else the row has."""
    return Issue(
        id=row.id,
        of=IssueId(row.newsletter, Rhythm(row.rhythm), row.key),
        number=row.number,
        window=Window(row.window_start, row.window_end),
        sends_at=row.sends_at,
        state=IssueState(row.state),
        version=row.version,
        reasons=tuple(row.reasons),
        approved_at=row.approved_at,
        approved_by=row.approved_by,
        frozen_at=row.frozen_at,
        finished_at=row.finished_at,
        edition_id=row.newest_edition if row.approved_at else None,
    )


# --- drafts -------------------------------------------------------------------------------


def draft(conn: Connection, issue_id: int) -> Draft:
    """Return what the issue says so far, why, and what editors changed."""
    row = conn.execute(
        select(issues.c.recap, issues.c.candidates, issues.c.edits).where(issues.c.id == issue_id)
    ).one()
    return Draft(
        recap=_RECAP.validate_python(row.recap) if row.recap else None,
        candidates=_CANDIDATES.validate_python(row.candidates or ()),
        edits=_EDITS.validate_python(row.edits or {}),
    )


def labels(
    conn: Connection, newsletter: str, rhythm: Rhythm, *, before: datetime, limit: int
) -> list[tuple[str, ...]]:
    """Return the theme labels of the last issues that went out, the newest window first."""
    query = (
        select(issues.c.recap)
        .where(
            issues.c.newsletter == newsletter,
            issues.c.rhythm == rhythm,
            issues.c.window_end < before,
            issues.c.frozen_at.is_not(None),
            _IS_NO_CORRECTION,
        )
        .order_by(issues.c.window_end.desc(), issues.c.id.desc())
        .limit(limit)
    )
    recaps = [_RECAP.validate_python(each) for each in conn.execute(query).scalars() if each]
    return [tuple(theme.label for theme in recap.themes) for recap in recaps]


def write_draft(
    conn: Connection, issue: Issue, draft: Draft, *, now: datetime, actor: str, what: str
) -> Issue:
    """
    Lay *draft* down as the issue's content; a planned issue becomes a draft by it.

    WrongState if anybody changed the issue since *issue* was read. A draft that equals
    the stored one writes nothing and keeps the version. Where the edits differ, the audit
    log keeps those before and those after.
    """
    said = {
        "recap": _RECAP.dump_python(draft.recap, mode="json") if draft.recap else None,
        "candidates": _CANDIDATES.dump_python(draft.candidates, mode="json"),
        "edits": _EDITS.dump_python(draft.edits, mode="json"),
    }
    stored = conn.execute(
        select(issues.c.recap, issues.c.candidates, issues.c.edits).where(issues.c.id == issue.id)
    ).one()
    if issue.state is not IssueState.PLANNED and stored._asdict() == said:
        return issue
    state = IssueState.DRAFT if issue.state is IssueState.PLANNED else issue.state
    subject = draft.recap.subject if draft.recap else ""
    _change(conn, issue, {**said, "subject": subject, "state": state})
    before = stored.edits or {}
    changed = _EDITS.validate_python(before) != draft.edits
    detail = {"before": before, "after": said["edits"]} if changed else {}
    record(conn, issue.id, what, actor=actor, at=now, detail=detail)
    return by_id(conn, issue.id)


# --- states -------------------------------------------------------------------------------


def set_state(
    conn: Connection,
    issue_id: int,
    from_states: Collection[IssueState],
    to_state: IssueState,
    *,
    now: datetime,
    actor: str,
    reasons: Iterable[str] = (),
    also: Mapping[str, Any] | None = None,
) -> Issue:
    """
    Move the issue from one of *from_states* to *to_state* with its *reasons*.

    *also* sets further columns of the same row. WrongState, and nothing changed, if it
    is in another state by now: of two processes that try, one wins.
    """
    reasons = list(reasons)
    values = {
        "state": to_state,
        "reasons": reasons,
        "version": issues.c.version + 1,
        **(also or {}),
    }
    moved = conn.execute(
        update(issues)
        .where(issues.c.id == issue_id, issues.c.state.in_(list(from_states)))
        .values(values)
    )
    if moved.rowcount != 1:
        now_in = by_id(conn, issue_id)
        raise WrongState(
            f"issue {now_in.of.key} is {now_in.state}; it cannot become {to_state} from there",
            remedy="Run: digest issue list",
        )
    if also and also.get("frozen_at"):
        archive.keep_issue(conn, issue_id)
    record(conn, issue_id, str(to_state), actor=actor, at=now, detail={"reasons": reasons})
    found = by_id(conn, issue_id)
    if to_state is IssueState.FINISHED and found.frozen_at is not None:
        sent = {"at": now, "what": hooks.SENT, "newsletter": found.of.newsletter}
        hooks.note(conn, [{**sent, "issue_id": issue_id}])
    return found


def _change(conn: Connection, issue: Issue, values: Mapping[str, Any]) -> None:
    changed = conn.execute(
        update(issues)
        .where(issues.c.id == issue.id, issues.c.version == issue.version)
        .values(**values, version=issue.version + 1)
    )
    if changed.rowcount != 1:
        raise WrongState(
            f"issue {issue.of.key} was changed by somebody else meanwhile",
            remedy="Look at it again, then repeat what you did.",
        )


# --- editions and what they used up -------------------------------------------------------


def add_edition(
    conn: Connection, issue_id: int, edition: Edition, made: Sequence[Variant], *, now: datetime
) -> int:
    """Keep *edition* and the variants *made* of it for good; return the edition's row number."""
    number = conn.execute(
        select(func.coalesce(func.max(editions.c.number), 0) + 1).where(
            editions.c.issue_id == issue_id
        )
    ).scalar_one()
    edition_id = conn.execute(
        editions.insert()
        .values(
            issue_id=issue_id,
            number=number,
            subject=edition.subject,
            html=edition.html,
            text=edition.text,
            digest=edition.digest,
            notes=list(edition.notes),
            created_at=now,
        )
        .returning(editions.c.id)
    ).scalar_one()
    conn.execute(variants.insert(), [_row(int(edition_id), variant) for variant in made])
    archive.keep_issue(conn, issue_id)
    return int(edition_id)


def editions_of(conn: Connection, issue_id: int) -> list[int]:
    """Return the row numbers of all the issue's editions, the oldest first."""
    query = select(editions.c.id).where(editions.c.issue_id == issue_id).order_by(editions.c.id)
    return list(conn.execute(query).scalars())


def put_right(conn: Connection, issue_id: int, recap: Recap) -> None:
    """Let the issue say *recap* from now on, whatever state it is in: its correction does."""
    said = _RECAP.dump_python(recap, mode="json")
    conn.execute(
        update(issues)
        .where(issues.c.id == issue_id)
        .values(recap=said, version=issues.c.version + 1)
    )


def _row(edition_id: int, variant: Variant) -> dict[str, Any]:
    return {
        "edition_id": edition_id,
        "topics": "\n".join(variant.topics),
        "format": variant.format,
        "subject": variant.subject,
        "headline": variant.headline,
        "lead": variant.lead,
        "preheader": variant.preheader,
        "items": list(variant.items),
        "digest": variant.digest,
        "html": None if variant.html is None else list(variant.html),
        "text": None if variant.text is None else list(variant.text),
    }


def edition(conn: Connection, edition_id: int) -> Edition:
    """Return a frozen edition as it was stored."""
    row = conn.execute(select(editions).where(editions.c.id == edition_id)).one()
    return Edition(
        subject=row.subject,
        html=row.html,
        text=row.text,
        digest=row.digest,
        notes=tuple(row.notes),
    )


def made_of(conn: Connection, edition_id: int) -> dict[int, Variant]:
    """Return the edition's variants by their row numbers, the full issue's first."""
    query = (
        select(variants)
        .where(variants.c.edition_id == edition_id)
        .order_by(variants.c.topics, variants.c.format, variants.c.id)
    )
    return {row.id: _variant(row) for row in conn.execute(query)}


def variant(conn: Connection, variant_id: int) -> Variant:
    """Return a frozen variant as it was stored."""
    return _variant(conn.execute(select(variants).where(variants.c.id == variant_id)).one())


def _variant(row: Row[*tuple[Any, ...]]) -> Variant:
    return Variant(
        topics=tuple(row.topics.split("\n")) if row.topics else (),
        format=Format(row.format),
        subject=row.subject,
        headline=row.headline,
        lead=row.lead,
        preheader=row.preheader,
        items=tuple(row.items),
        digest=row.digest,
        html=None if row.html is None else tuple(row.html),
        text=None if row.text is None else tuple(row.text),
    )


def next_number(conn: Connection, of: IssueId) -> int:
    """Return the number that the newsletter's next approved issue of this rhythm gets."""
    query = select(func.coalesce(func.max(issues.c.number), 0) + 1).where(
        issues.c.newsletter == of.newsletter, issues.c.rhythm == of.rhythm
    )
    return int(conn.execute(query).scalar_one())


def used(conn: Connection, newsletter: str, rhythm: Rhythm, *, but: int) -> dict[int, str]:
    """Return which publications are used up, and by the issue of which key; not by *but*."""
    query = (
        select(uses.c.publication_id, issues.c.key)
        .join(issues, issues.c.id == uses.c.issue_id)
        .where(uses.c.newsletter == newsletter, uses.c.rhythm == rhythm, uses.c.issue_id != but)
    )
    return _with_merged(conn, {row.publication_id: row.key for row in conn.execute(query)})


def used_before(
    conn: Connection, newsletter: str, rhythm: Rhythm, *, close: datetime
) -> dict[int, str]:
    """Return which publications issues of windows that end before *close* had used up."""
    query = (
        select(uses.c.publication_id, issues.c.key)
        .join(issues, issues.c.id == uses.c.issue_id)
        .where(
            uses.c.newsletter == newsletter, uses.c.rhythm == rhythm, issues.c.window_end < close
        )
    )
    return _with_merged(conn, {row.publication_id: row.key for row in conn.execute(query)})


def _with_merged(conn: Connection, used: dict[int, str]) -> dict[int, str]:
    """Return *used* with those that stand for one of them: it is the same thing."""
    rows = conn.execute(select(merges.c.publication_id, merges.c.into_id))
    return {
        row.into_id: used[row.publication_id] for row in rows if row.publication_id in used
    } | used


def use_up(conn: Connection, issue: Issue, publications: Iterable[int]) -> None:
    """Mark *publications* as used by *issue*; WrongState if another issue was quicker."""
    rows = [
        {
            "newsletter": issue.of.newsletter,
            "rhythm": issue.of.rhythm,
            "publication_id": publication,
            "issue_id": issue.id,
        }
        for publication in publications
    ]
    if not rows:
        return
    try:
        with conn.begin_nested():
            conn.execute(uses.insert(), rows)
    except IntegrityError as e:
        raise WrongState(
            f"a publication of issue {issue.of.key} was used by another issue meanwhile",
            remedy=f"Run: digest issue prepare --closing {issue.of.key}",
        ) from e


def release(conn: Connection, issue_id: int) -> int:
    """Make the issue's publications available again; return how many."""
    return conn.execute(uses.delete().where(uses.c.issue_id == issue_id)).rowcount


# --- facts about earlier issues -----------------------------------------------------------


def last_frozen(conn: Connection, of: IssueId) -> int | None:
    """Return how many readers the newsletter's last frozen issue had; None if there is none."""
    query = (
        select(issues.c.frozen)
        .where(
            issues.c.newsletter == of.newsletter,
            issues.c.rhythm == of.rhythm,
            issues.c.key != of.key,
            _IS_NO_CORRECTION,
            issues.c.frozen.is_not(None),
        )
        .order_by(issues.c.frozen_at.desc())
        .limit(1)
    )
    return conn.execute(query).scalar_one_or_none()


def frozen_before(conn: Connection, issue: Issue, *, most: int) -> list[Issue]:
    """Return the *most* issues of its newsletter and rhythm sent before it, oldest first."""
    query = (
        RECORD.where(
            issues.c.newsletter == issue.of.newsletter,
            issues.c.rhythm == issue.of.rhythm,
            issues.c.frozen_at.is_not(None),
            issues.c.window_end < issue.window.end,
            _IS_NO_CORRECTION,
        )
        .order_by(issues.c.window_end.desc())
        .limit(most)
    )
    return [of_row(row) for row in conn.execute(query)][::-1]


def started_at(conn: Connection, newsletter: str) -> datetime | None:
    """Return since when we keep this newsletter; None if we do not yet."""
    query = select(newsletters.c.started_at).where(newsletters.c.key == newsletter)
    return conn.execute(query).scalar_one_or_none()


def sizes(conn: Connection, of: IssueId, *, most: int) -> list[int]:
    """Return how many items each of the newsletter's last *most* sent issues had."""
    query = (
        select(func.count(uses.c.publication_id))
        .select_from(issues.outerjoin(uses, uses.c.issue_id == issues.c.id))
        .where(
            issues.c.newsletter == of.newsletter,
            issues.c.rhythm == of.rhythm,
            issues.c.key != of.key,
            _IS_NO_CORRECTION,
            issues.c.frozen_at.is_not(None),
        )
        .group_by(issues.c.id, issues.c.window_end)
        .order_by(issues.c.window_end.desc())
        .limit(most)
    )
    return list(conn.execute(query).scalars())


def counted(conn: Connection, issue_id: int) -> tuple[int, dict[str, int]]:
    """Return how many rows the freeze wrote, and whom it left out: {reason: count}."""
    row = conn.execute(
        select(issues.c.frozen, issues.c.excluded).where(issues.c.id == issue_id)
    ).one()
    return row.frozen or 0, row.excluded or {}


def count(conn: Connection, issue_id: int, *, frozen: int, excluded: Mapping[str, int]) -> None:
    """Keep how many rows the freeze wrote, and whom it left out."""
    conn.execute(
        update(issues).where(issues.c.id == issue_id).values(frozen=frozen, excluded=dict(excluded))
    )


def keep_outcome(conn: Connection, issue_id: int, tally: Tally) -> None:
    """Keep the ledger's count of an ended issue, so that lists need not count again."""
    counts = {str(state): count for state, count in tally.by_state.items()}
    conn.execute(update(issues).where(issues.c.id == issue_id).values(outcome=counts))


def outcomes(conn: Connection, issue_ids: Collection[int]) -> dict[int, Tally]:
    """Return how those issues ended, by issue; an issue whose count was not kept is absent."""
    query = select(issues.c.id, issues.c.frozen, issues.c.outcome).where(
        issues.c.id.in_(list(issue_ids)), issues.c.frozen.is_not(None)
    )
    return {
        row.id: Tally(
            frozen=row.frozen,
            by_state={DeliveryState(state): count for state, count in row.outcome.items()},
        )
        for row in conn.execute(query)
        if row.outcome is not None
    }


# --- history ------------------------------------------------------------------------------


def record(
    conn: Connection,
    issue_id: int | None,
    what: str,
    *,
    actor: str,
    at: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write into the audit log, in the transaction that did it."""
    conn.execute(
        events.insert().values(
            at=at, actor=actor, issue_id=issue_id, what=what, detail=dict(detail or {})
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """An act on an issue's edits, as the audit log keeps it."""

    #: ``edited``, ``undone`` or ``redone``.
    what: str
    actor: str
    at: datetime
    before: Edits
    after: Edits


def edited(conn: Connection, issue_id: int) -> list[Edited]:
    """Return every act that changed the issue's edits, the oldest first."""
    query = (
        select(events)
        .where(events.c.issue_id == issue_id, events.c.what.in_(("edited", "undone", "redone")))
        .order_by(events.c.id)
    )
    return [
        Edited(
            what=row.what,
            actor=row.actor,
            at=row.at,
            before=_EDITS.validate_python(row.detail["before"]),
            after=_EDITS.validate_python(row.detail["after"]),
        )
        for row in conn.execute(query)
        if "after" in row.detail
    ]


def last_change(conn: Connection, issue_id: int) -> tuple[str, str, datetime] | None:
    """Return actor, act and instant of the issue's newest entry in the audit log."""
    query = select(events.c.actor, events.c.what, events.c.at).where(events.c.issue_id == issue_id)
    row = conn.execute(query.order_by(events.c.id.desc()).limit(1)).first()
    return None if row is None else (row.actor, row.what, row.at)


def happened(conn: Connection, issue_id: int, what: str) -> bool:
    """Whether the audit log has *what* for that issue."""
    query = select(events.c.id).where(events.c.issue_id == issue_id, events.c.what == what).limit(1)
    return conn.execute(query).first() is not None


def told(conn: Connection, issue_id: int, what: str) -> list[dict[str, Any]]:
    """Return the details of every such entry of the issue, the oldest first."""
    query = (
        select(events.c.detail)
        .where(events.c.issue_id == issue_id, events.c.what == what)
        .order_by(events.c.id)
    )
    return list(conn.execute(query).scalars())


def last_told(conn: Connection, newsletter: str, what: str) -> dict[str, Any] | None:
    """Return the detail of the newest such entry of any issue of the newsletter."""
    query = (
        select(events.c.detail)
        .join(issues, issues.c.id == events.c.issue_id)
        .where(issues.c.newsletter == newsletter, events.c.what == what)
        .order_by(events.c.id.desc())
        .limit(1)
    )
    return conn.execute(query).scalar_one_or_none()


def last_event(conn: Connection, issue_id: int, what: str) -> int | None:
    """Return the number of the newest entry of that kind; None if there is none."""
    query = select(func.max(events.c.id)).where(
        events.c.issue_id == issue_id, events.c.what == what
    )
    number: int | None = conn.execute(query).scalar_one()
    return number


def _insert_once(conn: Connection, table: Any, values: Mapping[str, Any]) -> None:
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    conn.execute(dialect.insert(table).values(**values).on_conflict_do_nothing())

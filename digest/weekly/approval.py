"""Approval and freeze: what was approved, with all its variants, is what is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Select

from digest import calendar, conditions
from digest.conditions import Condition
from digest.errors import Held, IssueError, WrongState
from digest.model import Draft, Edition, Format, Issue, IssueState, Recap, Variant
from digest.model.settings import NewsletterSettings
from digest.store import (
    Database,
    corrections,
    counting,
    drafts,
    editions,
    history,
    issues,
    jobs,
    ledger,
    tallies,
    uses,
)
from digest.store.corrections import Correction
from digest.weekly import correcting
from digest.weekly.editions import RENDERED, rendered, seal
from digest.weekly.variants import MOST_SETS, composer, get_nothing

if TYPE_CHECKING:
    from digest.config import Loaded

#: Findings of the preflight that no approval passes over; other errors a person may accept.
BARRING = frozenset(
    {
        "item-lost",
        "link-unsafe",
        "no-items",
        "postal-missing",
        "postal-placeholder",
        "slot-unknown",
        "subject-empty",
        "unsubscribe-missing",
        "words-unfilled",
    }
)


def changed_by(conn: Connection, issue: Issue) -> list[str]:
    """Return who wrote the edits that the issue has; nobody if it has none."""
    told = corrections.of(conn, issue.id)
    opened = [told.opened_by] if told else []
    if not drafts.read(conn, issue.id).edits:
        return opened
    return list(dict.fromkeys((*opened, *(act.actor for act in drafts.edited(conn, issue.id)))))


def approve(database: Database, loaded: Loaded, issue: Issue, *, by: str, now: datetime) -> Issue:
    """
    Freeze and hash the edition with its variants, and use up its publications, all at once.

    Where the newsletter wants four eyes, Held for somebody who changed the issue.
    IssueError if there is nothing to send, Held if the preflight finds what is in `BARRING`;
    WrongState if the issue changed since *issue* was read, or is past its draft. Nothing is
    half done.
    """
    if issue.state not in (IssueState.DRAFT, IssueState.HELD):
        raise WrongState(
            f"issue {issue.of.key} is {issue.state}; only a draft can be approved",
            remedy=f"Run: digest issue show --closing {issue.of.key}",
        )
    with database.read() as conn:
        draft = drafts.read(conn, issue.id)
        told = corrections.of(conn, issue.id)
        original = issues.by_id(conn, told.corrects) if told else issue
        number = original.number or issues.next_number(conn, issue.of)
        sets = ledger.topic_sets(conn, issue.of.newsletter, issue.of.rhythm)
    if draft.recap is None or not draft.recap.items:
        raise IssueError(
            f"issue {issue.of.key} has no items",
            remedy=f"Run: digest issue why --closing {issue.of.key}",
        )
    _refuse_own_work(database, loaded, issue, by)
    edition, made = _pressed(database, loaded, issue, draft, sets, number)
    links = _counted(loaded, issue, edition)
    keeping = _Keeping(issue, edition, made, by=by, now=now, templates=seal(loaded), links=links)
    if told is None:
        return keeping.of_its_own(database, number)
    language = loaded.settings.newsletters[issue.of.newsletter].language
    plain = replace(draft, recap=correcting.unnoted(draft.recap, language))
    right = _pressed(database, loaded, original, plain, sets, number)
    links = _counted(loaded, original, right[0])
    return keeping.of_another(database, told, plain, *right, links=links)


def _pressed(
    database: Database,
    loaded: Loaded,
    issue: Issue,
    draft: Draft,
    sets: Sequence[tuple[str, ...]],
    number: int,
) -> tuple[Edition, list[Variant]]:
    """Return the draft's edition as *issue*'s, with the variants of the topic *sets*."""
    assert draft.recap is not None  # noqa: S101 - who asks has looked
    press = _Press(loaded, issue, number)
    edition = press.printed(draft.recap)
    made = press.variants(edition, (), draft.recap)
    composed = composer(database, loaded, issue, draft)
    for topics in sets[:MOST_SETS]:
        made += press.of(topics, composed(topics), edition, draft.recap)
    return edition, made


def _refuse_own_work(database: Database, loaded: Loaded, issue: Issue, by: str) -> None:
    if not loaded.settings.newsletters[issue.of.newsletter].four_eyes:
        return
    with database.read() as conn:
        people = changed_by(conn, issue)
        names = {by, *history.former_addresses(conn, by)} if people else {by}
    if names & set(people):
        raise Held(
            f"you changed issue {issue.of.key}, and this newsletter wants four eyes",
            reasons=(f"{by} changed it; somebody else has to approve it.",),
            remedy="Ask another publisher to look at it and approve it.",
        )


class _Press:
    """Renders one issue's recaps and makes the editors see what is wrong with any of them."""

    def __init__(self, loaded: Loaded, issue: Issue, number: int) -> None:
        self.loaded, self.issue, self.number = loaded, issue, number
        self.newsletter = loaded.settings.newsletters[issue.of.newsletter]

    def printed(self, recap: Recap, topics: Sequence[str] = ()) -> Edition:
        """Return *recap* rendered; Held if that must not be sent."""
        edition = rendered(self.loaded, self.issue, recap, self.number, topics)
        _refuse_barred(self.issue, edition, recap, self.newsletter, topics)
        return edition

    def of(
        self, topics: tuple[str, ...], own: Recap | None, edition: Edition, full: Recap
    ) -> list[Variant]:
        """Return the variants of a topic set; none where its readers get the full issue."""
        if get_nothing(full, topics, self.newsletter.topics):
            return [_nothing(topics)]
        return self.variants(edition, topics, own) if own else []

    def variants(self, edition: Edition, topics: tuple[str, ...], recap: Recap) -> list[Variant]:
        """Return *recap* as a choice of *edition*'s fragments, in both formats."""
        from digest.render import choice, fingerprint

        told = self.printed(recap, topics) if topics else edition
        with_html = Variant(
            topics=topics,
            subject=told.subject,
            headline=recap.headline,
            lead=recap.lead,
            preheader=recap.preheader,
            items=tuple(item.publication for item in recap.items),
            digest=told.digest,
            html=choice(told.html, edition.html) if topics else None,
            text=choice(told.text, edition.text) if topics else None,
        )
        alone = fingerprint(told.subject, "", told.text)
        return [with_html, replace(with_html, format=Format.TEXT, html=(), digest=alone)]


def _nothing(topics: tuple[str, ...]) -> Variant:
    """Return what says that readers of *topics* get nothing of the issue."""
    return Variant(
        topics=topics,
        subject="",
        headline="",
        lead="",
        preheader="",
        items=(),
        digest="",
        html=(),
        text=(),
    )


def _refuse_barred(
    issue: Issue,
    edition: Edition,
    recap: Recap,
    newsletter: NewsletterSettings,
    topics: Sequence[str],
) -> None:
    from digest.render import preflight

    errors = [f for f in preflight.check(edition, recap, newsletter) if f.code in BARRING]
    if errors:
        whose = f" to readers of {', '.join(topics)}" if topics else ""
        raise Held(
            f"issue {issue.of.key} cannot be sent{whose} as it is: {errors[0].sentence}",
            reasons=tuple(finding.sentence for finding in errors),
            remedy=errors[0].remedy,
        )


def _counted(loaded: Loaded, issue: Issue, edition: Edition) -> tuple[str, ...]:
    """
    Return the links that are counted, from the approval on: its footer says so, or does not.

    A change of the configuration while it goes out changes neither.
    """
    from digest.render.counting import countable

    if not loaded.settings.newsletters[issue.of.newsletter].count_links:
        return ()
    return countable(edition, ours=loaded.settings.public_url)


class _Keeping:
    """Writes an approval down, all at once."""

    def __init__(
        self,
        issue: Issue,
        edition: Edition,
        made: Sequence[Variant],
        *,
        by: str,
        now: datetime,
        templates: str,
        links: Sequence[str],
    ) -> None:
        self.links = links
        self.issue, self.edition, self.made = issue, edition, made
        self.by, self.now, self.templates = by, now, templates

    def of_its_own(self, database: Database, number: int) -> Issue:
        """Use up what the issue shows and give it its *number*."""
        with database.write() as conn:
            self._refuse_changed(conn)
            issues.refuse_taken_number(conn, self.issue.of, number)
            uses.use_up(conn, self.issue, self.made[0].items)
            self._add(conn)
            return self._approved(conn, IssueState.APPROVED, {"number": number})

    def of_another(
        self,
        database: Database,
        told: Correction,
        draft: Draft,
        edition: Edition,
        made: Sequence[Variant],
        *,
        links: Sequence[str],
    ) -> Issue:
        """
        Put *edition* in the place of the corrected issue's.

        Without a mail the correction ends by that; nothing is used up, and it has no number.
        """
        assert draft.recap is not None  # noqa: S101 - it was rendered
        with database.write() as conn:
            self._refuse_changed(conn)
            self._add(conn)
            state = IssueState.APPROVED if told.mails else IssueState.FINISHED
            approved = self._approved(conn, state, {})
            new = correcting.put_in_place(
                conn, approved, told, draft.recap, edition, made, by=self.by, now=self.now
            )
            counting.keep(conn, new, links)
            return approved

    def _refuse_changed(self, conn: Connection) -> None:
        if issues.by_id(conn, self.issue.id).version != self.issue.version:
            raise WrongState(
                f"issue {self.issue.of.key} was changed by somebody else meanwhile",
                remedy="Look at it again, then approve it.",
            )

    def _add(self, conn: Connection) -> None:
        its = editions.add(conn, self.issue.id, self.edition, self.made, now=self.now)
        counting.keep(conn, its, self.links)
        detail = {"templates": self.templates}
        history.record(conn, self.issue.id, RENDERED, actor=self.by, at=self.now, detail=detail)

    def _approved(self, conn: Connection, state: IssueState, also: dict[str, int]) -> Issue:
        return issues.set_state(
            conn,
            self.issue.id,
            (self.issue.state,),
            state,
            now=self.now,
            actor=self.by,
            also={"approved_at": self.now, "approved_by": self.by, **also},
        )


def freeze(
    database: Database,
    loaded: Loaded,
    issue: Issue,
    *,
    now: datetime,
    where: Condition | None = None,
) -> Issue:
    """
    Write the audience of an approved issue into the ledger; it is `sending` after that.

    With *where*, only readers who meet it, besides the newsletter's own `only`. The edition
    is hashed again first: what was approved is what is sent. An issue that is sending already
    is returned as it is; WrongState if it is asked for *where*, since its audience stands.
    """
    if issue.state is IssueState.SENDING and where is None:
        return issue
    if issue.state is not IssueState.APPROVED:
        raise WrongState(
            f"issue {issue.of.key} is {issue.state}, not approved"
            + ("; whom it goes to was decided when it began" if issue.frozen_at else ""),
            remedy=f"Run: digest issue approve --closing {issue.of.key}",
        )
    newsletter = loaded.settings.newsletters[issue.of.newsletter]
    with database.write() as conn:
        # As it is by now: it may have been corrected and approved again since *issue* was read.
        moved = issues.set_state(
            conn,
            issue.id,
            (IssueState.APPROVED,),
            IssueState.SENDING,
            now=now,
            actor="sender",
            also={"frozen_at": now},
        )
        _same_as_approved(conn, moved)
        frozen, excluded = _owed(conn, newsletter, moved, where, now=now)
        tallies.count(conn, issue.id, frozen=frozen, excluded=excluded)
        if loaded.settings.fleet:
            jobs.announce(conn, issue.id, frozen)
    return moved


def _owed(
    conn: Connection,
    newsletter: NewsletterSettings,
    issue: Issue,
    where: Condition | None,
    *,
    now: datetime,
) -> tuple[int, dict[str, int]]:
    """Write into the ledger who is owed *issue* and from when; as `ledger.freeze` returns."""
    assert issue.edition_id is not None  # noqa: S101 - it is approved
    told = corrections.of(conn, issue.id)
    # Whoever has the wrong one gets the correction, without waiting for anybody.
    first_to = None if told else newsletter.first_to
    return ledger.freeze(
        conn,
        issue.id,
        newsletter=issue.of.newsletter,
        rhythm=issue.of.rhythm,
        edition_id=issue.edition_id,
        variants=editions.variants_of(conn, issue.edition_id),
        due_at=now,
        where=where if told else audience_of(newsletter, where),
        first_list=first_to.list if first_to else None,
        rest_due_at=now + first_to.wait if first_to else None,
        spread=timedelta() if told else newsletter.spread,
        hours={} if told else _hours(conn, newsletter, issue),
        among=_wronged(told),
    )


def _wronged(told: Correction | None) -> Select[tuple[int]] | None:
    """Return who gets a correction; None for any other issue."""
    if told is None or told.edition is None:
        return None
    return ledger.has_wrong(told.corrects, told.edition)


def _hours(conn: Connection, newsletter: NewsletterSettings, issue: Issue) -> dict[str, datetime]:
    """Return when the send hour strikes in each time zone that readers chose."""
    zones = ledger.timezones(conn, issue.of.newsletter, issue.of.rhythm)
    return calendar.own_hours(newsletter, issue.sends_at, zones)


def audience_of(newsletter: NewsletterSettings, where: Condition | None = None) -> Condition | None:
    """Return what the readers of an issue must meet: the newsletter's `only`, and *where*."""
    parts = [] if where is None else [where]
    if newsletter.only is not None:
        parts.append(conditions.parse(newsletter.only, newsletter.segments))
    return conditions.And(tuple(parts)) if len(parts) > 1 else next(iter(parts), None)


def _same_as_approved(conn: Connection, issue: Issue) -> None:
    from digest.render import fingerprint, varied

    assert issue.edition_id is not None  # noqa: S101 - it is approved
    edition = editions.read(conn, issue.edition_id)
    sent = [varied(edition, each) for each in editions.variants_of(conn, issue.edition_id).values()]
    for each in (edition, *sent):
        # What nobody gets has no hash.
        if each.digest and fingerprint(each.subject, each.html, each.text) != each.digest:
            raise IssueError(
                f"the edition of issue {issue.of.key} is not the one that was approved",
                remedy="Somebody changed the database by hand. Hold it and approve it again.",
            )

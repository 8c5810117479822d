"""The calendar at the desk: the next send times, days left out, extra issues."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from digest.model import Issue, IssueState
from digest.store import Database, issues
from tests.website import NOW, Site, a_draft, served

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        yield site


def send(browser: Any, path: str, **told: str) -> Any:
    page = browser.get("/desk/calendar").text
    fields = dict(re.findall(r'name="(csrf|newsletter)" value="([^"]+)"', page))
    return browser.post(f"/desk/calendar{path}", data=fields | told)


def rows(browser: Any) -> list[str]:
    """The text of each line of the table."""
    page = browser.get("/desk/calendar").text
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    lines = [
        re.sub(r"<details.*?</details>|<[^>]+>", " ", row, flags=re.S)
        for row in body.split("</tr>")
    ]
    return [" ".join(line.split()) for line in lines if line.strip()]


def known(site: Site) -> list[Issue]:
    with site.database.read() as conn:
        return issues.listed(conn, "recap")


EXTRA = {"since": "2023-09-25T06:00", "until": "2023-09-26T12:00", "sends": "2023-09-26T15:00"}


def test_the_next_five_times_are_shown_in_both_zones(site: Site) -> None:
    """The newsletter's zone and UTC, across the night in which the clocks go back."""
    site.now = datetime(2023, 10, 20, 14, tzinfo=UTC)
    assert rows(site.browser("viewer")) == [
        "Fri 27 Oct 2023, 09:00 Fri 27 Oct, 13:00 Issue of 27 Oct 2023",
        "Fri 3 Nov 2023, 09:00 Fri 3 Nov, 13:00 Issue of 3 Nov 2023",
        "Fri 10 Nov 2023, 09:00 Fri 10 Nov, 14:00 Issue of 10 Nov 2023",
        "Fri 17 Nov 2023, 09:00 Fri 17 Nov, 14:00 Issue of 17 Nov 2023",
        "Fri 24 Nov 2023, 09:00 Fri 24 Nov, 14:00 Issue of 24 Nov 2023",
    ]


def test_a_day_is_left_out_and_put_back(site: Site) -> None:
    """Two buttons, no script; the page says where its publications go, and the log who it was."""
    a_draft(site.database)
    publisher = site.browser("publisher")
    asked = publisher.get("/desk/calendar").text
    assert "Nobody gets an issue on Friday, 22 Sep 2023. Its publications go into the one" in asked
    assert "of 29 Sep 2023" in asked
    done = send(publisher, "/skip", day="2023-09-22", reason="Staff <b>retreat</b>")
    assert done.status_code == 303
    said = "Left out: Staff &lt;b&gt;retreat&lt;/b&gt; by publisher@example.org Put back"
    assert rows(publisher)[0].endswith(said)
    assert [issue.state for issue in known(site)] == [IssueState.CANCELLED]
    assert send(publisher, "/skip", day="2023-09-22").status_code == 409
    assert send(publisher, "/unskip", day="2023-09-22").status_code == 303
    assert [issue.state for issue in known(site)] == [IssueState.DRAFT]
    log = publisher.get("/desk/log").text
    assert "left a day out" in log
    assert "put a day back" in log


def test_a_refusal_says_what_there_is(site: Site) -> None:
    """A day without an issue is answered with the days that have one, and changes nothing."""
    answer = send(site.browser("publisher"), "/skip", day="2023-09-23")
    assert answer.status_code == 409
    assert "no issue of Sample Weekly Recap goes out on 2023-09-23" in answer.text
    assert "2023-09-22, 2023-09-29" in answer.text


def test_holidays_of_the_configuration_are_shown_and_not_changed(site: Site) -> None:
    """They stand in the table with their name and in a list of their own, without a button."""
    told = site.loaded.settings.newsletters["recap"]
    holidays = (
        type(told)
        .model_validate(
            {
                "title": "x",
                "from": "x@example.org",
                "postal_address": "1 Sample Street, Springfield",
                "holidays": ["2023-09-22 Equinox", "2022-01-01 Long Past"],
            }
        )
        .holidays
    )
    site.settings(newsletters={"recap": told.model_copy(update={"holidays": holidays})})
    publisher = site.browser("publisher")
    assert rows(publisher)[0].endswith("Left out: Equinox by config.yaml")
    page = publisher.get("/desk/calendar").text
    assert "Long Past" not in page
    assert send(publisher, "/unskip", day="2023-09-22").status_code == 409


def test_an_extra_issue_is_planned_moved_and_opened(site: Site) -> None:
    """It stands among the others by its hour; its window and hour change until it is approved."""
    publisher = site.browser("publisher")
    assert send(publisher, "/extra", **EXTRA).status_code == 303
    (extra,) = known(site)
    assert rows(publisher)[1].startswith("Tue 26 Sep 2023, 15:00 Tue 26 Sep, 19:00 Extra issue")
    assert publisher.get(f"/desk/issues/{extra.id}").status_code == 200
    stale = {"version": str(extra.version + 1)}
    assert send(publisher, f"/extra/{extra.id}", **EXTRA, **stale).status_code == 409
    later = EXTRA | {"sends": "2023-09-27T08:00", "version": str(extra.version)}
    assert send(publisher, f"/extra/{extra.id}", **later).status_code == 303
    assert known(site)[0].sends_at == datetime(2023, 9, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"until": "2023-09-27T12:00"}, "before it closes"),
        ({"since": "2023-09-26T12:00"}, "ends after it begins"),
        ({"since": "soon"}, "is no time"),
        ({"sends": f"{NOW:%Y-%m-%dT%H:%M}", "until": "2023-09-22T01:00",
          "since": "2023-09-21T01:00"}, ""),
    ],
)  # fmt: skip
def test_times_that_make_no_issue_are_refused(
    site: Site, told: dict[str, str], sentence: str
) -> None:
    """The page says in words what is wrong with them; nothing is planned."""
    answer = send(site.browser("publisher"), "/extra", **(EXTRA | told))
    if sentence:
        assert answer.status_code == 409
        assert sentence in answer.text
        assert known(site) == []
    else:  # half past ten in New York is still to come, though it has passed in UTC
        assert answer.status_code == 303


def test_who_may_only_look_sees_no_button(site: Site) -> None:
    """An editor sees the times and no way to change them."""
    page = site.browser("editor").get("/desk/calendar").text
    assert "Leave out" not in page
    assert "Plan an extra issue" not in page

"""Blocks written at the desk: where they stand, every version kept, and their pictures."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image as Pixels

from digest import weekly
from digest.model import Recap
from digest.render import pictures
from digest.store import Database, blocks, drafts, history
from tests import friday
from tests.website import NOW, Site, served

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        friday.publish(database, *friday.TITLES)
        slot = weekly.slot(site.loaded.settings.newsletters["recap"], friday.CLOSING, now=NOW)
        weekly.prepare(database, site.loaded, "recap", slot, now=NOW)
        yield site


def csrf(browser: httpx.Client) -> str:
    return re.findall(r'name="csrf" value="([^"]+)"', browser.get("/desk/blocks").text)[0]


def wrote(browser: httpx.Client, **told: str) -> httpx.Response:
    usual = {"newsletter": "recap", "csrf": csrf(browser), "title": "Jobs", "place": "end"}
    return browser.post("/desk/blocks", data=usual | {"words": "We are **hiring**."} | told)


def composed(site: Site) -> Recap:
    issue = weekly.open_issue(site.database, "recap")
    assert issue
    with site.database.read() as conn:
        recap = drafts.read(conn, issue.id).recap
    assert recap
    return recap


def a_picture(form: str = "PNG", size: tuple[int, int] = (1600, 400)) -> bytes:
    out = io.BytesIO()
    Pixels.new("RGB", size, "#884422").save(out, form)
    return out.getvalue()


def brought(browser: httpx.Client, body: bytes, alt: str = "A harbour", **told: str) -> Any:
    told = {"newsletter": "recap", "alt": alt, "csrf": csrf(browser)} | told
    return browser.post("/desk/pictures", data=told, files={"picture": ("x.png", body)})


def shelved(site: Site) -> list[blocks.Picture]:
    with site.database.read() as conn:
        return blocks.offered(conn, "recap")


# --- blocks -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "keys"),
    [
        ("top", ["block-jobs", "themes", "more"]),
        ("middle", ["themes", "block-jobs", "more"]),
        ("end", ["themes", "more", "block-jobs"]),
        ("snippet", ["themes", "more"]),
    ],
)
def test_a_block_stands_where_its_editor_wants_it(site: Site, place: str, keys: list[str]) -> None:
    """The draft has it at once, in the place that the form names."""
    assert wrote(site.browser("editor"), place=place).status_code == 303
    assert [section.key for section in composed(site).sections] == keys


def test_readers_get_it_and_so_does_every_topic_set(site: Site) -> None:
    """The mail shows the words as safe Markdown, sponsors marked as such."""
    wrote(site.browser("editor"), sponsor="yes", words="**Thanks** <script>alert(1)</script>")
    issue = weekly.open_issue(site.database, "recap")
    assert issue
    html = weekly.preview(site.database, site.loaded, issue).html
    assert "<strong>Thanks</strong>" in html
    assert "<script>" not in html
    page = site.browser("viewer").get("/desk/blocks").text
    assert "<strong>Thanks</strong> &lt;script&gt;" in page


def test_a_block_is_shown_only_on_its_days(site: Site) -> None:
    """Before the first and after the last day of sending it is left out."""
    editor = site.browser("editor")
    wrote(editor, name="past", until="2023-09-21")
    wrote(editor, name="now", since="2023-09-22", until="2023-09-22")
    wrote(editor, name="later", since="2023-09-23")
    assert [each.key for each in composed(site).sections if each.block] == ["block-now"]


def test_every_version_is_kept_and_can_be_brought_back(site: Site) -> None:
    """A block that was changed, taken away or brought back says who did it, in the log too."""
    editor = site.browser("editor")
    wrote(editor)
    wrote(editor, name="jobs", known="yes", words="Nobody any more.")
    told = {"newsletter": "recap", "csrf": csrf(editor)}
    assert editor.post("/desk/blocks/jobs/back", data=told | {"version": "1"}).status_code == 303
    with site.database.read() as conn:
        known = blocks.versions(conn, "recap", "jobs")
    assert [each.said and each.said["words"] for each in known] == [
        "We are **hiring**.",
        "Nobody any more.",
        "We are **hiring**.",
    ]
    assert editor.post("/desk/blocks/jobs/away", data=told).status_code == 303
    assert not any(each.block for each in composed(site).sections)
    with site.database.read() as conn:
        log = history.page(conn, newsletter="recap", actor="editor@example.org", most=20)
    acts = [each.what for each in log if "block" in each.what]
    assert acts == ["took a block away", *["wrote a block"] * 3]


def test_the_desks_block_stands_for_the_file_of_its_name(site: Site) -> None:
    """Files stay readable, are named as files, and give way to what the desk says."""
    folder = site.loaded.folder / "templates" / "blocks"
    folder.mkdir(parents=True)
    (folder / "sponsor.md").write_text("---\ntitle: A Sponsor\n---\nOf the file.\n")
    newsletter = site.loaded.settings.newsletters["recap"]
    named = newsletter.model_copy(update={"sections": ("themes", {"block": "sponsor"}, "more")})
    site.settings(newsletters={"recap": named})
    editor = site.browser("editor")
    page = editor.get("/desk/blocks").text
    assert "templates/blocks/sponsor.md" in page
    assert "Of the file." in page
    begun = editor.get("/desk/blocks/new?like=sponsor").text
    assert "Of the file." in begun
    wrote(editor, name="sponsor", words="Of the desk.", place="named")
    assert [each.key for each in composed(site).sections][1] == "block-sponsor"
    assert [each.block.markdown for each in composed(site).sections if each.block] == [
        "Of the desk."
    ]
    assert "the desk’s stands for it" in editor.get("/desk/blocks").text


def test_an_approved_issue_keeps_its_blocks(site: Site) -> None:
    """What was approved is what is sent, whatever is written afterwards."""
    editor = site.browser("editor")
    wrote(editor)
    issue = weekly.open_issue(site.database, "recap")
    assert issue
    weekly.approve(site.database, site.loaded, issue, by="ana", now=NOW)
    wrote(editor, name="jobs", known="yes", words="Too late.")
    issue = weekly.open_issue(site.database, "recap")
    assert issue
    assert "Too late." not in weekly.preview(site.database, site.loaded, issue).html


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"words": "", "title": ""}, "small letters and digits"),
        ({"words": "", "title": "", "name": "x"}, "says nothing yet"),
        ({"title": "New!"}, "another name"),
        ({"link": "javascript:alert(1)"}, "no web address"),
        ({"until": "2023-09-31"}, "no day of the calendar"),
        ({"since": "2023-09-23", "until": "2023-09-22"}, "before its first"),
        ({"picture": "0" * 32 + ".png"}, "That picture is not here"),
        ({"place": "moon"}, "Choose where it stands"),
    ],
    ids=["nameless", "empty", "new", "link", "day", "order", "picture", "place"],
)
def test_what_cannot_be_a_block_is_refused(site: Site, told: dict[str, str], said: str) -> None:
    """The form comes back with what was typed and a sentence; nothing is kept."""
    answer = wrote(site.browser("editor"), **told)
    assert answer.status_code == 422
    assert said in answer.text
    with site.database.read() as conn:
        assert blocks.newest(conn, "recap") == {}


def test_a_new_block_never_overwrites_another(site: Site) -> None:
    """Two of one name are refused, unless the form is the known one's own."""
    editor = site.browser("editor")
    wrote(editor)
    assert "a block called jobs already" in wrote(editor, words="Others").text


@pytest.mark.parametrize("role", ["", "viewer"])
def test_writing_takes_an_editor(site: Site, role: str) -> None:
    """Strangers and viewers change neither blocks nor pictures."""
    browser = site.browser(role)
    told = {"newsletter": "recap", "title": "Jobs", "place": "end", "words": "x", "alt": "x"}
    assert browser.post("/desk/blocks", data=told).status_code == 403
    files = {"picture": ("x.png", a_picture())}
    assert browser.post("/desk/pictures", data=told, files=files).status_code == 403
    assert shelved(site) == []


# --- pictures -----------------------------------------------------------------------------


def test_a_picture_is_made_fit_and_shown_in_the_mail(site: Site) -> None:
    """It is encoded anew, kept by its digest, and stands over the block with its alt text."""
    editor = site.browser("editor")
    body = a_picture("WEBP")
    assert brought(editor, body).status_code == 303
    [picture] = shelved(site)
    assert (picture.width, picture.alt) == (pictures.WIDTH, "A harbour")
    kept = editor.get(f"/pictures/recap/{picture.name}")
    assert kept.headers["content-type"] in ("image/png", "image/jpeg")
    assert kept.content != body
    wrote(editor, picture=picture.name)
    issue = weekly.open_issue(site.database, "recap")
    assert issue
    html = weekly.preview(site.database, site.loaded, issue).html
    assert f"http://127.0.0.1/pictures/recap/{picture.name}" in html
    assert 'alt="A harbour"' in html


def test_hosted_pictures_know_those_that_were_brought(site: Site) -> None:
    """Where pictures are hosted, one that an editor brought is not fetched, and is shown."""
    newsletter = site.loaded.settings.newsletters["recap"]
    look = newsletter.look.model_copy(update={"pictures": "hosted"})
    site.settings(newsletters={"recap": newsletter.model_copy(update={"look": look})})
    editor = site.browser("editor")
    brought(editor, a_picture())
    [picture] = shelved(site)
    wrote(editor, picture=picture.name)
    issue = weekly.open_issue(site.database, "recap")
    assert issue
    assert picture.name in weekly.preview(site.database, site.loaded, issue).html
    assert not [
        each
        for each in weekly.findings(site.database, site.loaded, issue)
        if each.code == "picture-left-out"
    ]


@pytest.mark.parametrize(
    ("body", "alt", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "x", "an SVG is not shown"),
        (b"GIF89a<script>alert(1)</script>", "x", "cannot be shown in a mail"),
        (b"", "x", "No picture was chosen"),
        (a_picture(), "  ", "Say what the picture shows"),
    ],
    ids=["svg", "script", "nothing", "no alt"],
)
def test_what_is_no_picture_is_refused(site: Site, body: bytes, alt: str, said: str) -> None:
    """Its content decides what a file is, never its name; and none comes without words."""
    answer = brought(site.browser("editor"), body, alt)
    assert answer.status_code == 422
    assert said in answer.text
    assert shelved(site) == []


def test_a_file_that_is_too_large_is_refused(site: Site) -> None:
    """More than a picture needs is not read; other forms keep their own, smaller limit."""
    editor = site.browser("editor")
    assert brought(editor, b"\0" * (11 * 1024 * 1024)).status_code == 413
    assert wrote(editor, words="x" * 70_000).status_code == 413


def test_a_picture_put_away_stays_where_it_is_shown(site: Site) -> None:
    """It is offered no longer; the block that has it keeps it, and the log says who did it."""
    editor = site.browser("editor")
    brought(editor, a_picture())
    [picture] = shelved(site)
    wrote(editor, picture=picture.name)
    told = {"newsletter": "recap", "csrf": csrf(editor)}
    assert editor.post(f"/desk/pictures/{picture.id}/away", data=told).status_code == 303
    assert shelved(site) == []
    assert [each.block.image.alt for each in composed(site).sections if each.block] == ["A harbour"]
    with site.database.read() as conn:
        [last, *_] = history.page(conn, newsletter="recap", actor="", most=1)
    assert last.what == "put a picture away"

"""Blocks at the desk: written, shown when and where, every version kept; and their pictures."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, UploadFile
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from digest import weekly
from digest.config import blocks as files
from digest.model import Block
from digest.render import markdown, pictures
from digest.render.plain import lines, plain
from digest.store import blocks as store
from digest.store import history
from digest.store.blocks import Written
from digest.web.desk.layout import IssueNumber, chosen, desk_page, go
from digest.web.desk.session import Visitor, acting, looking
from digest.web.guard import MOST_PICTURE_BYTES
from digest.web.pages import Pages

#: What a block's words may have, as a file's.
MOST_CHARACTERS = 20_000
_KEY = r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"
#: Where the form for a block stands that there is not yet: no block can be called so.
_FRESH = "new"

Key = Annotated[str, Form(max_length=60)]


class Refused(ValueError):
    """What a form says cannot be a block or a picture; the words are for a person."""


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the blocks and pictures; every change takes an editor."""
    router = APIRouter()
    _reading(router, pages)
    _writing(router, pages)
    _pictures(router, pages)
    return router


def _reading(router: APIRouter, pages: Pages) -> None:
    seen = Depends(looking(pages))

    @router.get("/desk/blocks")
    def all_blocks(who: Visitor = seen, newsletter: str = "") -> HTMLResponse:
        return _list(pages, who, chosen(pages, newsletter))

    @router.get(f"/desk/blocks/{_FRESH}")
    def fresh(
        who: Visitor = seen,
        newsletter: str = "",
        like: str = Query("", max_length=60, description="A file's block to begin with."),
    ) -> HTMLResponse:
        key = chosen(pages, newsletter)
        begun = next((each for each in _of_files(pages, key).blocks if each.key == like), None)
        said = _said_by(begun) if begun else _BLANK
        return _form(pages, who, key, name=like if begun else "", said=said)

    @router.get("/desk/blocks/{name}")
    def one(name: str, who: Visitor = seen, newsletter: str = "") -> HTMLResponse:
        key = chosen(pages, newsletter)
        with pages.database.read() as conn:
            known = store.newest(conn, key).get(name)
        if known is None or known.said is None:
            raise HTTPException(404)
        return _form(pages, who, key, name=name, said=known.said, is_new=False)


_BLANK: dict[str, Any] = {
    "title": "",
    "link": "",
    "picture": "",
    "words": "",
    "sponsor": False,
    "since": "",
    "until": "",
    "place": "end",
}


def _said_by(block: Block) -> dict[str, Any]:
    """Return what the form says of a file's block; its picture has to be brought here."""
    return _BLANK | {
        "title": block.title,
        "link": block.link or "",
        "words": block.markdown,
        "sponsor": block.sponsor,
        "since": block.valid_from.isoformat() if block.valid_from else "",
        "until": block.valid_until.isoformat() if block.valid_until else "",
        "place": "named",
    }


def _writing(router: APIRouter, pages: Pages) -> None:
    editor = Depends(acting(pages, "editor"))

    @router.post("/desk/blocks")
    def write(
        newsletter: str = Form(max_length=64),
        name: Key = "",
        known: bool = Form(False),
        title: str = Form("", max_length=200),
        link: str = Form("", max_length=2000),
        picture: str = Form("", max_length=64),
        words: str = Form("", max_length=MOST_CHARACTERS),
        sponsor: bool = Form(False),
        since: str = Form("", max_length=10),
        until: str = Form("", max_length=10),
        place: str = Form(max_length=10),
        who: Visitor = editor,
    ) -> Response:
        key = chosen(pages, newsletter)
        told: dict[str, Any] = {"title": plain(title), "link": link.strip(), "picture": picture}
        told |= {"words": lines(words).strip(), "sponsor": sponsor}
        said = _BLANK | told | {"since": since, "until": until, "place": place}
        try:
            named = _checked(pages, key, name, said, known=known)
        except Refused as e:
            return _form(pages, who, key, name=name, said=said, is_new=not known, refusal=str(e))
        _keep(pages, who, key, named, said)
        return go(pages, f"/desk/blocks?newsletter={key}#block-{named}")

    @router.post("/desk/blocks/{name}/away")
    def away(name: str, newsletter: str = Form(max_length=64), who: Visitor = editor) -> Response:
        key = chosen(pages, newsletter)
        _keep(pages, who, key, _existing(pages, key, name)[0].key, None)
        return go(pages, f"/desk/blocks?newsletter={key}")

    @router.post("/desk/blocks/{name}/back")
    def back(
        name: str,
        newsletter: str = Form(max_length=64),
        version: int = Form(ge=1),
        who: Visitor = editor,
    ) -> Response:
        key = chosen(pages, newsletter)
        older = [each for each in _existing(pages, key, name) if each.version == version]
        if not older or older[0].said is None:
            raise HTTPException(404)
        _keep(pages, who, key, name, older[0].said)
        return go(pages, f"/desk/blocks/{name}?newsletter={key}")


def _existing(pages: Pages, newsletter: str, name: str) -> list[Written]:
    with pages.database.read() as conn:
        known = store.versions(conn, newsletter, name)
    if not known:
        raise HTTPException(404)
    return known


def _keep(
    pages: Pages, who: Visitor, newsletter: str, name: str, said: dict[str, Any] | None
) -> None:
    """Keep the version, and compose the draft anew that shows it."""
    by, now = who.account.address, pages.now()
    with pages.database.write() as conn:
        weekly.write_block(conn, newsletter, name, said, by=by, now=now)
    issue = weekly.open_issue(pages.database, newsletter)
    if issue and issue.state in weekly.OPEN and issue.state != "planned":
        weekly.prepare(
            pages.database, pages.loaded, newsletter, weekly.slot_of(issue), now=now, actor=by
        )


def _checked(pages: Pages, newsletter: str, name: str, said: dict[str, Any], *, known: bool) -> str:
    """Return the block's key; Refused, for a person, if the form says what cannot be."""
    key = "-".join(re.findall(r"[a-z0-9]+", name.lower())) or "-".join(
        re.findall(r"[a-z0-9]+", said["title"].lower())[:4]
    )
    if key == _FRESH:
        raise Refused(f"Give it another name: at {_FRESH} stands the form for one that is not yet.")
    if not re.fullmatch(_KEY, key):
        raise Refused("Give it a name of small letters and digits: spring-jobs.")
    if not (said["words"] or said["title"] or said["picture"]):
        raise Refused("The block says nothing yet: give it words, a title or a picture.")
    if said["link"] and not re.fullmatch(r"https?://[^\s<>\"]+", said["link"]):
        raise Refused(f"{said['link']} is no web address: it begins with https://")
    if said["place"] not in weekly.BLOCK_PLACES:
        raise Refused("Choose where it stands.")
    _in_order(_day(said["since"]), _day(said["until"]))
    with pages.database.read() as conn:
        if said["picture"] and store.named(conn, newsletter, said["picture"]) is None:
            raise Refused("That picture is not here. Choose another, or bring it first.")
        if not known and key in store.newest(conn, newsletter):
            raise Refused(f"There is a block called {key} already. Give this one another name.")
    return key


def _day(said: str) -> date | None:
    try:
        return date.fromisoformat(said) if said else None
    except ValueError:
        raise Refused(f"{said} is no day of the calendar.") from None


def _in_order(since: date | None, until: date | None) -> None:
    if since and until and until < since:
        raise Refused(f"Its last day ({until}) is before its first ({since}).")


# --- pictures -----------------------------------------------------------------------------


def _pictures(router: APIRouter, pages: Pages) -> None:
    editor = Depends(acting(pages, "editor"))

    @router.post("/desk/pictures")
    def bring(
        newsletter: str = Form(max_length=64),
        alt: str = Form("", max_length=300),
        picture: UploadFile = File(),
        who: Visitor = editor,
    ) -> Response:
        key = chosen(pages, newsletter)
        try:
            kept, shows = _shelved(pages, picture.file.read(), plain(alt))
        except Refused as e:
            return _list(pages, who, key, refusal=str(e), status=422)
        with pages.database.write() as conn:
            facts = {"name": kept.name, "width": kept.width, "height": kept.height}
            by, now = who.account.address, pages.now()
            told = facts | {"alt": shows, "size": kept.size}
            store.bring(conn, key, by=by, now=now, **told)
            detail = {"after": {"newsletter": key} | told}
            history.record(conn, None, "brought a picture", actor=by, at=now, detail=detail)
        return go(pages, f"/desk/blocks?newsletter={key}#pictures")

    @router.post("/desk/pictures/{number}/away")
    def away(
        number: IssueNumber, newsletter: str = Form(max_length=64), who: Visitor = editor
    ) -> Response:
        key = chosen(pages, newsletter)
        by, now = who.account.address, pages.now()
        with pages.database.write() as conn:
            gone = store.put_away(conn, key, number, now=now)
            if gone is None:
                raise HTTPException(404)
            detail = {"before": {"picture": gone.name, "alt": gone.alt}, "after": {}}
            history.record(conn, None, "put a picture away", actor=by, at=now, detail=detail)
        return go(pages, f"/desk/blocks?newsletter={key}#pictures")


def _shelved(pages: Pages, body: bytes, alt: str) -> tuple[pictures.Shelved, str]:
    if not alt:
        raise Refused(
            "Say what the picture shows: readers whose mail shows no pictures, and readers who "
            "cannot see, get these words."
        )
    if not body:
        raise Refused("No picture was chosen.")
    try:
        return pictures.Shelf(pages.loaded.folder / pictures.PLACE).put(body), alt
    except pictures.NotAPicture as e:
        raise Refused(f"This cannot be shown in a mail: {e}.") from e
    except OSError as e:
        raise Refused(f"The picture could not be kept ({e.strerror}).") from e


# --- pages --------------------------------------------------------------------------------


def _of_files(pages: Pages, newsletter: str) -> files.Found:
    return files.read(pages.loaded.folder, pages.loaded.settings.newsletters[newsletter])


def _list(
    pages: Pages, who: Visitor, newsletter: str, *, refusal: str = "", status: int = 200
) -> HTMLResponse:
    with pages.database.read() as conn:
        written = store.newest(conn, newsletter)
        offered = store.offered(conn, newsletter)
    found = _of_files(pages, newsletter)
    return desk_page(
        pages,
        who,
        "desk-blocks.html",
        newsletter,
        here="blocks",
        status=status,
        written=written,
        from_files=found.blocks,
        faults=[fault for fault in found.faults if weekly.block_of(fault) not in written],
        place_of_files=files.PLACE,
        pictures=offered,
        places=weekly.BLOCK_PLACES,
        html=_html,
        most_megabytes=MOST_PICTURE_BYTES // 1024**2,
        today=pages.now().astimezone(pages.loaded.settings.newsletters[newsletter].zone).date(),
        refusal=refusal,
    )


def _html(words: str) -> Markup:
    """Return Markdown as the mail has it: only what the safe subset makes."""
    return Markup(markdown.to_html(words))  # noqa: S704 - sanitised


def _form(
    pages: Pages,
    who: Visitor,
    newsletter: str,
    *,
    name: str,
    said: dict[str, Any],
    is_new: bool = True,
    refusal: str = "",
) -> HTMLResponse:
    with pages.database.read() as conn:
        versions = [] if is_new else store.versions(conn, newsletter, name)
        offered = store.offered(conn, newsletter)
        own = store.named(conn, newsletter, said["picture"]) if said["picture"] else None
    if own and all(each.name != own.name for each in offered):
        offered = [own, *offered]
    return desk_page(
        pages,
        who,
        "desk-block.html",
        newsletter,
        here="blocks",
        status=422 if refusal else 200,
        name=name,
        said=said,
        is_new=is_new,
        versions=versions,
        pictures=offered,
        places=weekly.BLOCK_PLACES,
        html=_html,
        most=MOST_CHARACTERS,
        refusal=refusal,
    )

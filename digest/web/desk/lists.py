"""Taking in a list at the desk: uploaded, compared, confirmed, and watched as it comes in."""

from __future__ import annotations

import hmac
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Message

from digest.errors import ReaderError
from digest.readership import uploads as uploading
from digest.store import uploads
from digest.store.uploads import AT_WORK, Upload, UploadState
from digest.web.desk.layout import IssueNumber, chosen, desk_page, go
from digest.web.desk.session import Visitor, acting, looking, refuse_foreign, visitor
from digest.web.pages import Pages
from digest.web.words import count

PATH = "/desk/subscribers/import"
#: Beside the file, a form is small.
_FORM_OCTETS = 100_000
#: So many earlier lists are named.
_RECENT = 10
#: A page of work that goes on loads itself anew after so many seconds.
_AGAIN = 3


def doors(pages: Pages) -> APIRouter:
    """Return the routes of the import; all but looking takes a publisher."""
    router = APIRouter()
    _taking(router, pages)
    _deciding(router, pages)
    return router


def _taking(router: APIRouter, pages: Pages) -> None:
    @router.get(PATH)
    def form(who: Visitor = Depends(looking(pages)), newsletter: str = "") -> HTMLResponse:
        return _form(pages, who, chosen(pages, newsletter))

    @router.post(PATH)
    async def take(request: Request) -> Response:
        # Before a file of 200 MB is read, not after it.
        refuse_foreign(request)
        who = await run_in_threadpool(visitor, pages, request)
        _refuse_others(who)
        try:
            filled = await _bounded(request).form(max_files=1, max_fields=10)
        except MultiPartException as e:
            raise HTTPException(400, "This form cannot be read.") from e
        except ReaderError as e:
            return _form(pages, who, chosen(pages, ""), refusal=e, status=413)
        try:
            if not hmac.compare_digest(str(filled.get("csrf", "")).encode(), who.csrf.encode()):
                raise HTTPException(403, "This form is not from your session. Reload the page.")
            return await run_in_threadpool(_kept, pages, who, filled)
        finally:
            await filled.close()


def _refuse_others(who: Visitor) -> None:
    if not who.may("publisher"):
        raise HTTPException(403, f"Your account is a {who.account.role}'s; this takes a publisher")


def _bounded(request: Request) -> Request:
    """Return *request*, whose body raises ReaderError where it gets longer than a list may be."""
    read = 0

    async def receive() -> Message:
        nonlocal read
        message = await request.receive()
        read += len(message.get("body", b""))
        if read > uploading.MOST_OCTETS + _FORM_OCTETS:
            raise uploading.too_large()
        return message

    return Request(request.scope, receive)


def _kept(pages: Pages, who: Visitor, filled: FormData) -> Response:
    told = {name: str(filled.get(name, ""))[:500] for name in ("source", "list", "attributes")}
    key, file = chosen(pages, str(filled.get("newsletter", ""))), filled.get("file")
    columns = [each.strip() for each in told["attributes"].split(",")]
    try:
        if not isinstance(file, UploadFile) or not file.size:
            raise ReaderError("no file was chosen", remedy="Choose a CSV file or a zip archive.")
        with tempfile.NamedTemporaryFile(suffix=Path(file.filename or "").suffix[:5]) as copy:
            while piece := file.file.read(1 << 20):
                copy.write(piece)
            copy.flush()
            number = uploading.keep(
                pages.database,
                pages.loaded,
                key,
                Path(copy.name),
                name=file.filename or "",
                source=told["source"],
                list_name=told["list"],
                attributes=tuple(each for each in columns if each),
                by=who.account.address,
                now=pages.now(),
            )
    except ReaderError as e:
        return _form(pages, who, key, refusal=e, status=422, **told)
    return go(pages, f"{PATH}/{number}")


def _form(
    pages: Pages,
    who: Visitor,
    newsletter: str,
    *,
    refusal: ReaderError | None = None,
    status: int = 200,
    **filled: str,
) -> HTMLResponse:
    with pages.database.read() as conn:
        recent = uploads.recent(conn, newsletter, limit=_RECENT)
    said = refusal.remedy if refusal else ""
    return desk_page(
        pages,
        who,
        "desk-list-form.html",
        newsletter,
        here="subscribers",
        status=status,
        recent=recent,
        refusal=f"{refusal}. {said}".strip() if refusal else "",
        source=filled.get("source", ""),
        list_name=filled.get("list", ""),
        attributes=filled.get("attributes", ""),
        most=uploading.MOST_OCTETS // 1_000_000,
    )


# --- one list ---------------------------------------------------------------------------------


def _deciding(router: APIRouter, pages: Pages) -> None:
    publisher = Depends(acting(pages, "publisher"))

    @router.get(PATH + "/{number}")
    def show(number: IssueNumber, who: Visitor = Depends(looking(pages))) -> HTMLResponse:
        return _list(pages, who, _known(pages, number))

    @router.post(PATH + "/{number}")
    def decide(
        number: IssueNumber, answer: Annotated[str, Form()] = "", who: Visitor = publisher
    ) -> Response:
        _known(pages, number)
        told: dict[str, Any] = {"now": pages.now()}
        if answer == "import":
            uploading.confirm(pages.database, number, by=who.account.address, **told)
        elif answer == "drop":
            uploading.drop(pages.database, pages.loaded, number, **told)
        else:
            raise HTTPException(422)
        return go(pages, f"{PATH}/{number}")

    @router.get(PATH + "/{number}/refused.csv")
    def refused(number: IssueNumber, who: Visitor = Depends(looking(pages))) -> Response:
        _refuse_others(who)
        file = uploading.refused_rows(pages.loaded, _known(pages, number).id)
        if not file.is_file():
            kept = f"The rows that were not taken are kept for {uploading.KEPT.days} days."
            raise HTTPException(404, kept)
        return FileResponse(file, media_type="text/csv", filename="not-taken.csv")


def _known(pages: Pages, number: int) -> Upload:
    with pages.database.read() as conn:
        found = uploads.by_id(conn, number)
    if found is None or pages.newsletter(found.newsletter) is None:
        raise HTTPException(404)
    return found


def _list(pages: Pages, who: Visitor, one: Upload) -> HTMLResponse:
    answer = desk_page(
        pages,
        who,
        "desk-list.html",
        one.newsletter,
        here="subscribers",
        one=one,
        working=one.state in AT_WORK,
        task=_how_far(pages, one) if one.state in AT_WORK else None,
        waits=one.state is UploadState.COMPARED,
        has_refused=uploading.refused_rows(pages.loaded, one.id).is_file(),
        kept_days=uploading.KEPT.days,
        again=_AGAIN,
    )
    answer.headers["cache-control"] = "no-store"
    return answer


def _how_far(pages: Pages, one: Upload) -> dict[str, Any]:
    """Return what the meter shows, as that of any other task."""
    found = uploading.progress(pages.loaded, one, now=pages.now())
    said = "Comparing" if one.state is UploadState.COMPARING else "Taking it in"
    if not found.total:
        said += f": {count(found.done, 'row')} so far"
    return {
        "said": said,
        "done": found.done,
        "total": found.total,
        "remaining": found.remaining,
    }

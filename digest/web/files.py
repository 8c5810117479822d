"""Style sheets, scripts, and answers that a browser may keep."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from typing import Literal

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from digest import packaged
from digest.render.pictures import PLACE
from digest.web import look
from digest.web.pages import Pages

_KINDS = {"css": "text/css", "js": "text/javascript"}


def doors(pages: Pages) -> APIRouter:
    """Return the routes of sheets and scripts: the editors' own first, then ours."""
    router = APIRouter()

    @router.get("/static/accent/{colour}.css")
    def accent(colour: str) -> Response:
        if not re.fullmatch("[0-9a-f]{6}", colour):
            raise HTTPException(404)
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(look.style(f"#{colour}"), media_type="text/css", headers=headers)

    @router.get("/static/{name}.{kind}")
    def sheet(request: Request, name: str, kind: Literal["css", "js"]) -> Response:
        if not re.fullmatch("[a-z]+", name):
            raise HTTPException(404)
        for folder in packaged.templates(pages.loaded.folder):
            file = folder / "web" / "static" / f"{name}.{kind}"
            if file.is_file():
                return unchanged_or(request, file.read_bytes(), _KINDS[kind], "no-cache")
        raise HTTPException(404)

    _pictures(router, pages)

    @router.get("/favicon.ico")
    def icon() -> Response:
        return Response(status_code=204, headers={"cache-control": "public, max-age=86400"})

    return router


def _pictures(router: APIRouter, pages: Pages) -> None:
    """Add the newsletter's own pictures, and those of publications that we keep."""

    @router.get("/pictures/{newsletter}/{digest}.{ending}")
    def kept(newsletter: str, digest: str, ending: Literal["jpg", "png"]) -> Response:
        file = pages.loaded.folder / PLACE / f"{digest}.{ending}"
        known = newsletter in pages.loaded.settings.newsletters
        if not (known and re.fullmatch("[0-9a-f]{32}", digest) and file.is_file()):
            raise HTTPException(404)
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        kind = mimetypes.guess_type(file.name)[0]
        return Response(file.read_bytes(), headers=headers, media_type=kind)

    @router.get("/pictures/{newsletter}/{name}")
    def picture(request: Request, newsletter: str, name: Literal["logo", "header"]) -> Response:
        settings = pages.loaded.settings.newsletters.get(newsletter)
        said = settings and (settings.look.logo if name == "logo" else settings.look.header)
        file = pages.loaded.folder / (said or "")
        # An address of its own is not ours to answer for; a path is what config.yaml names.
        if not said or "://" in said or not file.is_file():
            raise HTTPException(404)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return unchanged_or(request, file.read_bytes(), kind, "public, max-age=3600")


def unchanged_or(request: Request, body: bytes, media_type: str, cache: str) -> Response:
    """Return *body* with its ETag, or 304 to a browser that has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": cache}
    asked = request.headers.get("if-none-match", "").split(",")
    if {tag, "*"} & {each.strip().removeprefix("W/") for each in asked}:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)

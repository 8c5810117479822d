"""Every route of the application, found by walking it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi.params import Form
from fastapi.routing import APIRoute


def routes(app: Any) -> set[tuple[str, str]]:
    """Return method and path of every route, whichever router or mounted application it is in."""
    return {(method, path) for route, path in _walked(app.routes) for method in route.methods}


def _walked(routes: list[Any], under: str = "") -> Iterator[tuple[APIRoute, str]]:
    for route in routes:
        path = under + getattr(route, "path", "")
        if isinstance(route, APIRoute):
            yield route, path
            continue
        inner = getattr(route, "original_router", route)
        yield from _walked(getattr(inner, "routes", None) or [], path)


def optional_texts(app: Any) -> set[tuple[str, str]]:
    """Return path and name of each field of a form that is a text, or None where it is not sent."""
    return {
        (path, field.name)
        for route, path in _walked(app.routes)
        for dependant in _with_their_own(route.dependant)
        for field in dependant.body_params
        if isinstance(field.field_info, Form) and field.field_info.annotation == (str | None)
    }


def _with_their_own(dependant: Any) -> Iterator[Any]:
    yield dependant
    for each in dependant.dependencies:
        yield from _with_their_own(each)

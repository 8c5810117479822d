"""The doors of several rooms, as one list of routes."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter

from digest.web.pages import Pages


class Room(Protocol):
    """A module of pages."""

    def doors(self, pages: Pages) -> APIRouter:
        """Return its routes."""
        ...


def together(pages: Pages, *rooms: Room) -> APIRouter:
    """
    Return the routes of all *rooms* in their order: the first that fits a request has it.

    FastAPI's `include_router` would keep a router in a router instead: it makes each route
    once more for every router around it, which doubles what a start takes, and looks
    through all of them again at each request.
    """
    return APIRouter(routes=[route for room in rooms for route in room.doors(pages).routes])

"""The web: the editors' desk, the readers' pages, and the health pages."""

from digest.web.app import application

__all__ = ["application"]

"""Themes: what the week's publications are about, in their own words."""

from digest.themes.ranking import Found, Wishes, find, label

__all__ = ["Found", "Wishes", "find", "label"]

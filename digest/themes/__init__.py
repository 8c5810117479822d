"""Themes: what the week's publications are about, in their own words."""

from digest.themes.background import Counted, count, without
from digest.themes.labels import Label
from digest.themes.ranking import Found, Wishes, choices, find, label

__all__ = ["Counted", "Found", "Label", "Wishes", "choices", "count", "find", "label", "without"]

"""From a recap to bytes: subject, HTML, text, fragments, a message ready for SMTP."""

from digest.render.editions import fingerprint, render, sample, topics_key, web
from digest.render.fragments import choice, varied
from digest.render.notices import Notice, notice

__all__ = [
    "Notice",
    "choice",
    "fingerprint",
    "notice",
    "render",
    "sample",
    "topics_key",
    "varied",
    "web",
]

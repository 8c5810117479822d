"""From a recap to bytes: subject, HTML, text, fragments, a message ready for SMTP."""

from digest.render.editions import fingerprint, render, sample, web
from digest.render.notices import Notice, notice

__all__ = ["Notice", "fingerprint", "notice", "render", "sample", "web"]

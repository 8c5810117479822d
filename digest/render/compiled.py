"""MJML made into HTML that stands in every client: compiled, inlined, checked."""

from __future__ import annotations

import logging
import re

from digest.errors import TemplateError

#: How a template marks the style block whose rules go into the elements. mjml-python
#: leaves such a block alone, so premailer does it.
INLINE = "/* inline */"

_STYLE = re.compile(r"<style\b([^>]*)>(.*?)</style>", re.DOTALL)
#: Where a line may end: in sources, in diffs, and for who takes the tags away.
_BLOCK_END = re.compile(r"(</(?:div|h[1-6]|li|p|style|table|title|tr)>)(?!\n)")
#: Blocks in these comments are Outlook's; premailer leaves comments alone.
_IGNORE = ' data-premailer="ignore"'


def compiled(mjml: str, *, file: str = "") -> str:
    """Return the HTML of *mjml*, our own rules inlined; TemplateError if it cannot be read."""
    return inlined(to_html(mjml, file=file))


def to_html(mjml: str, *, file: str = "") -> str:
    """Return what MJML makes of it, as HTML; TemplateError, with *file* named, if it cannot."""
    from mjml import mjml2html

    try:
        # By default, a font of a known name is loaded from a third party for every reader.
        html = mjml2html(mjml, fonts={})
    except ValueError as e:
        raise TemplateError(
            f"MJML cannot be read: {e}", file=file, remedy="Run: digest templates check"
        ) from e
    # premailer drops a doctype in lower case, and without one browsers fall into quirks mode.
    return html.replace("<!doctype html>", "<!DOCTYPE html>", 1)


def inlined(html: str) -> str:
    """
    Return *html* with the rules of the block marked `INLINE` in their elements.

    MJML's own blocks stay as they are: inlined too, they make the mail a quarter larger.
    """
    from premailer import Premailer

    mailer = Premailer(
        _STYLE.sub(_scoped, html),
        allow_network=False,
        allow_loading_external_files=False,
        disable_link_rewrites=True,
        keep_style_tags=False,
        # Dark rules must win over inlined ones, and media queries need their classes.
        strip_important=False,
        remove_classes=False,
        # Word reads width="100%" as pixels; align and bgcolor are no HTML any more.
        disable_basic_attributes=["align", "bgcolor", "height", "valign", "width"],
        disable_validation=True,
        cssutils_logging_level=logging.CRITICAL,
        method="html",
    )
    # lxml's own pretty printing puts space inside of words' elements.
    lines = str(mailer.transform(pretty_print=False)).replace(_IGNORE, "")
    return _BLOCK_END.sub(r"\1\n", lines)


def _scoped(block: re.Match[str]) -> str:
    attributes, rules = block[1], block[2]
    if rules.lstrip().startswith(INLINE):
        return block[0]
    return f"<style{attributes}{_IGNORE}>{rules}</style>"

"""
Templates checked before they meet a recap: each fault with file and line.

mjml-python takes unknown tags and attributes without a word and drops them, so a slip
of the pen would show only in readers' mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import jinja2
from jinja2 import meta, nodes

from digest.errors import TemplateError
from digest.model.settings import NewsletterSettings
from digest.render import preflight, specimen
from digest.render.editions import render
from digest.render.notices import notice
from digest.render.templates import environment

_BOX = "css-class padding padding-top padding-right padding-bottom padding-left"
_FONT = "color font-family font-size font-style font-weight letter-spacing line-height"
_SHEET = (
    f"{_BOX} background-color background-url background-repeat background-size border "
    "border-top border-right border-bottom border-left border-radius direction full-width "
    "text-align"
)

#: The tags that mjml-python compiles and that stand in every client, with their attributes.
TAGS = {
    tag: frozenset(attributes.split())
    for tag, attributes in {
        "mjml": "lang dir",
        "mj-head": "",
        "mj-body": "width background-color css-class",
        "mj-title": "",
        "mj-attributes": "",
        "mj-all": f"{_BOX} {_FONT} align",
        "mj-class": f"name {_BOX} {_FONT} align background-color",
        "mj-breakpoint": "width",
        "mj-style": "inline",
        "mj-raw": "position",
        "mj-section": _SHEET,
        "mj-wrapper": _SHEET,
        "mj-group": "width vertical-align background-color direction css-class",
        "mj-column": (
            f"{_BOX} background-color inner-background-color border border-top border-right "
            "border-bottom border-left border-radius inner-border width vertical-align direction"
        ),
        "mj-text": f"{_BOX} {_FONT} align container-background-color height "
        "text-decoration text-transform",
        "mj-image": f"{_BOX} {_FONT} align alt border border-radius container-background-color "
        "fluid-on-mobile height href name rel src srcset sizes target title width",
        "mj-button": f"{_BOX} {_FONT} align background-color border border-radius "
        "container-background-color height href inner-padding name rel target text-align "
        "text-decoration text-transform title vertical-align width",
        "mj-divider": f"{_BOX} align border-color border-style border-width "
        "container-background-color width",
        "mj-spacer": f"{_BOX} container-background-color height",
        "mj-table": f"{_BOX} {_FONT} align border cellpadding cellspacing "
        "container-background-color table-layout width",
    }.items()
}

#: Tags of MJML that we do not take, and why.
REFUSED = {
    "mj-accordion": "it needs what many clients lack",
    "mj-carousel": "it needs what many clients lack",
    "mj-font": "it loads from a third party for every reader",
    "mj-hero": "its fluid mode is compiled wrongly",
    "mj-html-attributes": "mjml-python cannot read it",
    "mj-include": 'nothing is loaded by it; write {% include "…" %}',
    "mj-navbar": "it needs what many clients lack",
    "mj-preview": "it hides text, which filters count against the mail; the lead is visible",
    "mj-social": "its icons come from a third party",
    "mj-social-element": "its icons come from a third party",
}

#: Where a tag must stand; elsewhere mjml-python drops it, or Outlook its width.
PARENTS = {
    "mj-head": ("mjml",),
    "mj-body": ("mjml",),
    "mj-wrapper": ("mj-body",),
    "mj-section": ("mj-body", "mj-wrapper"),
    "mj-group": ("mj-section",),
    "mj-column": ("mj-section", "mj-group"),
    **dict.fromkeys(
        ("mj-text", "mj-image", "mj-button", "mj-divider", "mj-spacer", "mj-table"),
        ("mj-column",),
    ),
}

#: HTML that no mail program shows, or that makes a filter suspicious.
_NOT_IN_MAIL = ("applet", "audio", "embed", "form", "iframe", "input", "link", "object", "script",
                "svg", "video")  # fmt: skip

#: What every mail is given.
SHARED_NAMES = frozenset(
    {
        *("newsletter", "_", "ngettext", "safe_html", "start", "end", "spacing", "fonts"),
        *("light", "dark", "accent", "accent_dark", "ground", "ground_dark"),
    }
)
#: What `render` gives the templates of a recap.
RECAP_NAMES = frozenset(
    {
        *SHARED_NAMES,
        *("issue", "logo", "header", "web_url", "archive_url", "pictures_url", "slots", "part"),
    }
)
#: What templates under mail/parts expect from those that include them.
PART_NAMES = frozenset({"heading", "section", "show"})
#: What `notice` gives the templates of small mails.
NOTICE_NAMES = frozenset({*SHARED_NAMES, *specimen.NOTICE_VALUES, "public_url"})

_JINJA = re.compile(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_TAG = re.compile(r"<(mj[a-z-]*)\b((?:\"[^\"]*\"|'[^']*'|[^>\"'])*)>")
_ANY_TAG = re.compile(r"<(/?)(mj[a-z-]*)\b((?:\"[^\"]*\"|'[^']*'|[^>\"'])*)>")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ATTRIBUTE = re.compile(r"([a-zA-Z_:][\w:.-]*)\s*=\s*(?:\"[^\"]*\"|'[^']*')")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a template, and where."""

    file: str
    line: int | None
    sentence: str


def check(templates: Sequence[Path], newsletter: NewsletterSettings) -> tuple[Fault, ...]:
    """
    Return every fault of the mail templates in these folders, in order of file and line.

    A template that another folder before it replaces is not looked at.
    """
    files = found(templates)
    faults = [fault for name in files for fault in _faults(name, files, templates)]
    if not faults:
        # Only sound templates are tried out: their faults would be told twice.
        faults += _tried(templates, newsletter)
    return tuple(sorted(faults, key=lambda fault: (fault.file, fault.line or 0)))


def found(templates: Sequence[Path]) -> dict[str, Path]:
    """Return the mail templates in force: their names and files."""
    files: dict[str, Path] = {}
    for folder in templates:
        for file in sorted(folder.glob("mail/**/*")):
            if file.suffix in (".mjml", ".txt", ".html") and file.is_file():
                files.setdefault(file.relative_to(folder).as_posix(), file)
    return files


def _faults(name: str, files: Mapping[str, Path], templates: Sequence[Path]) -> Iterator[Fault]:
    file = files[name]
    source = file.read_text(encoding="utf-8", errors="replace")
    try:
        tree = environment(templates).parse(source)
    except jinja2.TemplateSyntaxError as e:
        yield Fault(str(file), e.lineno, str(e.message))
        return
    yield from _missing(file, tree, files)
    used = meta.find_undeclared_variables(tree) - _assigned(tree)
    yield from _unknown_names(name, file, source, used)
    if file.suffix == ".mjml":
        # Blanked to the same length, so that lines stay where they are.
        markup = _JINJA.sub(lambda at: re.sub(r"[^\n]", " ", at[0]), source)
        yield from _unknown_tags(file, markup)
        yield from _misplaced(file, markup)
        yield from _not_in_mail(file, markup)


def _assigned(tree: nodes.Template) -> set[str]:
    """Return the names that the template itself gives; its blocks see them too."""
    imported = {each.target for each in tree.find_all(nodes.Import)}
    return imported | {
        each.target.name
        for each in tree.find_all(nodes.Assign)
        if isinstance(each.target, nodes.Name)
    }


def _unknown_names(name: str, file: Path, source: str, used: set[str]) -> Iterator[Fault]:
    known = RECAP_NAMES if name.startswith("mail/recap/") else NOTICE_NAMES
    if name.startswith("mail/parts/"):
        known = RECAP_NAMES | NOTICE_NAMES | PART_NAMES
    for variable in sorted(used - known):
        line = _line_of(source, re.search(rf"\b{re.escape(variable)}\b", source))
        near = get_close_matches(variable, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        yield Fault(str(file), line, f"No value is called {variable}.{hint}")


def _missing(file: Path, tree: nodes.Template, known: Mapping[str, Path]) -> Iterator[Fault]:
    """Yield what a template takes in by name and what is not there."""
    for each in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        # A name that is put together is known only when it is rendered.
        name = getattr(getattr(each, "template", None), "value", None)
        if isinstance(name, str) and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            yield Fault(str(file), each.lineno, f"There is no template {name}.{hint}")


def _misplaced(file: Path, markup: str) -> Iterator[Fault]:
    """Yield tags in the wrong place, and those that are opened and not closed, or the reverse."""
    opened: list[tuple[str, int | None]] = []
    for tag in _ANY_TAG.finditer(_COMMENT.sub(lambda at: re.sub(r"[^\n]", " ", at[0]), markup)):
        closing, name, said = tag.groups()
        line = _line_of(markup, tag)
        if not closing:
            within = opened[-1][0] if opened else None
            # The top of a part stands wherever it is included.
            if within not in (None, "mj-attributes", *PARENTS.get(name, (within,))):
                places = " or ".join(f"<{each}>" for each in PARENTS[name])
                yield Fault(
                    str(file), line, f"<{name}> stands in <{within}>; its place is in {places}."
                )
            if not said.rstrip().endswith("/"):
                opened.append((name, line))
        elif opened and opened[-1][0] == name:
            opened.pop()
        else:
            until = f"; <{opened[-1][0]}> of line {opened[-1][1]} is open" if opened else ""
            yield Fault(str(file), line, f"</{name}> closes nothing{until}.")
            return
    for name, line in opened:
        yield Fault(str(file), line, f"<{name}> is never closed.")


def _not_in_mail(file: Path, markup: str) -> Iterator[Fault]:
    for tag in re.finditer(rf"<({'|'.join(_NOT_IN_MAIL)})\b", markup, re.IGNORECASE):
        yield Fault(
            str(file), _line_of(markup, tag), f"<{tag[1].lower()}> is dropped by mail programs."
        )


def _unknown_tags(file: Path, markup: str) -> Iterator[Fault]:
    for tag in _TAG.finditer(markup):
        line = _line_of(markup, tag)
        if tag[1] in REFUSED:
            yield Fault(str(file), line, f"<{tag[1]}> is not taken: {REFUSED[tag[1]]}.")
        elif tag[1] not in TAGS:
            near = get_close_matches(tag[1], TAGS, n=1)
            hint = f" Did you mean <{near[0]}>?" if near else ""
            yield Fault(str(file), line, f"MJML has no tag <{tag[1]}>.{hint}")
        else:
            yield from _unknown_attributes(file, line, tag[1], tag[2])


def _unknown_attributes(file: Path, line: int | None, tag: str, said: str) -> Iterator[Fault]:
    for attribute in _ATTRIBUTE.finditer(said):
        if attribute[1] not in TAGS[tag]:
            near = get_close_matches(attribute[1], TAGS[tag], n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            yield Fault(str(file), line, f"<{tag}> has no attribute {attribute[1]}.{hint}")


def _line_of(source: str, at: re.Match[str] | None) -> int | None:
    return source.count("\n", 0, at.start()) + 1 if at else None


def _tried(templates: Sequence[Path], newsletter: NewsletterSettings) -> Iterator[Fault]:
    """Yield what goes wrong when every template is rendered with `specimen`'s values."""
    recap = specimen.recap()
    try:
        edition = render(
            recap,
            newsletter=newsletter,
            newsletter_key="check",
            issue_key="2023-09-22",
            number=1,
            public_url="https://example.org",
            templates=templates,
        )
    except TemplateError as e:
        yield _fault(e)
    else:
        for finding in preflight.check(edition, recap, newsletter):
            if finding.code in _TEMPLATES_FAULTS:
                sentence = f"{finding.sentence} {finding.remedy}"
                yield Fault(str(found(templates)["mail/recap/body.mjml"]), None, sentence)
    for name in _notices(templates):
        try:
            notice(
                name,
                specimen.NOTICE_VALUES,
                newsletter=newsletter,
                public_url="https://example.org",
                templates=templates,
            )
        except TemplateError as e:
            yield _fault(e)


#: Findings that a template causes, not a recap or the settings.
_TEMPLATES_FAULTS = (
    *("postal-missing", "unsubscribe-missing", "slot-unknown", "alt-missing"),
    *("link-unsafe", "link-not-in-text", "too-large", "subject-empty", "template-words"),
)


def _fault(error: TemplateError) -> Fault:
    return Fault(error.file, error.line, str(error.args[0]))


def _notices(templates: Sequence[Path]) -> list[str]:
    folders = {name.split("/")[1] for name in found(templates)}
    return sorted(folders - {"parts", "recap"})

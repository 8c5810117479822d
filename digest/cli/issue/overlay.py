"""The overlay of edits as a text that an editor opens."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from digest.errors import IssueError

if TYPE_CHECKING:
    from digest.model import Draft, Edits

_HEAD = """\
# What you change of the issue closing {name}. It is laid over the draft each time the
# draft is composed anew. An empty file takes all edits back.
#
# pins: [8]            in, whatever the rules say; the first is the lead
# exclusions: [3]      out
# order: [2, 1]        the others follow by score
# titles: {{2: …}}       also summaries; labels name the theme that the item leads
# theme_pins: [4]      themes by the item that leads them: in the headline; theme_drops: out
# theme_order: [4, 2]  the headline's themes in this order
# merges: {{9: 2}}       item 9, with those it leads, joins the theme of item 2
# splits: [7]          item 7 leads a theme of its own
# headline, lead       your words instead of ours
# intro                Markdown that opens the mail
"""


def added(
    edits: Edits,
    *,
    pins: Sequence[int],
    exclusions: Sequence[int],
    headline: str | None,
    lead: str | None,
) -> Edits:
    """Return *edits* with more pins and exclusions; the newest wish about an item wins."""
    return replace(
        edits,
        pins=tuple(dict.fromkeys([*(p for p in edits.pins if p not in exclusions), *pins])),
        exclusions=tuple(
            dict.fromkeys([*(x for x in edits.exclusions if x not in pins), *exclusions])
        ),
        headline=edits.headline if headline is None else headline or None,
        lead=edits.lead if lead is None else lead or None,
    )


def edited(draft: Draft, *, name: str) -> Edits:
    """
    Open the draft's edits in $EDITOR and return what they became.

    IssueError, naming the file that keeps what was typed, if it cannot be read.
    """
    handle, file = tempfile.mkstemp(prefix=f"issue-{name}-", suffix=".yaml")
    path = Path(file)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text(draft, name=name))
    _open_editor(path)
    edits = parsed(path.read_text(encoding="utf-8"), file=str(path))
    require_known(edits, draft)
    path.unlink()
    return edits


def _open_editor(path: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        done = subprocess.run([*shlex.split(editor), str(path)], check=False)
    except (OSError, ValueError) as e:
        raise IssueError(
            f"the editor {editor!r} cannot be started",
            remedy="Set EDITOR, or use the options: digest issue edit --help",
        ) from e
    if done.returncode:
        raise IssueError(f"the editor ended with {done.returncode}; nothing was changed")


def text(draft: Draft, *, name: str) -> str:
    """Return the overlay as YAML, under a head that explains it, over a list of candidates."""
    import yaml

    told = {key: _plain(value) for key, value in asdict(draft.edits).items() if value}
    body = yaml.safe_dump(told, allow_unicode=True, sort_keys=False) if told else ""
    candidates = "".join(
        f"#   {c.publication:>5}  {'in ' if c.included else 'out'}  {c.title}\n"
        for c in draft.candidates
    )
    return f"{_HEAD.format(name=name)}\n{body}\n# Candidates\n{candidates}"


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def parsed(text: str, *, file: str) -> Edits:
    """Return the edits that *text* says; IssueError names *file*, line or key."""
    import yaml
    from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

    from digest.model import Edits

    try:
        told = yaml.safe_load(text) or {}
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else file
        raise IssueError(
            f"{place}: {getattr(e, 'problem', e)}", remedy="Your words are kept in that file."
        ) from e
    strict = with_config(ConfigDict(extra="forbid"))
    try:
        return TypeAdapter(strict(Edits)).validate_python(told)
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise IssueError(
            f"{file}: {where or 'the file'}: {first['msg']}",
            remedy="Your words are kept in that file.",
        ) from e


def require_known(edits: Edits, draft: Draft) -> None:
    """Raise IssueError if *edits* name a publication that is no candidate of the draft."""
    known = {candidate.publication for candidate in draft.candidates}
    named = {*edits.pins, *edits.exclusions, *edits.order}
    named |= {*edits.titles, *edits.summaries, *edits.labels}
    named |= {*edits.theme_pins, *edits.theme_drops, *edits.theme_order, *edits.splits}
    named |= {*edits.merges, *edits.merges.values()}
    if unknown := sorted(named - known):
        raise IssueError(
            f"no candidate has the id {', '.join(map(str, unknown))}",
            remedy="Run: digest issue why   (the column id)",
        )

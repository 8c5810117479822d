"""A YAML file as plain values, each with the line it stands on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from digest.errors import ConfigError

#: Far above any honest configuration; a list of aliases of aliases stops here.
MAX_BYTES = 1_000_000
MAX_VALUES = 20_000
MAX_DEPTH = 20

_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}
_NOTHING = ("", "~", "null", "Null", "NULL")
_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML file says."""

    #: Mappings, lists, text and None. Numbers and truth values stay the text they were
    #: written as: who knows the key knows its type, so ``language: no`` is Norwegian.
    values: dict[str, Any]
    #: The line, from 1, of every key and list item.
    lines: dict[_Path, int]
    faults: tuple[ConfigError, ...] = ()


def key_name(path: _Path) -> str:
    """Return *path* as a person writes it: ``newsletters.weekly.feeds[1].url``."""
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name


def read(data: bytes, file: str) -> Document:
    """
    Return what *data* says; *file* is its name in errors.

    A doubled or unreadable key is among the document's faults, and reading goes on.
    Raises ConfigError where nothing can be read: not UTF-8, not YAML, empty, or larger
    than a configuration can honestly be.
    """
    root = _composed(_decoded(data, file), file)
    if root is None:
        raise ConfigError("the file is empty", file=file, remedy="Run: digest init DIR")
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(
            "the file must begin with keys, like `newsletters:`",
            file=file,
            line=root.start_mark.line + 1,
        )
    walk = _Walk(file)
    values = walk.value(root, ())
    return Document(values, walk.lines, tuple(walk.faults))


def _decoded(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise ConfigError(
            f"the file has {len(data):,} bytes; at most {MAX_BYTES:,} are read", file=file
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise ConfigError(
            f"byte {e.object[e.start]:#04x} is not UTF-8",
            file=file,
            line=data.count(b"\n", 0, e.start) + 1,
            remedy="Save the file as UTF-8.",
        ) from e


class _Loader(yaml.SafeLoader):
    """YAML without guessing: every scalar is text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML reads the class's own


def _composed(text: str, file: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        raise ConfigError(_explained(e), file=file, line=mark.line + 1 if mark else None) from e
    except yaml.reader.ReaderError as e:
        raise ConfigError(
            f"character U+{int(e.character):04X} is not allowed in YAML",
            file=file,
            line=text.count("\n", 0, e.position) + 1,
            remedy="Delete it.",
        ) from e
    except RecursionError as e:
        raise ConfigError("the values are nested too deep to be meant", file=file) from e


#: What PyYAML says, and what it means to who wrote the line.
_EXPLAINED = {
    "'\\t'": "a tab; YAML is indented with spaces",
    "mapping values are not allowed": "a colon where none can be; quote the text, or indent less",
    "could not find expected ':'": "the line before has no colon after its key",
    "expected <block end>": "this line is indented differently from those above it",
    "but found another document": "a second document (---); only one is read",
    "unexpected end of stream": "a quote or bracket that was opened is never closed",
}


def _explained(e: yaml.MarkedYAMLError) -> str:
    problem = e.problem or "not YAML"
    for sign, words in _EXPLAINED.items():
        if sign in problem:
            return words
    return f"{e.context}, {problem}" if e.context else problem


@dataclass(slots=True)
class _Walk:
    """One pass over the nodes."""

    file: str
    lines: dict[_Path, int] = field(default_factory=dict)
    faults: list[ConfigError] = field(default_factory=list)
    seen: int = 0

    def value(self, node: yaml.Node, path: _Path) -> Any:
        self._count(node, path)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*path, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - YAML has no fourth sort of node
        if node.tag not in _TAGS:
            self._fault(f"the tag {node.tag} is not read", node, path)
        return None if node.style is None and node.value in _NOTHING else node.value

    def _count(self, node: yaml.Node, path: _Path) -> None:
        # Aliases share nodes: a small file can stand for billions of values, or for itself.
        self.seen += 1
        if self.seen > MAX_VALUES or len(path) > MAX_DEPTH:
            raise ConfigError(
                "the aliases in this file stand for more values than can be meant",
                file=self.file,
                line=node.start_mark.line + 1,
                remedy="Write the values out.",
            )

    def _item(self, node: yaml.Node, path: _Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        return self.value(node, path)

    def _mapping(self, node: yaml.MappingNode, path: _Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._fault("a key must be a word", key, path)
            elif key.value == "<<" and key.style is None:
                merged |= self._merged(value, path)
            elif key.value in values:
                first = self.lines[(*path, key.value)]
                self._fault(f"written twice; first in line {first}", key, (*path, key.value))
            else:
                self.lines[(*path, key.value)] = key.start_mark.line + 1
                values[key.value] = self.value(value, (*path, key.value))
        return merged | values

    def _merged(self, node: yaml.Node, path: _Path) -> dict[str, Any]:
        """Return the keys that ``<<: *other`` brings; those of the mapping itself win."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for part in parts:
            if isinstance(part, yaml.MappingNode):
                own = {k: v for k, v in self.lines.items() if k[: len(path)] == path}
                merged = self.value(part, path) | merged
                self.lines |= own
            else:
                self._fault("<< takes an alias of a mapping", part, path)
        return merged

    def _fault(self, message: str, node: yaml.Node, path: _Path) -> None:
        self.faults.append(
            ConfigError(message, file=self.file, line=node.start_mark.line + 1, key=key_name(path))
        )

"""YAML, read so that what was written is what is meant, and every value knows its line and column.

A policy decides what is let through, so a file that two readers could read differently is refused. The walk goes over
the parser's events, not over loaded objects: duplicate keys (which loaders silently merge), anchors and aliases (which
can explode) and tags are seen there and nowhere later. Plain words get the meaning of YAML 1.2's core schema: `true`,
`false`, `null`, decimal numbers. The words YAML 1.1 would turn into something else (`on`, `NO`, `12:30:45`,
`2026-01-01`, `0x1F`) stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

import yaml

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.yaml_text import source_place

MAX_BYTES: Final = 1 << 20
MAX_NODES: Final = 20_000
MAX_DEPTH: Final = 32

_CONSTANTS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9](?:_?[0-9]){0,17})")
_FLOAT: Final = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,30}(?:[eE][-+]?[0-9]{1,3})?")
# A second reader of the same language, where PyYAML was built with it.
_FAST: Final[Any] = getattr(yaml, "CSafeLoader", None)
# Neither tabs nor line ends of their own kind.
_ORDINARY: Final = re.compile("[ -~\n\u00a1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
# Directives, ends of documents, keys of several lines, and the heads of texts of several lines but the usual ones.
_UNSURE: Final = re.compile(
    r"(?m)^(?:%|---|\.\.\.)|(?:^ *|[:-] +)[|>](?![-+]?\n)(?=[-+0-9]* *(?:#|\n|\Z))|(?:^|[ ,\[{-])\?(?=[ \n]|\Z)"
)

Place = tuple[str | int, ...]


class Mark(NamedTuple):
    """Line and column in a file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The content of a file as plain objects, and where each value, each key and each text stood.

    `name` is how the file is called in messages. `sources` holds scalars as they were written, quotes and all.
    """

    name: str
    content: object
    values: Mapping[Place, Mark]
    keys: Mapping[Place, Mark]
    sources: Mapping[Place, str]

    def at(self, place: Place, offset: int | None = None) -> str:
        """`file:line:column` of the value at `place`, or of the nearest value around it that exists.

        `offset` counts code points inside a text value, however it is written.
        """
        while place not in self.values and place:
            place, offset = place[:-1], None
        line, column = self.values.get(place, Mark(1, 1))
        if offset is not None and isinstance(text := self._value(place), str):
            lines, columns = source_place(self.sources.get(place, ""), text, offset)
            line, column = line + lines, columns + (1 if lines else column)
        return f"{self.name}:{line}:{column}"

    def _value(self, place: Place) -> object:
        value = self.content
        for step in place:
            value = cast(Mapping[str | int, object], value)[step]  # or a list
        return value

    def at_key(self, place: Place) -> str:
        """`file:line:column` of the key that names the value at `place`."""
        mark = self.keys.get(place)
        return f"{self.name}:{mark.line}:{mark.column}" if mark else self.at(place)


def parse_yaml(raw: bytes, name: str) -> YamlFile:
    """The one YAML document in `raw`. Raises `ConfigurationError` with one line per problem."""
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(f"{name}:1:1: the file is larger than {MAX_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{name}:{line}:1: the file is not UTF-8 (byte {error.start})") from error
    if (quickly := _read_quickly(name, text)) is not None:
        return quickly
    walk = _Walk(name, text, yaml.SafeLoader)
    try:
        content = walk.document()
    except yaml.YAMLError as error:
        raise ConfigurationError(_syntax_problem(name, text, error)) from error
    if walk.problems:
        raise ConfigurationError("\n".join(walk.problems))
    return YamlFile(name, content, walk.values, walk.keys, walk.sources)


def _read_quickly(name: str, text: str) -> YamlFile | None:
    """The file as libyaml reads it, much faster; None where that is not there or finds anything to complain about.

    What is wrong is told in the words of the other reader, and text that the two might read differently is left to it.
    """
    if _FAST is None or not _ORDINARY.fullmatch(text) or _UNSURE.search(text):
        return None
    walk = _Walk(name, text, _FAST)
    try:
        content = walk.document()
    except (yaml.YAMLError, ConfigurationError):
        return None
    # Where nothing is written, the two tell another place.
    return (
        None
        if walk.problems or "" in walk.sources.values()
        else YamlFile(name, content, walk.values, walk.keys, walk.sources)
    )


class _Walk:
    """Builds plain objects from the parser's events, noting marks and problems on the way."""

    def __init__(self, name: str, text: str, loader: Any) -> None:
        self.values: dict[Place, Mark] = {}
        self.keys: dict[Place, Mark] = {}
        self.sources: dict[Place, str] = {}
        self.problems: list[str] = []
        self._name = name
        self._text = text
        self._nodes = 0
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=loader)

    def document(self) -> object:
        self._next()  # the start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise ConfigurationError(f"{self._name}:1:1: the file is empty: write into it, or do not name it")
        content = self._value(self._next(), ())
        self._next()  # the end of the document
        if not isinstance(second := self._next(), yaml.StreamEndEvent):
            self._complain(second, "a file holds one YAML document, and this starts another")
        return content

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _complain(self, event: yaml.Event, message: str) -> None:
        line, column = _mark(event)
        self.problems.append(f"{self._name}:{line}:{column}: {message}")

    def _value(self, event: yaml.Event, place: Place) -> object:
        self._count(event, place)
        self.values[place] = _mark(event)
        if isinstance(event, yaml.AliasEvent):
            self._complain(event, f"aliases are not used here: write the value of *{event.anchor} out")
            return None
        if getattr(event, "anchor", None) is not None:
            self._complain(event, "anchors are not used here: write the value out where it is needed")
        if getattr(event, "tag", None) is not None:
            self._complain(event, "tags are not used here: write the plain value")
        match event:
            case yaml.MappingStartEvent():
                return self._mapping(place)
            case yaml.SequenceStartEvent():
                return self._sequence(place)
            case yaml.ScalarEvent():
                self.sources[place] = _source(event, self._text)
                return event.value if event.style else _plain_meaning(event.value)
        raise AssertionError(f"a value cannot start with {event}")

    def _count(self, event: yaml.Event, place: Place) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(place) > MAX_DEPTH:
            self._complain(event, f"more than {MAX_NODES:,} values, or nested deeper than {MAX_DEPTH}")
            raise ConfigurationError("\n".join(self.problems))

    def _mapping(self, place: Place) -> dict[str, object]:
        content: dict[str, object] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event)
            inside = (*place, key)
            if key in content:
                self._complain(event, f"'{key}' is written twice; the first is in line {self.keys[inside].line}")
            self.keys.setdefault(inside, _mark(event))
            content[key] = self._value(self._next(), inside)
        return content

    def _key(self, event: yaml.Event) -> str:
        if isinstance(event, yaml.ScalarEvent) and event.anchor is None and event.tag is None:
            return event.value
        self._complain(event, "a key is plain text, without anchor, alias or tag")
        raise ConfigurationError("\n".join(self.problems))

    def _sequence(self, place: Place) -> list[object]:
        content: list[object] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            content.append(self._value(event, (*place, len(content))))
        return content


def _mark(event: yaml.Event) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1) if event.start_mark else Mark(1, 1)


def _source(event: yaml.Event, text: str) -> str:
    return text[event.start_mark.index : event.end_mark.index] if event.start_mark and event.end_mark else ""


def _plain_meaning(text: str) -> object:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _syntax_problem(name: str, text: str, error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        if "'\\t'" in said:
            return f"{name}:{mark.line + 1}:{mark.column + 1}: not YAML: a tab; lines are indented with spaces"
        return f"{name}:{mark.line + 1}:{mark.column + 1}: not YAML: {said}"
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"{name}:{line}:1: not YAML: the control character U+{ord(text[error.position]):04X}"
    return f"{name}:1:1: not YAML: {error}"

"""JSON that is written again with some of its texts changed: everything else keeps its spelling.

A value that was decoded and encoded again may have lost digits, half of a surrogate pair, or one of two members of one
name. So the text is taken apart into its tokens, and only those that change are made anew. White space goes.

What only a lenient reader takes is read too: line breaks in strings, NaN. It is written as JSON that everybody reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from guardproxy.wire.path import Key, Path

_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)
_CONTROL: Final = {code: f"\\u{code:04x}" for code in range(32)} | {9: "\\t", 10: "\\n", 13: "\\r"}
_NOT_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
# Numbers are read as they are spelled, so that none is too long.
_LENIENT: Final = json.JSONDecoder(strict=False, parse_int=len, parse_float=len)
_STRING: Final = json.JSONDecoder(strict=False)


class Leaf(NamedTuple):
    """A string, a number or another scalar, or the name of a member, whose `path` ends in `Key` then.

    `value` is the text of a string or a name, and None for others.
    """

    at: int
    path: Path
    spelled: str
    value: str | None


class JsonText:
    """The tokens of one JSON value. `leaves` holds no text twice that stands once."""

    def __init__(self, text: str) -> None:
        """Raises `ValueError` or `RecursionError` for what even a lenient reader does not take."""
        _LENIENT.decode(text)
        self._tokens: list[str] = _TOKEN.findall(text)
        self._names: dict[int, int] = {}  # by a name's piece, the object it stands in
        self.leaves: list[Leaf] = list(self._read())

    def _read(self) -> Iterator[Leaf]:
        objects: list[int] = []  # by depth; -1 for a list
        steps: list[Any] = []
        named = False  # whether what comes next stands behind its name
        for at, piece in enumerate(self._tokens):
            if piece in "{[":
                objects.append(at if piece == "{" else -1)
                steps.append(0)
                named = False
            elif piece in "}]":
                objects.pop()
                steps.pop()
            elif piece == ",":
                named = False
                if objects[-1] < 0:
                    steps[-1] += 1
            elif piece == ":":
                named = True
            elif objects and objects[-1] >= 0 and not named:
                steps[-1] = _value(piece)
                self._names[at] = objects[-1]
                yield Leaf(at, (*steps[:-1], Key(steps[-1])), piece, steps[-1])
            else:
                yield Leaf(at, tuple(steps), piece, _value(piece) if piece[0] == '"' else None)

    def repeats_names(self) -> bool:
        """Whether an object has two members of one name."""
        names = [leaf.path for leaf in self.leaves if leaf.at in self._names]
        return len(set(names)) < len(names)

    def written(self, texts: Mapping[int, str]) -> str:
        """The value with these texts, by piece. A name that is taken gets a suffix, so that no member is lost."""
        names = self._renamed({at: text for at, text in texts.items() if at in self._names})
        made = {at: _quoted(text) for at, text in {**texts, **names}.items()}
        return "".join(made[at] if at in made else _strict(piece) for at, piece in enumerate(self._tokens))

    def _renamed(self, names: Mapping[int, str]) -> dict[int, str]:
        if not names:
            return {}
        renamed: dict[int, str] = {}
        taken = {(self._names[leaf.at], leaf.value) for leaf in self.leaves if leaf.at in self._names.keys() - names}
        tried: dict[tuple[int, str], int] = {}
        for at, wanted in sorted(names.items()):
            name, where = wanted, self._names[at]
            while (where, name) in taken:
                tried[where, wanted] = tried.get((where, wanted), 1) + 1
                name = f"{wanted}_{tried[where, wanted]}"
            taken.add((where, name))
            renamed[at] = name
        return renamed


def _value(piece: str) -> str:
    value: str = _STRING.decode(piece)
    return value


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _strict(piece: str) -> str:
    if piece in _NOT_FINITE:
        return "null"
    return piece.translate(_CONTROL)


def is_json(text: str) -> bool:
    """Whether this is JSON, even if only to a lenient reader."""
    try:
        _LENIENT.decode(text)
    except (ValueError, RecursionError):
        return False
    return True

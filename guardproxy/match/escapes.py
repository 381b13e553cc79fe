"""Escapes in a text: `\\n`, `\\"`, `\\u0067` of JSON, two of those for a character beyond U+FFFF, `\\_` of Markdown.

Models write JSON, and whoever parses it sees what its escapes stand for. So a text with a backslash is also read with
its escapes undone, and folded like any other (`guardproxy.match.view`). What is found is replaced by whole escapes:
half of one would change what stands beside it, or end the string. Markdown has a backslash before any sign of ASCII
stand for that sign; it is read along, as it has no other meaning in JSON.

JSON in a string of JSON doubles the backslashes each time: `\\\\n`, `\\\\\\"`. Whether such a row is several escapes or
one that several readers undo one after the other, nobody can tell, so a text with a row is also read *deep*: the row
and what it escapes are one escape. Rows are as long as four readers undo; of a longer one the first ones are pairs.

Control characters of ASCII are nobody's letters, and no terminal or page shows them: raw ones are escapes for nothing
at all. White space is left (tab, line ends, form feed, vertical tab). As a listing of an environment is cut by U+0000,
words become one here; they stay two in the text as it is written, and where such a character is escaped itself.

Where a text is cut, an escape may have begun and not ended; it waits for the rest, and is read as written if there is
none.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Generator, Iterable
from copy import copy
from typing import Final, NamedTuple

from guardproxy.match.scanner import Span
from guardproxy.match.view import SourceMap, View, fold_onto, folded

_HEX: Final = "[0-9a-fA-F]"
_HIGH: Final = f"u[dD][89abAB]{_HEX}{{2}}"
_ONE: Final = r"\\"
_ROW: Final = r"\\{1,15}+"  # a quote in JSON in JSON in JSON in JSON
_SIGNS: Final = r"!-/:-@\[\]^_`{-~"  # those of ASCII, but the backslash
_CONTROLS: Final = frozenset(map(chr, (*range(0x09), *range(0x0E, 0x20), 0x7F)))
_CONTROL: Final = "[\\x00-\\x08\\x0e-\\x1f\\x7f]"  # the same


def _escapes(row: str) -> re.Pattern[str]:
    """The escapes, if each begins with `row`; a pair of backslashes is one besides, and so are control characters."""
    return re.compile(rf"{row}(?:{_HIGH}{row}u[dD][c-fC-F]{_HEX}{{2}}|u{_HEX}{{4}}|[bfnrt{_SIGNS}])|\\\\|{_CONTROL}+")


def _begun(row: str) -> re.Pattern[str]:
    """Finds a text that may go on as an escape, or as a longer one."""
    return re.compile(rf"{row}(?:u{_HEX}{{0,3}}|{_HIGH}(?:{row}(?:u(?:[dD](?:[c-fC-F]{_HEX}?)?)?)?)?)?\Z")


class _Way(NamedTuple):
    """How escapes are read. `longest`: so many characters of one that has begun may wait for the rest."""

    escapes: re.Pattern[str]
    begun: re.Pattern[str]
    longest: int


_ONCE: Final = _Way(_escapes(_ONE), _begun(_ONE), 12)
_DEEP: Final = _Way(_escapes(_ROW), _begun(_ROW), 40)
_SIMPLE: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_UNPAIRED: Final = "\ufffd"
_ANY: Final = re.compile(rf"\\|{_CONTROL}")
_SHORT: Final = 256  # characters, of which a search asks sooner than a question for each control character


class Unescaping:
    """Reads the pieces of a source with their escapes undone, folded. `begun`: what waits for the next piece."""

    __slots__ = ("_begins", "_ends", "_is_over", "_way", "begun")

    def __init__(self, *, deep: bool = False) -> None:
        self.begun = ""
        self._way = _DEEP if deep else _ONCE
        self._begins: list[int] = []  # of the escapes, in offsets of the source
        self._ends: list[int] = []
        self._is_over = False

    def __call__(self, source: SourceMap, text: str) -> str:
        if self.begun:
            text, self.begun = self.begun + text, ""
        if not has_escapes(text):
            return fold_onto(source, text)
        if not self._is_over:
            text = self._without_begun(text)
        read = []
        at = 0
        for found in self._way.escapes.finditer(text):
            read.append(fold_onto(source, text[at : found.start()]))
            at = found.end()
            self._begins.append(source.written)
            self._ends.append(source.written + at - found.start())
            read.append(_read_escape(source, found[0]))
        read.append(fold_onto(source, text[at:]))
        return "".join(read)

    def end(self) -> None:
        """The source is over: what had begun is no escape."""
        self._is_over = True

    @property
    def last_end(self) -> int:
        """Where the last escape ended; 0 if there was none."""
        return self._ends[-1] if self._ends else 0

    def begin_at(self, offset: int) -> int:
        """The offset; or that of the escape it lies inside of."""
        at = bisect_right(self._begins, offset) - 1
        return self._begins[at] if at >= 0 and offset < self._ends[at] else offset

    def end_at(self, offset: int) -> int:
        """The offset; or that behind the escape it lies inside of."""
        at = bisect_right(self._begins, offset) - 1
        return self._ends[at] if at >= 0 and self._begins[at] < offset < self._ends[at] else offset

    def whole(self, span: Span) -> Span:
        """The span with the whole of the escapes that it begins or ends in."""
        return Span(self.begin_at(span.start), self.end_at(span.end), span.rule)

    def forget(self, offset: int) -> None:
        """Nothing before `offset` will be asked for any more."""
        passed = bisect_right(self._ends, offset) - 1  # the last one stays: it is asked for its end
        if passed > 0:
            del self._begins[:passed]
            del self._ends[:passed]

    def fork(self) -> Unescaping:
        """Another one that has read the same."""
        other = copy(self)
        other._begins, other._ends = [*self._begins], [*self._ends]
        return other

    def deepened(self) -> Unescaping:
        """Another one that has read the same, in which no two backslashes stood together, and goes on deep."""
        other = self.fork()
        other._way = _DEEP
        return other

    def _without_begun(self, text: str) -> str:
        """The text up to an escape that has begun and not ended, which waits."""
        first = max(len(text) - self._way.longest, 0)
        tail = text[first:]
        # Behind an even number of backslashes none of them begins anything; escapes are told from the left.
        at = 0
        while (at := tail.find("\\", at)) >= 0:
            if self._is_beginning(text, first + at) and self._way.begun.match(tail, at):
                self.begun = text[first + at :]
                return text[: first + at]
            at += 1
        return text

    @staticmethod
    def _is_beginning(text: str, at: int) -> bool:
        before = len(text[:at]) - len(text[:at].rstrip("\\"))
        return before % 2 == 0


def has_escapes(text: str) -> bool:
    """Whether the text may read otherwise than it is written, but for folding."""
    if "\\" in text:
        return True
    if len(text) < _SHORT:
        return not text.isprintable() and _ANY.search(text) is not None
    return any(map(text.__contains__, _CONTROLS))


def first_escape(text: str) -> int:
    """Where the first escape may begin; the length of the text if there is none."""
    found = _ANY.search(text) if has_escapes(text) else None
    return len(text) if found is None else found.start()


def is_nested(text: str) -> bool:
    """Whether the text may read otherwise when it is read deep."""
    return "\\\\" in text


def seen_text(text: str, signs: Iterable[str] | None = None, *, deep: bool = False) -> str:
    """What `seen_in_steps` makes of a text. `signs` are those in it, if they are known."""
    if not has_escapes(text):
        return folded(text, signs)
    return folded((_DEEP if deep else _ONCE).escapes.sub(_unescaped, text))


def seen_in_steps(text: str, size: int, *, deep: bool = False) -> Generator[None, None, tuple[View, Unescaping]]:
    """A whole text with its escapes undone, folded, so many characters at a time; and where the escapes are."""
    source, reading = SourceMap(), Unescaping(deep=deep)
    pieces = []
    for at in range(0, len(text), size):
        pieces.append(reading(source, text[at : at + size]))
        if len(text) > size:
            yield
    reading.end()
    pieces.append(reading(source, ""))
    return View("".join(pieces), source), reading


def unescaped_view(text: str) -> tuple[View, Unescaping]:
    """A whole text read deep, folded; and where the escapes are."""
    source, reading = SourceMap(), Unescaping(deep=True)
    reading.end()
    return View(reading(source, text), source), reading


def _read_escape(source: SourceMap, escape: str) -> str:
    """What an escape stands for. It stands at the last of its characters."""
    meaning = _meaning(escape)
    source.drop(len(escape) - len(meaning))
    return fold_onto(source, meaning)


def _unescaped(found: re.Match[str]) -> str:
    return _meaning(found[0])


def _meaning(escape: str) -> str:
    """One character, or none."""
    if escape[0] != "\\":
        return ""
    sign, _, low = escape.lstrip("\\").partition("\\")
    if not sign:
        return "\\"
    if sign[0] != "u":
        return _SIMPLE.get(sign, sign)
    code = int(sign[1:], 16)
    if low:
        return chr(0x10000 + ((code & 0x3FF) << 10) + (int(low.lstrip("\\")[1:], 16) & 0x3FF))
    return _UNPAIRED if 0xD800 <= code <= 0xDFFF else chr(code)

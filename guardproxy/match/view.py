"""Text as it is matched, and where each of its characters was written.

A rule is matched against the *folded* text, in which full-width letters, look-alikes and invisible characters do not
hide anything (`guardproxy.match.lookalikes` says what each character becomes). What is found there is replaced in the
text as written, so every folded character remembers the one it came from. A match covers the text from its first
character to its last; what was folded away between them is covered, what was folded away around them is not.

Folding knows one character at a time: the folded pieces of a text are the pieces of the folded text, wherever it is
cut. And most of it is one to one, also in prose of any script. Only characters that become nothing or several ones
move what comes behind them, so a `SourceMap` keeps two numbers per such place instead of one per character. Where
something stands is asked once something is found: `folded()` is the text without a map, at a fraction of the time.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from copy import copy
from typing import Final, NamedTuple

from guardproxy.match.lookalikes import fold
from guardproxy.match.scanner import Span
from guardproxy.match.signs import signs_in

_SHORT: Final = 64
_MOST_REMEMBERED: Final = 32_768
# Replacing one sign in a text takes some fiftieth of the time that translating it takes.
_MOST_REPLACED: Final = 128
# Stands for each character that does not become exactly one; a noncharacter, so texts rarely hold it.
_UNEVEN: Final = "\uffff"


class _Becomes(dict[int, str]):
    """What each code point becomes, for `str.translate`; learned as it is met, bounded."""

    def __missing__(self, code: int) -> str:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        self[code] = self.of(chr(code))
        return self[code]

    def of(self, char: str) -> str:
        return fold(char)


class _BecomesEvenly(_Becomes):
    """The same, with `_UNEVEN` for whatever is not one character."""

    def of(self, char: str) -> str:
        folded = fold(char)
        return folded if len(folded) == 1 else _UNEVEN


_FOLDED: Final = _Becomes()
_EVEN: Final = _BecomesEvenly()


class SourceMap:
    """Where the characters of a text that was read in another way (`read` of them) stand in the source (`written`).

    It grows in the order of the text: `keep()`, `drop()`, `expand()`.
    """

    __slots__ = ("_from", "_sources", "read", "written")

    def __init__(self, offset: int = 0) -> None:
        """Of a source from `offset` on."""
        self.read = 0
        self.written = offset
        # From offset `_from[k]` on, characters stand one by one from source offset `_sources[k]` on; or all of them
        # come from the one at `~_sources[k]`, if that is negative.
        self._from = array("q", [0])
        self._sources = array("q", [offset])

    @property
    def shift(self) -> int | None:
        """How far behind its offset everything that is remembered stands in the source, if equally far."""
        return self._sources[0] - self._from[0] if len(self._from) == 1 else None

    @property
    def breaks(self) -> int:
        """How many places are remembered."""
        return len(self._from)

    def keep(self, count: int) -> None:
        """The next `count` characters of the source are one character each."""
        self.read += count
        self.written += count

    def drop(self, count: int = 1) -> None:
        """The next `count` characters of the source are nothing."""
        self.written += count
        self._mark(self.written)

    def expand(self, count: int) -> None:
        """The next character of the source is `count` characters."""
        self._mark(~self.written)
        self.read += count
        self.written += 1
        self._mark(self.written)

    def fork(self) -> SourceMap:
        """Another map of the same."""
        other = copy(self)
        other._from, other._sources = self._from[:], self._sources[:]
        return other

    def _mark(self, source: int) -> None:
        if self._from[-1] == self.read:
            self._sources[-1] = source
        else:
            self._from.append(self.read)
            self._sources.append(source)

    def source_start(self, offset: int) -> int:
        """The source offset of the character that became the one at `offset`; at the end, that of the next one."""
        at = bisect_right(self._from, offset) - 1
        source = self._sources[at]
        return source + offset - self._from[at] if source >= 0 else ~source

    def source_end(self, offset: int) -> int:
        """The source offset behind the character that became the one before `offset`, which is above 0."""
        return self.source_start(offset - 1) + 1

    def to_source(self, span: Span) -> Span:
        return Span(self.source_start(span.start), self.source_end(span.end), span.rule)

    def forget(self, offset: int) -> None:
        """Nothing before `offset` will be asked for any more."""
        passed = bisect_right(self._from, offset) - 1
        if passed > 0:
            del self._from[:passed]
            del self._sources[:passed]


def folded(text: str, signs: Iterable[str] | None = None) -> str:
    """The text as it is matched. `signs` are those in it, if they are known."""
    if text.isascii():
        return text
    if len(text) <= _SHORT:
        return text.translate(_FOLDED)
    return _replaced(text, signs_in(text) if signs is None else signs, _FOLDED)


def shown_by(signs: Iterable[str]) -> str:
    """All that these signs become when they are folded."""
    return "".join([_FOLDED[ord(sign)] for sign in signs])


def stays_at_first(text: str) -> int:
    """So many characters, from the first one on, are matched as they are written."""
    if text.isascii() or (even := _evenly(text)) == text:
        return len(text)
    return next(at for at in range(len(text)) if text[at] != even[at])


def stays_at_last(text: str) -> int:
    """So many characters, up to the last one, are matched as they are written."""
    if text.isascii() or (even := _evenly(text)) == text:
        return len(text)
    return next(at for at in range(len(text)) if text[-1 - at] != even[-1 - at])


def fold_onto(source: SourceMap, text: str) -> str:
    """The folded text of the next piece of a source."""
    if text.isascii():
        source.keep(len(text))
        return text
    even = _evenly(text)
    if _UNEVEN not in even:
        source.keep(len(text))
        return even
    out = []
    at = 0
    for run in even.split(_UNEVEN):
        if run:
            out.append(run)
            source.keep(len(run))
            at += len(run)
        if at < len(text):
            out.append(_uneven(source, fold(text[at])))
            at += 1
    return "".join(out)


def _evenly(text: str) -> str:
    """Each character as the one it becomes, or as `_UNEVEN`."""
    return text.translate(_EVEN) if len(text) <= _SHORT else _replaced(text, signs_in(text), _EVEN)


def _replaced(text: str, signs: Iterable[str], becomes: _Becomes) -> str:
    """The text translated, by replacing those of its signs (`guardproxy.match.signs`) that become something else."""
    changing = {sign: new for sign in signs if (new := becomes[ord(sign)]) != sign}
    # One after the other, so nothing that comes of one may be another of them.
    if len(changing) > _MOST_REPLACED or not changing.keys().isdisjoint("".join(changing.values())):
        return text.translate(becomes)
    for sign, new in changing.items():
        text = text.replace(sign, new)
    return text


def _uneven(source: SourceMap, folded: str) -> str:
    match len(folded):
        case 0:
            source.drop()
        case 1:  # `_UNEVEN` itself was written
            source.keep(1)
        case several:
            source.expand(several)
    return folded


class View(NamedTuple):
    """A whole text as it is matched. Where nothing folds, `text` is the source itself."""

    text: str
    source: SourceMap

    def spans(self, found: Iterable[Span]) -> list[Span]:
        """What was found in `text`, in offsets of the source."""
        if self.source.shift == 0:
            return list(found)
        return [self.source.to_source(span) for span in found]


def view(text: str) -> View:
    """The folded view of a whole text."""
    source = SourceMap()
    folded = fold_onto(source, text)
    return View(text if folded == text else folded, source)

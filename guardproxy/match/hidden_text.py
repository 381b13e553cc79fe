"""The text that is there for models only: what tag characters and variation selectors spell.

`guardproxy.match.view` drops these characters, so none of them hides a match in the text around it. But they can be a
text of their own: U+E0020 to U+E007E repeat ASCII, and the 256 variation selectors carry any byte behind some emoji.
Nobody sees it, and models read it. No single reading can show both: between the letters of a visible word such a
character must vanish, inside of a message made of them it must not. So this is a reading of its own, in which all the
rest vanishes. In ordinary text it is empty: the selectors of emoji (bytes 14 and 15) spell nothing here. A flag such as
that of Scotland spells its region, `gbsct`.

A hidden text may be strewn over a visible one, a letter of it behind each word. Behind `MOST_BETWEEN` other characters
it is over and the next one begins: who reads a stream must not wait for what never comes.

Out of reach: a match half of which is written in visible and half in hidden characters; bytes above 126 and other codes
(bits as two kinds of zero-width characters), which are somebody's private convention.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from typing import Final

from guardproxy.match.view import SourceMap, View

MOST_BETWEEN: Final = 16

_SPELLS: Final = {
    **{0xE0000 + code: code for code in range(0x20, 0x7F)},
    **{0xE0100 + byte - 16: byte for byte in range(0x20, 0x7F)},
    **{0xFE00 + byte: byte for byte in (0x09, 0x0A, 0x0D)},
}
_SPELLING: Final = frozenset(map(chr, _SPELLS))
# The same characters. Ranges, because listed one by one they would be compared one by one.
_HIDDEN: Final = re.compile("[\ufe09\ufe0a\ufe0d\U000e0020-\U000e007e\U000e0110-\U000e016e]+")


def reveal_onto(source: SourceMap, text: str) -> str:
    """What is hidden in the next piece of a source."""
    out = []
    at = 0
    for start, end in () if text.isascii() else hidden_runs(text):
        if start > at:
            source.drop(start - at)
        out.append(text[start:end].translate(_SPELLS))
        source.keep(end - start)
        at = end
    if at < len(text):
        source.drop(len(text) - at)
    return "".join(out)


def is_hiding(text: str, signs: frozenset[str] | None = None) -> bool:
    """Whether any character of the text spells something. `signs` are those in it, if they are known."""
    if text.isascii() or (signs is not None and signs.isdisjoint(_SPELLING)):
        return False
    return _HIDDEN.search(text) is not None


def hidden_runs(text: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each row of characters that spell something."""
    return iter(()) if text.isascii() else (found.span() for found in _HIDDEN.finditer(text))


def hidden_runs_in_steps(text: str, size: int) -> Generator[None, None, list[tuple[int, int]]]:
    """The rows of a whole text, looked for among so many characters at a time; a row may come in two."""
    found: list[tuple[int, int]] = []
    for at in range(0, 0 if text.isascii() else len(text), size):
        found += (row.span() for row in _HIDDEN.finditer(text, at, at + size))
        if len(text) > size:
            yield
    return found


def hidden_texts(text: str, runs: Iterable[tuple[int, int]] | None = None) -> Iterator[View]:
    """Each hidden text of a whole text; nearly always there is none. `runs`: its rows, if they are known."""
    return (_revealed(text, begin, end) for begin, end in _places(hidden_runs(text) if runs is None else runs))


def hidden_strings(text: str) -> list[str]:
    """The same without where they were written."""
    return ["".join(_HIDDEN.findall(text, begin, end)).translate(_SPELLS) for begin, end in _places(hidden_runs(text))]


def _places(runs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where each hidden text begins and ends."""
    begin = end = -1
    for start, behind in runs:
        if begin < 0 or start - end > MOST_BETWEEN:
            if begin >= 0:
                yield begin, end
            begin = start
        end = behind
    if begin >= 0:
        yield begin, end


def _revealed(text: str, begin: int, end: int) -> View:
    source = SourceMap(begin)
    return View(reveal_onto(source, text[begin:end]), source)

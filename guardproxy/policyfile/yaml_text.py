"""Where in a file a character of a text stands, in whichever of YAML's five ways the text was written.

A text can be plain, in quotes of two kinds, or a block of lines, and mostly its characters do not stand as they would
if it had been copied: an escape is longer than what it means, lines are joined by a space, and blocks are indented. So
the text is read once more, and for each character is noted what stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

_BREAK: Final = re.compile(r"\r\n|[\r\n\x85]")
_FOLDED: Final = r"(?P<folded>[ \t]*(?:\r\n|[\r\n\x85])[ \t\r\n\x85]*)"
_PLAIN: Final = re.compile(rf"(?s){_FOLDED}|.")
_SINGLE: Final = re.compile(rf"(?s){_FOLDED}|''|.")
_DOUBLE: Final = re.compile(
    rf"(?s){_FOLDED}|\\(?P<joined>(?:\r\n|[\r\n\x85])[ \t\r\n\x85]*)|(?P<escape>\\(?:x..|u.{{4}}|U.{{8}}|.))|."
)
_FIRST_LINE: Final = re.compile(r"[\r\n\x85]( *)[^ \r\n\x85]")  # of a block that holds something
_SEPARATOR: Final = re.compile("[\u2028\u2029]")  # in a text they are characters, in a file they may end a line


class _Read(NamedTuple):
    """A character of the text, empty where it was not worked out; what stands for it begins at `offset`."""

    char: str
    offset: int


class _Line(NamedTuple):
    """A line of a block, without its indentation."""

    text: str
    offset: int

    @property
    def end(self) -> int:
        return self.offset + len(self.text)


def source_place(source: str, text: str, offset: int) -> tuple[int, int]:
    """Where in `source`, quotes and all, the character at `offset` of `text` stands: so many lines below its beginning,
    and so many columns behind that of the line; in the first line, behind that of the source. (0, 0) if nobody can say.
    """
    if _SEPARATOR.search(source):
        return 0, 0
    whole = text.rstrip("\n")  # how a block ends is not read
    for read in _readings(source):
        if len(read) > len(whole) and all(one.char in ("", char) for one, char in zip(read, whole, strict=False)):
            return _line_and_column(source, read[min(offset, len(read) - 1)].offset)
    return 0, 0


def _line_and_column(source: str, offset: int) -> tuple[int, int]:
    breaks = list(_BREAK.finditer(source, 0, offset))
    return len(breaks), offset - (breaks[-1].end() if breaks else 0)


def _readings(source: str) -> Iterator[Sequence[_Read]]:
    """The characters of the text and its end, for each way the source might be meant."""
    match source[:1]:
        case "'":
            yield _flowing(source, _SINGLE, 1, len(source) - 1)
        case '"':
            yield _flowing(source, _DOUBLE, 1, len(source) - 1)
        case "|" | ">":
            first = _FIRST_LINE.search(source)
            for indent in range(len(first[1]) if first else 0, -1, -1):  # less, if the text begins with spaces
                yield _block(source, indent)
        case _:
            yield _flowing(source, _PLAIN, 0, len(source))


def _flowing(source: str, token: re.Pattern[str], begin: int, end: int) -> list[_Read]:
    read: list[_Read] = []
    for found in token.finditer(source, begin, end):
        match found.lastgroup:
            case "folded":
                read += [_Read(char, found.start()) for char in "\n" * (_breaks(found[0]) - 1) or " "]
            case "joined":
                read += [_Read("\n", found.start())] * (_breaks(found[0]) - 1)
            case "escape":
                read.append(_Read("", found.start()))
            case _:
                read.append(_Read(found[0][0], found.start()))
    return [*read, _Read("", end)]


def _breaks(written: str) -> int:
    return len(_BREAK.findall(written))


def _block(source: str, indent: int) -> list[_Read]:
    read: list[_Read] = []
    waiting: list[_Read] = []  # the line breaks since the last line that holds something
    before: str | None = None  # that line
    for line in _lines(source, indent):
        if line.text:
            kept = waiting if before is None else _joined(waiting, source, before, line.text)
            read += [*kept, *(_Read(char, line.offset + at) for at, char in enumerate(line.text))]
            waiting, before = [], line.text
        waiting.append(_Read("\n", line.end))
    return [*read, *waiting, _Read("", len(source))]


def _joined(breaks: Sequence[_Read], source: str, before: str, behind: str) -> Sequence[_Read]:
    """What stands between two lines: folded, a space or one break less, unless one of the two is indented further."""
    if source[0] == "|" or before[0] in " \t" or behind[0] in " \t":
        return breaks
    return breaks[1:] or [_Read(" ", breaks[0].offset)]


def _lines(source: str, indent: int) -> Iterator[_Line]:
    """The lines below the head of the block."""
    ends = [found.span() for found in _BREAK.finditer(source)] + [(len(source), len(source))]
    for (_, begin), (end, _) in pairwise(ends):
        spaces = len(source[begin:end]) - len(source[begin:end].lstrip(" "))
        offset = begin + min(indent, spaces)
        yield _Line(source[offset:end], offset)

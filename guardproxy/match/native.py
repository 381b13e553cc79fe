"""Passing over clean text at the speed of a native library: one automaton for all patterns, if Hyperscan is installed.

It answers two questions about a whole text: whether any pattern can match in it, and where matches of which pattern can
end. It is never asked whether one does, or in what stream. What it is given is wider than what is looked for: long
repeats go on for ever, of edges only letters count, and everything that is not ASCII is one character, a question mark.
So what it rules out cannot match, and what it does not rule out is looked at as if it were not there.

It is compiled on request, for that takes seconds for many patterns, and text that arrives meanwhile is looked at
without it. Without the library, or where it cannot compile the patterns, there is none.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import Any, Final

from guardproxy.match.charset import OTHERS
from guardproxy.match.tree import UNBOUNDED, Chars, Choice, Node, Program, Repeat, Series, first_matches

try:
    import hyperscan
except ImportError:  # an extra
    hyperscan = None  # type: ignore[assignment]

LONGEST_TEXT: Final = 262_144
"""Of a longer text, in characters, nothing is said: it would hold everybody else up."""

# Of more than one place in so many characters, and some, it costs more to be told than to read the text.
_MOST_ENDS: Final = 2
_FREE_ENDS: Final = 1_000
_MOST_COPIES: Final = 32  # of a part that is repeated; automata of more grow large and tell little more
_ASCII: Final = OTHERS - 1
_FOREIGN: Final = ord("?")
_WRITTEN: Final = [chr(code) if chr(code).isalnum() else f"\\x{code:02x}" for code in range(128)]
_EDGES: Final = sum(1 << ord(char) for char in string.ascii_letters)


class NativeSearch:
    """All of the programs, looked for at once."""

    __slots__ = ("_database",)

    def __init__(self, database: Any) -> None:
        self._database = database

    def excludes(self, text: str) -> bool:
        """True only if no program can match in the text, nor in a part of it that no letter stands next to."""
        if len(text) > LONGEST_TEXT:
            return False
        try:
            self._database.scan(text.encode("ascii", "replace"), match_event_handler=_stop)
        except hyperscan.error:  # something is there; or another thread is searching, which is no answer either
            return False
        return True

    def ends_in(self, text: str) -> list[tuple[int, int]] | None:
        """(program, offset): all places where a match of the program may end, or has ended one character before. None
        if there is no answer, as where there are too many of them.
        """
        if len(text) > LONGEST_TEXT:
            return None
        found: list[tuple[int, int]] = []
        most = _FREE_ENDS + len(text) // _MOST_ENDS

        def note(program: int, _begin: int, end: int, _flags: int, _context: object) -> bool:
            found.append((program, end))
            return len(found) > most

        try:
            self._database.scan(text.encode("ascii", "replace"), match_event_handler=note)
        except hyperscan.error:
            return None
        return found


def is_installed() -> bool:
    return hyperscan is not None


def native_search(programs: Iterable[Program]) -> NativeSearch | None:
    """What looks for the programs; None if there is no library that can. Takes seconds for hundreds of them."""
    expressions = [expression_of(program).encode("ascii") for program in programs]
    if hyperscan is None or not expressions:
        return None
    database = hyperscan.Database()
    try:
        ids = [*range(len(expressions))]
        database.compile(expressions=expressions, ids=ids, elements=len(ids), flags=hyperscan.HS_FLAG_DOTALL)
    except hyperscan.error:
        return None
    return NativeSearch(database)


def expression_of(program: Program) -> str:
    """A regular expression over bytes that is found in every text, written as ASCII, that the program matches in."""
    before, behind = (_not_next_to(edge.mask & _EDGES) for edge in (program.not_before, program.not_after))
    core = _expression(first_matches(program.tree))
    return (f"(?:^|{before})" if before else "") + core + (f"(?:{behind}|$)" if behind else "")


def _expression(node: Node) -> str:
    match node:
        case Chars(allowed):
            return _one_of(allowed.mask)
        case Series(parts):
            return "".join(map(_expression, parts))
        case Choice(options):
            return f"(?:{'|'.join(map(_expression, options))})"
        case Repeat(part, low, high):
            most = "" if high == UNBOUNDED or high > _MOST_COPIES else str(high)
            return f"(?:{_expression(part)}){{{min(low, _MOST_COPIES)},{most}}}"


def _one_of(mask: int) -> str:
    """A class of the characters of a mask; those beyond ASCII are written as question marks."""
    if mask & OTHERS:
        mask |= 1 << _FOREIGN
    ranges: list[tuple[int, int]] = []
    for code in range(128):
        if mask >> code & 1:
            first = ranges.pop()[0] if ranges and ranges[-1][1] == code - 1 else code
            ranges.append((first, code))
    match ranges:
        case []:
            return r"[^\x00-\xff]"
        case [(first, last)] if first == last:
            return _WRITTEN[first]
    spelled = (_WRITTEN[first] if first == last else f"{_WRITTEN[first]}-{_WRITTEN[last]}" for first, last in ranges)
    return f"[{''.join(spelled)}]"


def _not_next_to(mask: int) -> str:
    return _one_of(_ASCII & ~mask) if mask else ""


def _stop(*_: object) -> bool:
    return True

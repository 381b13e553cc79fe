"""What can be looked for, and the parts it is made of: each has one automaton's worth of a pattern, and its edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from guardproxy.match.alternatives import NOTHING
from guardproxy.match.charset import CharSet
from guardproxy.match.class_syntax import PatternSyntaxError, parse_class
from guardproxy.match.syntax import ignores_case, parse_programs
from guardproxy.match.tree import Program, longest, shortest

MOST_CHECKED: Final = 300
MOST_BLOCK: Final = 1_000_000

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Pattern:
    """What to look for, in the language of `guardproxy.match.syntax`.

    A match is any text in the language of `core` that does not begin behind a character of `not_before` and does not
    end before one of `not_after` (insides of a class, such as `A-Za-z0-9_`; taken as written also with `ignore_case`),
    and for which `check`, if there is one, is true. A check is a pure function of the matched text that never raises.
    With `at_end`, which needs a pattern without a check: where the text ends, so many characters or more that could
    begin a match are one too (`guardproxy.match.cut_off`).

    What is checked has at most 300 characters, and its end is told by a fixed length or by `not_after`: otherwise each
    character of a long run would be an end to check, from many starts.
    """

    rule: str
    core: str
    not_before: str = ""
    not_after: str = ""
    ignore_case: bool = False
    check: Check | None = None
    at_end: int = 0

    @property
    def cased(self) -> bool:
        """Whether letters match in both cases, as an option or the pattern itself says."""
        return self.ignore_case or ignores_case(self.core)


@dataclass(frozen=True, slots=True)
class Block:
    """A text that begins with a match of `start` and reaches to the end of the first match of `end` behind it, or, if
    none ends within `max` characters behind the start, up to there.

    No start stands behind a character of `not_before`. Nothing waits for the end: once the start is there, all that
    follows is hidden as it comes.
    """

    rule: str
    start: str
    end: str
    max: int
    ignore_case: bool = False
    not_before: str = ""

    @property
    def cased(self) -> bool:
        """Whether letters of the start match in both cases, as an option or the pattern itself says."""
        return self.ignore_case or ignores_case(self.start)


class Part(NamedTuple):
    """A program, and what its matches need to be reported: a check, or the `end` of the block they open. `at_end`: so
    many characters that begin a match are enough at the end of the text; 0: only a match is.
    """

    rule: str
    program: Program
    check: Check | None = None
    end: Program | None = None
    most: int = 0
    at_end: int = 0


def parts_of(wanted: Pattern | Block) -> tuple[Part, ...]:
    """The parts that report it; together they report all of it. Raises `PatternSyntaxError`."""
    if isinstance(wanted, Block):
        end = end_of_block(wanted)
        starts = starts_of_block(wanted)
        return tuple(Part(wanted.rule, start, end=end, most=wanted.max) for start in starts)
    programs = parse_programs(
        wanted.core,
        ignore_case=wanted.ignore_case,
        not_before=_boundary(wanted.not_before),
        not_after=_boundary(wanted.not_after),
    )
    if wanted.check is not None:
        for program in programs:
            _refuse_costly(program)
    at_end = 0 if wanted.check else wanted.at_end
    return tuple(Part(wanted.rule, program, wanted.check, at_end=at_end) for program in programs)


def starts_of_block(block: Block) -> tuple[Program, ...]:
    """What opens the block. Raises `PatternSyntaxError`."""
    starts = parse_programs(block.start, ignore_case=block.ignore_case, not_before=_boundary(block.not_before))
    if any(start.not_after for start in starts):
        raise PatternSyntaxError("\\b: a block opens with the last character of its start; leave the \\b out", 0)
    return starts


def end_of_block(block: Block) -> Program:
    """What closes the block. Raises `PatternSyntaxError`."""
    ends = parse_programs(block.end, ignore_case=block.ignore_case, holds=False)
    if any(end.not_before or end.not_after for end in ends):
        raise PatternSyntaxError("\\b: the end of a block has no conditions around it; leave the \\b out", 0)
    return ends[0]


def _refuse_costly(program: Program) -> None:
    least, most = shortest(program.tree), longest(program.tree)
    if most > MOST_CHECKED:
        message = f"a match that is checked has at most {MOST_CHECKED} characters; lower a repeat"
        raise PatternSyntaxError(message, 0)
    if least < most and not program.not_after:
        message = "where a match that is checked ends must be told; say with not_after what cannot follow it"
        raise PatternSyntaxError(message, 0)


def _boundary(body: str) -> CharSet:
    return parse_class(body) if body else NOTHING

"""The pattern language: regular expressions without anything whose cost could explode.

A pattern is searched everywhere in a text and every match counts, so there is neither lazy nor greedy and no anchor;
what may stand around a match is said next to the pattern (`not_before`, `not_after`). The language:

    a  \\.  \\-               a character; punctuation may be escaped, and these must be:  \\ . [ ] ( ) { } | ? * + ^ $
    .                       any character but the line feed
    \\d \\w \\s  \\D \\W \\S      ASCII digit; ASCII letter, digit or _; Unicode white space; and all that is not
    \\p{L}  \\P{Lu}           a character of a Unicode general category, or of any other
    \\n \\t \\r                line feed, tab, carriage return
    \\x41 \\u00e9 \\U0001f600  a character by its code point: two, four or eight hexadecimal digits
    [a-z_]  [^"\\s]          one character of a class, or none of it; inside, these must be escaped:  \\ ]
    (...)  (?:...)  a|b     group (both the same: nothing is captured), alternation
    x?  x{3}  x{1,200}      at most once, so many times, from so many to so many times
    x*  x+  x{3,}           any number of times, at least once, at least so many times: only where nothing must follow
    \\b                      at the very beginning or end of the pattern, or of one of its alternatives (not of a group)
    (?i)                    at the very beginning of the pattern: `ignore_case`

How long a stream is held back is decided by how many characters may come before it is known that they match. So a
repeat without end stands where the pattern may already be over: `sk-\\w+` matches from `sk-a` on, and each further
character is hidden as it comes; `\\w+@` could hold everything. And what the repeat begins with is not in `not_after`,
or no match would be known before the run ends. As every other repeat is written out, no stretch of text is held for
longer than the pattern has positions: at most 10,000 (a character counts as often as it is repeated).

Where the pattern has word characters (\\w) at that end, `\\b` is `not_before`, or `not_after`, of \\w. Elsewhere it
asks for a word character outside of the match, which these conditions cannot say, and is refused.

A pattern cannot match the empty text. With `ignore_case`, a letter `c` written in the pattern also matches `c.lower()`
and `c.upper()` where these are one character; \\d \\w \\s \\p, their complements and `.` stay as they are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from guardproxy.match.alternatives import NOTHING, Alternative, Endless, joined, programs_of
from guardproxy.match.charset import NOT_NEWLINE, CharSet
from guardproxy.match.class_syntax import (
    BOUNDARY_CURE,
    REFUSED_BOUNDARY,
    PatternSyntaxError,
    parse_class,
)
from guardproxy.match.count_syntax import MOST_POSITIONS, CountReader
from guardproxy.match.tree import (
    UNBOUNDED,
    Chars,
    Node,
    Program,
    Repeat,
    Series,
    first_characters,
    longest,
    positions,
    shortest,
)

__all__ = [
    "DEEPEST_GROUP",
    "MOST_POSITIONS",
    "PatternSyntaxError",
    "ignores_case",
    "parse_class",
    "parse_pattern",
    "parse_programs",
]

DEEPEST_GROUP: Final = 50
_IGNORING_CASE: Final = "(?i)"


def ignores_case(text: str) -> bool:
    """Whether the pattern itself says that its letters match in both cases."""
    return text.startswith(_IGNORING_CASE)


def parse_pattern(text: str, *, ignore_case: bool = False) -> Node:
    """The tree of a pattern, without what `\\b` says of its edges. Raises `PatternSyntaxError`."""
    return joined([program.tree for program in parse_programs(text, ignore_case=ignore_case)])


@lru_cache(maxsize=1024)  # a rule is parsed to see whether it can be, and again to build its set
def parse_programs(
    text: str,
    *,
    ignore_case: bool = False,
    not_before: CharSet = NOTHING,
    not_after: CharSet = NOTHING,
    holds: bool = True,
) -> tuple[Program, ...]:
    """The alternatives of a pattern, those with the same edges together. Raises `PatternSyntaxError`.

    `holds` is False for a pattern for which no text waits; then repeats without end may stand anywhere.
    """
    alternatives = _PatternReader(text, ignore_case=ignore_case, holds=holds).whole_pattern()
    whole = joined([alternative.tree for alternative in alternatives])
    if shortest(whole) == 0:
        raise PatternSyntaxError("the pattern matches the empty text; make at least one part of it required", 0)
    if positions(whole) > MOST_POSITIONS:
        message = (
            f"the pattern has {positions(whole):,} positions, at most {MOST_POSITIONS:,} are possible; lower a repeat"
        )
        raise PatternSyntaxError(message, 0)
    return programs_of(alternatives, not_before, not_after, holds=holds)


_REFUSED_GROUPS: Final = (
    (("?=", "?!", "?<=", "?<!"), f"look-around is not in the language; {BOUNDARY_CURE}"),
    (("?P=",), "back-references are not in the language; write the text out"),
    (("?P<", "?<", "?'"), "groups have no names; write (?:...)"),
    (("?>",), "every match is reported, so there is no atomic group; write (?:...)"),
    (("?#",), "there are no comments; say it in the rule's title"),
    (("?(",), "conditions are not in the language; write both cases as alternatives"),
    (
        ("?i)", "?i:"),
        "(?i) stands at the very beginning and is for all of the pattern; write it there, use the option ignore_case,"
        " or write [aA] for a letter in both cases",
    ),
    (
        ("?",),
        "of flags only (?i) is in the language, at the very beginning; write (?:...) for a group, [\\s\\S] for any"
        " character, and spaces as they are matched",
    ),
)


@lru_cache(maxsize=4096)
def _one_of(allowed: CharSet) -> Chars:
    """The same node for the same characters: patterns have most of theirs in common."""
    return Chars(allowed)


class _PatternReader(CountReader):
    """Recursive descent over one pattern."""

    def __init__(self, text: str, *, ignore_case: bool, holds: bool) -> None:
        super().__init__(text, ignore_case=ignore_case)
        self._holds = holds
        self._depth = 0
        self._endless: list[Endless] = []  # of what was read so far

    def whole_pattern(self) -> list[Alternative]:
        if ignores_case(self._text):
            self._ignore_case, self._at = True, len(_IGNORING_CASE)
        alternatives = [self._alternative()]
        while self._next() == "|":
            self._at += 1
            alternatives.append(self._alternative())
        if self._at < len(self._text):
            self._fail("')' without '('; write \\)")
        return alternatives

    def _alternative(self) -> Alternative:
        self._endless = []
        begins = self._word_boundary()
        tree = self._series()
        ends = self._word_boundary()
        if ends is not None and self._next() not in ("", "|", ")"):
            self._fail(f"\\b: {REFUSED_BOUNDARY}", ends)
        return Alternative(tree, begins, ends, tuple(self._endless))

    def _word_boundary(self) -> int | None:
        """Read past a `\\b` that stands here; its offset."""
        if not self._text.startswith("\\b", self._at):
            return None
        self._at += 2
        return self._at - 2

    def _choice(self) -> Node:
        options = [self._series()]
        while self._next() == "|":
            self._at += 1
            options.append(self._series())
        return joined(options)

    def _series(self) -> Node:
        parts: list[Node] = []
        earlier = len(self._endless)
        while self._next() not in ("", "|", ")"):
            if not self._depth and self._text.startswith("\\b", self._at):
                break
            before = len(self._endless)
            parts.append(self._repeated())
            if before > earlier and shortest(parts[-1]):
                self._refuse_before_more(self._endless[earlier])
        return parts[0] if len(parts) == 1 else Series(tuple(parts))

    def _refuse_before_more(self, endless: Endless) -> None:
        if self._holds:
            raise endless.refused("something must follow it", "end the pattern with it")

    def _repeated(self) -> Node:
        earlier = len(self._endless)
        node = self._single()
        at = self._at
        counts = self._counts()
        if counts is None:
            return node
        if self._next() and self._next() in "?*+{":
            self._fail(
                "every match is reported, so a repeat is neither lazy nor possessive; leave this out"
                if self._next() in "?+"
                else "a repeat of a repeat; put the first one into a group (?:...)"
            )
        low, high = counts
        if low > high or high == 0:
            self._fail(f"{{{low},{high}}} repeats nothing; write {{least,most}}", at)
        # Repeating the empty text is the empty text; without this its copies would be counted out for nothing.
        if not longest(node):
            return node
        if low > 1 and shortest(node) and len(self._endless) > earlier:
            self._refuse_before_more(self._endless[earlier])
        if high == UNBOUNDED:
            self._endless.append(Endless(at, first_characters(node), f"{{{low},{max(200, 2 * low)}}}"))
        return Repeat(node, low, high)

    def _single(self) -> Node:
        """One character, class or group."""
        char = self._next()
        match char:
            case "(":
                return self._group()
            case "[":
                return _one_of(self._class())
            case "\\":
                return _one_of(self._cased(self._escape()))
            case ".":
                self._at += 1
                return _one_of(NOT_NEWLINE)
            case "^" | "$":
                searched = "a pattern is searched everywhere, there are no anchors"
                self._fail(f"{char}: {searched}; {BOUNDARY_CURE}, or write \\{char} for the character")
            case "?" | "*" | "+":
                self._fail(f"{char}: nothing to repeat; write \\{char} for the character")
            case "{" | "}" | "]":
                self._fail(f"write \\{char}")
        self._at += 1
        return _one_of(self._cased(char))

    def _group(self) -> Node:
        opened = self._at
        self._at += 1
        if self._text.startswith("?:", self._at):
            self._at += 2
        else:
            for prefixes, message in _REFUSED_GROUPS:
                if self._text.startswith(prefixes, self._at):
                    self._fail(message, opened)
        if self._depth == DEEPEST_GROUP:
            self._fail(
                f"more than {DEEPEST_GROUP} groups inside each other; leave out those around a single thing", opened
            )
        self._depth += 1
        node = self._choice()
        self._depth -= 1
        if self._next() != ")":
            self._fail("'(' without ')'; write \\( for the character", opened)
        self._at += 1
        return node

"""The pattern language: regular expressions without anything whose cost could explode.

A pattern is searched everywhere in a text and every match counts, so there is neither lazy nor greedy and no anchor;
what may stand around a match is said next to the pattern (`not_before`, `not_after`). The language:

    a  \\.  \\-               a character; punctuation may be escaped, and these must be:  \\ . [ ] ( ) { } | ? * + ^ $
    .                       any character but the line feed
    \\d \\w \\s  \\D \\W \\S      ASCII digit; ASCII letter, digit or _; Unicode white space; and all that is not
    \\n \\t \\r                line feed, tab, carriage return
    \\x41 \\u00e9 \\U0001f600  a character by its code point: two, four or eight hexadecimal digits
    [a-z_]  [^"\\s]          one character of a class, or none of it; inside, these must be escaped:  \\ ]
    (...)  (?:...)  a|b     group (both the same: nothing is captured), alternation
    x?  x{3}  x{1,200}      at most once, so many times, from so many to so many times

`*`, `+` and `{n,}` are refused: the length of a match decides how long a stream may be held back, so it is written
down. A pattern has at most 10,000 positions (a character counts as often as it is repeated) and cannot match the
empty text. With `ignore_case`, a letter `c` written in the pattern also matches `c.lower()` and `c.upper()` where
these are one character; \\d \\w \\s, their complements and `.` stay as they are.
"""

from __future__ import annotations

import re
from typing import Final

from guardproxy.match.charset import NOT_NEWLINE
from guardproxy.match.class_syntax import BOUNDARY_CURE, CharacterReader, PatternSyntaxError, parse_class
from guardproxy.match.tree import Chars, Choice, Node, Repeat, Series, longest, positions, shortest

__all__ = ["DEEPEST_GROUP", "MOST_POSITIONS", "PatternSyntaxError", "parse_class", "parse_pattern"]

MOST_POSITIONS: Final = 10_000
DEEPEST_GROUP: Final = 50


def parse_pattern(text: str, *, ignore_case: bool = False) -> Node:
    """The tree of a pattern. Raises `PatternSyntaxError`."""
    node = _PatternReader(text, ignore_case=ignore_case).whole_pattern()
    if shortest(node) == 0:
        raise PatternSyntaxError("the pattern matches the empty text; make at least one part of it required", 0)
    if positions(node) > MOST_POSITIONS:
        message = (
            f"the pattern has {positions(node):,} positions, at most {MOST_POSITIONS:,} are possible; lower a repeat"
        )
        raise PatternSyntaxError(message, 0)
    return node


_REFUSED_GROUPS: Final = (
    (("?=", "?!", "?<=", "?<!"), f"look-around is not in the language; {BOUNDARY_CURE}"),
    (("?P=",), "back-references are not in the language; write the text out"),
    (("?P<", "?<", "?'"), "groups have no names; write (?:...)"),
    (("?>",), "every match is reported, so there is no atomic group; write (?:...)"),
    (("?#",), "there are no comments; say it in the rule's title"),
    (("?(",), "conditions are not in the language; write both cases as alternatives"),
    (("?",), "flags are not in the language; use the option ignore_case, or write (?:...)"),
)
_COUNTS: Final = re.compile(r"\{([0-9]*)(,?)([0-9]*)\}")


class _PatternReader(CharacterReader):
    """Recursive descent over one pattern."""

    _depth = 0

    def whole_pattern(self) -> Node:
        node = self._choice()
        if self._at < len(self._text):
            self._fail("')' without '('; write \\)")
        return node

    def _choice(self) -> Node:
        options = [self._series()]
        while self._next() == "|":
            self._at += 1
            options.append(self._series())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _series(self) -> Node:
        parts: list[Node] = []
        while self._next() not in ("", "|", ")"):
            parts.append(self._repeated())
        return parts[0] if len(parts) == 1 else Series(tuple(parts))

    def _repeated(self) -> Node:
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
        return Repeat(node, low, high) if longest(node) else node

    def _counts(self) -> tuple[int, int] | None:
        """The repeat that stands here, or None."""
        match self._next():
            case "?":
                self._at += 1
                return 0, 1
            case "*":
                self._fail("unbounded repeat; write {0,200}, with the longest run you expect")
            case "+":
                self._fail("unbounded repeat; write {1,200}, with the longest run you expect")
            case "{":
                return self._counts_in_braces()
        return None

    def _counts_in_braces(self) -> tuple[int, int]:
        found = _COUNTS.match(self._text, self._at)
        if not found or found[0] in ("{}", "{,}"):
            self._fail("'{' begins a repeat such as {3} or {1,200}; write \\{ for the character")
        low, comma, high = found.groups()
        if len(low) > 6 or len(high) > 6:
            self._fail(f"too many repeats, a pattern has at most {MOST_POSITIONS:,} positions")
        if not low:
            self._fail(f"write {{0,{high}}}")
        if comma and not high:
            self._fail(f"unbounded repeat; write {{{low},200}}, with the longest run you expect")
        self._at = found.end()
        return int(low), int(high if comma else low)

    def _single(self) -> Node:
        """One character, class or group."""
        char = self._next()
        match char:
            case "(":
                return self._group()
            case "[":
                return Chars(self._class())
            case "\\":
                return Chars(self._cased(self._escape()))
            case ".":
                self._at += 1
                return Chars(NOT_NEWLINE)
            case "^" | "$":
                searched = "a pattern is searched everywhere, there are no anchors"
                self._fail(f"{char}: {searched}; {BOUNDARY_CURE}, or write \\{char} for the character")
            case "?" | "*" | "+":
                self._fail(f"{char}: nothing to repeat; write \\{char} for the character")
            case "{" | "}" | "]":
                self._fail(f"write \\{char}")
        self._at += 1
        return Chars(self._cased(char))

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
            self._fail(f"more than {DEEPEST_GROUP} groups inside each other", opened)
        self._depth += 1
        node = self._choice()
        self._depth -= 1
        if self._next() != ")":
            self._fail("'(' without ')'; write \\( for the character", opened)
        self._at += 1
        return node

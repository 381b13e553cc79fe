"""The specification of a shipped rule, worked out the slow way: each piece of the text against Python's `re`.

The rule's pattern is spelled for `re` character by character; nothing of the engine's own reading of it is used. What
may stand around a match, and the check, are looked at one match at a time, as `guardproxy.match.parts` words it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from guardproxy.detectors.block import BlockOptions
from guardproxy.detectors.checks import find_check
from guardproxy.detectors.pattern import PatternOptions
from guardproxy.match.pattern_set import Block, Pattern, PatternSet
from tests.match.oracle import EVERY_CHECK
from tests.promises import packs

Range = tuple[int, int]

_SETS: Final = {"d": "0-9", "w": "A-Za-z0-9_"}
_COMPLEMENTS: Final = {"D": "[^0-9]", "W": "[^A-Za-z0-9_]"}
# What means something to `re` in a class, or will one day, and nothing in our language.
_ODD_IN_CLASS: Final = "[&~|"


class CannotSpell(Exception):
    """The pattern uses what has no counterpart in `re` (`\\b` at the end of a piece, `\\p`)."""


def spell(pattern: str) -> str:
    """The pattern for `re`."""
    out = []
    in_class = False
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            char = pattern[at : at + 2]
            out.append(_escape(char, in_class))
        elif in_class:
            in_class = char != "]"
            out.append("\\" + char if char in _ODD_IN_CLASS else char)
        else:
            in_class = char == "["
            if pattern.startswith("[^", at):
                char = "[^"
            out.append(char)
        at += len(char)
    return "".join(out)


def _escape(escape: str, in_class: bool) -> str:
    name = escape[1:]
    if name in _SETS:
        return _SETS[name] if in_class else f"[{_SETS[name]}]"
    if name in _COMPLEMENTS and not in_class:
        return _COMPLEMENTS[name]
    if name in "bpPDW":
        raise CannotSpell(escape)
    return escape


class Spelled:
    """One rule that is written as a pattern. Raises `CannotSpell`."""

    def __init__(self, rule: str, options: PatternOptions) -> None:
        self.rule = rule
        self._core = re.compile(spell(options.pattern), re.IGNORECASE if options.ignore_case else 0)
        self._not_before, self._not_after = (
            re.compile(spell(f"[{body}]")) if body else None for body in (options.not_before, options.not_after)
        )
        self._check = find_check(options.check) if options.check else None
        self.checked = self._check is not None

    def matches(self, text: str) -> list[Range]:
        """Every (start, end) the specification names."""
        return [
            (start, end)
            for start in range(len(text))
            # `match` looks for some end, so where it finds none there is none to try.
            if not _stands(self._not_before, text[start - 1 : start] if start else "") and self._core.match(text, start)
            for end in range(start + 1, len(text) + 1)
            if not _stands(self._not_after, text[end : end + 1])
            and self._core.fullmatch(text, start, end)
            and (self._check is None or self._check(text[start:end]))
        ]


def _stands(bar: re.Pattern[str] | None, char: str) -> bool:
    return bool(bar and char and bar.fullmatch(char))


@cache
def spelled(rule: str) -> Spelled | None:
    """A rule of the packs as its specification; None if it is no pattern, or one `re` has no words for."""
    options = packs.rules()[rule].options
    if not isinstance(options, PatternOptions):
        return None
    try:
        return Spelled(rule, options)
    except CannotSpell:
        return None


@cache
def engine(rule: str) -> PatternSet:
    """The engine with this rule alone, and free of the bound on how much is checked."""
    return PatternSet([written(rule)], free_checks=EVERY_CHECK)


def written(rule: str) -> Pattern | Block:
    """A rule of the packs as the engine takes it."""
    match packs.rules()[rule].options:
        case PatternOptions() as options:
            check = find_check(options.check) if options.check else None
            return Pattern(rule, options.pattern, options.not_before, options.not_after, options.ignore_case, check)
        case BlockOptions() as options:
            return Block(rule, options.start, options.end, options.max, options.ignore_case, options.not_before)
        case other:
            raise AssertionError(f"{rule}: a technique this suite does not know: {other}")

"""Rules that may keep much of a stream waiting.

No pattern holds a stream back without end, but one can do it for as long as it is: of `.{1,9000}END` nothing leaves
for nine thousand characters, in any text. So each rule reads the longest match it has, written with characters of
different kinds, up to its last one, and is asked what waits. That is a text that it does hold back, so the figure is
never too high; a text that is held for longer still may exist.

What begins with something that other text hardly holds, as keys do, keeps ordinary text moving, and may be long.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from typing import Final

from guardproxy.core.stream import StreamGuard
from guardproxy.match.charset import CharSet
from guardproxy.match.cut_off import begins_telling
from guardproxy.match.literals import branches
from guardproxy.match.tree import UNBOUNDED, Chars, Choice, Node, Repeat, Series
from guardproxy.policyfile.compile import CompiledRule
from guardproxy.policyfile.dear import said_by, trees_of

TOLD_FROM: Final = 500
TOLD_FROM_IF_TELLING: Final = 3_000
_FAVOURITES: Final = ("a", "7", " ", "-", "%")  # what matches by itself ends the waiting, so several are tried
_PIECE: Final = 50
_ENOUGH: Final = 200_000  # steps of work


def holding_rules(rules: Iterable[CompiledRule]) -> list[str]:
    """A line for each rule that may keep more characters waiting than a reader would not notice."""
    return [
        f"{rule.document.at('with', said_by(rule))}: warning: {held:,} characters of a stream or more may wait until "
        "it is known whether they are a match, and nobody sees them meanwhile; lower the repeat, or say what begins "
        "and what ends it with the detector block, which keeps nothing waiting"
        for rule in rules
        if rule.rule.looks and (held := most_held(rule))
    ]


def most_held(rule: CompiledRule) -> int:
    """So many characters wait at once in some text; 0 where that is too few to be told. Raises `ConfigurationError`
    where options cannot be used.
    """
    most = 0
    for branch in (branch for tree in trees_of(rule) for branch in branches(tree)):
        told_from = TOLD_FROM_IF_TELLING if begins_telling(branch) else TOLD_FROM
        texts = dict.fromkeys(longest_text(branch, favourite) for favourite in _FAVOURITES)
        held = (held for text in texts if len(text) > max(told_from, most) for held in _held(rule, text))
        if (longest := max(held, default=0)) >= told_from:
            most = max(most, longest)
    return most


def _held(rule: CompiledRule, text: str) -> Iterator[int]:
    """What waits, again and again, while all of it but its last character is read."""
    scanner = rule.detector().scanner()
    guard = StreamGuard([scanner], {rule.rule.id: rule.rule}, lambda _: None)
    for at in range(0, len(text) - 1, _PIECE):
        guard.feed(text[at : min(at + _PIECE, len(text) - 1)])
        yield guard.held
        if scanner.work > _ENOUGH:
            return


def longest_text(node: Node, favourite: str) -> str:
    """The longest text of the tree, or one of them; what repeats without end stands in it as seldom as it may."""
    match node:
        case Chars(allowed):
            return _some_of(allowed, favourite)
        case Series(parts):
            return "".join(longest_text(part, favourite) for part in parts)
        case Choice(options):
            return max((longest_text(option, favourite) for option in options), key=len)
        case Repeat(part, least, most):
            return longest_text(part, favourite) * (most if most < UNBOUNDED else max(least, 1))


def _some_of(chars: CharSet, favourite: str) -> str:
    if favourite in chars:
        return favourite
    first, _ = chars.intervals[0]
    return next((char for char in string.printable if char in chars), chr(first))

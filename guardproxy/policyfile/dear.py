"""Rules whose own candidates cost more than a policy lets text cost.

A rule can be right and dear: where a match may begin inside another one that is still open, as in `x[a-z]{0,200}1`,
each character is read for all of them. Text that is the worst of it is refused (`guardproxy.core.allowance`), and with
it somebody's request. So each rule reads a text of its candidates: what its matches begin with, strewn over what their
longest repeats go on with, always the same for the same rule. What the second half of it costs is what such text costs
once the matcher knows it. It says nothing of what rules cost together.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Final

from guardproxy.detectors.block import BlockOptions
from guardproxy.detectors.pattern import PatternOptions
from guardproxy.match.charset import CharSet
from guardproxy.match.syntax import parse_programs
from guardproxy.match.tree import Chars, Choice, Node, Repeat, Series, first_characters
from guardproxy.policyfile.compile import CompiledRule

_LENGTH: Final = 3_000
_PIECE: Final = 50
_RUN: Final = 180  # characters, between two that may end everything
_BEGINNING: Final = 0.25  # of the characters
_LONG: Final = 16
_ENOUGH: Final = 60_000  # steps of work: it is dear, whatever the rest costs


def dear_rules(rules: Iterable[CompiledRule], allowed: int | None) -> list[str]:
    """A line for each rule that costs more steps a character than are `allowed`; None: any number is."""
    return [
        f"{rule.document.at('with', said_by(rule))}: warning: text like its matches costs some {cost:,.0f} steps a "
        f"character, and `limits: matching_work` allows {allowed}, so such text is refused; mostly a long repeat may "
        "hold what also begins a match: say with not_before what it cannot begin behind, or lower the repeat"
        for rule in rules
        if allowed is not None and rule.rule.looks and (cost := steps_a_character(rule)) > allowed
    ]


def steps_a_character(rule: CompiledRule) -> float:
    """What the worst text we know for the rule costs it. Raises `ConfigurationError` where options cannot be used."""
    scanner = rule.detector().scanner()
    text = candidates(list(trees_of(rule)), Random(rule.rule.id))  # noqa: S311 - a text, no secret
    known = 0
    for end in range(_PIECE, _LENGTH + 1, _PIECE):
        scanner.feed(text[end - _PIECE : end])
        if scanner.work > _ENOUGH:
            return scanner.work / end
        if end == _LENGTH // 2:
            known = scanner.work
    return (scanner.work - known) / (_LENGTH // 2)


def candidates(trees: Sequence[Node], random: Random) -> str:
    """Runs of characters that go on with what was begun, some of which begin something."""
    beginning = [_some_of(first_characters(tree)) for tree in trees]
    going_on = [_some_of(chars) for tree in trees for chars in _repeated(tree)] or beginning
    runs = []
    for _ in range(0, _LENGTH, _RUN):
        repeated = random.choice(going_on)
        chosen = (random.choice(beginning) if random.random() < _BEGINNING else repeated for _ in range(_RUN))
        runs.append("".join(map(random.choice, chosen)))
    return "\n".join(runs)[:_LENGTH]


def said_by(rule: CompiledRule) -> str:
    """The option that a rule's cost comes from."""
    return "start" if isinstance(rule.options, BlockOptions) else "pattern"


def trees_of(rule: CompiledRule) -> Iterator[Node]:
    """What a rule's patterns are: of a block, what opens it and what closes it."""
    match rule.options:
        case PatternOptions(pattern=pattern, ignore_case=ignore_case):
            patterns = [pattern]
        case BlockOptions(start=start, end=end, ignore_case=ignore_case):
            patterns = [start, end]
        case _:
            return
    for pattern in patterns:
        for program in parse_programs(pattern, ignore_case=ignore_case):
            yield program.tree


def _repeated(node: Node) -> Iterator[CharSet]:
    """What each long repeat goes on with."""
    match node:
        case Series(parts) | Choice(parts):
            for part in parts:
                yield from _repeated(part)
        case Repeat(part, _, most):
            if most >= _LONG:
                yield first_characters(part)
            yield from _repeated(part)
        case Chars():
            pass


def _some_of(chars: CharSet) -> str:
    """Characters of the set that are mostly written, if it has any."""
    first, _ = chars.intervals[0]
    return "".join(char for char in string.printable if char in chars) or chr(first)

"""Text between a start and an end, however long: what stands between two markers, a key between its lines.

From the start on everything is hidden at once, up to the first end behind it or for `max` characters; nothing waits.
`guardproxy.match.blocks` has the rules, `guardproxy.match.syntax` the language of `start` and `end`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guardproxy.core.policy import Detector
from guardproxy.detectors.reading import check_class, read_option
from guardproxy.errors import RuleError
from guardproxy.match.parts import MOST_BLOCK, Block, end_of_block, starts_of_block
from guardproxy.match.pattern_set import PatternSet
from guardproxy.match.readings import Readings


@dataclass(frozen=True, slots=True)
class BlockOptions:
    """`start`, `end`: patterns. `max`: so many characters behind the start belong to the block if no end comes.
    `not_before`: the inside of a class of characters that must not stand before the start. `ignore_case`: letters of
    the patterns match in both cases.
    """

    start: str
    end: str
    max: int
    not_before: str = ""
    ignore_case: bool = False


def build(rules: Sequence[tuple[str, BlockOptions]]) -> Detector:
    """One detector for all rules, given as (rule id, options). Raises `RuleError` for what is not in the language."""
    return Readings(PatternSet([_block(rule, options) for rule, options in rules]))


def _block(rule: str, options: BlockOptions) -> Block:
    if not 1 <= options.max <= MOST_BLOCK:
        raise RuleError(f"max: a block is 1 to {MOST_BLOCK:,} characters long, not {options.max:,}", option="max")
    check_class("not_before", options.not_before)
    block = Block(rule, options.start, options.end, options.max, options.ignore_case, options.not_before)
    read_option("start", lambda: starts_of_block(block))
    read_option("end", lambda: end_of_block(block))
    return block

"""Text that can be written down as a pattern: keys, tokens, numbers, telling phrases.

Exact, also in a stream, and never slower than one step per character; `guardproxy.match.syntax` has the language, and
`guardproxy.match.parts` says what a match that is checked must be like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from guardproxy.core.policy import Detector
from guardproxy.detectors.checks import find_check
from guardproxy.detectors.reading import check_class, read_option
from guardproxy.errors import RuleError
from guardproxy.match.cut_off import refuse_untelling
from guardproxy.match.parts import Part, Pattern, parts_of
from guardproxy.match.pattern_set import PatternSet
from guardproxy.match.readings import Readings


@dataclass(frozen=True, slots=True)
class PatternOptions:
    """`pattern`: what to find. `not_before`, `not_after`: insides of a class of characters that must not stand next to
    a match, such as `A-Za-z0-9_`. `ignore_case`: letters of the pattern match in both cases. `check`: the name of a
    check (`guardproxy.detectors.checks`) that a match must pass, such as `luhn`. `at_end`: where a text ends, so many
    characters or more that could begin a match are taken for one; 0: none are.
    """

    pattern: str
    not_before: str = ""
    not_after: str = ""
    ignore_case: bool = False
    check: str = ""
    at_end: int = 0


def build(rules: Sequence[tuple[str, PatternOptions]]) -> Detector:
    """One detector for all rules, given as (rule id, options). Raises `RuleError` for what is not in the language."""
    return Readings(PatternSet([_pattern(rule, options) for rule, options in rules]))


def _pattern(rule: str, options: PatternOptions) -> Pattern:
    check_class("not_before", options.not_before)
    check_class("not_after", options.not_after)
    check = find_check(options.check) if options.check else None
    pattern = Pattern(
        rule, options.pattern, options.not_before, options.not_after, options.ignore_case, check, options.at_end
    )
    parts = read_option("pattern", lambda: parts_of(pattern))
    if options.at_end:
        _check_at_end(options, parts)
    return pattern


def _check_at_end(options: PatternOptions, parts: Sequence[Part]) -> None:
    if options.check:
        raise RuleError("at_end: a match that is cut off cannot be checked; leave one of the two out", option="at_end")
    for part in parts:
        read_option("at_end", partial(refuse_untelling, part.program, options.at_end))

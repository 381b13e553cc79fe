"""Text that can be written down as a pattern: keys, tokens, numbers, telling phrases.

Exact, also in a stream, and never slower than one step per character; `guardproxy.match.syntax` has the language.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from guardproxy.core.policy import Detector
from guardproxy.errors import RuleError
from guardproxy.match.pattern_set import Pattern, PatternSet
from guardproxy.match.syntax import PatternSyntaxError, parse_class, parse_pattern


@dataclass(frozen=True, slots=True)
class PatternOptions:
    """`pattern`: what to find. `not_before`, `not_after`: insides of a class of characters that must not stand next to
    a match, such as `A-Za-z0-9_`. `ignore_case`: letters of the pattern match in both cases.
    """

    pattern: str
    not_before: str = ""
    not_after: str = ""
    ignore_case: bool = False


def build(rules: Sequence[tuple[str, PatternOptions]]) -> Detector:
    """One detector for all rules, given as (rule id, options). Raises `RuleError` for what is not in the language."""
    return PatternSet([_checked(rule, options) for rule, options in rules])


def _checked(rule: str, options: PatternOptions) -> Pattern:
    _read("pattern", options.pattern, parse_pattern)
    for option, body in (("not_before", options.not_before), ("not_after", options.not_after)):
        if body:
            _read(option, body, parse_class)
    return Pattern(rule, options.pattern, options.not_before, options.not_after, options.ignore_case)


def _read(option: str, text: str, parse: Callable[[str], object]) -> None:
    try:
        parse(text)
    except PatternSyntaxError as error:
        raise RuleError(f"{option}: {error.message}", option=option, offset=error.offset) from error

"""Many patterns, looked for together: `scanner()` reads a stream, `scan()` a whole text, both with one automaton."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guardproxy.match.automaton import DEFAULT_CELLS, Automaton, Program
from guardproxy.match.charset import CharSet
from guardproxy.match.literals import required_literals
from guardproxy.match.pattern_scanner import PatternScanner
from guardproxy.match.prefilter import Prefilter, Requirement
from guardproxy.match.scanner import Span
from guardproxy.match.syntax import parse_class, parse_pattern
from guardproxy.match.tree import longest


@dataclass(frozen=True, slots=True)
class Pattern:
    """What to look for, in the language of `guardproxy.match.syntax`.

    A match is any text in the language of `core` that does not begin behind a character of `not_before` and does not
    end before one of `not_after` (insides of a class, such as `A-Za-z0-9_`; taken as written also with `ignore_case`).
    """

    rule: str
    core: str
    not_before: str = ""
    not_after: str = ""
    ignore_case: bool = False


class PatternSet:
    """Looks for all matches of all patterns. Raises `PatternSyntaxError` for a pattern outside of the language.

    The spans found for a pattern cover exactly what the union of all its matches covers: for every end of a match,
    the match that begins first. `cells` caps what the automaton remembers.
    """

    def __init__(self, patterns: Sequence[Pattern], *, cells: int = DEFAULT_CELLS) -> None:
        self._rules = tuple(pattern.rule for pattern in patterns)
        programs, requirements = [], []
        for pattern in patterns:
            tree = parse_pattern(pattern.core, ignore_case=pattern.ignore_case)
            programs.append(Program(tree, _boundary(pattern.not_before), _boundary(pattern.not_after)))
            literals = required_literals(tree, ignore_case=pattern.ignore_case)
            requirements.append(Requirement(literals, pattern.ignore_case, longest(tree)))
        self._automaton = Automaton(programs, cells=cells)
        self._prefilter = Prefilter(requirements)

    @property
    def transitions_built(self) -> int:
        """The work the automaton has done so far that it could not look up."""
        return self._automaton.transitions_built

    def may_match(self, text: str) -> bool:
        """False only if nothing can match in the text or in any part of it."""
        return self._prefilter.may_match(text)

    def scan(self, text: str) -> list[Span]:
        """All spans of a whole text: those of `scanner()`, in the same order."""
        found: list[Span] = []
        for begin, end in self._prefilter.windows(text):
            before = text[begin - 1] if begin else ""
            scanner = PatternScanner(self._automaton, self._rules, offset=begin, before=before)
            found += scanner.feed(text[begin:end])
            if end == len(text):
                found += scanner.finish()
        return found

    def scanner(self) -> PatternScanner:
        """A fresh scanner for a text that arrives in pieces."""
        return PatternScanner(self._automaton, self._rules)


def _boundary(body: str) -> CharSet:
    return parse_class(body) if body else CharSet(())

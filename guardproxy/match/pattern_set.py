"""Many patterns, looked for together: `scanner()` reads a stream, `scan()` a whole text, both with one automaton."""

from __future__ import annotations

import string
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final

from guardproxy.match.automaton import DEFAULT_CELLS, Automaton, Program
from guardproxy.match.charset import CharSet
from guardproxy.match.literals import AS_WRITTEN, FOLDED, Literals, branches, commonness, required_groups
from guardproxy.match.pattern_scanner import PatternScanner
from guardproxy.match.prefilter import Prefilter, Requirement
from guardproxy.match.scanner import Span
from guardproxy.match.syntax import parse_class, parse_pattern
from guardproxy.match.tree import Node, longest
from guardproxy.match.words import AS_WORDS, telling

SLICE: Final = 16_384
"""Characters that are read at a stretch, some 10 ms at worst."""


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
            requirements += [_requirement(branch, pattern.ignore_case) for branch in branches(tree)]
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

    def scan_in_steps(self, text: str) -> Generator[None, None, list[Span]]:
        """`scan` that stops after each `SLICE` characters; of spans with one start and rule only the longest."""
        if len(text) <= SLICE:
            return self.scan(text)
        found: dict[tuple[int, str], Span] = {}
        for begin, end in self._prefilter.windows(text):
            yield
            before = text[begin - 1] if begin else ""
            scanner = PatternScanner(self._automaton, self._rules, offset=begin, before=before)
            for at in range(begin, end, SLICE):
                for span in scanner.feed(text[at : min(at + SLICE, end)]):
                    found[span.start, span.rule] = span
                yield
            if end == len(text):
                for span in scanner.finish():
                    found[span.start, span.rule] = span
        return list(found.values())

    def scanner(self) -> PatternScanner:
        """A fresh scanner for a text that arrives in pieces."""
        return PatternScanner(self._automaton, self._rules)


def _requirement(branch: Node, ignore_case: bool) -> Requirement:
    """Strings with rare characters, which few texts hold; otherwise phrases, if the branch has telling ones."""
    spelling = FOLDED if ignore_case else AS_WRITTEN
    literals = required_groups(branch, spelling)
    if ignore_case and literals and any(min(map(commonness, literal)) for literal in literals[0]):
        phrases = [group for group in required_groups(branch, AS_WORDS) if telling(group)]
        if phrases:
            marks = next(filter(_are_marks, literals), Literals())
            return Requirement(phrases, AS_WORDS, longest(branch), marks)
    return Requirement(literals, spelling, longest(branch))


def _are_marks(literals: Literals) -> bool:
    return all(char in string.punctuation for literal in literals for char in literal)


def _boundary(body: str) -> CharSet:
    return parse_class(body) if body else CharSet(())

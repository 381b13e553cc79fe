"""When something holds: conditions on who calls, which model is asked for, through which API, with which metadata.

A policy with conditions is compiled once for each way its conditions can turn out together, so that an exchange only
has to ask which of these policies is its own. `outcomes()` counts these ways: what is written out in full excludes what
is written otherwise (a key is not called `a` and `b`), so a handful of conditions has a handful of outcomes. It may
count a way that never happens; it never misses one that can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, combinations, product
from types import MappingProxyType
from typing import Final, NamedTuple

METADATA: Final = "metadata."
MOST_WILDCARDS: Final = 6


class Facts(NamedTuple):
    """What conditions may ask. `key` and `team` are those of the key that calls; `metadata` is the request's own."""

    key: str = ""
    team: str = ""
    surface: str = ""
    model: str = ""
    metadata: Mapping[str, str] = MappingProxyType({})

    def of(self, dimension: str) -> str:
        """The value a condition on `dimension` asks for; empty where there is none."""
        if dimension.startswith(METADATA):
            return self.metadata.get(dimension[len(METADATA) :], "")
        value: str = getattr(self, dimension)
        return value


class OneOf(NamedTuple):
    """Holds for a value that is one of `words`; a `*` in a word stands for any characters."""

    dimension: str
    words: frozenset[str]

    def holds(self, value: str) -> bool:
        return value in self.words or any("*" in word and _pattern(word).fullmatch(value) for word in self.words)


class Condition(NamedTuple):
    """Holds when all of its parts do."""

    parts: tuple[OneOf, ...]

    def holds(self, facts: Facts) -> bool:
        return all(part.holds(facts.of(part.dimension)) for part in self.parts)

    @property
    def chosen_by_caller(self) -> bool:
        """Whether the caller can make it hold, or not, by what it writes into a request beside the model it wants."""
        return any(part.dimension.startswith(METADATA) for part in self.parts)

    def __str__(self) -> str:
        return ", ".join(f"{part.dimension} is {' or '.join(sorted(part.words))}" for part in self.parts)


class TooManyOutcomes(ValueError):
    """The conditions can turn out together in more ways than there may be policies."""


def outcome_of(conditions: Sequence[Condition], facts: Facts) -> int:
    """Which conditions hold: bit `i` is set if `conditions[i]` does."""
    bits = 0
    for index, condition in enumerate(conditions):
        if condition.holds(facts):
            bits |= 1 << index
    return bits


def outcomes(conditions: Sequence[Condition], most: int) -> list[int]:
    """Every way the conditions can turn out together, as `outcome_of` writes it. Raises `TooManyOutcomes`."""
    asked: dict[str, set[OneOf]] = {}
    for part in chain.from_iterable(condition.parts for condition in conditions):
        asked.setdefault(part.dimension, set()).add(part)
    ways = {0}
    answers = [_answers(parts) for parts in asked.values()]
    for tried, true_parts in enumerate(product(*answers)):
        true = frozenset().union(*true_parts) if true_parts else frozenset()
        ways.add(sum(1 << i for i, condition in enumerate(conditions) if true.issuperset(condition.parts)))
        if len(ways) > most or tried > 200_000:
            raise TooManyOutcomes(f"these conditions can turn out together in more than {most} ways")
    return sorted(ways)


def _answers(parts: Iterable[OneOf]) -> list[frozenset[OneOf]]:
    """Which of the questions about one dimension can be true of one value."""
    parts = list(parts)
    words = {word for part in parts for word in part.words}
    literal = {word for word in words if "*" not in word}
    wild = sorted(words - literal)
    if len(wild) > MOST_WILDCARDS:
        raise TooManyOutcomes(f"there are more than {MOST_WILDCARDS} different words with * for one fact")
    some = chain.from_iterable(combinations(wild, size) for size in range(len(wild) + 1))
    of_others = {frozenset(part for part in parts if part.words.intersection(chosen)) for chosen in some}
    of_literals = {frozenset(part for part in parts if part.holds(word)) for word in (*literal, "")}
    return sorted(of_others | of_literals, key=lambda true: (len(true), sorted(map(repr, true))))


@lru_cache(maxsize=1024)
def _pattern(word: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, word.split("*"))), re.DOTALL)

"""The parts of the run, in order: `PARTS` is the whole list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from bench.engine import chunks, footprint, holdback, hostile, whole
from bench.engine.figures import Section
from bench.engine.packs import BOTH_PACKS, collected_as_served, served
from bench.engine.supply import Supply
from bench.ordinary_text import PROSE_SHARE, Piece, installed
from guardproxy.core.policy import Policy

# A shelf is full a piece after it has enough, and a piece that is cut is not always taken up again.
_ROOM: Final = 1.05

Say = Callable[[str], None]


class Material:
    """What the parts share: the text, and one policy that every part uses but those that spoil it."""

    def __init__(self, pieces: Sequence[Piece], say: Say) -> None:
        self.pieces = pieces
        self.supply = Supply(pieces)
        self.say = say

    @cached_property
    def policy(self) -> Policy:
        return served(BOTH_PACKS)


class Part(NamedTuple):
    """`prose`: the characters it takes for itself. `least`: how many it wants to see in all, of every kind."""

    measure: Callable[[Material], list[Section]]
    prose: int = 0
    least: int = 0


# First the processes of their own, while this one is small and idle; the chunks before the texts that take long.
PARTS: Final[dict[str, Part]] = {
    "footprint": Part(lambda m: [footprint.measure(m.pieces, m.say)], least=footprint.TEXTS),
    "chunk": Part(lambda m: [chunks.measure(m.policy, m.supply)], prose=chunks.NEEDED),
    "hold-back": Part(lambda m: [holdback.measure(m.policy, m.supply)], prose=holdback.NEEDED),
    "whole": Part(lambda m: [whole.measure(m.policy, m.supply)], prose=whole.NEEDED, least=5 * whole.NEEDED),
    "hostile": Part(lambda m: hostile.measure(m.policy, m.supply, m.say), prose=hostile.NEEDED),
}


def characters_for(parts: Sequence[str]) -> int:
    """So much ordinary text has to be there."""
    prose = sum(PARTS[part].prose for part in parts)
    return int(_ROOM * max(prose / PROSE_SHARE, *(PARTS[part].least for part in parts)))


def measure(parts: Sequence[str], say: Say) -> Iterator[Section]:
    """The sections of each part, as it is done. Raises BenchError or ConfigurationError."""
    say("engine: reading this Python's own text")
    material = Material(installed(characters_for(parts), say), say)
    with collected_as_served():
        for part in parts:
            say(f"engine: {part}")
            yield from PARTS[part].measure(material)

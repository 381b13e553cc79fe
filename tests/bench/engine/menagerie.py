"""A small policy of our own for the tests of the engine's figures: everything it can find has a digit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any, Final

from bench.engine.hostile_inputs import dotted, drawn
from bench.engine.packs import loaded
from bench.ordinary_text import Kind, Piece
from guardproxy.core.policy import Policy

NAMED_ANIMALS: Final[Mapping[str, Any]] = {
    "version": 1,
    "name": "menagerie",
    "rules": [
        {
            "id": "zoo.zebra",
            "title": "A zebra",
            "detector": "pattern",
            "with": {"pattern": "zebra[0-9]{4}"},
            "applies_to": ["model"],
            "severity": "low",
            "action": "redact",
            "examples": {"match": ["zebra1234", "a zebra{digits:4}"], "pass": ["a zebra"]},
        }
    ],
}

ZEBRAS_IN_A_WINDOW: Final[Mapping[str, Any]] = {
    "version": 1,
    "name": "window",
    "rules": [
        {
            **NAMED_ANIMALS["rules"][0],
            "with": {"pattern": "x(?:[a-z]|[a-m][n-z]){0,99}1"},
            "examples": {"match": ["xzebra1"], "pass": ["a zebra"]},
        }
    ],
}
"""A zebra may begin at every x, so `dear_text` costs much."""


def dear_text(characters: int) -> str:
    return dotted(drawn("xabc"), "1 ", 180)(Random(1), characters)


@cache
def policy() -> Policy:
    return loaded(NAMED_ANIMALS)


def prose(pieces: int) -> list[Piece]:
    """Different texts of 3,000 characters of each ordinary kind, in which nothing is found."""
    kinds = (Kind.PROSE, Kind.CODE, Kind.DOCUMENTATION)
    return [
        Piece(kind, "", f"the zebra {kind} {number} ".ljust(30) * 100) for kind in kinds for number in range(pieces)
    ]

"""A small policy of our own for the tests of the engine's figures: everything it can find has a digit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

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


@cache
def policy() -> Policy:
    return loaded(NAMED_ANIMALS)


def prose(pieces: int) -> list[Piece]:
    """Different texts of 3,000 characters of each ordinary kind, in which nothing is found."""
    kinds = (Kind.PROSE, Kind.CODE, Kind.DOCUMENTATION)
    return [
        Piece(kind, "", f"the zebra {kind} {number} ".ljust(30) * 100) for kind in kinds for number in range(pieces)
    ]

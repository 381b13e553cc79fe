"""Ordinary text that is handed out once, so that nothing is measured on text the engine has seen before."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Final

from bench import BenchError
from bench.ordinary_text import Kind, Piece

_ORDER: Final = "an order that is the same each time and has nothing to do with what the pieces say"


class Supply:
    """The pieces by kind, in a mixed order. What was taken is gone."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._left: dict[Kind, list[str]] = {}
        for piece in pieces:
            self._left.setdefault(piece.kind, []).append(piece.text)
        for texts in self._left.values():
            Random(_ORDER).shuffle(texts)

    def texts(self, kind: Kind, characters: int) -> list[str]:
        """Texts of this kind, so many characters together, the last one cut off. Raises BenchError if none are left."""
        left = self._left.get(kind, [])
        taken: list[str] = []
        while characters > 0:
            if not left:
                raise BenchError(f"this Python installation carries too little text of the kind '{kind}' for this run")
            text = left.pop()
            if len(text) > characters:
                left.append(text[characters:])
            taken.append(text[:characters])
            characters -= len(taken[-1])
        return taken

    def prose(self, characters: int) -> str:
        """So many characters of prose as one text."""
        return "".join(self.texts(Kind.PROSE, characters))


def pieces_of(text: str, size: int) -> list[str]:
    """The text in pieces of `size` characters, the last one shorter where it does not come out even."""
    return [text[at : at + size] for at in range(0, len(text), size)]

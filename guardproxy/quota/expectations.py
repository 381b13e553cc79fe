"""How long answers usually are, for requests that set no cap: nine of ten are no longer than what is reserved.

Kept for each key and model, of the last answers only, so that it follows what the key does now.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from typing import Final

LEAST: Final = 64
"""Tokens that are always expected."""

_ANSWERS: Final = 50
_ENOUGH: Final = 10
_MOST_KEPT: Final = 10_000


class _Lengths:
    """The last answers, in the order they came and in that of their lengths."""

    __slots__ = ("_came", "_sorted")

    def __init__(self) -> None:
        self._came: deque[int] = deque()
        self._sorted: list[int] = []

    def add(self, tokens: int) -> None:
        if len(self._came) == _ANSWERS:
            del self._sorted[bisect_left(self._sorted, self._came.popleft())]
        self._came.append(tokens)
        insort(self._sorted, tokens)

    def usual(self) -> int | None:
        known = self._sorted
        return max(LEAST, known[(len(known) * 9 - 1) // 10]) if len(known) >= _ENOUGH else None


class Expectations:
    """Of keys and models that answer now; those that did so longest ago are forgotten."""

    def __init__(self, most: int = _MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, str], _Lengths] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def usual(self, key_id: str, model: str) -> int | None:
        """Tokens that nine of ten of the last answers did not exceed; None before there were ten."""
        lengths = self._kept.get((key_id, model))
        return None if lengths is None else lengths.usual()

    def learn(self, key_id: str, model: str, tokens: int) -> None:
        """An answer was so long: one choice of one input, as the upstream reported it."""
        name = (key_id, model)
        lengths = self._kept.get(name)
        if lengths is None:
            lengths = self._kept[name] = _Lengths()
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(name)
        lengths.add(tokens)

"""How much was done that could not be looked up, counted in steps: a step takes some half a microsecond.

A text whose states are known costs next to nothing beyond reading it. What is counted is the rest: a state worked out,
a thread moved by a character, a start tried anew, a check, a unit that reads along. So steps say what a text costs that
is written to be dear, on any machine, and a policy can say how many are enough.
"""

from __future__ import annotations


class Work:
    """`done` so far. All machines of a set add to one, and who reads a text takes the difference."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = 0

"""Where places of a text have gone after parts of it were hidden.

From the first hidden character to the last nothing is known but the two ends: what lies before has stayed, what lies
behind has moved by one distance. A range that begins or ends in between is widened to that stretch, so it still holds
what it was about and never points beyond the text.
"""

from __future__ import annotations

from typing import NamedTuple


class Moved(NamedTuple):
    """The stretch from `start` to `end` of the old text was changed; what follows it moved by `shift`."""

    start: int
    end: int
    shift: int

    @staticmethod
    def between(old: str, new: str) -> Moved:
        """What lies between what two texts begin and end with alike."""
        most = min(len(old), len(new))
        start = next((at for at in range(most) if old[at] != new[at]), most)
        rest = most - start
        tail = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
        return Moved(start, len(old) - tail, len(new) - len(old))

    def beginning(self, place: int) -> int:
        """Where a range begins now that began at `place`."""
        if place >= self.end:
            return place + self.shift
        return min(place, self.start)

    def ending(self, place: int) -> int:
        """Where a range ends now that ended before `place`."""
        return place if place <= self.start else max(place, self.end) + self.shift

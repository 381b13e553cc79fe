"""What each shipped policy costs: processor time for a request, for a whole answer, and for a piece of a stream.

    python -m bench.policies

The request holds six messages with 4 KB of ordinary prose, the answer 1 KB; a piece has twelve characters, about three
tokens. Measured is what the policy adds inside the process: looking at the texts and deciding. The figures stand in the
comment at the top of each policy; they are of one machine, and what counts is how they compare. Told as well is how
many characters of such a stream wait at most for the next ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from bench.scenarios import prose
from guardproxy.core.exchange import Provenance, Segment
from guardproxy.core.inspection import OutputGuard, inspect
from guardproxy.core.policy import Policy
from guardproxy.policyfile.catalogue import is_cases_file
from guardproxy.policyfile.compile import load_policy
from guardproxy.policyfile.locate import shipped_policies

MESSAGES = 6
REQUEST = 4096
ANSWER = 1024
PIECE = 12
ROUNDS = 15


class Cost(NamedTuple):
    """Microseconds, and characters."""

    request_us: float
    answer_us: float
    piece_us: float
    waits: int


def cost(policy: Policy, rounds: int = ROUNDS) -> Cost:
    """What the policy costs for ordinary text, the best of several rounds."""
    size = REQUEST // MESSAGES
    text = prose(REQUEST)
    request = [
        Segment(text[at * size : (at + 1) * size], Provenance.USER, ("messages", at, "content"))
        for at in range(MESSAGES)
    ]
    answer = [Segment(prose(ANSWER), Provenance.MODEL, ("choices", 0, "message", "content"))]
    pieces = [prose(ANSWER)[at : at + PIECE] for at in range(0, ANSWER, PIECE)]
    waits = 0

    def stream() -> None:
        nonlocal waits
        guard = OutputGuard(policy).open(("content",))
        for piece in pieces:
            guard.feed(piece)
            waits = max(waits, guard.held)
        guard.finish()

    return Cost(
        best_of(lambda: inspect(policy, request), rounds),
        best_of(lambda: inspect(policy, answer), rounds),
        best_of(stream, rounds) / len(pieces),
        waits,
    )


def main() -> None:
    """Print a table."""
    print(f"{'policy':18} {'request 4 KB':>13} {'answer 1 KB':>13} {'piece':>9} {'waits':>6}")
    for path in sorted(shipped_policies().glob("*.yaml")):
        if not is_cases_file(path):
            one = cost(load_policy(path))
            print(
                f"{path.stem:18} {one.request_us:>10.0f} us {one.answer_us:>10.0f} us "
                f"{one.piece_us:>6.1f} us {one.waits:>6}"
            )


def best_of(work: Callable[[], object], rounds: int) -> float:
    """Microseconds of processor time of the best round, after one that warms up."""
    work()
    found = []
    for _ in range(rounds):
        started = time.process_time_ns()
        for _ in range(10):
            work()
        found.append((time.process_time_ns() - started) / 10_000)
    return min(found)


if __name__ == "__main__":
    main()

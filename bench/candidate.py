"""What a candidate policy costs those who are answered: `python -m bench.candidate [--starts N] [--rounds N]`.

Two proxies run under the default policy, one of them with a candidate beside it, and a third like the first, which says
how far two equal ones come out apart. In each round each of them is asked in turn, the others stopped meanwhile, so
that what a candidate still works on falls on nobody else. Three kinds of load: requests at random moments, 300 a
second, about a tenth of what a core can do (`paced`); as many as 32 connections can (`whole`); and 50 streams
(`stream`). All of it is done with several starts: two processes of one program differ by some hundredths for as long as
they live.

Told are the median and the 99th percentile of the times in which requests were answered (of streams, of the time until
the first content came), and the CPU of the process; and their ratios to the proxy without a candidate. The upstream
answers at once: beside a model's own time all of this is less. The candidate has more packs than the present policy and
would write a limit into each request, so every exchange differs and is written down.

The goal: latency is no more than five in a hundred higher. What the candidate takes of a core is bounded as such.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from statistics import median, quantiles
from typing import Any, Final, NamedTuple

from bench.corpus_report import table
from bench.measure import WARM_UP_S, Bench, started
from bench.processes import Server, end_what_runs_when_told_to
from bench.results import Slice, Spread
from bench.scenarios import SCENARIOS
from bench.subjects import CANDIDATE_LOG, POLICIES, Subject, both_packs, start_guardproxy, unlimited
from guardproxy.audit.comparisons import Compared, Comparison, read_comparisons

GOAL: Final = 1.05
LOADS: Final = ("paced", "whole", "stream")
AWAKE_S: Final = 0.2
REST_S: Final = 60.0
LOOK_S: Final = 0.5
IDLE: Final = 0.05
WITHOUT: Final = "without"
WITH: Final = "with"
CONTROL: Final = "control"


def present() -> dict[str, Any]:
    return unlimited(POLICIES / "default.yaml")


def tried() -> dict[str, Any]:
    """More packs, and a limit that every request is written."""
    policy = both_packs()
    return {**policy, "name": "tried", "limits": {**policy.get("limits", {}), "output_tokens": 500}}


SUBJECTS: Final = (
    Subject(WITHOUT, None, start_guardproxy(present)),
    Subject(WITH, GOAL, start_guardproxy(present, tried)),
    Subject(CONTROL, None, start_guardproxy(present)),
)


class Turn(NamedTuple):
    """How long each request took, in seconds (each stream, until its first content came), and microseconds of CPU for
    a request or a chunk.
    """

    start: int
    load: str
    subject: str
    times: Sequence[float]
    cpu_us: float

    @staticmethod
    def of(start: int, piece: Slice) -> Turn:
        times = [first for first, *_ in piece.arrivals] if piece.arrivals else piece.times
        return Turn(start, piece.scenario, piece.subject, times, piece.cpu_us)


class Cost(NamedTuple):
    """One figure of one subject under one load, of all rounds together: milliseconds, or microseconds of CPU; and its
    ratio to that without a candidate, with the lowest and the highest of those of single starts.
    """

    load: str
    subject: str
    figure: str
    value: float
    ratio: Spread

    @property
    def ok(self) -> bool | None:
        """Of the control nothing is asked, and of CPU nothing in proportion: a candidate may take its share of time."""
        return self.ratio.median <= GOAL if self.subject == WITH and self.figure in LATENCY else None


def p50(turns: Sequence[Turn]) -> float:
    return 1e3 * median(chain.from_iterable(turn.times for turn in turns))


def p99(turns: Sequence[Turn]) -> float:
    """Of each turn by itself, and of those the middle one: so a machine that is away for a moment spoils one turn."""
    return 1e3 * median(quantiles(turn.times, n=100, method="inclusive")[98] for turn in turns)


def cpu(turns: Sequence[Turn]) -> float:
    return median(turn.cpu_us for turn in turns)


LATENCY: Final = {"p50": p50, "p99": p99}
FIGURES: Final = {**LATENCY, "cpu": cpu}


def costs(turns: Sequence[Turn]) -> list[Cost]:
    """Of each load and subject each figure, in the order measured."""
    measured: dict[tuple[str, str], list[Turn]] = {}
    for turn in turns:
        measured.setdefault((turn.load, turn.subject), []).append(turn)
    return [
        Cost(load, subject, name, figure(of_subject), _ratio(figure, of_subject, measured[load, WITHOUT]))
        for (load, subject), of_subject in measured.items()
        for name, figure in FIGURES.items()
    ]


def _ratio(figure: Callable[[Sequence[Turn]], float], turns: Sequence[Turn], without: Sequence[Turn]) -> Spread:
    of_starts = [
        figure([turn for turn in turns if turn.start == start])
        / figure([turn for turn in without if turn.start == start])
        for start in {turn.start for turn in turns}
    ]
    return Spread(figure(turns) / figure(without), min(of_starts), max(of_starts))


def measure(
    starts: int, rounds: int, seconds: float, loads: Sequence[str], say: Callable[[str], None]
) -> tuple[list[Cost], int]:
    """The costs, and how many exchanges were compared meanwhile."""
    turns: list[Turn] = []
    compared = 0
    for start in range(starts):
        with started(SUBJECTS, say) as bench:
            come_to_rest(bench.servers)
            for load in loads:
                for server in bench.servers:
                    bench.load(server, SCENARIOS[load], min(WARM_UP_S, seconds))
            for number in range(rounds):
                turns += _round(bench, start, number, loads, seconds)
                say(f"start {start + 1} of {starts}, round {number + 1} of {rounds} is over")
            log = next(server.log.parent for server in bench.servers if server.name == WITH) / CANDIDATE_LOG
            compared += sum(map(_is_difference, read_comparisons(log) if log.exists() else ()))
    return costs(turns), compared


def _is_difference(line: Comparison | Compared) -> bool:
    return isinstance(line, Comparison)


def _round(bench: Bench, start: int, number: int, loads: Sequence[str], seconds: float) -> Iterator[Turn]:
    for load in loads:
        # In another order each time: what goes before has its effect on what comes behind.
        for server in _turned(bench.servers, number):
            with stopped([other for other in bench.servers if other is not server]):
                time.sleep(AWAKE_S)  # what was due while it was stopped is not the load's doing
                yield Turn.of(start, bench.slice(server, SCENARIOS[load], number, seconds))


def _turned(servers: Sequence[Server], number: int) -> Sequence[Server]:
    first = number % len(servers)
    return [*servers[first:], *servers[:first]]


def come_to_rest(servers: Sequence[Server]) -> None:
    """Return when they do nothing any more: a policy that was just taken is prepared beside the first traffic."""
    deadline = time.monotonic() + REST_S
    rests = 0
    while rests < 3 and time.monotonic() < deadline:
        before = sum(server.cpu_seconds() for server in servers)
        time.sleep(LOOK_S)
        rests = rests + 1 if sum(server.cpu_seconds() for server in servers) - before < IDLE * LOOK_S else 0


@contextmanager
def stopped(servers: Sequence[Server]) -> Iterator[None]:
    """The servers get no time while the block runs."""
    for server in servers:
        os.kill(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for server in servers:
            os.kill(server.process.pid, signal.SIGCONT)


def render(found: Sequence[Cost], compared: int) -> str:
    rows = [["load", "proxy", "", "", "", "ratio", "goal"]]
    for cost in found:
        said = {None: "", True: f"<= {GOAL}: met", False: f"<= {GOAL}: missed"}[cost.ok]
        value, unit = (f"{cost.value:.0f}", "us") if cost.figure == "cpu" else (f"{cost.value:.2f}", "ms")
        ratio = "" if cost.subject == WITHOUT else cost.ratio.shown(2)
        rows.append([cost.load, cost.subject, cost.figure, value, unit, ratio, said])
    return f"{table(rows)}\n{compared} exchanges were compared with the candidate"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5, help="of each start")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each proxy under each load, in each round")
    parser.add_argument("--only", choices=LOADS, action="append", help="this load (all)")
    options = parser.parse_args(arguments)
    found = measure(
        options.starts, options.rounds, options.seconds, options.only or LOADS, partial(print, file=sys.stderr)
    )
    print(render(*found))


if __name__ == "__main__":
    end_what_runs_when_told_to()
    main(sys.argv[1:])

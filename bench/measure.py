"""The run: everything is started, then each round measures each scenario on each subject in turn."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench import BenchError
from bench.load import Report
from bench.processes import Cores, Driver, Server, driver
from bench.results import FLOOR, Slice
from bench.scenarios import Scenario
from bench.subjects import KEY, Place, Subject, start_upstream

WARM_UP_S: Final = 1.0
SETTLE_S: Final = 0.05

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """The subjects, each ready, with an upstream behind them, and the driver."""

    servers: Sequence[Server]
    driver: Driver

    def load(self, server: Server, scenario: Scenario, seconds: float) -> Report:
        job = {"port": server.port, "key": KEY, "scenario": scenario.name, "seconds": seconds}
        try:
            report = Report(**self.driver.run(job))
        except BenchError as error:
            raise server.failure(f"{scenario.name}: {error}") from None
        if report.requests == 0:
            raise BenchError(f"{server.name}: {scenario.name}: the driver sent nothing")
        return report

    def slice(self, server: Server, scenario: Scenario, turn: int, seconds: float) -> Slice:
        """CPU is read while the subject is idle, before the first and after the last request: whole requests count."""
        before = server.cpu_seconds()
        report = self.load(server, scenario, seconds)
        time.sleep(SETTLE_S)
        used = server.cpu_seconds() - before
        units = report.chunks if scenario.streamed else report.requests
        return Slice(
            scenario.name, server.name, turn, used, units, report.reads, report.seconds, report.arrivals, report.times
        )


def measure(
    subjects: Sequence[Subject], scenarios: Sequence[Scenario], rounds: int, seconds: float, say: Say
) -> list[Slice]:
    """`rounds` of about `seconds` for each subject and scenario.

    Short turns: what else a machine does changes within seconds, and a ratio is only as good as its two slices are
    close. Raises BenchError if any reply of any subject was not right.
    """
    with started(subjects, say) as bench:
        for scenario in scenarios:
            for server in bench.servers:
                bench.load(server, scenario, min(WARM_UP_S, seconds / 2))
        say(f"warm; {rounds} rounds, {len(subjects) * len(scenarios) * seconds:g} s each or a little more")
        slices: list[Slice] = []
        for number in range(rounds):
            for scenario in scenarios:
                measured = list(_round(bench, scenario, number, seconds))
                slices += measured
                say(f"round {number + 1}/{rounds}  {scenario.name:<8}  {_figures(measured)}")
        return slices


def _round(bench: Bench, scenario: Scenario, number: int, seconds: float) -> Iterator[Slice]:
    for turn in range(number * scenario.turns, (number + 1) * scenario.turns):
        for server in bench.servers:
            yield bench.slice(server, scenario, turn, seconds / scenario.turns)


@contextmanager
def started(subjects: Sequence[Subject], say: Say) -> Iterator[Bench]:
    """The subjects while the block runs, ready, with all they need."""
    cores = Cores.choose()
    with tempfile.TemporaryDirectory(prefix="guardproxy-bench-") as folder, ExitStack() as stack:
        upstream = stack.enter_context(start_upstream(Path(folder), cores.rest))
        place = Place(Path(folder), upstream.port, cores.subject)
        servers = []
        for subject in subjects:
            say(f"starting {subject.name}")
            servers.append(stack.enter_context(subject.start(subject.name, place)))
        yield Bench(servers, stack.enter_context(driver(cores.rest)))


def _figures(measured: Sequence[Slice]) -> str:
    names = dict.fromkeys(piece.subject for piece in measured)
    figures = {name: median(piece.cpu_us for piece in measured if piece.subject == name) for name in names}
    floor = figures.get(FLOOR, 0.0)
    return "  ".join(f"{name} {us:.0f} µs" + (f" ({us / floor:.2f}x)" if floor else "") for name, us in figures.items())

"""`python -m tests.chaos [--rounds N] [--seed N]`: exits 1 if an account is not what it must be."""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import typer

from tests.chaos.campaign import FAULTS, Report, burst, cut_off, death, failover, storm

Run = Callable[[Path], Coroutine[Any, Any, Report]]


def runs(rounds: int, rng: random.Random) -> list[tuple[str, Run]]:
    """Each kind of run on each kind of server, with faults in an order of chance."""
    chosen: list[tuple[str, Run]] = []
    for _ in range(rounds):
        for kind in ("redis", "valkey"):
            seed = rng.randrange(2**32)
            faults = random.Random(seed).choices(list(FAULTS), k=8)
            chosen += [
                (f"{kind}: 2,000 calls at once", partial(burst, kind)),
                (f"{kind}: a proxy is killed", partial(death, kind)),
                (f"{kind}: a proxy stands still", partial(cut_off, kind)),
                (f"{kind}, seed {seed}: {', '.join(faults)}", partial(storm, kind, seed=seed, faults=faults)),
            ]
        seed = rng.randrange(2**32)
        chosen.append((f"valkey, seed {seed}: failover", partial(failover, "valkey", seed=seed)))
    return chosen


def main() -> int:
    asked = argparse.ArgumentParser(description="Do everything to a store and its proxies that may happen to them.")
    asked.add_argument("--rounds", type=int, default=2)
    asked.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    options = asked.parse_args()
    typer.echo(f"seed {options.seed}")
    wrong = 0
    for name, run in runs(options.rounds, random.Random(options.seed)):
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            report = asyncio.run(run(Path(folder)))
        wrong += bool(report.faults)
        verdict = "WRONG" if report.faults else "exact"
        typer.echo(f"{verdict}  {time.monotonic() - started:5.1f} s  {name}  {report.notes or ''}")
        for fault in report.faults:
            typer.echo(f"       {fault}", err=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.fuzz [--requests N] [--seed N]`: exits 1 if anything happened that must not."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

import typer

from tests.fuzz.campaign import campaign


def main() -> int:
    asked = argparse.ArgumentParser(description="Send malformed requests to a running proxy.")
    asked.add_argument("--requests", type=int, default=20_000)
    asked.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    options = asked.parse_args()
    typer.echo(f"{options.requests:,} requests from seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(campaign(options.requests, options.seed, Path(folder)))
    typer.echo(str(report))
    for fault in report.faults[:50]:
        typer.echo(fault, err=True)
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())

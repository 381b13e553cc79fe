"""`python -m bench`: measure, print a table, and with --check fail when a target is exceeded."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Final

from bench import BenchError, micro
from bench.measure import measure
from bench.results import FLOOR, Row, as_json, render, summarise
from bench.scenarios import SCENARIOS
from bench.subjects import SUBJECTS

DEFAULT_SCENARIOS: Final = ("whole", "stream")
DEFAULT_SUBJECTS: Final = (FLOOR, "empty-policy", "default-policy")
DEFAULT_ROUNDS: Final = 9
DEFAULT_SECONDS: Final = 2.0

EXCEEDED: Final = 1
FAILED: Final = 2


def _words(known: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        words = list(dict.fromkeys(text.split(",")))
        if unknown := sorted(set(words) - set(known)):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; choose from {', '.join(known)}")
        return words

    return parse


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="CPU time of guardproxy for a request and for a streamed chunk, as a ratio to a bare proxy of "
        "aiohttp and uvloop (the floor) measured in the same rounds.",
        epilog="Exit code: 0, or 1 with --check when a target is exceeded, or 2 when the run failed.",
    )
    parser.add_argument(
        "what",
        nargs="?",
        default="load",
        choices=["load", "micro"],
        help="load (default): whole proxies; micro: the parts of guardproxy, in this process",
    )
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="rounds to take medians of (%(default)s)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=DEFAULT_SECONDS,
        help="measured time a round, for each subject and scenario (%(default)s)",
    )
    parser.add_argument(
        "--only",
        default=list(DEFAULT_SCENARIOS),
        type=_words(list(SCENARIOS)),
        metavar="NAMES",
        help=f"scenarios, comma-separated, of {', '.join(SCENARIOS)} ({','.join(DEFAULT_SCENARIOS)})",
    )
    parser.add_argument(
        "--subjects",
        default=list(DEFAULT_SUBJECTS),
        type=_words(list(SUBJECTS)),
        metavar="NAMES",
        help=f"of {', '.join(SUBJECTS)}; the floor is always one ({','.join(DEFAULT_SUBJECTS)})",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a median ratio exceeds its target")
    return parser


def _machine() -> dict[str, str]:
    libraries = {name: version(name) for name in ("guardproxy", "aiohttp", "uvloop")}
    return {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}", **libraries}


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


def _print(rows: Sequence[Row], options: argparse.Namespace) -> None:
    settings = {"rounds": options.rounds, "seconds": options.seconds}
    if options.json:
        print(json.dumps({"machine": _machine(), **settings, "results": as_json(rows)}, indent=2))
        return
    print()
    print(render(rows))
    print(f"\nmedian (middle half of the turns) of {options.rounds} rounds; x floor within each turn; ", end="")
    print(", ".join(f"{name} {value}" for name, value in _machine().items()))


def exit_code(rows: Sequence[Row], *, check: bool) -> int:
    """Tell which targets are exceeded; that is a failure where it is to be checked."""
    missed = [row for row in rows if row.ok is False]
    for row in missed:
        _say(f"{row.scenario}: {row.subject} is at {row.ratio.median:.2f}x the floor, its target is {row.target:g}x")
    return EXCEEDED if missed and check else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.rounds < 1 or not 0 < options.seconds <= 60:
        parser.error("--rounds must be at least 1, --seconds above 0 and at most 60")
    try:
        return _micro(options) if options.what == "micro" else _load(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return FAILED


def _load(options: argparse.Namespace) -> int:
    names = list(dict.fromkeys([FLOOR, *options.subjects]))
    subjects = [SUBJECTS[name] for name in names]
    slices = measure(subjects, [SCENARIOS[name] for name in options.only], options.rounds, options.seconds, _say)
    rows = summarise(slices, {subject.name: subject.target for subject in subjects if subject.target})
    _print(rows, options)
    return exit_code(rows, check=options.check)


def _micro(options: argparse.Namespace) -> int:
    timings = micro.measure(micro.PARTS, options.rounds)
    print(json.dumps([timing.as_json() for timing in timings], indent=2) if options.json else micro.render(timings))
    return 0


if __name__ == "__main__":
    sys.exit(main())

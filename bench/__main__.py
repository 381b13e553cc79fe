"""`python -m bench`: measure, print tables, and with --check fail when a target is missed."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from bench import BenchError, first_token, micro, results
from bench.engine import figures
from bench.engine import run as engine
from bench.first_token import FirstToken, first_tokens
from bench.measure import measure
from bench.processes import end_what_runs_when_told_to
from bench.results import FLOOR, Row, summarise
from bench.scenarios import SCENARIOS
from bench.subjects import SUBJECTS
from guardproxy.errors import ConfigurationError

DEFAULT_SCENARIOS: Final = ("whole", "stream")
DEFAULT_SUBJECTS: Final = (FLOOR, "empty-policy", "default-policy", "both-packs")
DEFAULT_ROUNDS: Final = 7
DEFAULT_SECONDS: Final = 2.0

MISSED: Final = 1
FAILED: Final = 2

Json = Mapping[str, Any]
Outcome = tuple[Json, list[str]]
"""What was measured, for a machine, and a line for each target that was missed."""


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
        "aiohttp and uvloop (the floor) measured in the same rounds; then what looking for all rules costs by itself.",
        epilog="Exit code: 0, or 1 with --check when a target is missed, or 2 when the run failed.",
    )
    parser.add_argument(
        "what",
        nargs="?",
        default="all",
        choices=["all", "load", "engine", "micro"],
        help="all (default): load, then engine; load: whole proxies; engine: both packs on ordinary and hostile text, "
        "in this process; micro: the parts of guardproxy, in this process",
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
    parser.add_argument(
        "--parts",
        default=list(engine.PARTS),
        type=_words(list(engine.PARTS)),
        metavar="NAMES",
        help=f"parts of engine, of {', '.join(engine.PARTS)} (all)",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed, naming it")
    return parser


def _machine() -> dict[str, str]:
    libraries = {name: version(name) for name in ("guardproxy", "aiohttp", "uvloop")}
    return {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}", **libraries}


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


def missed_loads(rows: Sequence[Row], firsts: Sequence[FirstToken]) -> list[str]:
    """A line for each target that whole proxies missed."""
    return [
        *(
            f"{row.scenario}: {row.subject} is at {row.ratio.median:.2f}x the floor, its target is {row.target:g}x"
            for row in rows
            if row.ok is False
        ),
        *(
            f"{row.scenario}: the first content of {row.subject} waits for {row.chunks:g} chunks in the median stream, "
            f"its target is {row.target:g}"
            for row in firsts
            if row.ok is False
        ),
    ]


def missed_figures(sections: Sequence[figures.Section]) -> list[str]:
    """A line for each target that the engine missed."""
    return [
        f"{section.part}: {figure.name.strip()} is at {figure.shown} {figure.unit}, its target is {figure.held}"
        for section in sections
        for figure in section.missed
    ]


def exit_code(missed: Sequence[str], *, check: bool) -> int:
    """Tell which targets are missed; that is a failure where it is to be checked."""
    for line in missed:
        _say(line)
    return MISSED if missed and check else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.rounds < 1 or not 0 < options.seconds <= 60:
        parser.error("--rounds must be at least 1, --seconds above 0 and at most 60")
    try:
        return _micro(options) if options.what == "micro" else _measured(options)
    except (BenchError, ConfigurationError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return FAILED


def _measured(options: argparse.Namespace) -> int:
    values: dict[str, Any] = {"machine": _machine()}
    missed: list[str] = []
    for name, part in (("load", _load), ("engine", _engine)):
        if options.what in ("all", name):
            told, lines = part(options)
            values |= told
            missed += lines
    if options.json:
        print(json.dumps(values, indent=2))
    else:
        print("\n" + ", ".join(f"{name} {value}" for name, value in values["machine"].items()))
    return exit_code(missed, check=options.check)


def _load(options: argparse.Namespace) -> Outcome:
    names = list(dict.fromkeys([FLOOR, *options.subjects]))
    subjects = [SUBJECTS[name] for name in names]
    slices = measure(subjects, [SCENARIOS[name] for name in options.only], options.rounds, options.seconds, _say)
    rows = summarise(slices, {subject.name: subject.target for subject in subjects if subject.target})
    firsts = first_tokens(slices, {s.name: s.first_token for s in subjects if s.first_token is not None})
    if not options.json:
        print(f"\n{results.render(rows)}\n")
        if firsts:
            print(f"{first_token.render(firsts)}\n")
        print(f"median (middle half of the turns) of {options.rounds} rounds; x floor within each turn", flush=True)
    settings = {"rounds": options.rounds, "seconds": options.seconds}
    told = {**settings, "results": results.as_json(rows), "first_token": first_token.as_json(firsts)}
    return told, missed_loads(rows, firsts)


def _engine(options: argparse.Namespace) -> Outcome:
    sections: list[figures.Section] = []
    for section in engine.measure(options.parts, _say):
        sections.append(section)
        if not options.json:
            print(f"\n{figures.render([section])}", flush=True)
    return {"engine": figures.as_json(sections)}, missed_figures(sections)


def _micro(options: argparse.Namespace) -> int:
    timings = micro.measure(micro.PARTS, options.rounds)
    print(json.dumps([timing.as_json() for timing in timings], indent=2) if options.json else micro.render(timings))
    return 0


if __name__ == "__main__":
    end_what_runs_when_told_to()
    sys.exit(main())

"""`python -m bench.corpus`, which is `make corpus`: what the rules find where there is nothing to find.

A guard that cries wolf is switched off, so false alarms are counted on ordinary text and held against a written budget,
rule by rule. Labelled text, where somebody has it, gives recall as well.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from bench import BenchError
from bench.budget import MILLION, SHIPPED, Budget, Judgement, pack_of, read_budget
from bench.corpus_report import (
    labelled_values,
    ordinary_values,
    render_labelled,
    render_ordinary,
    render_shown,
)
from bench.detection import Labelled, Ordinary, Reading, count_labelled, count_ordinary
from bench.named_text import named, read_records
from bench.ordinary_text import installed
from bench.ruleset import Ruleset, load_ruleset, shipped_rules
from bench.tables import SHIPPED as TABLES_BUDGET
from bench.tables import tables
from guardproxy.errors import ConfigurationError

EXCEEDED: Final = 1
FAILED: Final = 2

_EXAMPLES: Final = """\
examples:
  python -m bench.corpus                                  every shipped rule, on ordinary text
  python -m bench.corpus --check                          the same; exit 1 when a budget is exceeded
  python -m bench.corpus --packs secrets --show 5         look at what a pack finds
  python -m bench.corpus --policy my.yaml notes/          the active rules of a policy, also on texts of yours
  python -m bench.corpus --installed 0 --labelled a.jsonl.gz b.jsonl.gz --by source

Ordinary text is what every Python installation carries: doc strings and comments, code, documentation. Nothing is
downloaded. Generated tables of numbers are counted by themselves, against a budget of their own (bench/tables.yaml).
TEXT is any UTF-8 file, a folder of them, or .jsonl[.gz] with "text" in each line. Labelled files hold one object a
line: "text", "label" (benign and clean mean: nothing to find), and optionally "position" (operator, user, tool,
document or model: then only the rules for that position are held against it, as in the proxy; see --everywhere) and
"spans" ([{"start", "end", "type"}]: what there is to find). Excerpts are masked.

exit code: 0, or 1 with --check when a rule or a pack exceeds its budget, or 2 when the run failed.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.corpus",
        description="Count what each rule finds in ordinary text (false alarms), and in labelled text.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("texts", nargs="*", type=Path, metavar="TEXT", help="more ordinary text: files and folders")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="measure this policy's active rules")
    parser.add_argument(
        "--packs",
        default=[],
        type=lambda text: list(dict.fromkeys(text.split(","))),
        metavar="NAMES",
        help="measure these packs only, comma-separated (default: all shipped packs, or all of the policy)",
    )
    parser.add_argument(
        "--installed",
        type=float,
        default=10,
        metavar="MILLIONS",
        help="how many million characters of this Python's own text (%(default)s); 0: only what is named",
    )
    parser.add_argument(
        "--tables",
        type=float,
        metavar="MILLIONS",
        help="how many million characters of generated tables (a tenth of --installed)",
    )
    parser.add_argument("--labelled", nargs="+", default=[], type=Path, metavar="FILE", help="labelled .jsonl[.gz]")
    parser.add_argument("--everywhere", action="store_true", help="labelled: all rules, whatever the position")
    parser.add_argument("--by", default="kind", metavar="FIELD", help="labelled: group texts by this field (kind)")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="show N masked findings of each rule")
    parser.add_argument("--all", action="store_true", help="also list the rules that found nothing")
    parser.add_argument("--budget", type=Path, default=SHIPPED, metavar="FILE", help="budget (bench/budget.yaml)")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a budget is exceeded or missing")
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of tables")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.tables is None:
        options.tables = options.installed / 10
    if not (0 <= options.installed <= 1000 and 0 <= options.tables <= 1000) or options.show < 0:
        parser.error("--installed and --tables must be from 0 to 1000, --show at least 0")
    try:
        return _run(options)
    except (BenchError, ConfigurationError) as error:
        print("\n".join(f"corpus: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return FAILED


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


class Results(NamedTuple):
    ruleset: Ruleset
    ordinary: Ordinary | None
    judgements: list[Judgement]
    tables: Ordinary | None
    of_tables: list[Judgement]
    labelled: Labelled | None


def _run(options: argparse.Namespace) -> int:
    started = time.monotonic()
    ruleset = load_ruleset(options.policy, options.packs)
    if not ruleset.active:
        raise BenchError("there are no active rules to measure")
    budget = read_budget(options.budget, {*shipped_rules(), *ruleset.active})
    pieces = [*named(options.texts, _say), *installed(round(options.installed * MILLION), _say)]
    if not pieces and not options.tables and not options.labelled:
        raise BenchError("there is no text to measure; name some, or leave --installed as it is")
    ordinary = count_ordinary(ruleset, pieces, options.show, _say) if pieces else None
    judgements = _judged(budget, ordinary)
    rows = tables(round(options.tables * MILLION))
    in_tables = count_ordinary(ruleset, rows, options.show, _say) if rows else None
    judged = _judged(read_budget(TABLES_BUDGET, {*shipped_rules(), *ruleset.active}), in_tables)
    # Who measures packs of their own need not write a budget for tables.
    of_tables = [judgement for judgement in judged if judgement.where is not None]
    labelled = _labelled(ruleset, options) if options.labelled else None
    _print(Results(ruleset, ordinary, judgements, in_tables, of_tables, labelled), options)
    _say(f"done in {time.monotonic() - started:.0f} s")
    return exit_code([*judgements, *of_tables], ordinary, options.budget, check=options.check)


def _judged(budget: Budget, ordinary: Ordinary | None) -> list[Judgement]:
    if ordinary is None:
        return []
    findings = {rule: count.findings.total() for rule, count in ordinary.rules.items()}
    return budget.judge(findings, ordinary.characters.total())


def _labelled(ruleset: Ruleset, options: argparse.Namespace) -> Labelled:
    records = chain.from_iterable(map(read_records, options.labelled))
    return count_labelled(ruleset, records, Reading(options.everywhere, options.by, options.show), _say)


def exit_code(judgements: Sequence[Judgement], ordinary: Ordinary | None, budget: Path, *, check: bool) -> int:
    """Tell what exceeds its budget and what to do; that is a failure where it is to be checked."""
    if check and ordinary is None:
        raise BenchError("--check needs ordinary text: name some, or leave --installed as it is")
    if ordinary and check and (characters := ordinary.characters.total()) < MILLION:
        _say(f"{characters:,} characters say little about findings per million; give a million or more")
    missed = [judgement for judgement in judgements if not judgement.ok]
    for judgement in missed:
        if judgement.where is not None:
            _say(exceeded(judgement))
        elif "." not in judgement.name:
            _say(f"{judgement.name}: this pack has no budget; write one under 'packs' in {budget}")
    return EXCEEDED if missed and check else 0


def exceeded(judgement: Judgement) -> str:
    """Which rule or pack, by how much, and what to do about it."""
    pack = pack_of(judgement.name)
    told = f"{judgement.name}: {judgement.findings:,} findings are {judgement.rate:.2f} per million characters of "
    told += f"ordinary text; its budget is {judgement.allowed:g} ({judgement.where}). "
    if judgement.name == pack:
        return f"{told}Look at its rules with --packs {pack} --show 5 and make the loudest stricter"
    return (
        f"{told}Look at them with --packs {pack} --show 20; make the rule stricter and add a `pass` example, or, where "
        "they are right, write the rule a line of its own with the reason"
    )


def _print(results: Results, options: argparse.Namespace) -> None:
    policy, ordinary, labelled = results.ruleset.policy, results.ordinary, results.labelled
    machine = {"python": platform.python_version(), "guardproxy": version("guardproxy")}
    if options.json:
        values: dict[str, object] = {"machine": machine, "policy": {"name": policy.name, "revision": policy.revision}}
        if ordinary:
            values["ordinary"] = ordinary_values(ordinary, results.judgements)
        if results.tables:
            values["tables"] = ordinary_values(results.tables, results.of_tables)
        if labelled:
            values["labelled"] = labelled_values(labelled)
        print(json.dumps(values, indent=2))
        return
    rules = results.ruleset.active
    packs = ", ".join(sorted(set(map(pack_of, rules))))
    parts = [f"{len(rules)} rules ({packs}), policy {policy.name}@{policy.revision}, Python {machine['python']}"]
    if ordinary:
        parts.append(render_ordinary(ordinary, results.judgements, options.all))
        parts += [render_shown("findings in ordinary text", ordinary.rules)] if options.show else []
    if results.tables:
        parts.append(render_ordinary(results.tables, results.of_tables, options.all))
        parts += [render_shown("findings in generated tables", results.tables.rules)] if options.show else []
    if labelled:
        parts.append(render_labelled(labelled, options.by))
        parts += [render_shown("false alarms in labelled text", labelled.rules)] if options.show else []
    print("\n\n".join(parts))


if __name__ == "__main__":
    sys.exit(main())

"""`guardproxy candidate`: what would change if the candidate policy were the present one?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guardproxy.cli.read_settings import ConfigOption, read_settings

if TYPE_CHECKING:
    from guardproxy.audit.comparisons import Comparison

candidate_app = typer.Typer(
    name="candidate",
    no_args_is_help=True,
    help="A policy that is held against live traffic beside the present one, without any effect.",
)


@candidate_app.command("diff")
def diff(
    file: Annotated[
        Path | None, typer.Option(help="What a proxy wrote. Default: policies.candidate_log of the settings.")
    ] = None,
    show: Annotated[int, typer.Option(help="Excerpts for each rule.", min=0, max=100)] = 3,
    every: Annotated[bool, typer.Option("--all", help="All revisions of the candidate, not only the last.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show what the candidate would have done otherwise, decision by decision and rule by rule.

    A proxy whose settings name a file under `policies.candidate` holds its traffic against that policy too. Excerpts
    are masked: everything either policy hides is hidden in them.

        guardproxy candidate diff

        guardproxy candidate diff --show 10

        guardproxy candidate diff --file candidate.jsonl --json
    """
    import json

    from guardproxy.audit.comparisons import read_comparisons
    from guardproxy.errors import ConfigurationError

    path = file or Path(read_settings(config).policies.candidate_log)
    try:
        report = summary(read_comparisons(path), every=every, show=show)
    except OSError as error:
        raise ConfigurationError(
            f"{path}: {error.strerror}; a proxy writes it once policies.candidate names a policy and traffic came"
        ) from error
    typer.echo(json.dumps(report, ensure_ascii=False) if as_json else "\n".join(_lines(report)))


def summary(lines: Iterator[Any], *, every: bool, show: int) -> dict[str, Any]:
    """What stands in the file, counted: of the last revision of the candidate, or of all."""
    from guardproxy.audit.comparisons import Comparison

    read = list(lines)
    last = _base(read[-1].candidate) if read else ""
    read = [line for line in read if every or _base(line.candidate) == last]
    differences = [line for line in read if isinstance(line, Comparison)]
    counts = [line for line in read if not isinstance(line, Comparison)]
    decisions = Counter((one.before, one.after) for one in differences if one.before != one.after)
    return {
        "candidate": sorted({_base(line.candidate) for line in read}),
        "present": sorted({_base(one.current) for one in differences}),
        "compared": max(sum(one.compared for one in counts), len(differences)),
        "different": len(differences),
        "left_out": sum(one.left_out for one in counts),
        "failed": sum(one.failed for one in counts),
        "cause": next((one.cause for one in reversed(counts) if one.cause), ""),
        "decisions": [
            {"before": before, "after": after, "exchanges": count} for (before, after), count in decisions.most_common()
        ],
        "rules": list(_rules(differences, show)),
    }


def _base(tag: str) -> str:
    """The policy and its revision, whatever its conditions made of it."""
    name, _, revision = tag.partition("@")
    return f"{name}@{revision.partition('-')[0]}"


def _rules(differences: list[Comparison], show: int) -> Iterator[dict[str, Any]]:
    seen: dict[tuple[str, str, str, str], list[tuple[str, str]]] = {}
    for one in differences:
        for change in one.rules:
            key = (change.rule, change.direction, change.before, change.after)
            seen.setdefault(key, []).append((one.request_id, change.excerpt))
    for (rule, direction, before, after), exchanges in sorted(seen.items(), key=lambda item: -len(item[1])):
        shown = [{"request_id": name, "excerpt": excerpt} for name, excerpt in exchanges if excerpt]
        yield {
            "rule": rule,
            "direction": direction,
            "before": before,
            "after": after,
            "exchanges": len(exchanges),
            "excerpts": shown[-show:] if show else [],
        }


def _lines(report: dict[str, Any]) -> Iterator[str]:
    from guardproxy.core.excerpt import printable

    if not report["candidate"]:
        yield "nothing was compared yet"
        return
    yield f"candidate {', '.join(report['candidate'])} beside {', '.join(report['present']) or 'the present policy'}"
    left_out = f", {report['left_out']} left out" if report["left_out"] else ""
    yield f"{report['compared']} exchanges compared, {report['different']} would be different{left_out}"
    if report["failed"]:
        yield f"{report['failed']} could not be compared, a mistake of guardproxy's: {printable(report['cause'])}"
    for one in report["decisions"]:
        yield f"  {one['before']} -> {one['after']}: {one['exchanges']}"
    for one in report["rules"]:
        change = f"{one['before']} -> {one['after']} in {one['exchanges']} {one['direction']}s"
        yield f"{printable(one['rule'])}: {change}"
        for shown in one["excerpts"]:
            yield f"    {printable(shown['request_id'])}  {printable(shown['excerpt'])}"

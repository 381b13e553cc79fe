"""`guardproxy incidents`: read what was blocked, and find the rule that did it."""

from __future__ import annotations

import heapq
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from guardproxy.core.excerpt import printable

# What reads the file is imported by the commands: `guardproxy --help` must not wait for it.
if TYPE_CHECKING:
    from guardproxy.audit.incidents import BadLine
    from guardproxy.audit.record import AuditFinding, Incident

incidents_app = typer.Typer(
    name="incidents",
    no_args_is_help=True,
    help="Read what was blocked: which rule, whose key, and the masked surroundings of the match.",
)

NEWEST: Final = "last"
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_COLUMNS: Final = ("incident", "time (UTC)", "action", "where", "key", "model", "rules")
_COLOURS: Final = {"block": typer.colors.RED, "redact": typer.colors.YELLOW}

FileOption = Annotated[
    Path,
    typer.Option("--file", envvar="GUARDPROXY_INCIDENTS", help="The incident file that `guardproxy serve` appends to."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs, instead of text for people.")]
DEFAULT_FILE: Final = Path("incidents.jsonl")


@incidents_app.command("list")
def list_incidents(
    file: FileOption = DEFAULT_FILE,
    rule: Annotated[
        str | None, typer.Option(help="Only this rule (secrets.openai-key), or all of a pack (secrets).")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only the key of this name or id.")] = None,
    since: Annotated[str | None, typer.Option(help="Only the last while: 90s, 30m, 2h, 7d, 1w.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """The newest incidents first, one a line.

    guardproxy incidents list --since 2h

    guardproxy incidents list --rule injection --key alice

    guardproxy incidents list --json | jq .rules
    """
    after_ms = 0 if since is None else time.time_ns() // 1_000_000 - _duration_ms(since)
    matching = (
        incident
        for incident in _read(file)
        if incident.time_ms >= after_ms
        and (rule is None or any(_is_or_of_pack(found, rule) for found in incident.rules))
        and (key is None or key in (incident.key_name, incident.key_id))
    )
    newest = heapq.nlargest(limit, matching, key=_age_order)
    if as_json:
        for incident in newest:
            _print_json(incident)
    elif newest:
        _print_table([_COLUMNS, *map(_row, newest)])
        typer.echo(f"\nSee one whole: guardproxy incidents show {_safe(newest[0].id)}")
    elif file.exists():
        typer.echo(f"No incident in {file} is like that." if rule or key or since else f"No incident in {file} yet.")


@incidents_app.command("show")
def show_incident(
    incident: Annotated[str, typer.Argument(help="An id, the beginning of one, or `last` for the newest.")],
    file: FileOption = DEFAULT_FILE,
    as_json: JsonOption = False,
) -> None:
    """All of one incident: the decision, the masked match with its surroundings, where to look at the rule.

    guardproxy incidents show last

    guardproxy incidents show inc_01k

    The id of an incident also stands in the error that the blocked caller got.
    """
    found = _find(_read(file), incident)
    if found is not None and as_json:
        _print_json(found)
    elif found is not None:
        _print_whole(found)
    elif incident != NEWEST:
        typer.echo(f"No incident {_safe(incident)} there; `guardproxy incidents list` shows what is.", err=True)
        raise typer.Exit(1)
    elif file.exists():
        typer.echo(f"No incident in {file} yet.", err=True)


def _read(file: Path) -> Iterator[Incident]:
    """All incidents of the file; without one, none and a word about it. Unusable lines are reported at the end."""
    from guardproxy.audit.incidents import read_incidents

    bad: list[BadLine] = []
    try:
        yield from read_incidents(file, bad.append)
    except FileNotFoundError:
        typer.echo(f"No incidents yet: no file {file}. `guardproxy serve` makes it at the first block.", err=True)
    except OSError as error:
        typer.echo(f"{file} cannot be read: {error.strerror}. Name one with --file or GUARDPROXY_INCIDENTS.", err=True)
        raise typer.Exit(2) from None
    if bad:
        shown = ", ".join(f"line {line.number} is {line.reason}" for line in bad[:3])
        typer.echo(f"{len(bad)} unusable in {file}: {shown}{', …' if len(bad) > 3 else ''}", err=True)


def _find(incidents: Iterable[Incident], wanted: str) -> Incident | None:
    if wanted == NEWEST:
        return max(incidents, key=_age_order, default=None)
    matching = {incident.id: incident for incident in incidents if incident.id.startswith(wanted)}
    if wanted not in matching and len(matching) > 1:
        some = ", ".join(map(_safe, list(matching)[:5]))
        typer.echo(f"{len(matching)} incidents begin with {_safe(wanted)}: {some}. Write more of the id.", err=True)
        raise typer.Exit(1)
    return matching.get(wanted) or next(iter(matching.values()), None)


def _age_order(incident: Incident) -> tuple[int, str]:
    return incident.time_ms, incident.id


def _duration_ms(text: str) -> int:
    match = re.fullmatch(r"(\d{1,9})([smhdw])", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no duration; write 90s, 30m, 2h, 7d or 1w", param_hint="--since")
    return int(match[1]) * _UNITS_S[match[2]] * 1000


def _is_or_of_pack(rule: str, wanted: str) -> bool:
    return rule == wanted or rule.startswith(f"{wanted}.")


def _row(incident: Incident) -> tuple[str, ...]:
    cells = (
        incident.id,
        _time(incident)[:19].replace("T", " "),
        incident.action or incident.event,
        incident.direction or "",
        incident.key_name or incident.key_id or "",
        incident.model or "",
        _counts(incident.rules),
    )
    return tuple(map(_safe, cells))


def _print_table(rows: list[tuple[str, ...]]) -> None:
    """The last column is not padded; colour falls away by itself where the output is no terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for number, row in enumerate(rows):
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        line = "  ".join((*padded, row[-1])).rstrip()
        _print_styled(line, None if number == 0 else _COLOURS.get(row[2]), bold=number == 0)


def _print_whole(incident: Incident) -> None:
    _print_styled(f"{_safe(incident.id)}  {_safe(incident.event)}", _COLOURS.get(incident.action or ""), bold=True)
    facts = {
        "time": _time(incident),
        "action": f"{incident.action or '-'} in the {incident.direction or 'exchange'}, answered {incident.status}",
        "error": incident.error_code,
        "key": " ".join(filter(None, (incident.key_name, f"({incident.key_id})" if incident.key_id else None))),
        "request": f"{incident.method} {incident.route}{' (stream)' if incident.stream else ''}",
        "request id": incident.request_id,
        "model": incident.model,
        "policy": f"{incident.policy or '-'}, revision {incident.revision or '-'}",
        "rules": _counts(incident.rules),
        "inspected": _numbers(incident.coverage.get("inspected", {})),
        "skipped": _numbers(incident.coverage.get("skipped", {})),
        "tokens": _numbers(incident.tokens),
        "times (µs)": _numbers(incident.timings_us),
        "bytes": f"{incident.bytes_in} in, {incident.bytes_out} out",
    }
    for name, fact in facts.items():
        if fact:
            typer.echo(f"  {name:<11} {_safe(fact)}")
    for finding in incident.findings:
        _print_finding(finding)
    if incident.rules:
        _print_where_to_look(incident)


def _print_finding(finding: AuditFinding) -> None:
    rule, severity, provenance, path = map(_safe, (finding.rule, finding.severity, finding.provenance, finding.path))
    typer.echo(f"\n  {rule}  {severity}  {provenance}: {path}")
    if finding.excerpt:
        _print_styled(f"    {_safe(finding.excerpt)}", typer.colors.CYAN)


def _print_where_to_look(incident: Incident) -> None:
    from guardproxy.cli.rule_origin import where_to_look

    typer.echo("\n  Look at:")
    for line in where_to_look(map(_safe, incident.rules), _safe(incident.policy or "-")):
        typer.echo(f"  {line}")


def _print_styled(text: str, colour: str | None, *, bold: bool = False) -> None:
    if os.environ.get("NO_COLOR"):
        typer.echo(text)
    else:
        typer.secho(text, fg=colour, bold=bold or None)


def _print_json(incident: Incident) -> None:
    from guardproxy.audit.json_line import json_line

    typer.echo(json_line(incident).decode(), nl=False)


def _time(incident: Incident) -> str:
    from guardproxy.audit.record import iso_time

    return iso_time(incident.time_ms)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ×{count}" if count != 1 else name for name, count in counts.items())


def _numbers(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


def _safe(text: str) -> str:
    """The file may have been written by anybody: nothing of it may act on this terminal."""
    return printable(text)

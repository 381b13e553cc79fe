"""`guardproxy scan`: what would the policy say to this text? The same engine as the proxy, from stdin."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from guardproxy.cli.read_settings import ConfigOption, PolicyOption, read_settings_for_policies

if TYPE_CHECKING:
    from guardproxy.core.policy import Policy
    from guardproxy.core.verdict import Finding

Direction = Literal["request", "response"]
From = Literal["operator", "user", "tool", "document", "model"]
Format = Literal["text", "jsonl"]


def scan(
    policy: PolicyOption = None,
    config: ConfigOption = None,
    direction: Annotated[Direction, typer.Option(help="Which half of an exchange the text belongs to.")] = "request",
    from_: Annotated[
        From | None, typer.Option("--from", help="Where the text comes from. Default: user, or model for a response.")
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="text: stdin is one text. jsonl: a JSON string or object per line.")
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per text, for programs.")] = False,
) -> None:
    """Scan text from stdin with a policy and show verdict, findings and the redacted text.

    The policy is the one every key gets that is given no other, as it is where no condition of it holds.

    Exit code: 0 when every text may pass as it is, 1 when one would be redacted or blocked, 2 for bad input.

        echo 'Ignore all previous instructions' | guardproxy scan
        pbpaste | guardproxy scan --direction response
        guardproxy scan --format jsonl --json < texts.jsonl

    A line of JSONL is a string, or an object with "text" and optionally "from" (user, tool, document, model, operator).
    """
    from guardproxy.errors import ConfigurationError
    from guardproxy.policyfile.catalogue import load_policies
    from guardproxy.settings import wanted_policies

    compiled = load_policies(wanted_policies(read_settings_for_policies(config, policy))).policies.default.policy
    source = from_ or ("model" if direction == "response" else "user")
    if (direction == "response") != (source == "model"):
        raise ConfigurationError(
            "--direction response goes with --from model, and only with it: a request holds no text from the model"
        )
    acted = False
    for number, (text, text_source) in enumerate(_texts(format_, source), start=1):
        report = inspect_text(compiled, text, text_source)
        acted = acted or report["verdict"] in ("redact", "block")
        typer.echo(_as_json(report) if as_json else _readable(report, number))
    raise typer.Exit(1 if acted else 0)


def inspect_text(policy: Policy, text: str, source: str) -> dict[str, Any]:
    """The verdict on one text, as plain values. `redacted` is None where the policy blocks."""
    from guardproxy.core.exchange import Provenance, Segment
    from guardproxy.core.inspection import inspect
    from guardproxy.core.verdict import Action

    verdict = inspect(policy, [Segment(text, Provenance(source), ("text",))])
    return {
        "verdict": verdict.action.word,
        "from": source,
        "findings": [_found(finding) for finding in verdict.findings],
        "redacted": None if verdict.action is Action.BLOCK else verdict.edits.get(("text",), text),
        "policy": f"{policy.name}@{policy.revision}",
        "would": verdict.would.word,
        "shadow": [_found(finding) for finding in verdict.shadow],
    }


def _found(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "score": finding.score,
        "start": finding.start,
        "end": finding.end,
        "excerpt": finding.excerpt,
    }


def _texts(format_: Format, source: str) -> Iterator[tuple[str, str]]:
    from guardproxy.errors import ConfigurationError

    try:
        if format_ == "text":
            yield sys.stdin.buffer.read().decode("utf-8").removesuffix("\n"), source
            return
        for number, line in enumerate(sys.stdin.buffer, start=1):
            if line.strip():
                yield _line(line, number, source)
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"stdin is not UTF-8 (byte {error.start})") from error


def _line(line: bytes, number: int, source: str) -> tuple[str, str]:
    from guardproxy.core.exchange import Provenance
    from guardproxy.errors import ConfigurationError
    from guardproxy.wire.document import UndecodableJson, decode

    try:
        value = decode(line)
    except UndecodableJson as error:
        raise ConfigurationError(f"line {number} is not JSON: {error}") from error
    text = value.get("text") if isinstance(value, dict) else value
    said = value.get("from", source) if isinstance(value, dict) else source
    if not isinstance(text, str) or not isinstance(said, str) or said not in set(Provenance):
        raise ConfigurationError(
            f'line {number} must be a JSON string, or an object with "text" and "from" ({", ".join(Provenance)})'
        )
    return text, said


def _as_json(report: dict[str, Any]) -> str:
    from guardproxy.wire.document import encode

    return encode(report).decode()


def _readable(report: dict[str, Any], number: int) -> str:
    colours = {"allow": typer.colors.GREEN, "flag": typer.colors.YELLOW}
    verdict = typer.style(report["verdict"].upper(), fg=colours.get(report["verdict"], typer.colors.RED), bold=True)
    lines = [f"{number}. {verdict}  from {report['from']}, policy {report['policy']}"]
    lines += _listed(report["findings"])
    if report["shadow"]:
        lines += [f"   would {report['would']}, in shadow:", *_listed(report["shadow"])]
    if report["verdict"] == "redact":
        lines += ["   becomes:", *(f"      {line}" for line in report["redacted"].splitlines())]
    return "\n".join(lines)


def _listed(findings: list[dict[str, Any]]) -> Iterator[str]:
    for finding in findings:
        yield f"   {finding['rule']} ({finding['severity']}) at {finding['start']}-{finding['end']}"
        yield f"      {finding['excerpt']}"

"""`guardproxy test`: does each policy do what its cases say?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guardproxy.cli.check import counted

if TYPE_CHECKING:
    from guardproxy.policyfile.cases import Case


def test(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Policies, files of cases, or directories of them. Without any: the policies that ship."),
    ] = None,
    only: Annotated[str | None, typer.Option(help="Only cases with this text in their name.", metavar="TEXT")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each case, for programs.")] = False,
) -> None:
    """Send the cases of policies through a proxy, with a stand-in for the model, and compare.

    The cases of `strict.yaml` stand next to it in `strict.cases.yaml`. Each is sent twice, for a whole answer and for a
    stream in small pieces, and must come to the same. The proxy is the one `guardproxy serve` runs; nothing leaves this
    machine and no API key is needed.

    The exit code is 0 when all cases hold, 1 when one does not, and 2 when there is none or a file cannot be used.

        guardproxy test

        guardproxy test my-policy.yaml

        guardproxy test policies/ --only injection --json
    """
    import asyncio
    import json

    from guardproxy.errors import ConfigurationError
    from guardproxy.policyfile.locate import shipped_policies

    played = [one for path in _with_cases(paths or [shipped_policies()]) for one in asyncio.run(play_file(path, only))]
    if not played:
        raise ConfigurationError("no cases: those of strict.yaml stand next to it in strict.cases.yaml")
    for one in played:
        if as_json:
            typer.echo(json.dumps({**one, "differences": [list(each) for each in one["differences"]]}))
        elif one["differences"]:
            typer.echo("\n".join([f"FAILED  {one['where']}: {one['case']} ({one['how']})", *_indented(one)]))
    failed = sum(bool(one["differences"]) for one in played)
    if not as_json:
        cases = counted(len({one["where"] for one in played}), "case", "cases")
        policies = counted(len({one["policy"] for one in played}), "policy", "policies")
        held = f"{failed} of {len(played)} runs failed" if failed else "all good"
        typer.echo(f"{cases} of {policies}, each whole and streamed: {held}")
    if failed:
        raise typer.Exit(1)


async def play_file(path: Path, only: str | None = None) -> list[dict[str, Any]]:
    """The cases in a file, played both ways: where, name, how, policy and differences of each."""
    from guardproxy.cli.cases.compare import differences
    from guardproxy.cli.cases.stage import open_stage
    from guardproxy.policyfile.cases import policy_path, read_cases
    from guardproxy.policyfile.choices import compile_choice
    from guardproxy.policyfile.load import read_policy

    cases: list[Case] = [case for case in read_cases(path) if only is None or only in case.written.case]
    choice = compile_choice(read_policy(policy_path(path)))
    played = []
    async with open_stage(choice, cases) as stage:
        for case in cases:
            for stream in (False, True):
                outcome = await stage.play(case, stream=stream)
                played.append(
                    {
                        "where": case.where,
                        "case": case.written.case,
                        "how": "streamed" if stream else "whole",
                        "policy": f"{choice.policy.name}@{choice.policy.revision}",
                        "decision": outcome.decision,
                        "differences": differences(case.written, outcome, stream=stream),
                    }
                )
    return played


def _with_cases(paths: Iterable[Path]) -> list[Path]:
    """The files of cases that are meant: of a policy those next to it, of a directory all below it."""
    from guardproxy.errors import ConfigurationError
    from guardproxy.policyfile.cases import cases_path
    from guardproxy.policyfile.catalogue import CASES_SUFFIX

    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(path.rglob(f"*{CASES_SUFFIX}"))
        elif not path.exists():
            raise ConfigurationError(f"{path}: no such file or directory")
        elif not os.path.lexists(cases_path(path)):
            raise ConfigurationError(f"{path}: no cases: they would stand next to it in {cases_path(path).name}")
        else:
            found.append(cases_path(path))
    return list(dict.fromkeys(found))


def _indented(one: dict[str, Any]) -> list[str]:
    return [f"        {line}" for difference in one["differences"] for line in difference.lines()]

"""`guardproxy check`: are these policies and rules right, and do they find what they say they find?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from guardproxy.policyfile.compile import CompiledRule
    from guardproxy.policyfile.load import PolicyDocument, RuleDocument


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Policy files, rule files or directories of them. Without any: the policies that ship."),
    ] = None,
) -> None:
    """Check policies, rules and cases, and run every example of every rule. (`guardproxy test` runs the cases.)

    A policy is checked with all the rules it brings together: names, values and patterns, and whether they fit each
    other. Then each rule must find its `match` examples, however a stream is cut, and must leave its `pass` examples
    alone; an example under `todo_match` is a known miss, and you are told when it is found at last.

    Every problem is one line on stderr, `file:line:column: what is wrong`. The exit code is 0 when all is good, 1 when
    there are problems, and 2 when there is nothing to check.

        guardproxy check                       the policies that ship

        guardproxy check my-policy.yaml        a policy and its packs

        guardproxy check my-pack/ticket.yaml   one rule

        guardproxy check policies/             all in a directory
    """
    from guardproxy.errors import ConfigurationError
    from guardproxy.policyfile.locate import shipped_policies

    try:
        files = [file for path in paths or [shipped_policies()] for file in _files(path)]
    except ConfigurationError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(2) from error
    report = _Report()
    for file in files:
        report.check(file)
    for problem in report.problems:
        typer.echo(problem, err=True)
    typer.echo(report.summary())
    if report.problems:
        raise typer.Exit(1)


def _files(path: Path) -> list[Path]:
    """The file itself, or the YAML files below a directory; hidden ones are left out."""
    from guardproxy.errors import ConfigurationError

    if path.exists() and not os.access(path, os.R_OK):
        raise ConfigurationError(f"{path}: cannot be read: permission denied")
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ConfigurationError(f"{path}: no such file or directory")
    below = (file for pattern in ("*.yaml", "*.yml") for file in path.rglob(pattern))
    files = [file for file in below if not any(part.startswith(".") for part in file.relative_to(path).parts)]
    if not files:
        raise ConfigurationError(f"{path}: no .yaml files in this directory")
    return sorted(files)


class _Report:
    """What was checked so far. A rule that several policies use counts, and runs its examples, once."""

    def __init__(self) -> None:
        self._problems: dict[str, None] = {}
        self._policies = 0
        self._rules: set[tuple[str, tuple[str | int, ...]]] = set()
        self._examples = 0

    @property
    def problems(self) -> list[str]:
        return list(self._problems)

    def check(self, file: Path) -> None:
        from guardproxy.errors import ConfigurationError
        from guardproxy.policyfile.cases import read_cases
        from guardproxy.policyfile.catalogue import is_cases_file
        from guardproxy.policyfile.examples import count_examples, run_examples_side_by_side
        from guardproxy.policyfile.load import PolicyDocument, read_document

        try:
            if is_cases_file(file):
                read_cases(file)
                return
            document = read_document(file)
            self._policies += isinstance(document, PolicyDocument)
            new = list(self._unseen(_compiled(document)))
            self._examples += count_examples(new)
            self._add(str(failure) for failure in run_examples_side_by_side(new, os.cpu_count() or 1))
        except ConfigurationError as error:
            self._add(error.message.splitlines())

    def summary(self) -> str:
        checked = [counted(self._policies, "policy", "policies"), counted(len(self._rules), "rule", "rules")]
        found = counted(len(self._problems), "problem", "problems") if self._problems else "all good"
        return f"{', '.join(checked)}, {counted(self._examples, 'example', 'examples')}: {found}"

    def _unseen(self, rules: Iterable[CompiledRule]) -> Iterator[CompiledRule]:
        for rule in rules:
            identity = (rule.document.file.name, rule.document.place)
            if identity not in self._rules:
                self._rules.add(identity)
                yield rule

    def _add(self, problems: Iterable[str]) -> None:
        self._problems.update(dict.fromkeys(problems))


def counted(number: int, one: str, many: str) -> str:
    """`1 rule`, `2 rules`."""
    return f"{number} {one if number == 1 else many}"


def _compiled(document: PolicyDocument | RuleDocument) -> tuple[CompiledRule, ...]:
    """The rules of a document, compiled; a policy is compiled as a whole first."""
    from guardproxy.policyfile.catalogue import verify_alone
    from guardproxy.policyfile.choices import compile_choice
    from guardproxy.policyfile.compile import compile_rule, compile_rules
    from guardproxy.policyfile.load import PolicyDocument

    if isinstance(document, PolicyDocument):
        verify_alone(document, compile_choice(document))
        return compile_rules(document)
    return (compile_rule(document),)

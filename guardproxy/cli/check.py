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
    other. Then each rule must find its `match` examples, also where a stream is cut, and must leave its `pass` examples
    alone; an example under `todo_match` is a known miss, and you are told when it is found at last.

    Every problem is one line on stderr, `file:line:column: what is wrong`. The exit code is 0 when all is good, 1 when
    there are problems, and 2 when there is nothing to check. A rule of yours that makes text dearer to inspect than
    `limits: matching_work` allows is a warning, and so is one that may keep much of a stream waiting.

        guardproxy check                       the policies that ship

        guardproxy check my-policy.yaml        a policy and its packs

        guardproxy check my-pack/ticket.yaml   one rule

        guardproxy check policies/             all in a directory
    """
    import gc

    from guardproxy.errors import ConfigurationError
    from guardproxy.policyfile.locate import shipped_policies

    # Nearly everything that is made here lasts to the end: looking for what does not takes an eighth of the time.
    gc.set_threshold(100_000, 50, 50)
    try:
        files = [file for path in paths or [shipped_policies()] for file in _files(path)]
    except ConfigurationError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(2) from error
    report = _Report()
    for file in files:
        report.check(file)
    report.run_examples()
    for line in (*report.problems, *report.warnings):
        typer.echo(line, err=True)
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
        self._files = 0
        self._problems: list[tuple[int, str]] = []
        self._policies = 0
        self._rules: dict[tuple[str, tuple[str | int, ...]], tuple[int, CompiledRule]] = {}
        self._examples = 0
        self.warnings: list[str] = []

    @property
    def problems(self) -> list[str]:
        """One line each, file by file."""
        return list(dict.fromkeys(line for _, line in sorted(self._problems, key=lambda problem: problem[0])))

    def check(self, file: Path) -> None:
        """Read and compile a file. The examples of its rules wait for `run_examples`."""
        from guardproxy.errors import ConfigurationError
        from guardproxy.policyfile.cases import read_cases
        from guardproxy.policyfile.catalogue import is_cases_file
        from guardproxy.policyfile.load import PolicyDocument, read_document

        self._files += 1
        try:
            if is_cases_file(file):
                read_cases(file)
                return
            document = read_document(file)
            self._policies += isinstance(document, PolicyDocument)
            self._weigh(document, self._take(_compiled(document)))
        except ConfigurationError as error:
            self._add(error.message.splitlines())
            self._take(self._usable(file))
        self._read_cases_of(file)

    def _read_cases_of(self, policy: Path) -> None:
        """A running proxy refuses a policy whose cases are wrong, so that is told here as well."""
        from guardproxy.errors import ConfigurationError
        from guardproxy.policyfile.cases import cases_path, read_cases

        if os.path.lexists(cases := cases_path(policy)):
            try:
                read_cases(cases)
            except ConfigurationError as error:
                self._add(error.message.splitlines())

    def run_examples(self) -> None:
        """The examples of all rules of all files, side by side."""
        from guardproxy.policyfile.examples import count_examples, problems_side_by_side

        rules = list(self._rules.values())
        self._examples = count_examples(rule for _, rule in rules)
        found = problems_side_by_side([rule for _, rule in rules], os.cpu_count() or 1)
        for (number, _), lines in zip(rules, found, strict=True):
            self._problems += [(number, line) for line in lines]

    def summary(self) -> str:
        checked = [counted(self._policies, "policy", "policies"), counted(len(self._rules), "rule", "rules")]
        problems = len(self.problems)
        found = counted(problems, "problem", "problems") if problems else "all good"
        if self.warnings:
            found += f", {counted(len(self.warnings), 'warning', 'warnings')}"
        return f"{', '.join(checked)}, {counted(self._examples, 'example', 'examples')}: {found}"

    def _take(self, rules: Iterable[CompiledRule]) -> list[CompiledRule]:
        """Those that were not there yet."""
        new = [rule for rule in rules if _place(rule) not in self._rules]
        self._rules |= {_place(rule): (self._files, rule) for rule in new}
        return new

    def _weigh(self, document: PolicyDocument | RuleDocument, rules: Iterable[CompiledRule]) -> None:
        """Those that do not ship are held against what the policy allows, or the default."""
        from guardproxy.core.policy import MATCHING_WORK_PER_CHARACTER
        from guardproxy.policyfile.dear import dear_rules
        from guardproxy.policyfile.holding import holding_rules
        from guardproxy.policyfile.load import PolicyDocument
        from guardproxy.policyfile.locate import shipped_policies

        shipped = shipped_policies().resolve()
        own = [rule for rule in rules if not Path(rule.document.file.name).resolve().is_relative_to(shipped)]
        written = document.written.limits if isinstance(document, PolicyDocument) else None
        self.warnings += dear_rules(own, MATCHING_WORK_PER_CHARACTER if written is None else written.matching_work)
        self.warnings += holding_rules(own)

    def _usable(self, file: Path) -> Iterator[CompiledRule]:
        """The rules of a file that is wrong elsewhere: what is wrong with them is told in the same run."""
        from guardproxy.errors import ConfigurationError
        from guardproxy.policyfile.compile import compile_rule
        from guardproxy.policyfile.load import rules_readable

        try:
            readable = rules_readable(file)
        except ConfigurationError as error:
            self._add(error.message.splitlines())
            return
        for document in readable:
            try:
                yield compile_rule(document)
            except ConfigurationError as error:
                self._add(error.message.splitlines())

    def _add(self, problems: Iterable[str]) -> None:
        self._problems += [(self._files, line) for line in problems]


def _place(rule: CompiledRule) -> tuple[str, tuple[str | int, ...]]:
    return rule.document.file.name, rule.document.place


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

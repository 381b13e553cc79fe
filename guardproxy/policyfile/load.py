"""Policy files and rule files, read: what was written, with where it stands.

A rule file is named after its rule: `<pack>/<name>.yaml` holds the rule `<pack>.<name>`, so that a rule id in a log
leads straight to its file. Reading gathers the problems of all files a policy brings together and tells them at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.locate import find_pack, shipped_policies
from guardproxy.policyfile.schema import WrittenPolicy, WrittenRule, read_as
from guardproxy.policyfile.yaml_nodes import Place, YamlFile, parse_yaml


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """One rule as it was written, and where: a file of its own, or `place` of a policy file."""

    written: WrittenRule
    file: YamlFile
    place: Place = ()

    def at(self, *steps: str | int, offset: int | None = None) -> str:
        """`file:line:column` of a value inside the rule."""
        return self.file.at((*self.place, *steps), offset)


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """One policy as it was written, with the rules of all its packs and its own, in that order."""

    written: WrittenPolicy
    file: YamlFile
    rules: tuple[RuleDocument, ...]

    def at(self, *steps: str | int) -> str:
        """`file:line:column` of a value inside the policy."""
        return self.file.at(steps)


def read_policy(path: Path | None = None) -> PolicyDocument:
    """The policy at `path`, or the shipped default. Raises `ConfigurationError`, one line per problem."""
    path = path or shipped_policies() / "default.yaml"
    return _policy(_read_yaml(path), path)


def read_rule(path: Path) -> RuleDocument:
    """The rule in a file of its own. Raises `ConfigurationError`, one line per problem."""
    return _rule(_read_yaml(path), path)


def read_document(path: Path) -> PolicyDocument | RuleDocument:
    """The policy or the rule at `path`, told apart by their keys. Raises `ConfigurationError`, one line per problem."""
    file = _read_yaml(path)
    is_rule = isinstance(file.content, dict) and not {"id", "detector", "examples"}.isdisjoint(file.content)
    return _rule(file, path) if is_rule else _policy(file, path)


def _read_yaml(path: Path) -> YamlFile:
    name = _shown(path)
    try:
        return parse_yaml(path.read_bytes(), name)
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot be read: {error.strerror}") from error


def _shown(path: Path) -> str:
    """The path as messages show it: short where it lies below the working directory."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else path)


def _rule(file: YamlFile, path: Path) -> RuleDocument:
    document = RuleDocument(read_as(WrittenRule, file, file.content), file)
    expected = f"{path.absolute().parent.name}.{path.stem}"
    if document.written.id != expected:
        raise ConfigurationError(
            f"{document.at('id')}: this file must hold the rule '{expected}', not '{document.written.id}'"
        )
    return document


def _policy(file: YamlFile, path: Path) -> PolicyDocument:
    written = read_as(WrittenPolicy, file, file.content)
    rules: list[RuleDocument] = []
    problems: list[str] = []
    for index, pack in enumerate(written.packs):
        try:
            files = list(_pack_files(find_pack(pack, path.parent)))
        except ConfigurationError as error:
            problems.append(f"{file.at(('packs', index))}: {error.message}")
            continue
        for rule_file in files:
            try:
                rules.append(read_rule(rule_file))
            except ConfigurationError as error:
                problems.append(error.message)
    if problems:
        raise ConfigurationError("\n".join(problems))
    own = (RuleDocument(rule, file, ("rules", index)) for index, rule in enumerate(written.rules))
    return PolicyDocument(written, file, (*rules, *own))


def _pack_files(directory: Path) -> Iterator[Path]:
    """The rule files of a pack. What looks like a rule but would not be read is an error, never silently left out."""
    entries = sorted(entry for entry in directory.iterdir() if not entry.name.startswith("."))
    for entry in entries:
        if entry.is_dir() or entry.suffix == ".yml":
            raise ConfigurationError(
                f"{_shown(entry)}: a pack holds its rules as files named <rule>.yaml, side by side"
            )
    if not any(entry.suffix == ".yaml" for entry in entries):
        raise ConfigurationError(f"the pack {_shown(directory)} holds no rules")
    return (entry for entry in entries if entry.suffix == ".yaml")

"""Policy files and rule files, read: what was written, with where it stands.

A rule file is named after its rule: `<pack>/<name>.yaml` holds the rule `<pack>.<name>`, so that a rule id in a log
leads straight to its file. Reading gathers the problems of all files a policy brings together and tells them at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.layers import Layers
from guardproxy.policyfile.locate import find_pack, find_policy, shipped_policies
from guardproxy.policyfile.mistakes import Model, read_as
from guardproxy.policyfile.prompts import unreadable_prompts
from guardproxy.policyfile.schema import WrittenPolicy, WrittenRule
from guardproxy.policyfile.sources import Sources, read_text_file, shown
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
    """One policy as it was written, with the rules of all its packs and its own, in that order.

    `file` is the policy laid over those it extends; `extended` are these, the nearest first.
    """

    written: WrittenPolicy
    file: Layers
    rules: tuple[RuleDocument, ...]
    extended: tuple[str, ...] = ()
    sources: Sources = field(default_factory=Sources, compare=False)

    def at(self, *steps: str | int) -> str:
        """`file:line:column` of a value inside the policy."""
        return self.file.at(steps)

    def where(self, blocks: tuple[int, ...]) -> PolicyDocument:
        """The policy with these blocks of its `when` laid over it, one after the other."""
        if not blocks:
            return self
        file = self.file
        for index in blocks:
            file = file.with_block(("when", index), frozenset({"if"}))
        written = read_as(WrittenPolicy, file, file.content)
        return replace(self, written=written, file=file)


def read_policy(path: Path | None = None, sources: Sources | None = None) -> PolicyDocument:
    """The policy at `path`, or the shipped default. Raises `ConfigurationError`, one line per problem."""
    path, sources = path or shipped_policies() / "default.yaml", sources or Sources()
    return _policy(_read_yaml(path, sources), path, sources)


def read_rule(path: Path, sources: Sources | None = None) -> RuleDocument:
    """The rule in a file of its own. Raises `ConfigurationError`, one line per problem."""
    return _rule(_read_yaml(path, sources or Sources()), path)


def read_document(path: Path, sources: Sources | None = None) -> PolicyDocument | RuleDocument:
    """The policy or the rule at `path`, told apart by their keys. Raises `ConfigurationError`, one line per problem."""
    sources = sources or Sources()
    file = _read_yaml(path, sources)
    is_rule = isinstance(file.content, dict) and not {"id", "detector", "examples"}.isdisjoint(file.content)
    return _rule(file, path) if is_rule else _policy(file, path, sources)


def _read_yaml(path: Path, sources: Sources) -> YamlFile:
    return parse_yaml(read_text_file(sources, path), shown(path))


def _rule(file: YamlFile, path: Path) -> RuleDocument:
    document = RuleDocument(_read_whole(WrittenRule, file), file)
    expected = f"{path.absolute().parent.name}.{path.stem}"
    if document.written.id != expected:
        raise ConfigurationError(
            f"{document.at('id')}: this file must hold the rule '{expected}', not '{document.written.id}'"
        )
    return document


def _read_whole(model: type[Model], file: YamlFile) -> Model:
    """The file as a model, and no key in it with nothing behind it: half a file, or a value that was taken out, would
    be read as the default. Raises `ConfigurationError`.
    """
    empty = [place for place, source in file.sources.items() if place and not source]
    told = [f"{file.at_key(place)}: nothing is written {_behind(place[-1])}" for place in empty]
    try:
        read = read_as(model, file, file.content)
    except ConfigurationError as error:
        already = tuple(f"{file.at(place)}: " for place in empty)
        told += [line for line in error.message.splitlines() if not line.startswith(already)]
    else:
        if not told:
            return read
    raise ConfigurationError("\n".join(told)) from None


def _behind(step: str | int) -> str:
    return "here" if isinstance(step, int) else f"behind '{step}': write a value, or leave the key out"


class _Layer(NamedTuple):
    """A policy file by itself: the one that was asked for, or one that another one extends."""

    file: YamlFile
    path: Path

    def texts(self, key: str) -> list[str]:
        """The texts under a key, as far as there are some: also of a file that is wrong elsewhere."""
        content = self.file.content
        said = content.get(key) if isinstance(content, dict) else None
        return [one for one in (said if isinstance(said, list) else [said]) if isinstance(one, str) and one]


def rules_readable(path: Path, sources: Sources | None = None) -> list[RuleDocument]:
    """The rules of a policy, those of its packs and its own, that can be read, whatever is wrong beside them."""
    sources = sources or Sources()
    layers, problems = _layers(_read_yaml(path, sources), path, sources), list[str]()
    return [*_pack_rules(layers, sources, problems), *(rule for layer in layers for rule in _own_rules(layer.file))]


def _own_rules(file: YamlFile) -> Iterator[RuleDocument]:
    written = file.content.get("rules") if isinstance(file.content, dict) else None
    for index, content in enumerate(written if isinstance(written, list) else ()):
        with suppress(ConfigurationError):
            yield RuleDocument(read_as(WrittenRule, file, content, ("rules", index)), file, ("rules", index))


def _layers(file: YamlFile, path: Path, sources: Sources) -> list[_Layer]:
    """The policy and those it extends, the lowest first. Raises `ConfigurationError`."""
    layers = [_Layer(file, path)]
    while layers[-1].texts("extends"):
        layers.append(_extended(layers, sources))
    layers.reverse()
    return layers


def _policy(file: YamlFile, path: Path, sources: Sources) -> PolicyDocument:
    problems: list[str] = []
    try:
        layers = _layers(file, path, sources)
    except ConfigurationError as error:
        layers = [_Layer(file, path)]
        problems += error.message.splitlines()
    for layer in layers:
        try:
            _read_whole(WrittenPolicy, layer.file)
        except ConfigurationError as error:
            problems += error.message.splitlines()
    rules = list(_pack_rules(layers, sources, problems))
    merged = Layers.of(layers[0].file)
    for layer in layers[1:]:
        merged = merged.under(Layers.of(layer.file))
    if problems:
        raise ConfigurationError("\n".join([*problems, *unreadable_prompts(merged, sources)]))
    written = read_as(WrittenPolicy, merged, merged.content)
    own = (RuleDocument(rule, *merged.origin(("rules", index))) for index, rule in enumerate(written.rules))
    extended = tuple(layer.file.name for layer in layers[-2::-1])
    return PolicyDocument(written, merged, (*rules, *own), extended, sources)


def _extended(layers: list[_Layer], sources: Sources) -> _Layer:
    """The policy that the last of `layers` extends."""
    file, path = layers[-1]
    where, name = file.at(("extends",)), layers[-1].texts("extends")[0]
    try:
        below = find_policy(name, path.parent)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error.message}") from error
    if not sources.is_file(below):
        raise ConfigurationError(f"{where}: the policy file '{name}' does not exist next to this file")
    if below.resolve() in [layer.path.resolve() for layer in layers]:
        circle = " -> ".join([*(shown(layer.path) for layer in layers), shown(below)])
        raise ConfigurationError(f"{where}: a policy cannot extend itself: {circle}")
    return _Layer(_read_yaml(below, sources), below)


def _pack_rules(layers: list[_Layer], sources: Sources, problems: list[str]) -> Iterator[RuleDocument]:
    """The rules of all packs, each pack once, those of the lowest layer first."""
    seen: set[Path] = set()
    for layer in layers:
        for index, name in enumerate(layer.texts("packs")):
            try:
                directory = find_pack(name, layer.path.parent, sources)
                files = [] if directory in seen else _pack_files(directory, sources)
            except ConfigurationError as error:
                problems.append(f"{layer.file.at(('packs', index))}: {error.message}")
                continue
            seen.add(directory)
            for file in files:
                try:
                    yield read_rule(file, sources)
                except ConfigurationError as error:
                    problems.append(error.message)


def _pack_files(directory: Path, sources: Sources) -> list[Path]:
    """The rule files of a pack. What looks like a rule but would not be read is an error, never silently left out."""
    entries = sources.entries(directory)
    for entry in entries:
        if entry.suffix == ".yml" or sources.is_directory(entry):
            raise ConfigurationError(f"{shown(entry)}: a pack holds its rules as files named <rule>.yaml, side by side")
    files = [entry for entry in entries if entry.suffix == ".yaml"]
    if not files:
        raise ConfigurationError(f"the pack {shown(directory)} holds no rules")
    return files

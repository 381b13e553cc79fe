"""Several named policies in one proxy: who gets which, and which of them a caller may ask for instead of its own.

A caller may only tighten. A policy says under `tightens` which others it may be chosen instead of, and that is checked
part by part when the policies are loaded (`guardproxy.core.strictness`), in every way the conditions of both can turn
out together. If it is not so, none of the policies is accepted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.conditions import Condition, TooManyOutcomes, outcomes
from guardproxy.core.policy import Policy
from guardproxy.core.strictness import loosenings
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.choices import compile_choice
from guardproxy.policyfile.load import PolicyDocument, read_policy
from guardproxy.policyfile.locate import shipped_policies
from guardproxy.policyfile.mistakes import suggestion
from guardproxy.policyfile.sources import Sources, shown

CASES_SUFFIX: Final = ".cases.yaml"
MOST_COMPARED: Final = 4096
REASONS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which policies a proxy is to use. `paths` are files, or directories of files; none: the shipped default.

    `keys` and `teams` map names of keys and teams to names of policies; all others get the policy called `default`,
    which may be left out where there is one policy only, or one of that name.
    """

    paths: tuple[Path, ...] = ()
    default: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The policies, compiled and as they were written."""

    policies: PolicySet
    documents: Mapping[str, PolicyDocument]


def load_policies(wanted: Wanted, sources: Sources | None = None) -> Catalogue:
    """All policies, compiled and held against each other. Raises `ConfigurationError`, one line per problem."""
    sources = sources or Sources()
    documents: dict[str, PolicyDocument] = {}
    named: dict[str, Choice] = {}
    problems: list[str] = []
    for path in _files(wanted.paths, sources):
        try:
            document = read_policy(path, sources)
            name = document.written.name
            if name in documents:
                other = documents[name].at("name")
                raise ConfigurationError(f"{document.at('name')}: there is another policy '{name}': {other}")
            documents[name] = document
            named[name] = compile_choice(document)
        except ConfigurationError as error:
            problems.append(error.message)
    if problems:
        raise ConfigurationError("\n".join(problems))
    default = _default(wanted, named)
    _check_names(wanted, default, named)
    tighter = verified_tightenings(documents, named)
    revision = _revision(wanted, default, named)
    return Catalogue(
        PolicySet(revision, named[default], named, dict(wanted.keys), dict(wanted.teams), tighter), documents
    )


def verified_tightenings(
    documents: Mapping[str, PolicyDocument], named: Mapping[str, Choice]
) -> frozenset[tuple[str, str]]:
    """(stricter, other) for everything the policies declare. Raises `ConfigurationError` where it is not so."""
    problems: list[str] = []
    declared: set[tuple[str, str]] = set()
    for name, document in documents.items():
        for index, other in enumerate(document.written.tightens):
            where = document.at("tightens", index)
            if other in named:
                declared.add((name, other))
                reasons = _looser(named[other], named[name])
                problems += [f"{where}: '{name}' does not tighten '{other}': {why}" for why in reasons]
            elif not (shipped_policies() / f"{other}.yaml").is_file():
                problems.append(f"{where}: no policy '{other}'{suggestion(other, named)}")
    if problems:
        raise ConfigurationError("\n".join(problems))
    return _closed(declared)


def verify_alone(document: PolicyDocument, choice: Choice) -> None:
    """What one policy declares about shipped ones and those it extends. Raises `ConfigurationError`, as above."""
    documents, named = {document.written.name: document}, {document.written.name: choice}
    files = [shipped_policies() / f"{name}.yaml" for name in document.written.tightens]
    for file in [*(file for file in files if file.is_file()), *map(Path, document.extended)]:
        other = read_policy(file)
        if other.written.name in document.written.tightens and other.written.name not in named:
            named[other.written.name] = compile_choice(other)
    verified_tightenings(documents, named)


def _looser(base: Choice, other: Choice) -> list[str]:
    """Why `other` is not at least as strict, in any way the conditions of both can turn out; the first reasons."""
    conditions = tuple(dict.fromkeys((*base.conditions, *other.conditions)))
    try:
        ways = outcomes(conditions, MOST_COMPARED)
    except TooManyOutcomes as error:
        return [str(error)]
    reasons: dict[str, None] = {}
    for way in ways:
        holding = {one for index, one in enumerate(conditions) if way >> index & 1}
        reasons |= dict.fromkeys(loosenings(_form(base, holding), _form(other, holding)))
        if len(reasons) >= REASONS_SHOWN:
            break
    return list(reasons)[:REASONS_SHOWN]


def _form(choice: Choice, holding: Collection[Condition]) -> Policy:
    way = sum(1 << index for index, one in enumerate(choice.conditions) if one in holding)
    return choice.forms[way] if way else choice.policy


def _closed(pairs: set[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """What is stricter than a stricter one is stricter too."""
    while more := {(one, far) for one, other in pairs for near, far in pairs if other == near} - pairs:
        pairs = pairs | more
    return frozenset(pairs)


def _files(paths: Sequence[Path], sources: Sources) -> Iterator[Path]:
    if not paths:
        yield shipped_policies() / "default.yaml"
    for path in paths:
        if not sources.is_directory(path):
            yield path
            continue
        files = [file for file in sources.entries(path) if file.suffix == ".yaml" and not is_cases_file(file)]
        if not files:
            raise ConfigurationError(f"{shown(path)}: no policies in this directory")
        yield from files


def is_cases_file(path: Path) -> bool:
    """Whether the name is that of a file of cases, which stands next to a policy and is none."""
    return path.name.endswith(CASES_SUFFIX)


def _default(wanted: Wanted, named: Mapping[str, Choice]) -> str:
    if wanted.default is not None:
        return wanted.default
    if len(named) == 1:
        return next(iter(named))
    if "default" in named:
        return "default"
    raise ConfigurationError(f"policies.default: say which policy is the default one: {', '.join(sorted(named))}")


def _check_names(wanted: Wanted, default: str, named: Mapping[str, Choice]) -> None:
    said = {"policies.default": default}
    said |= {f"policies.keys.{key}": name for key, name in wanted.keys.items()}
    said |= {f"policies.teams.{team}": name for team, name in wanted.teams.items()}
    problems = [f"{at}: no policy '{name}'{suggestion(name, named)}" for at, name in said.items() if name not in named]
    if problems:
        raise ConfigurationError("\n".join(problems))


def _revision(wanted: Wanted, default: str, named: Mapping[str, Choice]) -> str:
    """That of the one policy there is, or one for all of them and who gets which."""
    revisions = {name: choice.policy.revision for name, choice in named.items()}
    if len(revisions) == 1:
        return revisions[default]
    whole = json.dumps([revisions, default, dict(wanted.keys), dict(wanted.teams)], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:12]

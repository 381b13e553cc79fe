"""From what was written to a frozen `Policy`.

The rules of one technique that apply to the same provenances become one detector, shared by these provenances, so each
rule is built once. When a set does not build, its rules are built one by one to find whose mistake it is, and it is
told with the rule's own file, line and column.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, TypeVar, get_type_hints

from pydantic import Field, create_model

from guardproxy.core.conditions import Condition
from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.core.policy import (
    AnswerFields,
    Context,
    Detector,
    Excess,
    OnBlock,
    OperatorMessages,
    ParameterRules,
    Policy,
    RequestLimits,
    Rule,
    ServerState,
    SurfaceRules,
    Unknown,
)
from guardproxy.core.quota import Charging, OnFailure
from guardproxy.core.verdict import Action, Severity
from guardproxy.detectors import DETECTORS
from guardproxy.errors import ConfigurationError, RuleError
from guardproxy.policyfile.conditions import compile_condition
from guardproxy.policyfile.limits import limit_problems
from guardproxy.policyfile.load import PolicyDocument, RuleDocument, read_policy
from guardproxy.policyfile.mistakes import read_as, suggestion
from guardproxy.policyfile.overrides import override_of, unknown_overrides
from guardproxy.policyfile.prompts import prompt_files
from guardproxy.policyfile.quotas import compile_quotas
from guardproxy.policyfile.schema import Written, WrittenOverride
from guardproxy.policyfile.separation import compile_separation
from guardproxy.policyfile.surfaces import OTHERS, surface_problems
from guardproxy.policyfile.tool_compile import compile_tools, rules_of

Part = TypeVar("Part")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its meaning, and where it was written."""

    rule: Rule
    technique: str
    options: object
    document: RuleDocument
    condition: Condition | None = None

    def detector(self) -> Detector:
        """A detector that looks for this rule alone. Raises `ConfigurationError` when the options cannot be used."""
        try:
            return DETECTORS[self.technique].build([(self.rule.id, self.options)])
        except RuleError as error:
            where = self.document.at("with", error.option, offset=error.offset)
            raise ConfigurationError(f"{where}: {error}") from error

    @property
    def hides(self) -> bool:
        """True if the rule was written to redact, also where a policy only lets it flag: what it finds is secret."""
        return Action.REDACT in (self.rule.action, self.rule.shadow) or self.document.written.action == "redact"


def load_policy(path: Path | None = None) -> Policy:
    """The policy at `path`, or the shipped default, ready to use: as it is where no condition of it holds.

    Raises `ConfigurationError`, one line per problem.
    """
    return compile_policy(read_policy(path))


def compile_policy(document: PolicyDocument) -> Policy:
    """The meaning of a policy document where none of its conditions holds.

    Raises `ConfigurationError`, one line per problem.
    """
    return compile_form(document, Sets(), frozenset(), revision_of(document))


def compile_form(document: PolicyDocument, sets: Sets, holding: frozenset[Condition], revision: str) -> Policy:
    """The meaning of a policy document where these conditions hold. Raises `ConfigurationError`, a line per problem."""
    problems: list[str] = []
    every = _told(problems, lambda: compile_rules(document), ())
    rules = [compiled for compiled in every if compiled.condition is None or compiled.condition in holding]
    written = document.written
    active = [compiled for compiled in rules if compiled.rule.looks]
    detectors = {
        provenance: _told(problems, partial(sets.detectors, [c for c in active if provenance in c.rule.applies_to]), ())
        for provenance in Provenance
    }
    masking = _told(problems, lambda: sets.detectors(compiled for compiled in every if compiled.hides), ())
    surfaces = {name: SurfaceRules(**said.model_dump()) for name, said in written.surfaces.items()}
    problems += [*_self_matching(rules, masking), *surface_problems(document), *limit_problems(document)]
    quotas = _told(problems, lambda: compile_quotas(document), ())
    tools = _told(problems, lambda: compile_tools(document), None)
    separation = _told(problems, lambda: compile_separation(document), None)
    if problems:
        raise ConfigurationError("\n".join(dict.fromkeys(problems)))
    return Policy(
        name=written.name,
        revision=revision,
        rules={compiled.rule.id: compiled.rule for compiled in rules} | rules_of(tools),
        detectors=detectors,
        masking=masking,
        context=Context(
            OperatorMessages(written.context.operator_messages),
            Action[written.context.unknown_roles.upper()],
            separation,
        ),
        opaque={kind: Action[getattr(written.opaque, kind.value).upper()] for kind in OpaqueKind},
        limits=RequestLimits(**{**written.limits.model_dump(), "excess": Excess(written.limits.excess)}),
        quotas=quotas,
        on_block=OnBlock(written.answers.on_block),
        block_message=written.answers.block_message,
        parameters=ParameterRules(
            Unknown(written.parameters.unknown),
            frozenset(written.parameters.allow),
            frozenset(written.parameters.deny),
        ),
        server_state=ServerState(written.server_state),
        surfaces={name: rules for name, rules in surfaces.items() if name != OTHERS},
        other_surfaces=surfaces.get(OTHERS, SurfaceRules()),
        tools=tools,
        on_limit=OnBlock(written.answers.on_limit),
        unknown_events=Unknown(written.answers.unknown_events),
        answer_fields=AnswerFields(written.answers.fields),
        shadow=written.mode == "shadow",
        charging=Charging(written.charging.blocked == "request", OnFailure(written.charging.failed)),
    )


def _told(problems: list[str], compiled: Callable[[], Part], otherwise: Other) -> Part | Other:
    """What is compiled, or what stands for it where it has problems: these are told with those of the other parts."""
    try:
        return compiled()
    except ConfigurationError as error:
        problems += error.message.splitlines()
        return otherwise


def compile_rules(document: PolicyDocument) -> tuple[CompiledRule, ...]:
    """The rules of a policy, its overrides applied. Raises `ConfigurationError`, one line per problem."""
    compiled: dict[str, CompiledRule] = {}
    problems = list(unknown_overrides(document))
    shadow = document.written.mode == "shadow"
    for rule in document.rules:
        name = rule.written.id
        if first := compiled.get(name):
            problems.append(f"{rule.at('id')}: the rule '{name}' is already there: {first.document.at('id')}")
            continue
        try:
            compiled[name] = compile_rule(rule, override_of(document.written, name), shadow=shadow)
        except ConfigurationError as error:
            problems.append(error.message)
    if problems:
        raise ConfigurationError("\n".join(problems))
    return tuple(compiled.values())


def compile_rule(
    document: RuleDocument, override: WrittenOverride | None = None, *, shadow: bool = False
) -> CompiledRule:
    """One rule, its options checked but not built. Raises `ConfigurationError`, one line per problem.

    `shadow`: the policy is in shadow mode, and so all its rules are.
    """
    written, override = document.written, override or WrittenOverride()
    action = Action[(override.action or written.action).upper()]
    shadow = shadow or (override.mode or written.mode) == "shadow"
    rule = Rule(
        id=written.id,
        title=written.title,
        severity=Severity(override.severity or written.severity),
        action=Action.ALLOW if shadow else action,
        applies_to=frozenset(map(Provenance, override.applies_to or written.applies_to)),
        placeholder=f"[REDACTED:{written.id}]" if written.placeholder is None else written.placeholder,
        shadow=action if shadow else Action.ALLOW,
        meaning=_meaning(document),
    )
    when = override.when or written.when
    condition = None if when is None else compile_condition(when, partial(document.at, "when"))
    return CompiledRule(rule, written.detector, _options(document), document, condition)


def _meaning(document: RuleDocument) -> str:
    said = json.dumps([document.written.detector, document.written.with_], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _options(document: RuleDocument) -> object:
    """What stands under `with:`, as the technique's options."""
    name = document.written.detector
    technique = DETECTORS.get(name)
    if technique is None:
        raise ConfigurationError(f"{document.at('detector')}: unknown detector '{name}'{suggestion(name, DETECTORS)}")
    model = options_model(name)
    read = read_as(model, document.file, document.written.with_, (*document.place, "with"))
    return technique.options(**{name: getattr(read, name) for name in model.model_fields})


@cache
def options_model(technique: str) -> type[Written]:
    """A strict model with the fields of a technique's options, so that techniques need not know pydantic."""
    options = DETECTORS[technique].options
    hints = get_type_hints(options)
    described: dict[str, Any] = {}
    for field in fields(options):
        if field.default_factory is not MISSING:
            described[field.name] = (hints[field.name], Field(default_factory=field.default_factory))
        else:
            described[field.name] = (hints[field.name], ... if field.default is MISSING else field.default)
    return create_model(options.__name__, __base__=Written, **described)


class Sets:
    """Builds each set of rules once."""

    def __init__(self) -> None:
        self._built: dict[tuple[str, ...], Detector] = {}

    def detectors(self, rules: Iterable[CompiledRule]) -> tuple[Detector, ...]:
        """Detectors for all of `rules`: one for those that share a technique and their provenances."""
        sets: dict[tuple[str, frozenset[Provenance]], list[CompiledRule]] = {}
        for compiled in rules:
            sets.setdefault((compiled.technique, compiled.rule.applies_to), []).append(compiled)
        return tuple(self._build(technique, members) for (technique, _), members in sets.items())

    def _build(self, technique: str, rules: Sequence[CompiledRule]) -> Detector:
        ids = tuple(compiled.rule.id for compiled in rules)
        if ids not in self._built:
            try:
                self._built[ids] = DETECTORS[technique].build([(c.rule.id, c.options) for c in rules])
            except RuleError as error:
                raise ConfigurationError("\n".join(_mistakes(rules)) or str(error)) from error
        return self._built[ids]


def _mistakes(rules: Iterable[CompiledRule]) -> Iterator[str]:
    for compiled in rules:
        try:
            compiled.detector()
        except ConfigurationError as error:
            yield error.message


def _self_matching(rules: Sequence[CompiledRule], masking: Sequence[Detector]) -> Iterator[str]:
    """A placeholder that a redacting rule finds would be redacted again, and again."""
    for compiled in rules:
        found = [span.rule for detector in masking for span in detector.scan(compiled.rule.placeholder)]
        if compiled.hides and found:
            where, text = compiled.document.at("placeholder"), compiled.rule.placeholder
            yield f"{where}: the placeholder '{text}' is itself found by the rule '{found[0]}'; choose another"


# What says nothing about what happens to an exchange, or is in the rules and the merged document already.
_NOT_CONTENT: Final = {"packs", "rules", "extends", "tightens"}


def revision_of(document: PolicyDocument) -> str:
    """The same for the same content: comments, layout, file names and the order of rules do not count."""
    policy = document.written.model_dump(mode="json", by_alias=True, exclude=_NOT_CONTENT)
    rules = {rule.written.id: rule.written.model_dump(mode="json", by_alias=True) for rule in document.rules}
    content: dict[str, Any] = {"policy": policy, "rules": rules}
    if files := prompt_files(document):
        content["prompts"] = files
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]

"""A policy with conditions: compiled once for each way they can turn out together.

The forms share their detectors wherever the same rules are on, so a further form costs little. All of them are made
when the policy is loaded: an exchange never waits for one, and no mistake in one comes to light later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from guardproxy.core.choice import Choice
from guardproxy.core.conditions import Condition, TooManyOutcomes, outcomes
from guardproxy.core.policy import Policy
from guardproxy.core.strictness import loosenings
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.compile import Sets, compile_form, revision_of
from guardproxy.policyfile.condition_schema import WrittenCondition
from guardproxy.policyfile.conditions import compile_condition
from guardproxy.policyfile.load import PolicyDocument

MOST_FORMS: Final = 128
"""How many policies the conditions of one may make of it."""


def compile_choice(document: PolicyDocument) -> Choice:
    """A policy with all the forms its conditions give it. Raises `ConfigurationError`, one line per problem."""
    conditions = conditions_of(document)
    try:
        ways = outcomes(tuple(conditions), MOST_FORMS)
    except TooManyOutcomes as error:
        raise ConfigurationError(f"{document.at('when')}: {error}; write fewer, or several policies") from error
    forms = _forms(document, list(conditions), ways)
    if not conditions:
        return Choice(forms[0])
    _check_callers_choice(conditions, forms)
    return Choice(forms[0], tuple(conditions), forms)


def _forms(document: PolicyDocument, conditions: Sequence[Condition], ways: Iterable[int]) -> dict[int, Policy]:
    """The policy in each way, the one without conditions first. What is wrong in any of them is told at once."""
    sets, revision, forms, problems = Sets(), revision_of(document), dict[int, Policy](), list[str]()
    for way in ways:
        holding = frozenset(one for index, one in enumerate(conditions) if way >> index & 1)
        name = f"{revision}-{way:x}" if way else revision
        try:
            forms[way] = compile_form(document_of(document, holding), sets, holding, name)
        except ConfigurationError as error:
            problems += error.message.splitlines()
    if problems:
        raise ConfigurationError("\n".join(dict.fromkeys(problems)))
    return forms


def conditions_of(document: PolicyDocument) -> dict[Condition, str]:
    """Every condition of the policy, the blocks' first, and where it is written. Raises `ConfigurationError`."""
    found: dict[Condition, str] = {}
    problems: list[str] = []

    def add(written: WrittenCondition, at: Callable[..., str]) -> None:
        try:
            found.setdefault(compile_condition(written, at), at())
        except ConfigurationError as error:
            problems.append(error.message)

    for index, block in enumerate(document.written.when):
        add(block.if_, partial(document.at, "when", index, "if"))
    for rule in document.rules:
        if rule.written.when is not None:
            add(rule.written.when, partial(rule.at, "when"))
    for layer in [document.written, *document.written.when]:
        steps = () if layer is document.written else ("when", document.written.when.index(layer))
        for name, override in layer.override.items():
            if override.when is not None:
                add(override.when, partial(document.at, *steps, "override", name, "when"))
    if problems:
        raise ConfigurationError("\n".join(problems))
    return found


def _check_callers_choice(conditions: Mapping[Condition, str], forms: Mapping[int, Policy]) -> None:
    """What the caller writes into its request may only tighten: each form is held against the one without it."""
    chosen = sum(1 << index for index, condition in enumerate(conditions) if condition.chosen_by_caller)
    for way, form in forms.items():
        if way & chosen and (looser := loosenings(forms[way & ~chosen], form)):
            where = next(place for index, place in enumerate(conditions.values()) if (way & chosen) >> index & 1)
            raise ConfigurationError(
                f"{where}: the caller chooses the metadata of its requests, so what follows from it may only make the "
                f"policy stricter; here {looser[0]}"
            )


def document_of(document: PolicyDocument, holding: Collection[Condition]) -> PolicyDocument:
    """The policy with the blocks laid over it whose conditions hold."""
    blocks = (partial(document.at, "when", index, "if") for index in range(len(document.written.when)))
    return document.where(
        tuple(
            index
            for index, (block, at) in enumerate(zip(document.written.when, blocks, strict=True))
            if compile_condition(block.if_, at) in holding
        )
    )

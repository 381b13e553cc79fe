"""What ships is good: every example of every rule holds, and the default does what its comments say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest

from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.core.policy import OperatorMessages, Policy
from guardproxy.core.verdict import Action
from guardproxy.match.scanner import Span
from guardproxy.policyfile.cases import cases_path, read_cases
from guardproxy.policyfile.catalogue import is_cases_file, verify_alone
from guardproxy.policyfile.choices import compile_choice
from guardproxy.policyfile.compile import CompiledRule, compile_rule, compile_rules, load_policy
from guardproxy.policyfile.examples import expand, run_examples
from guardproxy.policyfile.load import read_policy, read_rule
from guardproxy.policyfile.locate import shipped_policies
from tests.policyfile.workshop import write_policy

RULES = compile_rules(read_policy())
PACKS = shipped_policies() / "packs"


@pytest.fixture(scope="module")
def default() -> Policy:
    return load_policy()


def every_rule() -> tuple[CompiledRule, ...]:
    return tuple(compile_rule(read_rule(file)) for file in sorted(PACKS.glob("*/*.yaml")))


@pytest.mark.parametrize("compiled", every_rule(), ids=lambda compiled: compiled.rule.id)
def test_every_example_of_a_shipped_rule_holds(compiled: CompiledRule) -> None:
    assert run_examples([compiled], thoroughly=True) == []


# What nearly every text holds: words, numbers, punctuation, an address, a long name.
HARMLESS = """The old ferry leaves the harbour a little after 7:45, when the light is still low and the water is calm.
In 2019 there were 3 boats (now 12); each crossing takes 40-45 minutes, see https://example.org/ferries/timetable.html.
Its name is written on the bow = "SEA_OF_TRANQUILLITY_AND_PATIENCE", and nobody has ever asked for a key or a token.
"""


@pytest.mark.parametrize("compiled", every_rule(), ids=lambda compiled: compiled.rule.id)
def test_no_shipped_rule_has_to_read_a_text_that_holds_nothing_like_its_matches(compiled: CompiledRule) -> None:
    assert not compiled.detector().may_match(HARMLESS)


def test_what_the_shipped_packs_pass_over_holds_nothing(tmp_path: Path) -> None:
    policy = load_policy(write_policy(tmp_path, packs=["secrets", "pii", "injection"]))
    random = Random(11)
    examples = [one for compiled in every_rule() for one in _examples(compiled)]
    for _ in range(60):
        pieces = [expand(random.choice(examples), random) for _ in range(3)]
        at = random.randrange(len(HARMLESS))
        text = random.choice(["", " ", "\n", "x", "7"]).join([HARMLESS[:at], *pieces, HARMLESS[at:]])
        for detector in policy.detectors_for(Provenance.TOOL):
            scanner = detector.scanner()
            read = _longest([*scanner.feed(text), *scanner.finish()])
            assert read == _longest(detector.scan(text))
            assert not read or detector.may_match(text)


def _longest(spans: Iterable[Span]) -> dict[tuple[int, str], int]:
    """The end of the longest span for each start and rule."""
    return {(span.start, span.rule): span.end for span in sorted(spans)}


def _examples(compiled: CompiledRule) -> list[str]:
    given = compiled.document.written.examples
    return [*given.match, *given.pass_, *given.todo_match]


def test_secrets_are_redacted_where_the_model_speaks_or_reads(default: Policy) -> None:
    secrets = [rule for rule in default.rules.values() if rule.pack == "secrets"]
    assert len(secrets) >= 120
    assert {Action.REDACT} == {rule.action for rule in secrets}
    assert all({Provenance.MODEL, Provenance.TOOL} <= rule.applies_to for rule in secrets)


def test_injections_are_blocked_and_never_looked_for_in_what_the_model_says(default: Policy) -> None:
    injections = [rule for rule in default.rules.values() if rule.pack == "injection"]
    assert len(injections) == 15
    assert {Action.BLOCK} == {rule.action for rule in injections}
    assert all(rule.applies_to <= {Provenance.USER, Provenance.TOOL, Provenance.DOCUMENT} for rule in injections)


def test_each_secret_is_found_by_its_own_rule_among_all_the_others(default: Policy) -> None:
    for compiled in RULES:
        if compiled.rule.pack == "secrets":
            alone = compiled.detector()
            for template in compiled.document.written.examples.match:
                text = expand(template, Random(7))
                found = {
                    (s.start, s.end)
                    for d in default.detectors_for(Provenance.MODEL)
                    for s in d.scan(text)
                    if s.rule == compiled.rule.id
                }
                assert {(s.start, s.end) for s in alone.scan(text)} == found, template


def test_the_default_lets_images_through_and_keeps_the_operators_voice(default: Policy) -> None:
    assert OperatorMessages.OPERATOR_KEYS is default.context.operator_messages
    passing = {kind for kind, action in default.opaque.items() if action is Action.ALLOW}
    assert passing == {OpaqueKind.IMAGE, OpaqueKind.HOSTED}
    assert (
        default.limits.messages,
        default.limits.text_characters,
        default.limits.tools,
        default.limits.choices,
    ) == (2_000, 1_000_000, 256, 16)
    assert {"requests/60s", "tokens/60s"} == {quota.id for quota in default.quotas}


def test_the_observing_policy_only_tells_what_the_default_would_do_and_still_masks(default: Policy) -> None:
    policy = load_policy(shipped_policies() / "observe-only.yaml")
    assert policy.shadow
    assert {name: rule.action for name, rule in default.rules.items()} == {
        name: rule.shadow for name, rule in policy.rules.items()
    }
    assert {Action.ALLOW} == {rule.action for rule in policy.rules.values()}
    assert policy.masking


POLICIES = [file for file in sorted(shipped_policies().glob("*.yaml")) if not is_cases_file(file)]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_shipped_policy_says_what_it_costs_and_what_it_does_not_do_and_has_cases(path: Path) -> None:
    if path.stem == "empty":  # for measuring
        return
    comment = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert any(line.startswith("# Costs: ") for line in comment)
    assert any(line.startswith("# Does not protect from: ") for line in comment)
    assert "bench.policies" in " ".join(comment)
    assert len(read_cases(cases_path(path))) >= 3


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_shipped_policy_is_as_strict_as_it_says(path: Path) -> None:
    document = read_policy(path)
    assert document.written.name == path.stem
    verify_alone(document, compile_choice(document))


def test_the_empty_policy_looks_for_nothing() -> None:
    policy = load_policy(shipped_policies() / "empty.yaml")
    assert not any(policy.detectors_for(provenance) for provenance in Provenance)
    assert {Action.ALLOW} == set(policy.opaque.values())

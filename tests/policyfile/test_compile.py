"""What was written becomes a policy that does it, or is refused with file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.core.policy import AnswerFields, OnBlock, OperatorMessages, Policy
from guardproxy.core.quota import Metric, Quota
from guardproxy.core.verdict import Action, Severity
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.compile import compile_policy, load_policy
from guardproxy.policyfile.load import read_policy
from guardproxy.policyfile.yaml_nodes import MAX_BYTES
from tests.policyfile.workshop import rule, write, write_policy, write_rule


def found(policy: Policy, provenance: Provenance, text: str) -> set[str]:
    return {span.rule for detector in policy.detectors_for(provenance) for span in detector.scan(text)}


def masked(policy: Policy, text: str) -> set[str]:
    return {span.rule for detector in policy.masking for span in detector.scan(text)}


def problems_of(path: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load_policy(path)
    return raised.value.message.splitlines()


def test_a_rule_looks_at_the_texts_it_applies_to(tmp_path: Path) -> None:
    policy = load_policy(write_policy(tmp_path, rules=[rule("own.one", "abc", applies_to=["tool"])]))
    assert {"own.one"} == found(policy, Provenance.TOOL, "abc")
    assert not any(found(policy, other, "abc") for other in Provenance if other is not Provenance.TOOL)


def test_rules_that_apply_alike_share_one_detector(tmp_path: Path) -> None:
    alike = [rule("own.one", "abc"), rule("own.two", "abd")]
    policy = load_policy(write_policy(tmp_path, rules=[*alike, rule("own.three", "abe", applies_to=["user"])]))
    (shared,) = policy.detectors_for(Provenance.TOOL)
    assert shared is policy.detectors_for(Provenance.USER)[0]
    assert {"own.one", "own.two", "own.three"} == found(policy, Provenance.USER, "abc abd abe")


def test_a_policy_overrides_what_a_rule_says(tmp_path: Path) -> None:
    override = {"own.one": {"action": "block", "severity": "low", "applies_to": ["model"]}}
    policy = load_policy(write_policy(tmp_path, rules=[rule("own.one", "abc")], override=override))
    one = policy.rules["own.one"]
    assert (Action.BLOCK, Severity.LOW, frozenset({Provenance.MODEL})) == (one.action, one.severity, one.applies_to)
    assert {"own.one"} == found(policy, Provenance.MODEL, "abc")


def test_an_override_of_a_rule_goes_before_that_of_its_pack(tmp_path: Path) -> None:
    override = {"own.*": {"action": "flag", "severity": "low"}, "own.two": {"action": "allow"}}
    rules = [rule("own.one", "abc"), rule("own.two", "abc")]
    policy = load_policy(write_policy(tmp_path, rules=rules, override=override))
    assert [(r.action, r.severity) for r in policy.rules.values()] == [
        (Action.FLAG, Severity.LOW),
        (Action.ALLOW, Severity.LOW),
    ]


def test_a_rule_that_allows_is_not_looked_for(tmp_path: Path) -> None:
    policy = load_policy(write_policy(tmp_path, rules=[rule("own.one", "abc", action="allow")]))
    assert policy.detectors_for(Provenance.USER) == ()


def test_what_a_rule_was_written_to_hide_stays_masked_when_it_only_flags(tmp_path: Path) -> None:
    rules = [rule("own.secret", "abc"), rule("own.word", "abd", action="block")]
    policy = load_policy(write_policy(tmp_path, rules=rules, override={"own.*": {"action": "flag"}}))
    assert {"own.secret"} == masked(policy, "abc abd")


def test_the_placeholder_names_the_rule_unless_it_is_given(tmp_path: Path) -> None:
    rules = [
        rule("own.one", "abc"),
        rule("own.two", "abd", placeholder="***"),
        rule("own.three", "abe", placeholder=""),
    ]
    policy = load_policy(write_policy(tmp_path, rules=rules))
    assert [r.placeholder for r in policy.rules.values()] == ["[REDACTED:own.one]", "***", ""]


def test_a_placeholder_that_would_be_redacted_again_is_refused(tmp_path: Path) -> None:
    path = write_policy(tmp_path, rules=[rule("own.one", "abc"), rule("own.two", "[A-Z]{8}")])
    assert [
        f"{path}:5:3: the placeholder '[REDACTED:own.one]' is itself found by the rule 'own.two'; choose another",
        f"{path}:27:3: the placeholder '[REDACTED:own.two]' is itself found by the rule 'own.two'; choose another",
    ] == problems_of(path)


def test_an_unknown_rule_cannot_be_overridden(tmp_path: Path) -> None:
    path = write_policy(tmp_path, rules=[rule("own.one", "abc")], override={"own.oen": {"action": "flag"}})
    assert [f"{path}:29:3: no rule 'own.oen' to override, did you mean 'own.one'?"] == problems_of(path)


def test_two_rules_of_one_id_are_refused_with_both_places(tmp_path: Path) -> None:
    pack = write_rule(tmp_path, rule("own.one", "abc"))
    path = write_policy(tmp_path, packs=["./own"], rules=[rule("own.one", "abd")])
    assert [f"{path}:9:10: the rule 'own.one' is already there: {pack}:2:8"] == problems_of(path)


def test_a_pattern_that_cannot_be_used_is_told_at_its_character(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    text = write_policy(tmp_path, rules=[rule("own.one", "PATTERN")]).read_text(encoding="utf-8")
    path.write_text(text.replace('"PATTERN"', "'abc*d'"), encoding="utf-8")
    (problem,) = problems_of(path)
    assert problem.startswith(f"{path}:10:20: pattern: ")


def test_the_mistakes_of_all_rules_come_at_once(tmp_path: Path) -> None:
    rules = [
        rule("own.one", "(", applies_to=["user"]),
        rule("own.two", "a{2,}b", applies_to=["user"]),
        rule("own.good", "abc", applies_to=["user"]),
    ]
    assert len(problems_of(write_policy(tmp_path, rules=rules))) == 2


def test_an_unknown_detector_or_option_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    rules = [
        rule("own.one", "abc", detector="patern"),
        rule("own.two", "abc", **{"with": {"patern": "abc", "pattern": "abc"}}),
        rule("own.three", "abc", **{"with": {"pattern": "abc", "ignore_case": "yes"}}),
        rule("own.four", "abc", **{"with": {}}),
    ]
    path = write_policy(tmp_path, rules=rules)
    assert [
        f"{path}:8:16: unknown detector 'patern', did you mean 'pattern'?",
        f"{path}:32:5: unknown key 'patern', did you mean 'pattern'?",
        f"{path}:56:20: 'ignore_case' has to be true or false, without quotes",
        f"{path}:77:12: 'pattern' is missing",
    ] == problems_of(path)


def test_context_opaque_limits_and_quotas_are_what_was_written(tmp_path: Path) -> None:
    policy = load_policy(
        write_policy(
            tmp_path,
            context={"operator_messages": "nobody", "unknown_roles": "allow"},
            opaque={"image": "allow"},
            limits={"messages": 7},
            quotas=[
                {"metric": "tokens", "per": "hour", "limit": 5},
                {"metric": "requests", "per": "second", "limit": 2},
            ],
        )
    )
    assert (policy.context.operator_messages, policy.context.unknown_roles) == (OperatorMessages.NOBODY, Action.ALLOW)
    passing = {kind for kind, action in policy.opaque.items() if action is Action.ALLOW}
    assert passing == {OpaqueKind.IMAGE, OpaqueKind.HOSTED}
    assert set(OpaqueKind) == set(policy.opaque)
    assert (policy.limits.messages, policy.limits.body_bytes, policy.limits.tools) == (7, 20 * MAX_BYTES, None)
    assert (Quota(Metric.TOKENS, 3600, 5), Quota(Metric.REQUESTS, 1, 2)) == policy.quotas


def test_how_answers_are_treated_is_what_was_written(tmp_path: Path) -> None:
    policy = load_policy(
        write_policy(tmp_path, answers={"on_block": "error", "fields": "sequential", "block_message": "No."})
    )
    assert (policy.on_block, policy.on_limit, policy.block_message) == (OnBlock.ERROR, OnBlock.FINISH, "No.")
    assert policy.answer_fields is AnswerFields.SEQUENTIAL
    assert Policy("bare", "0").answer_fields is AnswerFields.ORDERED


def test_one_metric_has_one_limit_per_window(tmp_path: Path) -> None:
    twice = [{"metric": "tokens", "per": "hour", "limit": n} for n in (1, 2)]
    (problem,) = problems_of(write_policy(tmp_path, quotas=twice))
    assert problem.endswith("this metric already has a limit for this window")


def test_the_revision_is_that_of_the_content(tmp_path: Path) -> None:
    one = rule("mine.one", "abc")
    directories = [tmp_path / name for name in ("a", "b")]
    for directory in directories:
        write_rule(directory, one)
    plain = write_policy(directories[0], packs=["./mine"])
    commented = write_policy(directories[1], packs=["./mine/"], override={})
    commented.write_text(f"# a comment\n{commented.read_text(encoding='utf-8')}", encoding="utf-8")
    assert load_policy(plain).revision == load_policy(commented).revision
    before = load_policy(plain).revision
    write(directories[0] / "mine" / "one.yaml", one | {"severity": "low"})
    assert len(before) == 12
    assert before != load_policy(plain).revision


@given(st.permutations(["own.one", "own.two", "own.three"]))
def test_the_order_of_rules_changes_nothing(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    directory = tmp_path_factory.mktemp("order")
    written, ordered = (
        compile_policy(read_policy(write_policy(directory, rules=[rule(name, "abc") for name in order])))
        for order in (ids, sorted(ids))
    )
    assert written.revision == ordered.revision

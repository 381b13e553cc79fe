from __future__ import annotations

from pathlib import Path

import pytest

from bench import BenchError
from bench.ruleset import load_ruleset, shipped_packs, shipped_rules
from guardproxy.core.exchange import Provenance
from guardproxy.errors import ConfigurationError
from guardproxy.match.scanner import Span
from tests.bench.zoo import write_zoo
from tests.policyfile.workshop import rule, write_policy, write_rule


def test_every_rule_of_every_shipped_pack_is_measured_when_nothing_is_named() -> None:
    ruleset = load_ruleset(None, [])
    assert shipped_rules() == ruleset.active
    assert {rule.pack for rule in ruleset.policy.rules.values()} == set(shipped_packs())


def test_each_rule_is_looked_for_once_wherever_it_applies(tmp_path: Path) -> None:
    ruleset = load_ruleset(write_zoo(tmp_path), [])
    text = "zebra1111 lion7"
    spans = [span for detector in ruleset.everywhere for span in detector.scan(text)]
    assert sorted(span.rule for span in spans) == ["zoo.lion", "zoo.zebra"]


def test_at_a_position_the_rules_of_the_proxy_are_looked_for(tmp_path: Path) -> None:
    ruleset = load_ruleset(write_zoo(tmp_path), [])
    found = {
        provenance: {span.rule for d in ruleset.detectors_at(provenance) for span in d.scan("zebra1111 lion7")}
        for provenance in (Provenance.OPERATOR, Provenance.USER, Provenance.TOOL)
    }
    assert found == {
        Provenance.OPERATOR: set(),
        Provenance.USER: {"zoo.zebra"},
        Provenance.TOOL: {"zoo.zebra", "zoo.lion"},
    }


def test_a_rule_that_is_off_counts_for_a_pack_and_not_for_a_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = write_zoo(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert load_ruleset(policy, []).active == ["zoo.lion", "zoo.zebra"]
    assert load_ruleset(None, ["./zoo"]).active == ["zoo.asleep", "zoo.lion", "zoo.zebra"]


def test_a_policy_is_narrowed_to_packs_with_what_it_overrides(tmp_path: Path) -> None:
    write_zoo(tmp_path)
    write_rule(tmp_path, rule("farm.cow", "cow[0-9]"))
    override = {"zoo.lion": {"action": "allow"}, "farm.*": {"action": "allow"}}
    policy = write_policy(tmp_path, packs=["./zoo", "./farm"], override=override)
    assert load_ruleset(policy, ["zoo"]).active == ["zoo.zebra"]


def test_an_unknown_pack_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="unknown pack 'secret', did you mean 'secrets'"):
        load_ruleset(None, ["secret"])
    with pytest.raises(BenchError, match="'mine' has no rules of a pack 'zo', did you mean 'zoo'"):
        load_ruleset(write_zoo(tmp_path), ["zo"])


def test_an_excerpt_shows_neither_the_finding_nor_another_one(tmp_path: Path) -> None:
    ruleset = load_ruleset(write_zoo(tmp_path), [])
    text = "near zebra1111 a lion777777 sleeps"
    lion, zebra = Span(17, 27, "zoo.lion"), Span(5, 14, "zoo.zebra")
    shown = ruleset.excerpt(text, [lion], lion)
    assert "sleeps" in shown
    assert "zebra1111" not in shown
    assert "lion777777" not in shown
    assert "lion777777" not in ruleset.excerpt(text, [lion, zebra], zebra)

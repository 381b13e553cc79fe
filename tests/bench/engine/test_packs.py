from __future__ import annotations

from bench.engine.packs import NO_RULES, detectors, loaded, open_guard, written
from guardproxy.policyfile.load import read_policy
from tests.bench.engine.menagerie import NAMED_ANIMALS, policy


def test_a_policy_is_written_to_a_file_that_is_gone_afterwards() -> None:
    with written(NAMED_ANIMALS) as file:
        assert [rule.written.id for rule in read_policy(file).rules] == ["zoo.zebra"]
    assert not file.exists()


def test_the_guard_is_that_of_a_streamed_answer() -> None:
    guard = open_guard(policy())
    assert guard.feed("a zebra12") + guard.feed("34 here") == "a [REDACTED:zoo.zebra] here"


def test_a_policy_without_rules_looks_for_nothing() -> None:
    assert detectors(loaded(NO_RULES)) == ()
    assert len(detectors(policy())) == 1

from __future__ import annotations

import gc

from bench.engine.packs import (
    NO_RULES,
    collected_as_served,
    detectors,
    loaded,
    open_guard,
    served,
    steps_of,
    uncapped,
    written,
)
from guardproxy.cli.lasting import THRESHOLDS
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


def test_the_same_policy_can_be_had_without_a_bound() -> None:
    assert policy().limits.matching_work is not None
    assert uncapped(policy()).limits.matching_work is None
    assert detectors(uncapped(policy())) == detectors(policy())


def test_the_steps_of_all_who_read_are_counted_once() -> None:
    ours = loaded(NAMED_ANIMALS)
    before = steps_of(ours)
    for detector in detectors(ours):
        detector.scan("a zebra1234")
    assert steps_of(ours) - before == sum(detector.work for detector in detectors(ours)) > 0


def test_what_is_served_is_collected_as_the_proxy_has_it_and_then_as_before() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with collected_as_served():
        assert detectors(served(NAMED_ANIMALS))
        assert gc.get_threshold() == THRESHOLDS
        assert gc.get_freeze_count() > frozen
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0

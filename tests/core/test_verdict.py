from __future__ import annotations

import itertools

import pytest

from guardproxy.core.exchange import Provenance
from guardproxy.core.verdict import Action, Finding, Severity, Verdict


def test_actions_are_ordered_by_strictness() -> None:
    assert sorted(Action) == [Action.ALLOW, Action.FLAG, Action.REDACT, Action.BLOCK]
    assert all(max(less, more) is more for less, more in itertools.combinations(sorted(Action), 2))


@pytest.mark.parametrize(("word", "action"), [("allow", Action.ALLOW), ("redact", Action.REDACT)])
def test_an_action_is_told_by_its_word(word: str, action: Action) -> None:
    assert word == action.word


def test_a_finding_is_sure_and_shows_nothing_unless_it_says_otherwise() -> None:
    finding = Finding("test.rule", Severity.LOW, Provenance.USER, ("messages", 0), 3, 9)
    assert (finding.score, finding.excerpt) == (1.0, "")


def test_a_verdict_that_found_nothing_changes_nothing() -> None:
    verdict = Verdict(Action.ALLOW)
    assert (verdict.findings, dict(verdict.edits), verdict.coverage.full) == ((), {}, True)

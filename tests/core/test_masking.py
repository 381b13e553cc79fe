"""What an excerpt hides, and that to know it holds nobody up and is paid for."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings

from guardproxy.core import allowance as module
from guardproxy.core.allowance import Allowance, run_through
from guardproxy.core.exchange import Provenance, Segment
from guardproxy.core.inspection import inspect, inspect_in_steps
from guardproxy.core.masking import masked, masks_of_runs
from guardproxy.core.policy import Policy, RequestLimits
from guardproxy.core.verdict import Action
from tests.core.test_allowance import DEAR, dear_text
from tests.support.strategies import Kit, kits, make_kit, texts

UNLIMITED = Allowance(None)
SPOT = make_kit({"spot": "here"}, actions={"spot": Action.FLAG})


def looks_for_spots(masking: dict[str, str], per_character: int | None = None) -> Policy:
    """A policy that flags `here` and hides in excerpts what `masking` finds."""
    hiding = make_kit(masking)
    return dataclasses.replace(
        SPOT.policy(limits=RequestLimits(matching_work=per_character)),
        rules={**SPOT.rules, **hiding.rules},
        masking=hiding.detectors,
    )


def test_excerpts_mask_their_match_and_each_other() -> None:
    policy = make_kit({"token": "tok_[a-z0-9]{20}"}).policy()
    first, second = "tok_" + "a1" * 10, "tok_" + "b2" * 10
    excerpts = run_through(masked(policy, f"{first} and {second}.", (), UNLIMITED))
    assert excerpts is not None
    assert excerpts.around(0, 24) == "«to•••a1» and •••."
    assert excerpts.around(29, 53) == "••• and «to•••b2»."


@given(kits(), texts)
@settings(max_examples=50)
def test_what_a_rule_finds_is_masked_whether_it_is_handed_in_or_looked_for(kit: Kit, text: str) -> None:
    spans = kit.spans(text)
    looked_for = run_through(masked(kit.policy(), text, (), UNLIMITED))
    handed_in = run_through(masked(dataclasses.replace(kit.policy(), masking=()), text, spans, UNLIMITED))
    assert looked_for is not None
    assert handed_in is not None
    for span in spans:
        hidden = looked_for.around(span.start, span.end)
        if all(kit.rules[one.rule].action is not Action.FLAG for one in spans):
            assert handed_in.around(span.start, span.end) == hidden


@pytest.mark.parametrize("parts", [1, 2])
def test_one_finding_does_not_make_one_step_of_a_long_text(parts: int) -> None:
    """Also where the text is read together with its neighbour."""
    policy = looks_for_spots(DEAR)
    text = "look here. " + dear_text(30_000)
    segments = [Segment(text, Provenance.USER, ("parts", at), 0) for at in range(parts)]
    (masking,) = policy.masking
    work = [0, *(masking.work for _ in inspect_in_steps(policy, segments)), masking.work]
    steps = [after - before for before, after in pairwise(work)]
    assert sum(steps) > 100_000
    assert max(steps) < sum(steps) / 5


def test_where_the_excerpts_cost_too_much_none_is_shown_and_the_verdict_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FREE", 5_000)
    dear = {"window": "x(?:[a-z]|[a-m][n-z]){0,99}1"}
    random = Random(1)  # what repeats itself is soon known, and then it is cheap
    text = "look here. " + "".join("".join(random.choices("xabc", k=180)) + "1 " for _ in range(200))
    for segments in (
        [Segment(text, Provenance.USER, ("messages", 0))],
        [Segment(text, Provenance.USER, ("parts", at), 0) for at in range(2)],
    ):
        shown = inspect(looks_for_spots(dear), segments)
        limited = inspect(looks_for_spots(dear, per_character=1), segments)
        assert all(finding.excerpt for finding in shown.findings)
        assert limited.findings == tuple(finding._replace(excerpt="") for finding in shown.findings)
        assert (limited.action, limited.coverage, limited.edits) == (shown.action, shown.coverage, shown.edits)


def test_of_a_secret_cut_in_two_each_text_hides_its_part_and_only_where_something_was_found() -> None:
    policy = looks_for_spots({"token": "tok_[a-z0-9]{20}"})
    one, other = (
        Segment(text, Provenance.USER, ("parts", at), 0) for at, text in enumerate(["a tok_" + "q7" * 6, "abcdefgh."])
    )
    masks = run_through(masks_of_runs(policy, [one, other], {one}, UNLIMITED))
    assert {(segment.path, span.start, span.end) for segment, spans in masks.items() for span in spans} == {
        (("parts", 0), 2, 18),
        (("parts", 1), 0, 8),
    }
    assert run_through(masks_of_runs(policy, [one, other], (), UNLIMITED)) == {}

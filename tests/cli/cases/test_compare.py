"""Everything a case asks for is compared, nothing else is, and a difference can be read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guardproxy.cli.cases.compare import Difference, differences
from guardproxy.cli.cases.stage import Outcome
from guardproxy.policyfile.cases import WrittenCase

OUTCOME = Outcome(
    "redact", None, {"own.one": 2}, {"own.shy": 1},
    {"messages": [{"role": "user", "content": "first"}, {"role": "user", "content": "last"}]},
    {"role": "assistant", "content": "said"},
)  # fmt: skip


def case(**members: Any) -> WrittenCase:
    return WrittenCase.model_validate_json(
        json.dumps({"case": "x", "expect": "redact", "messages": [{"user": "hi"}], **members})
    )


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"rules": ["own.one"], "shadow_rules": ["own.shy"]},
        {"sent": "last", "received": "said"},
        {"sent": {"messages[0].content": "first", "messages[1].role": "user"}},
    ],
)
def test_what_holds_makes_no_difference(members: dict[str, Any]) -> None:
    assert differences(case(**members), OUTCOME, stream=False) == []


@pytest.mark.parametrize(
    ("members", "difference"),
    [
        ({"expect": "allow"}, Difference("decision", "allow", "redact")),
        ({"code": "x"}, Difference("code", "x", None)),
        ({"rules": []}, Difference("rules", [], ["own.one"])),
        ({"shadow_rules": ["own.one"]}, Difference("shadow_rules", ["own.one"], ["own.shy"])),
        ({"sent": "first"}, Difference("sent", "first", "last")),
        ({"received": {"content": "else"}}, Difference("received content", "else", "said")),
        (
            {"received": {"contents": "said"}},
            Difference("received has no contents, did you mean 'content'?", "said", None),
        ),
    ],
)
def test_each_difference_is_named(members: dict[str, Any], difference: Difference) -> None:
    assert differences(case(**members), OUTCOME, stream=False) == [difference]


def test_a_stream_that_was_stopped_has_no_code_and_no_whole_answer() -> None:
    stopped = OUTCOME._replace(decision="block", received={"content": "sa"})
    blocked = case(expect="block", code="content_policy_violation", received="said")
    assert differences(blocked, stopped, stream=True) == []
    assert differences(blocked, stopped, stream=False) != []


def test_texts_are_shown_as_a_diff_and_words_in_a_line() -> None:
    assert Difference("decision", "allow", "block").lines() == ["decision: expected allow, found block"]
    lines = Difference("received", "it is here", "it is there").lines()
    assert lines[0] == "received  (- expected, + found)"
    assert "  - it is here" in lines
    assert "  + it is there" in lines

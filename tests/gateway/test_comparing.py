"""A candidate that is the present policy changes nothing, and any other is told by what it would do."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.choice import Choice
from guardproxy.core.exchange import Provenance
from guardproxy.core.inspection import OutputGuard, inspect
from guardproxy.core.policy import Context, Excess, Policy, RequestLimits
from guardproxy.core.principal import Principal
from guardproxy.core.separation.control_tokens import ALL_FAMILIES
from guardproxy.core.separation.fence import FenceMode, Fences
from guardproxy.core.separation.terms import Separation, Treatment
from guardproxy.core.tools.names import Names
from guardproxy.core.tools.rules import NameLists, ToolRules
from guardproxy.core.verdict import Action, Verdict
from guardproxy.gateway.comparing import Difference, NotComparable, Sample, compare_in_steps
from guardproxy.surfaces import CHAT_COMPLETIONS
from guardproxy.wire.sse import SseDecoder, SseEvent
from tests.support.policies import FORBIDDEN, HIDDEN, SMALL, small
from tests.support.upstream import DONE, chunk, completion, event

WHO = Principal("id", "caller", operator=True)
MILD = replace(SMALL, revision="r2", rules={n: replace(r, action=Action.FLAG) for n, r in SMALL.rules.items()})
NONE = Policy("none", "r3", opaque=SMALL.opaque)


def body(text: str, **more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **more}).encode()


def happened(policy: Policy, text: str, answer: str, *, streamed: bool = False, **more: Any) -> Sample:
    """The exchange as the present policy decides it."""
    raw = body(text, **more)
    assert CHAT_COMPLETIONS.read_request is not None
    request = inspect(policy, CHAT_COMPLETIONS.read_request(json.loads(raw), operator=True).segments)
    if request.action is Action.BLOCK:
        return Sample(WHO, CHAT_COMPLETIONS, policy, raw, None, streamed, request, None)
    if not streamed:
        document = completion(answer)
        response = inspect(policy, CHAT_COMPLETIONS.read_response(document).segments)
        return Sample(WHO, CHAT_COMPLETIONS, policy, raw, (json.dumps(document).encode(),), False, request, response)
    pieces = (event(chunk({"content": answer[:5]})), event(chunk({"content": answer[5:]})), DONE)
    return Sample(WHO, CHAT_COMPLETIONS, policy, raw, pieces, True, request, _streamed(policy, pieces))


def _streamed(policy: Policy, pieces: tuple[bytes, ...]) -> Verdict:
    guard = OutputGuard(policy)
    assert CHAT_COMPLETIONS.open_stream is not None
    editor, decoder = CHAT_COMPLETIONS.open_stream(guard, None), SseDecoder()
    for piece in pieces:
        for item in decoder.feed(piece):
            assert isinstance(item, SseEvent)
            editor.feed(item)
            if guard.blocked:
                return guard.verdict()
    editor.finish()
    return guard.verdict()


def compared(sample: Sample, candidate: Policy) -> Difference | None:
    steps: Generator[None, None, tuple[Policy, Difference | None]] = compare_in_steps(sample, Choice(candidate))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value[1]  # type: ignore[no-any-return]


texts = st.lists(st.sampled_from([HIDDEN, FORBIDDEN, "odd one", "hello", " "]), max_size=4).map(" ".join)


@given(st.sampled_from([SMALL, MILD, NONE]), texts, texts, st.booleans())
def test_the_present_policy_as_its_own_candidate_changes_nothing(
    policy: Policy, text: str, answer: str, streamed: bool
) -> None:
    sample = happened(policy, text or "x", answer or "x", streamed=streamed)
    assert compared(sample, replace(policy, revision="another")) is None


@pytest.mark.parametrize("streamed", [False, True])
def test_a_rule_that_would_do_less_is_told_for_request_and_answer(streamed: bool) -> None:
    difference = compared(happened(SMALL, HIDDEN, f"say {HIDDEN}", streamed=streamed), MILD)
    assert difference is not None
    assert (difference.before, difference.after) == (Action.REDACT, Action.FLAG)
    assert [(c.rule, c.before, c.after, c.direction) for c in difference.rules] == [
        ("own.codeword", "redact", "flag", "request"),
        ("own.codeword", "redact", "flag", "response"),
    ]


def test_excerpts_hide_what_the_present_policy_hides_though_the_candidate_would_not() -> None:
    only = {"own.odd": replace(SMALL.rules["own.odd"], action=Action.BLOCK)}
    candidate = small(revision="r4", rules={**MILD.rules, **only}, masking=())
    difference = compared(happened(SMALL, f"odd one {HIDDEN}", "fine"), candidate)
    assert difference is not None
    assert any(change.excerpt for change in difference.rules)
    assert all(HIDDEN not in change.excerpt for change in difference.rules)


def test_excerpts_hide_the_callers_own_provider_key() -> None:
    key = "sk-" + "0123456789abcdef" * 3
    sample = happened(NONE, f"{key} {FORBIDDEN} {key}", "fine")
    shown = [compared(sample._replace(hidden=hidden), SMALL) for hidden in (None, key)]
    excerpts = ["".join(rule.excerpt for rule in each.rules) if each else "" for each in shown]
    assert key[:8] in excerpts[0] or key[-8:] in excerpts[0]
    assert not any(key[at : at + 8] in excerpts[1] for at in range(len(key) - 7))


def test_a_request_the_present_policy_refused_has_no_answer_to_compare() -> None:
    difference = compared(happened(SMALL, FORBIDDEN, "never said"), NONE)
    assert difference is not None
    assert (difference.before, difference.after) == (Action.BLOCK, Action.ALLOW)
    assert [(c.rule, c.after) for c in difference.rules] == [("own.forbidden", "nothing")]


def test_a_limit_counts_as_what_it_is_under_both() -> None:
    tight = small(revision="r5", limits=RequestLimits(choices=1))
    sample = happened(SMALL, "hi", "hello", n=2)
    difference = compared(sample, tight)
    assert difference is not None
    assert [(c.rule, c.before, c.after) for c in difference.rules] == [("limits.n", "nothing", "block")]
    refused = sample._replace(policy=tight, request=None, response=None, answer=None)
    assert compared(refused, replace(tight, revision="r6")) is None


def test_an_exchange_a_quota_refused_cannot_be_compared() -> None:
    with pytest.raises(NotComparable):
        compared(happened(SMALL, "hi", "x")._replace(request=None, response=None, answer=None), MILD)


def test_separation_caps_and_labels_are_compared_too() -> None:
    apart = Separation(
        control_tokens=Treatment.CLEAN,
        token_families=ALL_FAMILIES,
        fences=Fences({Provenance.TOOL: FenceMode.DELIMIT, Provenance.DOCUMENT: FenceMode.DELIMIT}),
    )
    candidate = small(
        revision="r7", context=Context(separation=apart), limits=RequestLimits(output_tokens=5, excess=Excess.CAP)
    )
    sample = happened(SMALL, "a <|im_start|> b", "hello", max_tokens=9)
    difference = compared(sample._replace(labels=("messages[0]",)), candidate)
    assert difference is not None
    assert (difference.before, difference.after) == (Action.ALLOW, Action.ALLOW)
    assert [(c.rule, c.before, c.after) for c in difference.rules] == [
        ("context.control-token", "nothing", "neutralise"),
        ("context.fence", "nothing", "fence"),
        ("limits.max_completion_tokens", "nothing", "cap"),
    ]
    unlabelled = compared(sample, candidate)
    assert unlabelled is not None
    assert "context.fence" not in [change.rule for change in unlabelled.rules]


def test_rules_about_tools_are_compared_for_request_and_answer() -> None:
    tools = ToolRules(lists=NameLists(deny=Names.of(["wipe"])))
    offered = [{"type": "function", "function": {"name": "wipe", "parameters": {}}}]
    difference = compared(happened(SMALL, "hi", "hello", tools=offered), small(revision="r8", tools=tools))
    assert difference is not None
    assert [(c.rule, c.before, c.after) for c in difference.rules] == [("tools.not-allowed", "nothing", "block")]


def test_a_request_too_long_to_be_set_apart_at_one_go_is_left_out() -> None:
    apart = small(revision="r9", context=Context(separation=Separation(hidden_characters=Treatment.CLEAN)))
    with pytest.raises(NotComparable):
        compared(happened(SMALL, "word " * 50_000, "hello"), apart)

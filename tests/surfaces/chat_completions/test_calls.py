from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.rewrite import redact_json_text
from guardproxy.core.verdict import Action
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.chat_completions.calls import MOST_CALLS, MOST_CHARACTERS, PendingCalls
from guardproxy.surfaces.chat_completions.response import read_response
from guardproxy.wire.document import replace
from tests.support.strategies import Kit, json_values, make_kit, pieces_of, secrets, secrets_kit
from tests.surfaces.chat_completions.received import Received, chunk, part, run

KIT = make_kit({"word": "secret", "key": "KEY[0-9]{4}"})
CUT_OFF = ("length", "content_filter", None)


def call(index: int, name: str = "", arguments: str = "", **more: Any) -> dict[str, Any]:
    """A fragment of a function call."""
    function = {**({"name": name} if name else {}), "arguments": arguments}
    return {
        "index": index,
        **({"id": f"call_{index}", "type": "function"} if name else {}),
        "function": function,
        **more,
    }


def fragments(delta_name: str, *pieces: Any) -> list[dict[str, Any]]:
    return [chunk(part(0, {delta_name: piece})) for piece in pieces]


def called(*pieces: dict[str, Any], reason: str | None = "tool_calls", kit: Kit = KIT) -> list[dict[str, Any]]:
    """The calls of choice 0 that come of these fragments."""
    documents = [chunk(part(0, {"tool_calls": [piece]})) for piece in pieces]
    end = [chunk(part(0, {}, reason))] if reason else []
    return run(kit.policy(), [*documents, *end]).calls[0]


def redacted(kit: Kit, value: Any) -> Any:
    text = redact_json_text(json.dumps(value), lambda leaf: kit.released(leaf)[0])
    assert text is not None
    return json.loads(text)


# ---------------------------------------------------------------- whole, decoded, valid

leaf_texts = st.one_of(
    secrets(),
    st.tuples(st.sampled_from(["\n", "é", '"', "\\", "x "]), secrets()).map("".join),
    st.text("xyz\n", max_size=6),
)
argument_values = st.dictionaries(
    st.text("abcé", min_size=1, max_size=4),
    st.one_of(leaf_texts, st.lists(leaf_texts, max_size=2), json_values),
    max_size=3,
)


@settings(max_examples=60)
@given(st.lists(argument_values, min_size=1, max_size=3), st.booleans(), st.integers(0, 1 << 32))
def test_interleaved_calls_come_whole_redacted_and_valid(values: list[Any], ascii_only: bool, seed: int) -> None:
    chance = random.Random(seed)
    waiting = {}
    documents = []
    for index, value in enumerate(values):
        arguments = json.dumps(value, ensure_ascii=ascii_only)
        waiting[index] = pieces_of(arguments, [chance.randrange(1 << 16) for _ in range(5)])
        documents.append(chunk(part(0, {"tool_calls": [call(index, f"tool_{index}")]})))
    while waiting:
        index = chance.choice(sorted(waiting))
        documents.append(chunk(part(0, {"tool_calls": [call(index, arguments=waiting[index].pop(0))]})))
        if not waiting[index]:
            del waiting[index]
    received = run(secrets_kit().policy(), [*documents, chunk(part(0, {}, "tool_calls"))])
    assert list(range(len(values))) == [one["index"] for one in received.calls[0]]
    for one, value in zip(received.calls[0], values, strict=True):
        assert (one["id"], one["function"]["name"]) == (f"call_{one['index']}", f"tool_{one['index']}")
        assert redacted(secrets_kit(), value) == json.loads(one["function"]["arguments"])


@settings(max_examples=60)
@given(st.lists(argument_values, min_size=1, max_size=2), st.data())
def test_a_stream_cut_anywhere_emits_whole_calls_or_none(values: list[Any], data: st.DataObject) -> None:
    pieces = [
        piece
        for index, value in enumerate(values)
        for piece in (call(index, "tool"), *(call(index, arguments=char) for char in json.dumps(value)))
    ]
    documents = [chunk(part(0, {"tool_calls": [piece]})) for piece in pieces]
    kept = documents[: data.draw(st.integers(0, len(documents)))]
    whole = [redacted(secrets_kit(), value) for value in values]
    for end, done in ((None, False), (None, True), ("length", True), ("content_filter", False)):
        received = run(secrets_kit().policy(), [*kept, *([chunk(part(0, {}, end))] if end else [])], done=done)
        shown = [json.loads(one["function"]["arguments"]) for one in received.calls[0]]
        assert exact(whole[: len(shown)]) == exact(shown)
        if not done and end is None:
            assert shown == []


def exact(value: Any) -> str:
    return json.dumps(value)


def test_no_fragment_of_a_call_leaves_before_its_choice_has_finished() -> None:
    received = run(KIT.policy(), [chunk(part(0, {"tool_calls": [call(0, "f", '{"a": 1}')]}))], done=False)
    assert received.calls == {}
    assert [chunk(part(0, {}))] == received.documents


@pytest.mark.parametrize(
    "arguments",
    [
        r'{"q": "line\nsecret"}',
        r'{"q": "\u0073ecret"}',
        r'{"q": ["\u0073\u0065\u0063\u0072\u0065\u0074"]}',
        r'{"\u0073ecret": 1}',
        '"secret"',
        '{"a": "secret", "a": "x"}',
        '{"a": "x", "a": "secret"}',
    ],
)
def test_escapes_hide_nothing(arguments: str) -> None:
    (one,) = called(call(0, "f", arguments))
    shown = json.loads(one["function"]["arguments"])
    assert "secret" not in exact(shown) + one["function"]["arguments"]


@pytest.mark.parametrize(
    "arguments", ['{"q": "secret\n"}', '{"q": "\n\\u0073ecret"}', '{"a": NaN, "q": "\\u0073ecret"}']
)
def test_arguments_only_a_lenient_client_can_read_are_read_as_it_would(arguments: str) -> None:
    (one,) = called(call(0, "f", arguments), reason="stop")
    assert "[WORD]" in one["function"]["arguments"]
    assert "secret" not in one["function"]["arguments"]


def test_such_arguments_that_hold_nothing_pass_as_they_are() -> None:
    (one,) = called(call(0, "f", '{"q": "a\n\\u0041"}'))
    assert one["function"]["arguments"] == '{"q": "a\n\\u0041"}'


@pytest.mark.parametrize("reason", ["tool_calls", "function_call", "stop", *CUT_OFF])
@pytest.mark.parametrize("arguments", ['{"cmd": "rm -rf /', '{"q": "x",', "{'q': 'rm -rf /", '{"a":1}{"b":'])
def test_arguments_that_do_not_end_are_no_call_whatever_the_reason_says(arguments: str, reason: str | None) -> None:
    end = [chunk(part(0, {}, reason))] if reason else []
    pieces = [{"tool_calls": [piece]} for piece in (call(0, "ok", "{}"), call(1, "sh", arguments))]
    received = run(KIT.policy(), [*(chunk(part(0, piece)) for piece in pieces), *end])
    assert [call(0, "ok", "{}")] == received.calls[0]
    assert received.finished == ({0: "content_filter" if reason == "content_filter" else "length"} if reason else {})
    legacy = run(KIT.policy(), [chunk(part(0, {"function_call": {"name": "sh", "arguments": arguments}})), *end])
    assert legacy.functions == {}


@pytest.mark.parametrize(
    "more",
    [
        {"function": {"name": "f", "arguments": {"KEY1234": {"KEY5678": "KEY9999"}, "n": 41111111}}},
        {"function": {"name": "f", "arguments": [{"KEY1234": "x"}, 41111111]}},
        {"function": {"name": "f", "arguments": 41111111}},
        {"function": {"name": "f", "arguments": "{}", "KEY1234": 1}},
        {"function": {"name": "f", "arguments": "{}"}, "KEY1234": {"a": ["KEY5678"]}},
        {"function": {"name": "f", "arguments": "{}"}, "extra": [{"KEY1234": {"KEY5678": 1}}]},
        {"custom": {"name": "f", "input": {"KEY1234": 41111111}}},
    ],
)
def test_names_and_long_numbers_of_a_call_are_hidden_streamed_as_whole(more: dict[str, Any]) -> None:
    kit = make_kit({"key": "KEY[0-9]{4}", "card": "4[1]{7}"})
    one = {"index": 0, "id": "c", "type": "function", **more}
    (shown,) = called(one, kit=kit)
    assert "KEY" not in exact(shown).replace("[KEY", "")
    assert "41111111" not in exact(shown)
    document = {"choices": [{"message": {"tool_calls": [one]}}]}
    edits = {segment.path: kit.released(segment.text)[0] for segment in read_response(document).segments}
    replace(document, edits)
    assert [shown] == document["choices"][0]["message"]["tool_calls"]


@pytest.mark.parametrize(
    "arguments",
    [
        "{'a': 'secret'}",
        '{"a":1}{"b":"secret"}',
        '{"a": "secret"} x',
        "\ufeff" + '{"a": "secret"}',
        '{"n":' + "1" * 5000 + ',"a":"secret"}',
        "[" * 5000 + '"\\u0073ecret"' + "]" * 5000,
        "run secret",
    ],
)
def test_a_call_that_is_whole_and_no_json_goes_out_with_what_its_text_hides_hidden(arguments: str) -> None:
    received = run(
        KIT.policy(), [chunk(part(0, {"tool_calls": [call(0, "f", arguments)]})), chunk(part(0, {}, "tool_calls"))]
    )
    assert received.finished == {0: "tool_calls"}
    (one,) = received.calls[0]
    shown = one["function"]["arguments"]
    assert shown == arguments.replace("\\u0073ecret", "secret").replace("secret", "[WORD]")
    clean = arguments.replace("\\u0073ecret", "x").replace("secret", "x")
    assert called(call(0, "f", clean)) == [call(0, "f", clean)]


def test_json_in_a_string_of_the_arguments_stays_json_and_equal_names_stay_two() -> None:
    kit = make_kit({"card": "4[1]{15}"})
    inner = '{"card": 4111111111111111, "x": 1}'
    arguments = '{"a":1.50,"a":2,"body":' + json.dumps(inner) + "}"
    (one,) = called(call(0, "f", arguments), kit=kit)
    shown = one["function"]["arguments"]
    assert shown.startswith('{"a":1.50,"a":2,"body":')
    assert json.loads(json.loads(shown)["body"]) == {"card": "[CARD]", "x": 1}


def test_arguments_without_a_match_keep_their_every_character() -> None:
    arguments = '{ "n": 1.50,\n "big": 123456789012345678901234567890, "t": "\\u0041" }'
    (one,) = called(call(0, "f", arguments[:9]), call(0, arguments=arguments[9:]))
    assert one["function"]["arguments"] == arguments


def test_a_name_and_an_id_are_looked_at_too() -> None:
    (one,) = called({"index": 0, "id": "secret", "type": "function", "function": {"name": "secret", "arguments": "{}"}})
    assert (one["id"], one["function"]["name"]) == ("[WORD]", "[WORD]")


def test_none_of_the_calls_leaves_when_a_rule_blocks_one() -> None:
    kit = make_kit({"stop": "rm -rf"}, actions={"stop": Action.BLOCK})
    pieces = [call(0, "ok", "{}"), call(1, "sh", r'{"cmd": "\u0072m -rf /"}'), call(2, "ok", "{}")]
    documents = [chunk(part(0, {"tool_calls": [piece]})) for piece in pieces]
    received = run(kit.policy(), [*documents, chunk(part(0, {}, "tool_calls"))])
    assert received.calls[0] == []
    assert received.finished == {0: "content_filter"}
    assert "rm -rf" not in exact(received.documents)


# ---------------------------------------------------------------- servers differ


def test_a_call_in_one_piece_with_its_finish_comes_before_the_finish() -> None:
    document = chunk(
        part(0, {"role": "assistant", "content": "look: ", "tool_calls": [call(0, "f", "{}")]}, "tool_calls")
    )
    received = run(KIT.policy(), [document])
    assert [{"role": "assistant", "content": "look: "}, {"tool_calls": [call(0, "f", "{}")]}, {}] == [
        one["choices"][0]["delta"] for one in received.documents
    ]
    assert received.finished == {0: "tool_calls"}


def test_held_text_comes_before_the_calls() -> None:
    documents = [chunk(part(0, {"content": "a secr"})), chunk(part(0, {"tool_calls": [call(0, "f", "{}")]}))]
    received = run(KIT.policy(), [*documents, chunk(part(0, {"content": "x"}, "tool_calls"))])
    assert (received.text(0), len(received.calls[0])) == ("a secrx", 1)


def test_fragments_may_repeat_name_and_id_leave_them_empty_or_cut_the_name() -> None:
    repeats = [call(0, "get", "{"), call(0, "get", "}")]
    empties = [call(0, "get", "{"), {"index": 0, "id": "", "type": "", "function": {"name": "", "arguments": "}"}}]
    nulls = [call(0, "get", "{"), {"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": "}"}}]
    for pieces in (repeats, empties, nulls):
        assert [call(0, "get", "{}")] == called(*pieces)
    assert [call(0, "get_weather", "{}")] == called(call(0, "get_", "{"), call(0, "weather", "}"))


def test_a_missing_index_is_the_position() -> None:
    document = chunk(part(0, {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}))
    received = run(KIT.policy(), [document, chunk(part(0, {}, "tool_calls"))])
    assert received.calls[0] == [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]


def test_unknown_members_of_a_call_survive() -> None:
    (one,) = called(call(0, "f", "{}", extra={"n": 2**70, "t": ["x"]}), call(0))
    assert one["extra"] == {"n": 2**70, "t": ["x"]}


def test_the_legacy_function_call_is_one_call() -> None:
    documents = fragments(
        "function_call", {"name": "f", "arguments": ""}, {"arguments": r'{"q":"\u0073e'}, {"arguments": 'cret"}'}
    )
    received = run(KIT.policy(), [*documents, chunk(part(0, {}, "function_call"))])
    assert received.functions == {0: {"name": "f", "arguments": '{"q":"[WORD]"}'}}


def test_the_input_of_a_custom_call_is_text() -> None:
    head = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "sh", "input": "echo se"}}
    (one,) = called(head, {"index": 0, "custom": {"input": "cret\n"}})
    assert one["custom"] == {"name": "sh", "input": "echo [WORD]\n"}


@pytest.mark.parametrize("reason", CUT_OFF)
def test_a_custom_call_that_was_cut_off_is_dropped(reason: str | None) -> None:
    head = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "sh", "input": "rm -rf /"}}
    assert called(head, reason=reason) == []


@pytest.mark.parametrize("reason", CUT_OFF)
@pytest.mark.parametrize("arguments", ["", "{", '{"cmd": "rm -rf /', '{"a": 1'])
def test_a_function_call_that_was_cut_off_is_dropped(reason: str | None, arguments: str) -> None:
    assert called(call(0, "sh", arguments), reason=reason) == []


@pytest.mark.parametrize("reason", ["tool_calls", "function_call", "stop"])
def test_what_the_model_ended_itself_is_its_call(reason: str) -> None:
    assert [call(0, "f", "")] == called(call(0, "f", ""), reason=reason)


def test_calls_of_several_choices_are_kept_apart() -> None:
    documents = [
        chunk(part(0, {"tool_calls": [call(0, "a", "{")]}), part(1, {"tool_calls": [call(0, "b", '{"x"')]})),
        chunk(
            part(1, {"tool_calls": [call(0, arguments=': "secret"}')]}),
            part(0, {"tool_calls": [call(0, arguments="}")]}),
        ),
        chunk(part(1, {}, "tool_calls")),
        chunk(part(0, {}, "tool_calls")),
    ]
    received = run(KIT.policy(), documents)
    assert received.calls == {0: [call(0, "a", "{}")], 1: [call(0, "b", '{"x":"[WORD]"}')]}


def test_choices_come_to_the_client_in_the_order_in_which_the_upstream_began_them() -> None:
    documents = [chunk(part(0, {"tool_calls": [call(0, "a", "{}")]})), chunk(part(1, {"content": "x"}))]
    assert run(KIT.policy(), documents).order == [0, 1]


def test_odd_shapes_do_not_break_a_stream() -> None:
    odd: list[Any] = [
        ["x"],
        [None],
        [7],
        {"a": "secret"},
        "secret",
        [{"index": "0"}],
        [{"function": None}],
        [{"function": "x"}],
    ]
    for value in odd:
        received = run(KIT.policy(), [chunk(part(0, {"tool_calls": value})), chunk(part(0, {}, "tool_calls"))])
        assert received.done
        assert "secret" not in exact(received.documents)


@given(st.text('{}"\\ua0secret', max_size=30), st.integers(1, 9))
@settings(max_examples=60)
def test_fragments_are_taken_out_of_a_delta_and_nothing_else(arguments: str, size: int) -> None:
    calls = PendingCalls()
    for start in range(0, len(arguments), size):
        delta: dict[str, Any] = {"content": "x", "tool_calls": [call(0, arguments=arguments[start : start + size])]}
        assert calls.take(delta)
        assert delta == {"content": "x"}
    assert not calls.take({"content": "x"})
    shown = [one["tool_calls"][0]["function"]["arguments"] for one in calls.release("stop", lambda text: text)]
    expected = [arguments] if arguments else []
    assert expected == [redact_json_text(text, lambda leaf: leaf) or text for text in shown] or shown != expected
    assert list(calls.release("stop", lambda text: text)) == []


def test_nothing_received_is_nothing_called() -> None:
    assert Received().calls == {}


def test_what_the_upstream_makes_us_hold_is_bounded() -> None:
    pending = PendingCalls()
    fragment = {"index": 0, "function": {"arguments": "x" * (MOST_CHARACTERS // 4)}}
    with pytest.raises(UpstreamUnavailable) as caught:
        for _ in range(5):
            pending.take({"tool_calls": [fragment]})
    assert caught.value.reason == "too_large"


def test_many_calls_are_bounded_too() -> None:
    pending = PendingCalls()
    with pytest.raises(UpstreamUnavailable):
        pending.take({"tool_calls": [{"index": index} for index in range(MOST_CALLS + 1)]})

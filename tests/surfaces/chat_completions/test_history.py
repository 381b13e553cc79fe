from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.separation.history import Piece
from guardproxy.surfaces.chat_completions.history import StreamedAnswers, answered, claimed, pieces_of
from tests.support.strategies import cut_places
from tests.support.strategies import pieces_of as cut

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
texts = st.text("abc é\n", max_size=8)
answers = st.builds(
    lambda content, calls, reasoning: {
        "role": "assistant", "content": content, "refusal": None, "annotations": [],
        **({"reasoning_content": reasoning} if reasoning else {}),
        **({"tool_calls": calls} if calls else {}),
    },
    st.none() | texts,
    st.lists(
        st.builds(
            lambda number, name, arguments: {
                "id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}
            },
            st.integers(0, 9), st.sampled_from(["f", "g"]), texts,
        ),
        max_size=2,
    ),
    texts,
)  # fmt: skip


def frames_of(answer: dict[str, Any], places: list[int]) -> list[bytes]:
    """An answer as a server streams it, each of its texts cut somewhere."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for name in ("reasoning_content", "content"):
        deltas += [{name: part} for part in cut(answer.get(name) or "", places)]
    for index, call in enumerate(answer.get("tool_calls", [])):
        function = call["function"]
        start = {"index": index, "id": call["id"], "type": "function", "function": {"name": function["name"]}}
        deltas.append({"tool_calls": [start]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": part}}]}
            for part in cut(function["arguments"], places)
        ]
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return [b"data: " + json.dumps(event).encode() + b"\n\n" for event in [*events, {"choices": []}]]


@given(answers, cut_places)
def test_a_streamed_answer_has_the_pieces_of_the_whole_one(answer: dict[str, Any], places: list[int]) -> None:
    collected = StreamedAnswers()
    for frame in [*frames_of(answer, places), b": ping\n\n", b"data: [DONE]\n\n", b"data: {nonsense\n\n"]:
        collected.feed([frame])
    assert sorted(collected.pieces()) == sorted(answered({"choices": [{"message": answer}]}))


def test_a_streamed_answer_has_ended_when_all_its_choices_have_or_its_stream_says_so() -> None:
    def frame(index: int, reason: str | None) -> bytes:
        choice = {"index": index, "delta": {"content": "x"}, "finish_reason": reason}
        return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"

    collected, ended = StreamedAnswers(), []
    for one in (frame(0, None), frame(1, None), frame(0, "stop"), frame(1, "length")):
        collected.feed([one])
        ended.append(collected.ended)
    assert ended == [False, False, False, True]
    collected = StreamedAnswers()
    collected.feed([frame(0, None)])
    assert not collected.ended
    collected.feed([b"data: [DONE]\n\n"])
    assert collected.ended


@given(answers)
def test_what_a_client_sends_back_is_what_was_answered(answer: dict[str, Any]) -> None:
    out = set(answered({"choices": [{"message": answer}]}))
    claims = claimed({"messages": [{"role": "user", "content": "hi"}, answer]})
    assert {claim.piece for claim in claims} <= out


def test_a_changed_answer_has_other_pieces() -> None:
    def pieces(**changes: Any) -> set[Piece]:
        return set(pieces_of({"role": "assistant", "content": "yes", "tool_calls": [CALL], **changes}))

    said = pieces()
    for changes in (
        {"content": "no"}, {"content": [{"type": "text", "text": "no"}]}, {"note": "obey"}, {"refusal": "no"},
        {"tool_calls": [{**CALL, "function": {"name": "f", "arguments": '{"a": 2}'}}]},
        {"tool_calls": [{**CALL, "note": "obey"}]}, {"tool_calls": ["obey"]}, {"name": "boss"},
        {"content": {"obey": 1}}, {"function_call": {"name": "g", "arguments": ""}},
    ):  # fmt: skip
        assert pieces(**changes) - said
    assert pieces(content=[{"type": "text", "text": "yes"}]) == said
    assert pieces(refusal=None, annotations=[], audio=None) == said


def test_tool_messages_claim_a_call() -> None:
    messages = [
        {"role": "tool", "tool_call_id": "c1", "content": "x"},
        {"role": "function", "name": "f", "content": "x"},
        {"role": "user", "content": "x"},
        {"role": "tool", "content": "x"},
    ]
    assert [claim.piece for claim in claimed({"messages": messages})] == [
        Piece("call_id", "c1"), Piece("call_name", "f"), Piece("call_id", "None"),
    ]  # fmt: skip
    assert Piece("call_id", "c1") in set(pieces_of({"tool_calls": [CALL]}))
    assert Piece("call_name", "f") in set(pieces_of({"tool_calls": [CALL]}))

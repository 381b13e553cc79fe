"""Events whose type no API documents pass looked at, are left out, or end the answer, as the policy says."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from guardproxy.core.inspection import UNKNOWN_EVENT, OutputGuard
from guardproxy.core.policy import OnBlock, Unknown
from guardproxy.core.verdict import Action
from guardproxy.surfaces import CHAT_COMPLETIONS, COMPLETIONS, MESSAGES, RESPONSES, Surface
from guardproxy.wire.document import encode
from guardproxy.wire.sse import SseDecoder, SseEvent
from tests.support.answers import completion_piece, response_events
from tests.support.strategies import make_kit
from tests.support.upstream import chunk

HIDES = make_kit({"word": "codeword-[a-z]{4,20}"})
SECRET = "codeword-tulip"
NOTE = {"deep": [SECRET, 12345678901234567890]}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "", "citations": None}}
START = {
    "type": "message_start",
    "message": {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m", "usage": {}},
}


class Case(NamedTuple):
    """A stream in two halves, between which something unknown comes; `told`: where its type stands."""

    surface: Surface
    before: list[dict[str, Any]]
    unknown: dict[str, Any]
    behind: list[dict[str, Any]]
    told: str


def numbered(first: int, *documents: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**one, "sequence_number": number} for number, one in enumerate(documents, first)]


RESPONSE = response_events("Well, ", "hello.")
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Well."}}
STOP: list[dict[str, Any]] = [
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
]
CASES = {
    "chat": Case(
        CHAT_COMPLETIONS,
        [chunk({"role": "assistant", "content": "Well."})],
        {"object": "vendor.trace", "note": NOTE},
        [chunk({}, finish_reason="stop")],
        "object",
    ),
    "completions": Case(
        COMPLETIONS,
        [completion_piece("Well.")],
        {"object": "vendor.trace", "note": NOTE},
        [completion_piece("", finish_reason="stop")],
        "object",
    ),
    "responses": Case(
        RESPONSES,
        RESPONSE[:4],
        {"type": "response.vendor.trace", "note": NOTE, "sequence_number": 4},
        numbered(5, *RESPONSE[4:]),
        "type",
    ),
    "responses, without a type": Case(
        RESPONSES, RESPONSE[:4], {"note": NOTE, "sequence_number": 4}, numbered(5, *RESPONSE[4:]), "type"
    ),
    "messages": Case(MESSAGES, [START, BLOCK, TEXT], {"type": "vendor_trace", "note": NOTE}, STOP, "type"),
    "messages, of a block": Case(
        MESSAGES,
        [START, BLOCK, TEXT],
        {"type": "content_block_delta", "index": 0, "delta": {"type": "vendor_delta", "note": NOTE}},
        STOP,
        "type",
    ),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def through(guard: OutputGuard, surface: Surface, documents: list[dict[str, Any]]) -> list[Any]:
    assert surface.open_stream is not None
    editor = surface.open_stream(guard, None)
    frames = [frame for one in documents for frame in editor.feed(SseEvent(encode(one).decode(), one.get("type", "")))]
    frames += editor.finish()
    found = [item for item in SseDecoder().feed(b"".join(frames)) if isinstance(item, SseEvent)]
    return [item.data if item.data == "[DONE]" else json.loads(item.data) for item in found]


def played(case: Case, unknown: Unknown, **more: Any) -> tuple[OutputGuard, list[Any]]:
    guard = OutputGuard(HIDES.policy(unknown_events=unknown, **more))
    return guard, through(guard, case.surface, [*case.before, case.unknown, *case.behind])


@every_case
def test_an_unknown_event_passes_with_each_of_its_texts_looked_at(case: Case) -> None:
    guard, shown = played(case, Unknown.PASS)
    hidden = json.loads(json.dumps(case.unknown).replace(SECRET, "[WORD]"))
    assert shown == [*case.before, hidden, *case.behind]
    assert guard.verdict().features == {"unknown_events": 1}
    assert guard.verdict().action is Action.REDACT


@every_case
def test_an_unknown_event_is_left_out_as_if_it_had_never_come(case: Case) -> None:
    guard, shown = played(case, Unknown.STRIP)
    moved = [one | {"sequence_number": one["sequence_number"] - 1} for one in case.behind if "sequence_number" in one]
    assert shown == [*case.before, *(moved or case.behind)]
    assert guard.verdict().features == {"unknown_events": 1}
    assert guard.verdict().action is Action.ALLOW


@every_case
def test_an_unknown_event_that_is_refused_ends_the_answer_in_its_own_words(case: Case) -> None:
    guard, shown = played(case, Unknown.REJECT)
    assert shown[: len(case.before)] == case.before
    ending = json.dumps(shown[len(case.before) :])
    assert SECRET not in ending
    assert ("refusal" if case.surface is MESSAGES else "content_filter") in ending
    finding = guard.verdict().findings[0]
    assert (finding.rule, finding.path) == (UNKNOWN_EVENT, (case.told,))
    assert guard.verdict().action is Action.BLOCK


@every_case
def test_where_blocks_end_as_errors_nothing_stands_behind_what_was_sent(case: Case) -> None:
    _, shown = played(case, Unknown.REJECT, on_block=OnBlock.ERROR)
    assert shown == case.before


@every_case
@pytest.mark.parametrize("unknown", [Unknown.STRIP, Unknown.REJECT])
def test_a_policy_in_shadow_passes_an_unknown_event_and_tells_of_it(case: Case, unknown: Unknown) -> None:
    guard, shown = played(case, unknown, shadow=True)
    assert len(shown) == len(case.before) + 1 + len(case.behind)
    verdict = guard.verdict()
    assert verdict.features == {"unknown_events": 1}
    assert verdict.would is (Action.BLOCK if unknown is Unknown.REJECT else Action.ALLOW)
    assert [finding.rule for finding in verdict.shadow] == ([UNKNOWN_EVENT] if unknown is Unknown.REJECT else [])


@pytest.mark.parametrize(
    ("surface", "document"),
    [
        (CHAT_COMPLETIONS, {"choices": [], "object": "", "prompt_filter_results": []}),
        (CHAT_COMPLETIONS, {"choices": [{"index": 0, "delta": {"content": "a"}}]}),
        (CHAT_COMPLETIONS, {"error": {"message": "gone"}}),
        (CHAT_COMPLETIONS, {"object": "error", "message": "gone"}),
        (COMPLETIONS, {"choices": [{"index": 0, "text": "a"}]}),
        (RESPONSES, {"error": {"message": "gone"}}),
        (RESPONSES, {"type": "response.apply_patch_call_operation_diff.delta", "output_index": 0, "delta": "a"}),
        (MESSAGES, {"error": {"message": "gone"}}),
        (MESSAGES, {"type": "ping"}),
    ],
)
def test_what_other_servers_write_is_not_unknown(surface: Surface, document: dict[str, Any]) -> None:
    guard = OutputGuard(HIDES.policy(unknown_events=Unknown.REJECT))
    through(guard, surface, [document])
    assert guard.verdict().features == {}
    assert guard.verdict().action is Action.ALLOW


@pytest.mark.parametrize("surface", [CHAT_COMPLETIONS, COMPLETIONS])
def test_a_stream_that_is_stopped_before_any_choice_began_still_says_why(surface: Surface) -> None:
    guard = OutputGuard(HIDES.policy(unknown_events=Unknown.REJECT))
    opens = {"choices": [], "object": "", "prompt_filter_results": []}
    shown = through(guard, surface, [opens, {"object": "vendor.trace"}])
    assert shown[0] == opens
    assert shown[-1] == "[DONE]"
    assert [choice["finish_reason"] for one in shown[1:-1] for choice in one["choices"]][-1] == "content_filter"

"""What other servers write in their own way passes as it is, and is looked at like everything else.

The frames have the shape in which Azure, vLLM, Ollama, OpenRouter and DeepSeek send them. `TEXT` stands wherever such a
server writes text of the model.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from guardproxy.core.exchange import Provenance
from guardproxy.core.inspection import OutputGuard, inspect
from guardproxy.core.verdict import Action
from guardproxy.surfaces import CHAT_COMPLETIONS, RESPONSES, Surface
from guardproxy.wire.document import decode, encode
from guardproxy.wire.sse import SseComment, SseDecoder, SseEvent
from tests.support.strategies import Kit, make_kit

TEXT = "All is well."
SECRET = "codeword-tulip."
FLAGS = make_kit({"word": "codeword-[a-z]{4,20}"}, actions={"word": Action.FLAG})
HIDES = make_kit({"word": "codeword-[a-z]{4,20}"})


def chunk(delta: Any = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
    choice |= {} if delta is None else {"delta": delta}
    choice |= more.pop("choice", {})
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": [choice], **more}


SAFE = {"hate": {"filtered": False, "severity": "safe"}}
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps({"x": TEXT})}}
STREAMS: dict[str, list[dict[str, Any]]] = {
    "azure": [
        {
            "choices": [], "created": 0, "id": "", "model": "", "object": "",
            "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}],
        },
        chunk({"role": "assistant", "content": ""}, choice={"content_filter_results": {}}),
        chunk({"content": TEXT}, choice={"content_filter_results": SAFE}),
        chunk({}, "stop", choice={"content_filter_results": {}}),
        {
            "id": "", "object": "", "created": 0, "model": "",
            "choices": [
                {
                    "index": 0, "finish_reason": None, "content_filter_results": SAFE,
                    "content_filter_offsets": {"check_offset": 44, "start_offset": 44, "end_offset": 198},
                }
            ],
        },
    ],
    "vllm": [
        chunk({"role": "assistant", "content": "", "reasoning": None}, prompt_token_ids=None),
        chunk({"reasoning": TEXT}, choice={"token_ids": None, "logprobs": None}, usage={"total_tokens": 3}),
        chunk({"content": TEXT}, choice={"token_ids": [1, 2]}, usage={"total_tokens": 4}, metrics={"ttft": 0.5}),
        chunk({"content": ""}, "stop", choice={"stop_reason": TEXT, "routed_experts": None}, kv_transfer_params=None),
    ],
    "ollama": [
        chunk({"role": "assistant", "content": "", "reasoning": TEXT}, system_fingerprint="fp_ollama"),
        chunk({"role": "assistant", "content": TEXT}, system_fingerprint="fp_ollama"),
        chunk({"role": "assistant", "content": ""}, "stop", system_fingerprint="fp_ollama"),
    ],
    "openrouter": [
        chunk(
            {"role": "assistant", "content": "", "reasoning": TEXT,
             "reasoning_details": [{"type": "reasoning.text", "text": TEXT, "format": "x", "index": 0}]},
            provider="Somebody", choice={"native_finish_reason": None},
        ),
        chunk({"content": TEXT}, provider="Somebody", choice={"native_finish_reason": None, "logprobs": None}),
        chunk({"content": ""}, "stop", provider="Somebody", choice={"native_finish_reason": "end_turn"}),
        {**chunk({}, None), "choices": [], "usage": {"total_tokens": 3, "cost": 0.25, "is_byok": False}},
    ],
    "deepseek": [
        chunk({"role": "assistant", "content": None, "reasoning_content": ""}),
        chunk({"content": None, "reasoning_content": TEXT}),
        chunk({"content": TEXT, "reasoning_content": None}),
        chunk({"content": "", "reasoning_content": None}, "stop", usage={"prompt_cache_hit_tokens": 0}),
    ],
}  # fmt: skip


def through(kit: Kit, documents: list[dict[str, Any]], surface: Surface = CHAT_COMPLETIONS) -> list[Any]:
    """What the client gets of these events."""
    assert surface.open_stream is not None
    editor = surface.open_stream(OutputGuard(kit.policy()), None)
    frames = [frame for one in documents for frame in editor.feed(SseEvent(encode(one).decode()))]
    frames += editor.finish()
    return [decode(item.data) for item in SseDecoder().feed(b"".join(frames)) if isinstance(item, SseEvent)]


def with_text(document: Any, text: str) -> Any:
    return json.loads(json.dumps(document).replace(TEXT, text))


@pytest.mark.parametrize("dialect", STREAMS)
def test_a_stream_of_another_server_passes_as_it_is(dialect: str) -> None:
    assert through(FLAGS, STREAMS[dialect]) == STREAMS[dialect]


@pytest.mark.parametrize("dialect", STREAMS)
def test_each_text_of_such_a_stream_is_looked_at(dialect: str) -> None:
    shown = through(HIDES, with_text(STREAMS[dialect], SECRET))
    assert "codeword" not in json.dumps(shown)
    assert json.dumps(shown).count("[WORD]") == json.dumps(STREAMS[dialect]).count(TEXT)


def test_a_call_that_comes_whole_in_one_event_leaves_whole_and_looked_at() -> None:
    ollama = [chunk({"role": "assistant", "content": "", "tool_calls": [CALL]}), chunk({}, "tool_calls")]
    shown = through(HIDES, with_text(ollama, SECRET))
    calls = [call for one in shown for c in one["choices"] for call in c["delta"].get("tool_calls", [])]
    assert [call["function"] for call in calls] == [{"name": "f", "arguments": '{"x":"[WORD]."}'}]


def test_an_error_in_the_middle_of_a_stream_with_status_200_is_looked_at_and_passed_on() -> None:
    failed = {**chunk({"content": ""}, "error"), "error": {"code": 502, "message": f"gone: {SECRET}"}}
    (shown,) = through(HIDES, [failed])
    assert shown["error"] == {"code": 502, "message": "gone: [WORD]."}


def test_comments_that_keep_a_connection_alive_are_no_events() -> None:
    items = SseDecoder().feed(b": OPENROUTER PROCESSING\n\ndata: 1\n\n")
    assert [type(item) for item in items] == [SseComment, SseEvent]


WHOLE: dict[str, dict[str, Any]] = {
    "azure": {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "content_filter_results": SAFE}],
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}],
    },
    "vllm": {
        "choices": [{"index": 0, "message": {"content": TEXT, "reasoning": TEXT}, "stop_reason": TEXT}],
        "prompt_text": TEXT,
        "kv_transfer_params": None,
    },
    "openrouter": {
        "provider": "Somebody",
        "choices": [
            {
                "index": 0, "native_finish_reason": "end_turn",
                "message": {
                    "content": TEXT, "reasoning": TEXT, "images": [{"caption": TEXT}],
                    "reasoning_details": [{"type": "reasoning.summary", "summary": TEXT}],
                },
            }
        ],
        "usage": {"cost": 0.25, "total_tokens": 3},
    },
    "deepseek": {"choices": [{"index": 0, "message": {"content": TEXT, "reasoning_content": TEXT}}]},
}  # fmt: skip


@pytest.mark.parametrize("dialect", WHOLE)
def test_a_whole_answer_of_another_server_passes_as_it_is_and_each_text_is_looked_at(dialect: str) -> None:
    for kit, text, count in ((FLAGS, TEXT, 0), (HIDES, SECRET, json.dumps(WHOLE[dialect]).count(TEXT))):
        document = with_text(WHOLE[dialect], text)
        answer = CHAT_COMPLETIONS.read_response(document)
        CHAT_COMPLETIONS.edit(document, inspect(kit.policy(), answer.segments).edits)
        assert json.dumps(document).count("[WORD]") == count
        assert document == with_text(WHOLE[dialect], "[WORD]." if count else TEXT)


def test_what_servers_put_into_the_prompt_of_their_own_has_its_provenance() -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "documents": [{"text": TEXT}]}
    assert CHAT_COMPLETIONS.read_request is not None
    found = {segment.text: segment.provenance for segment in CHAT_COMPLETIONS.read_request(request, operator=True)[2]}
    assert found[TEXT] is Provenance.DOCUMENT


def test_an_event_of_responses_that_the_official_client_does_not_know_is_looked_at() -> None:
    diff = {"type": "response.apply_patch_call_operation_diff.done", "output_index": 0, "item_id": "i", "diff": SECRET}
    strange = {"type": "response.vendor.thing", "output_index": 0, "note": {"deep": [SECRET]}}
    for document in (diff, strange):
        shown = through(
            HIDES, [{"type": "response.created", "response": {"id": "r", "output": []}}, document], RESPONSES
        )
        assert "codeword" not in json.dumps(shown)

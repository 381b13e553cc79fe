"""The twelve places that guards of such APIs most often miss: what stands there is looked at, and hidden.

What a stream repeats of them is held to the same in `tests/surfaces/responses/test_stream.py` and `test_planted.py`.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from guardproxy.core.exchange import Provenance
from guardproxy.core.inspection import inspect
from guardproxy.surfaces import CHAT_COMPLETIONS, FETCHED_RESPONSE, MESSAGES, RESPONSES, STORED_ITEMS, Surface
from guardproxy.wire.document import encode
from tests.support.policies import HIDDEN, SMALL

SAID = f"it is {HIDDEN} indeed"
JSON = f'{{"note": "{SAID}"}}'
USER = {"role": "user", "content": "hello"}
TOOLS = {"type": "object", "properties": {"to": {"type": "string", "description": SAID}}}


def choice(**message: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "assistant", "content": "hello", **message}, "finish_reason": "stop"}


def chat(*choices: dict[str, Any]) -> dict[str, Any]:
    return {"id": "1", "object": "chat.completion", "model": "m", "choices": list(choices)}


def response(*output: dict[str, Any]) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "model": "m", "status": "completed", "output": list(output)}


def call(**function: Any) -> dict[str, Any]:
    return choice(tool_calls=[{"id": "c", "type": "function", "function": {"name": "f", **function}}])


MESSAGE = {
    "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
    "content": [{"type": "output_text", "text": SAID, "annotations": []}],
}  # fmt: skip
ANSWERS: list[tuple[str, Surface, Any]] = [
    ("1 a choice behind the first", CHAT_COMPLETIONS, chat(choice(), {**choice(content=SAID), "index": 1})),
    ("2 a refusal", CHAT_COMPLETIONS, chat(choice(content=None, refusal=SAID))),
    ("2 a refusal of a response", RESPONSES, response({**MESSAGE, "content": [{"type": "refusal", "refusal": SAID}]})),
    ("3 reasoning", CHAT_COMPLETIONS, chat(choice(reasoning_content=SAID))),
    ("3 reasoning by another name", CHAT_COMPLETIONS, chat(choice(reasoning=SAID))),
    (
        "3 a summary of reasoning",
        RESPONSES,
        response({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": SAID}]}),
    ),
    ("3 thinking", MESSAGES, {"role": "assistant", "content": [{"type": "thinking", "thinking": SAID}]}),
    ("4 arguments of a call", CHAT_COMPLETIONS, chat(call(arguments=JSON))),
    (
        "4 a custom call",
        RESPONSES,
        response({"type": "custom_tool_call", "id": "c", "call_id": "c", "name": "f", "input": SAID}),
    ),
    (
        "4 a call of a server",
        RESPONSES,
        response({"type": "mcp_call", "id": "c", "name": "f", "server_label": "s", "arguments": JSON, "output": SAID}),
    ),
    (
        "4 a command",
        RESPONSES,
        response(
            {"type": "shell_call", "id": "c", "call_id": "c", "status": "completed", "action": {"commands": [SAID]}}
        ),
    ),
    (
        "4 a patch",
        RESPONSES,
        response(
            {
                "type": "apply_patch_call", "id": "c", "call_id": "c", "status": "completed",
                "operation": {"type": "update_file", "path": "a.py", "diff": SAID},
            }
        ),
    ),
    ("7 the text of the envelope", RESPONSES, {**response(MESSAGE), "output_text": SAID}),
    (
        "8 log probabilities",
        CHAT_COMPLETIONS,
        chat({**choice(content=SAID), "logprobs": {"content": [{"token": HIDDEN, "logprob": 0, "top_logprobs": []}]}}),
    ),
    ("9 the transcript of audio", CHAT_COMPLETIONS, chat(choice(audio={"id": "a", "transcript": SAID}))),
    ("12 a stored response", FETCHED_RESPONSE, response(MESSAGE)),
    ("12 stored items", STORED_ITEMS, {"object": "list", "data": [MESSAGE]}),
]  # fmt: skip
T, U = Provenance.TOOL, Provenance.USER
REQUESTS: list[tuple[str, Surface, Any, Provenance]] = [
    ("5 the result of a tool", CHAT_COMPLETIONS, {"messages": [USER, {"role": "tool", "content": SAID}]}, T),
    (
        "5 the result of a call",
        RESPONSES,
        {"input": [{"type": "function_call_output", "call_id": "c", "output": SAID}]},
        T,
    ),
    ("6 instructions", RESPONSES, {"input": "hello", "instructions": SAID}, U),
    ("6 variables of a prompt", RESPONSES, {"input": "x", "prompt": {"id": "p", "variables": {"name": SAID}}}, U),
    (
        "10 the schema of a tool",
        CHAT_COMPLETIONS,
        {"messages": [USER], "tools": [{"type": "function", "function": {"name": "f", "parameters": TOOLS}}]},
        U,
    ),
    (
        "10 tools that an item brings",
        RESPONSES,
        {"input": [{"type": "additional_tools", "tools": [{"type": "function", "name": "f", "parameters": TOOLS}]}]},
        U,
    ),
    ("11 the name of a speaker", CHAT_COMPLETIONS, {"messages": [{**USER, "name": SAID}]}, U),
    ("11 metadata", CHAT_COMPLETIONS, {"messages": [USER], "metadata": {"note": SAID}}, U),
    (
        "11 the name of a file",
        CHAT_COMPLETIONS,
        {
            "messages": [
                {"role": "user", "content": [{"type": "file", "file": {"filename": SAID, "file_data": "AAAA"}}]}
            ]
        },
        U,
    ),
    (
        "11 a link",
        CHAT_COMPLETIONS,
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": f"https://x.example/{HIDDEN}"}}],
                }
            ]
        },
        U,
    ),
]


@pytest.mark.parametrize(("surface", "document"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_what_an_answer_says_there_is_hidden(surface: Surface, document: Any) -> None:
    document = copy.deepcopy(document)
    assert HIDDEN.encode() in encode(document)
    surface.strip_copies(document)
    verdict = inspect(SMALL, surface.read_response(document).segments)
    assert verdict.edits
    surface.edit(document, verdict.edits)
    assert HIDDEN.encode() not in encode(document)


@pytest.mark.parametrize(
    ("surface", "document", "provenance"), [case[1:] for case in REQUESTS], ids=[case[0] for case in REQUESTS]
)
def test_what_a_request_says_there_is_hidden_and_known_by_whose_it_is(
    surface: Surface, document: Any, provenance: Provenance
) -> None:
    document = {"model": "m", **copy.deepcopy(document)}
    assert surface.read_request is not None
    verdict = inspect(SMALL, surface.read_request(document, operator=False).segments)
    assert {finding.provenance for finding in verdict.findings} == {provenance}
    surface.edit(document, verdict.edits)
    assert HIDDEN.encode() not in encode(document)


def test_there_are_twelve_places() -> None:
    names = [case[0] for case in ANSWERS] + [case[0] for case in REQUESTS]
    assert {name.split()[0] for name in names} == {str(number) for number in range(1, 13)}

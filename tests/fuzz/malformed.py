"""Requests that were good once: each is built from a good one and then spoiled, in its JSON, its bytes or its head."""

from __future__ import annotations

import copy
import json
import random
import string
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

SECRET = "codeword-"


class Malformed(NamedTuple):
    """A request as it is sent. `headers` replace those a good one has; an empty one is left out."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]


def secret(chance: random.Random) -> str:
    """A text the policy hides wherever it stands."""
    return SECRET + "".join(chance.choices(string.ascii_lowercase, k=12))


def spoiled(chance: random.Random) -> Malformed:
    """The next request."""
    method, path, make = chance.choice(_GOOD)
    document = make(lambda: secret(chance)) if make else None
    if document is not None:
        for _ in range(chance.choice([0, 1, 1, 2, 3])):
            document = _spoil_json(chance, document)
    body = (
        None
        if document is None
        else json.dumps(document, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    )
    if body is not None and chance.random() < 0.3:
        body = _spoil_bytes(chance, body)
    if chance.random() < 0.2:
        method, path = _spoil_line(chance, method, path)
    headers = _spoil_head(chance) if chance.random() < 0.1 else {}
    return Malformed(method, path, body, headers)


# ---------------------------------------------------------------- good requests, a secret in every text

Text = Callable[[], str]
Make = Callable[[Text], Any]


def _chat(text: Text) -> Any:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": text()})}}
    return {
        "model": "m",
        "messages": [
            {"role": "system", "content": text()},
            {"role": "user", "content": [{"type": "text", "text": text()}, {"type": "text", "text": "plain"}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": text()},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": text(), "parameters": {}}}],
        "metadata": {text(): text()},
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def _response(text: Text) -> Any:
    return {
        "model": "m",
        "instructions": text(),
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": text()}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": json.dumps({"a": [text()]})},
            {"type": "function_call_output", "call_id": "c", "output": text()},
            {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": text()}]},
        ],
        "tools": [{"type": "mcp", "server_label": text(), "server_url": f"https://x.test/{text()}"}],
        "stream": True,
    }


def _completion(text: Text) -> Any:
    return {"model": "m", "prompt": [text(), text()], "suffix": text(), "stop": [text()], "stream": False, "n": 2}


def _embedding(text: Text) -> Any:
    return {"model": "m", "input": [text(), "plain", text()], "user": text()}


def _moderation(text: Text) -> Any:
    return {"input": [{"type": "text", "text": text()}]}


_GOOD: list[tuple[str, str, Make | None]] = [
    ("POST", "/v1/chat/completions", _chat),
    ("POST", "/v1/chat/completions", _chat),
    ("POST", "/v1/responses", _response),
    ("POST", "/v1/responses", _response),
    ("POST", "/v1/responses/compact", _response),
    ("POST", "/v1/responses/input_tokens", _response),
    ("POST", "/v1/completions", _completion),
    ("POST", "/v1/embeddings", _embedding),
    ("POST", "/v1/moderations", _moderation),
    ("GET", "/v1/responses/resp_1?stream=true&starting_after=1&include[]=a.b", None),
    ("DELETE", "/v1/responses/resp_1", None),
    ("POST", "/v1/responses/resp_1/cancel", None),
    ("GET", "/v1/responses/resp_1/input_items?limit=3&order=asc&after=msg_1", None),
    ("GET", "/v1/models/org/model:1", None),
]


# ---------------------------------------------------------------- JSON

_MEMBERS = (
    "model", "messages", "input", "prompt", "stream", "n", "role", "content", "type", "text", "tools", "echo",
    "Messages", "INPUT", "chat_template", "continue_final_message", "prompt_token_ids", "previous_response_id",
    "conversation",
    "documents", "stream_options", "include", "max_tokens", "best_of", "background", "arguments", "tool_calls",
    "output",
    "encrypted_content", "file_data", "image_url", "input_audio", "id", "usage", "", "\x00", "a.b", "$ref", "__proto__",
)  # fmt: skip


def _spoil_json(chance: random.Random, document: Any) -> Any:
    holder = [copy.deepcopy(document)]
    above, step = chance.choice(list(_places(holder)))
    match chance.randrange(6):
        case 0 if isinstance(above, dict):
            del above[step]
        case 1 if isinstance(above, dict):
            above[chance.choice(_MEMBERS)] = above.pop(step)
        case 2 if isinstance(above[step], dict):
            above[step][chance.choice(_MEMBERS)] = _odd(chance)
        case 3 if isinstance(above[step], list):
            above[step].append(_odd(chance))
        case 4:
            above[step] = [above[step]]
        case _:
            above[step] = _odd(chance)
    return holder[0]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in list(steps):
        yield value, step
        yield from _places(child)


def _odd(chance: random.Random) -> Any:
    makers: list[Callable[[], Any]] = [
            lambda: None, lambda: chance.random() < 0.5, lambda: chance.choice([0, -1, 1, 7, 2**70, 1.5, -0.0]),
            lambda: secret(chance), lambda: "", lambda: "\ud800", lambda: "\u2028" + secret(chance),
            lambda: {secret(chance): secret(chance)}, lambda: [secret(chance), 1, [2]], lambda: [1, 2, 3],
            lambda: {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            lambda: {"type": "input_file", "file_data": secret(chance)},
            lambda: {"type": "unheard_of", "text": secret(chance)},
            lambda: {"role": "wizard", "content": secret(chance)},
            lambda: {"type": "item_reference", "id": secret(chance)},
            lambda: json.dumps({"a": secret(chance)}), lambda: [[]] * 50, lambda: {"a": {"a": {"a": {"a": []}}}},
    ]  # fmt: skip
    return chance.choice(makers)()


# ---------------------------------------------------------------- bytes and head


_TOKENS = [b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\x00", b"NaN"]


def _spoil_bytes(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body) + 1)
    makers: list[Callable[[], bytes]] = [
        lambda: body[:at],
        lambda: body[:at] + chance.randbytes(chance.randrange(1, 4)) + body[at:],
        lambda: body[:at] + chance.choice(_TOKENS) + body[at:],
        lambda: body + body,
        lambda: b"\xef\xbb\xbf" + body,
        lambda: body.decode("utf-8", "replace").encode("utf-16"),
        lambda: body.replace(b'"model"', b'"model": "x", "model"', 1),
        lambda: b"[" * chance.choice([10, 100, 5000]) + body,
        lambda: b"",
        lambda: body.replace(b":", b': 1e999, "x":', 1),
    ]
    return chance.choice(makers)()


def _spoil_line(chance: random.Random, method: str, path: str) -> tuple[str, str]:
    word = secret(chance)
    makers: list[Callable[[], tuple[str, str]]] = [
        lambda: (chance.choice(["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "POST", "post", "BREW"]), path),
        lambda: (method, path.replace("resp_1", word)),
        lambda: (method, path.replace("org/model:1", word)),
        lambda: (method, f"{path.partition('?')[0]}?{word}={word}&stream={word}"),
        lambda: (method, f"{path.partition('?')[0]}?include[]={word}&after={word}"),
        lambda: (method, path + "%2f.."),
        lambda: (method, path.replace("/", "//", 1)),
        lambda: (method, path.replace("/v1", "/v1/./")),
        lambda: (method, path + "/" + word),
        lambda: (method, "/v1/" + chance.choice(["files", "batches", "realtime", "audio/speech", word])),
        lambda: (method, "http://elsewhere.test" + path),
    ]
    return chance.choice(makers)()


def _spoil_head(chance: random.Random) -> dict[str, str]:
    word = secret(chance)
    return chance.choice(
        [
            {"authorization": ""}, {"authorization": f"Bearer {word}"}, {"authorization": "Basic x", "api-key": word},
            {"content-type": "text/plain"}, {"content-type": f"multipart/form-data; boundary={word}"},
            {"content-encoding": "gzip"}, {"accept": "text/event-stream"}, {"x-long": word * 100},
            {"traceparent": word, "idempotency-key": word * 20}, {"cookie": word, "host": word},
            {"connection": "Upgrade", "upgrade": "websocket"}, {"expect": "100-continue"},
        ]
    )  # fmt: skip

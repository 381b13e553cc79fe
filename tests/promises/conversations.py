"""Hostile conversations in each API's own form, and what a model reads of one: written without the proxy's readers.

`told` says of every text of a request in whose place it stands: `operator`; `content` (a message's or a result's, which
has to stand in a fence as a whole); `data` (a text beside content that outsiders wrote: an identifier, or fenced); and
`model` (what the request says the model said, which is never fenced).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from tests.promises.hostile import FIRST, SETUP, contents_of_parts, hostile, joined_parts, roles, texts

OPERATORS: Final = ("system", "developer")


class Told(NamedTuple):
    place: str
    text: str


class Dialect(NamedTuple):
    """`documents` begin with `FIRST`; `runs` are the texts a server may join before a model reads them."""

    surface: tuple[str, str]
    documents: st.SearchStrategy[dict[str, Any]]
    told: Callable[[Any], Iterator[Told]]
    runs: Callable[[Any], Iterator[list[str]]]


def place_of(role: str) -> str:
    folded = role.strip().casefold()
    return "operator" if folded in OPERATORS else "model" if role == "assistant" else "content"


def _strings(value: Any) -> Iterator[str]:
    """Every text below a value, the names of members too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for child in value:
            yield from _strings(child)
    elif isinstance(value, dict):
        for name, child in value.items():
            yield name
            yield from _strings(child)


def _parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [{"text": content}] if content else []


# ---------------------------------------------------------------- responses

_item_message = st.builds(
    lambda role, content, more: {"type": "message", "role": role, "content": content, **more},
    roles,
    contents_of_parts("input_text"),
    st.just({}) | st.dictionaries(hostile, hostile, max_size=1),
)
_item_result = st.builds(
    lambda kind, output: {"type": kind, "call_id": "c1", "output": output},
    st.sampled_from(["function_call_output", "custom_tool_call_output"]),
    contents_of_parts("input_text"),
)
_item_hosted = st.one_of(
    st.builds(lambda out: {"type": "local_shell_call_output", "id": "l1", "output": out}, texts),
    st.builds(
        lambda out, err: {
            "type": "shell_call_output", "call_id": "s1",
            "output": [{"stdout": out, "stderr": err, "outcome": {"type": "exit", "exit_code": 0}}],
        },
        texts, texts,
    ),
    st.builds(lambda out: {"type": "mcp_call", "id": "m1", "server_label": "s", "name": "n", "arguments": "{}",
                           "output": out}, texts),
    st.builds(lambda text, name: {"type": "file_search_call", "id": "f1", "queries": ["q"], "status": "completed",
                                  "results": [{"text": text, "filename": name}]}, texts, hostile),
    st.builds(lambda logs: {"type": "code_interpreter_call", "id": "k1", "code": "1", "container_id": "c",
                            "outputs": [{"type": "logs", "logs": logs}]}, texts),
    st.builds(lambda text: {"type": "mcp_list_tools", "server_label": "s",
                            "tools": [{"name": "n", "description": text, "input_schema": {}}]}, texts),
)  # fmt: skip
_item_model = st.one_of(
    st.builds(lambda text: {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}, texts),
    st.builds(lambda name, given: {"type": "function_call", "call_id": "c1", "name": name, "arguments": given},
              hostile, texts),
)  # fmt: skip
_item_user = st.one_of(
    st.builds(lambda text: {"type": "mcp_approval_response", "approval_request_id": "a1", "approve": False,
                            "reason": text}, texts),
    st.builds(lambda name, text: {"type": "wizardry", name: text}, st.sampled_from(["text", "note"]), texts),
)  # fmt: skip
_MODELS_ITEMS: Final = frozenset({"reasoning", "function_call"})
# What a model has said in an item that also holds what a tool said.
_CALLED_WITH: Final = frozenset({"arguments", "code"})
_MARKS: Final = frozenset({"type", "role", "id", "call_id", "status", "approval_request_id"})


@st.composite
def _responses(draw: st.DrawFn) -> dict[str, Any]:
    items = draw(st.lists(_item_message | _item_result | _item_hosted | _item_model | _item_user, max_size=4))
    document: dict[str, Any] = {"model": "m", "input": [{"role": "user", "content": FIRST}, *items]}
    if not items and draw(st.booleans()):
        document["input"] = FIRST
    if draw(st.integers(0, 3)) == 0:
        document["instructions"] = SETUP
    if draw(st.integers(0, 5)) == 0:
        document["prompt"] = {"id": "pmpt_1", "variables": {"who": draw(texts)}}
    return document


def _told_in_response(document: Any) -> Iterator[Told]:
    if "instructions" in document:
        yield Told("operator", document["instructions"])
    for text in _strings(document.get("prompt", {}).get("variables", {})):
        yield Told("data", text)
    value = document["input"]
    for item in [{"role": "user", "content": value}] if isinstance(value, str) else value:
        kind = item.get("type", "message")
        if kind == "message":
            place = place_of(item["role"])
            yield from (Told(place, part["text"]) for part in _parts(item["content"]))
            beside = {name: told for name, told in item.items() if name != "content"}
        elif kind in ("function_call_output", "custom_tool_call_output"):
            place = "content"
            yield from (Told(place, part["text"]) for part in _parts(item["output"]))
            beside = {name: told for name, told in item.items() if name != "output"}
        else:
            place = "model" if kind in _MODELS_ITEMS else "content"
            beside = {name: told for name, told in item.items() if name not in _CALLED_WITH}
        if place == "operator":
            continue
        for name, said in beside.items():
            if name not in _MARKS:
                yield from (Told("model" if place == "model" else "data", text) for text in _strings({name: said}))


def _runs_of_response(document: Any) -> Iterator[list[str]]:
    for item in document["input"] if isinstance(document["input"], list) else ():
        if place_of(item.get("role", "user")) != "operator":
            for name in ("content", "output"):
                said = item.get(name)
                if isinstance(said, list) and all("text" in part for part in said):
                    yield [part["text"] for part in said]


# ---------------------------------------------------------------- messages

_block_text = texts.map(lambda text: {"type": "text", "text": text})
_block_user = st.one_of(
    st.builds(lambda content: {"type": "tool_result", "tool_use_id": "t1", "content": content},
              contents_of_parts("text")),
    st.builds(lambda text, title: {"type": "document", "title": title,
                                   "source": {"type": "text", "media_type": "text/plain", "data": text}},
              texts, hostile),
    st.builds(lambda text, title: {"type": "search_result", "source": "https://example.org", "title": title,
                                   "content": [{"type": "text", "text": text}]}, texts, hostile),
)  # fmt: skip
_block_model = st.one_of(
    st.builds(lambda given: {"type": "tool_use", "id": "t1", "name": "get", "input": {"x": given}}, texts),
    st.builds(lambda title: {"type": "web_search_tool_result", "tool_use_id": "t1",
                             "content": [{"type": "web_search_result", "url": "https://example.org", "title": title,
                                          "encrypted_content": "AAAA"}]}, texts),
    st.builds(lambda out: {"type": "bash_code_execution_tool_result", "tool_use_id": "t1", "content": {
        "type": "bash_code_execution_result", "stdout": out, "stderr": "", "return_code": 0, "content": []}}, texts),
    st.builds(lambda text: {"type": "mcp_tool_result", "tool_use_id": "t1", "is_error": False,
                            "content": [{"type": "text", "text": text}]}, texts),
)  # fmt: skip
_blocks = st.lists(_block_text.map(lambda block: [block]) | (_block_user | _block_model).map(lambda block: [block])
                   | joined_parts("text"), min_size=1, max_size=3)  # fmt: skip
_message = st.builds(
    lambda role, content, more: {"role": role, "content": content, **more},
    roles,
    texts | _blocks.map(lambda groups: [block for group in groups for block in group]),
    st.just({}) | st.dictionaries(hostile, hostile, max_size=1),
)


@st.composite
def _messages(draw: st.DrawFn) -> dict[str, Any]:
    said = [{"role": "user", "content": FIRST}, *draw(st.lists(_message, max_size=4))]
    document: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": said}
    if draw(st.integers(0, 3)) == 0:
        document["system"] = draw(st.sampled_from([SETUP, [{"type": "text", "text": SETUP}]]))
    return document


def _told_in_message(document: Any) -> Iterator[Told]:
    yield from (Told("operator", part["text"]) for part in _parts(document.get("system")))
    for message in document["messages"]:
        place = place_of(message["role"])
        for block in _parts(message["content"]):
            yield from _told_in_block(block, place)
        if place == "content":
            beside = {name: told for name, told in message.items() if name not in ("role", "content")}
            yield from (Told("data", text) for text in _strings(beside))


def _told_in_block(block: dict[str, Any], place: str) -> Iterator[Told]:
    kind = block.get("type", "text")
    if kind == "text":
        yield Told(place, block["text"])
        return
    if kind == "tool_use":
        yield from (Told(place if place == "operator" else "model", text) for text in _strings(block))
        return
    content = block.get("content")
    if kind == "document":
        yield Told("content", block["source"]["data"])
    elif isinstance(content, (str, list)) and kind != "web_search_tool_result":
        yield from (Told("content", part["text"]) for part in _parts(content))
    else:
        yield from (Told("data", text) for text in _strings(content))
    if "title" in block:
        yield Told("data", block["title"])


def _runs_of_message(document: Any) -> Iterator[list[str]]:
    for message in document["messages"]:
        if place_of(message["role"]) != "operator" and isinstance(message["content"], list):
            told = [block["text"] if block["type"] == "text" else None for block in message["content"]]
            if None not in told:
                yield told  # type: ignore[misc]


# ---------------------------------------------------------------- completions

_prompts = texts | st.lists(texts, min_size=1, max_size=3)


@st.composite
def _completions(draw: st.DrawFn) -> dict[str, Any]:
    document: dict[str, Any] = {"model": "m", "prompt": draw(_prompts)}
    for name in draw(st.sets(st.sampled_from(["suffix", "user", "wizardry"]))):
        document[name] = draw(texts)
    return document


def _told_in_completion(document: Any) -> Iterator[Told]:
    yield from (
        Told("content", text) for name, value in document.items() if name != "model" for text in _strings(value)
    )


def _runs_of_completion(document: Any) -> Iterator[list[str]]:
    return iter(())


RESPONSES: Final = Dialect(("POST", "/responses"), _responses(), _told_in_response, _runs_of_response)
MESSAGES: Final = Dialect(("POST", "/messages"), _messages(), _told_in_message, _runs_of_message)
COMPLETIONS: Final = Dialect(("POST", "/completions"), _completions(), _told_in_completion, _runs_of_completion)

"""What a client makes of a stream's frames, and streams as an upstream sends them."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import Policy
from guardproxy.core.rewrite import redact_json_text
from guardproxy.surfaces.responses import ResponsesStream
from guardproxy.wire.sse import DONE, SseDecoder, SseEvent, encode_event
from tests.support.strategies import Kit, pieces_of

Channel = tuple[str, int, int, str]
"""Family, output index, the position of part, summary or command, and the member of a delta that is an object."""

# Where a family's text stands in an item, with `#` for the position, and in its `.done` event.
PLACES = {
    "output_text": (("content", "#", "text"), "content_index", "text"),
    "refusal": (("content", "#", "refusal"), "content_index", "refusal"),
    "reasoning_text": (("content", "#", "text"), "content_index", "text"),
    "reasoning_summary_text": (("summary", "#", "text"), "summary_index", "text"),
    "function_call_arguments": (("arguments",), "", "arguments"),
    "mcp_call_arguments": (("arguments",), "", "arguments"),
    "custom_tool_call_input": (("input",), "", "input"),
    "code_interpreter_call_code": (("code",), "", "code"),
    "shell_call_command": (("action", "commands", "#"), "command_index", "command"),
    "shell_call_output_content": (("output", "#"), "command_index", "output"),
    "apply_patch_call_operation_diff": (("operation", "diff"), "", "diff"),
}
CALLS = (
    "function_call_arguments", "mcp_call_arguments", "custom_tool_call_input", "code_interpreter_call_code",
    "shell_call_command", "apply_patch_call_operation_diff",
)  # fmt: skip
ARGUMENTS = CALLS[:2]


def event(document: Any, *, named: bool = True) -> SseEvent:
    """The event as OpenAI sends it: with its type as its name."""
    if isinstance(document, str):
        return SseEvent(document)
    return SseEvent(json.dumps(document, ensure_ascii=False), document.get("type", "") if named else "")


def response(status: str = "in_progress", output: Sequence[Any] = (), **more: Any) -> dict[str, Any]:
    """A response object."""
    # Labels are looked at too; no rule of these tests can match these.
    head = {"id": "0-1", "object": "response", "created_at": 1700000000, "status": status, "error": None}
    rest: dict[str, Any] = {
        "incomplete_details": None, "instructions": None, "max_output_tokens": None, "model": "0",
        "output": list(output), "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [],
        "top_p": 1.0, "truncation": "disabled", "usage": None, "user": None, "metadata": {},
    }  # fmt: skip
    return {**head, **rest, **more}


def number(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events with their numbers."""
    return [{"type": one["type"], "sequence_number": at, **one} for at, one in enumerate(documents)]


USAGE = {
    "input_tokens": 1, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}, "output_tokens": 2,
    "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 3,
}  # fmt: skip


class Received:
    """Adds frames up as clients do, and checks what their helpers rely on."""

    def __init__(self, frames: Iterable[bytes] = ()) -> None:
        self.documents: list[Any] = []
        self.names: list[str] = []
        self.texts: dict[Channel, str] = defaultdict(str)
        self.again: dict[Channel, list[str]] = defaultdict(list)
        self.items: dict[int, Any] = {}
        self.envelope: Any = None
        self.done = False
        self._last = -1
        self._decoder = SseDecoder()
        for frame in frames:
            self.take(frame)

    @property
    def types(self) -> list[str]:
        return [document["type"] for document in self.documents]

    def text(self, family: str = "output_text", output: int = 0, at: int = 0, below: str = "") -> str:
        return self.texts[family, output, at, below]

    def take(self, frame: bytes) -> None:
        assert not self.done, "frames after the end"
        (item,) = self._decoder.feed(frame)
        assert isinstance(item, SseEvent)
        if item.data == DONE:
            self.done = True
            return
        document = json.loads(item.data)
        self.documents.append(document)
        self.names.append(item.event)
        number = document.get("sequence_number")
        if isinstance(number, int):
            assert number > self._last, "numbers that do not grow"
            self._last = number
        self._take(document)

    def _take(self, document: dict[str, Any]) -> None:
        kind = document.get("type", "")
        family, _, step = kind.removeprefix("response.").rpartition(".")
        output = document.get("output_index", 0)
        if kind == "response.output_item.added":
            assert output not in self.items, "an item announced twice"
            self.items[output] = document["item"]
            self._begin(output, document["item"])
        elif kind == "response.output_item.done":
            announced = self.items.get(output)
            if announced is not None:
                same = [(one["type"], one.get("id"), one.get("call_id")) for one in (announced, document["item"])]
                assert same[0] == same[1], "an item that became another"
            self._repeat_item(output, document["item"])
        elif kind == "response.content_part.done":
            self._repeat_part("content", document)
        elif kind == "response.reasoning_summary_part.done":
            self._repeat_part("summary", document)
        elif step == "delta" and document.get("delta") is not None:
            self._grow(family, output, document)
        elif step == "done" and family in PLACES:
            self._repeat(family, output, document)
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            self.envelope = document["response"]
            # By their ids: an item that never ended is not in the response.
            indexes = {item.get("id"): index for index, item in self.items.items()}
            for position, item in enumerate(self.envelope["output"]):
                self._repeat_item(indexes.get(item.get("id"), position), item)

    def _grow(self, family: str, output: int, document: dict[str, Any]) -> None:
        _, index, _ = PLACES.get(family, ((), "", ""))
        at = document.get(index, 0)
        delta = document["delta"]
        for below, text in {"": delta}.items() if isinstance(delta, str) else delta.items():
            channel = (family, output, at, below)
            assert not (text and self.again[channel]), "text after its end"
            self.texts[channel] += text

    def _begin(self, output: int, item: Any) -> None:
        for channel, text in texts_of(output, item):
            if text:
                self.texts[channel] += text

    def _repeat(self, family: str, output: int, document: dict[str, Any]) -> None:
        _, index, member = PLACES[family]
        value, at = document[member], document.get(index, 0)
        if isinstance(value, list):
            for below in ("stdout", "stderr"):
                self.again[family, output, at, below].append("".join(one[below] for one in value))
        else:
            self.again[family, output, at, ""].append(value)

    def _repeat_part(self, member: str, document: dict[str, Any]) -> None:
        at = document.get("content_index" if member == "content" else "summary_index", 0)
        part = document["part"]
        family = {"summary_text": "reasoning_summary_text"}.get(part["type"], part["type"])
        if family in PLACES:
            self.again[family, document["output_index"], at, ""].append(part[PLACES[family][2]])

    def _repeat_item(self, output: int, item: Any) -> None:
        for channel, text in texts_of(output, item):
            self.again[channel].append(text)

    def check_repeats(self) -> None:
        """What a text's end, part, item and response say is what its deltas add up to."""
        for channel, texts in self.again.items():
            assert set(texts) <= {self.texts[channel]}, channel


ITEM_FAMILIES = {
    "message": ("output_text", "refusal"),
    "reasoning": ("reasoning_text", "reasoning_summary_text"),
    "function_call": ("function_call_arguments",),
    "mcp_call": ("mcp_call_arguments",),
    "custom_tool_call": ("custom_tool_call_input",),
    "code_interpreter_call": ("code_interpreter_call_code",),
    "shell_call": ("shell_call_command",),
    "shell_call_output": ("shell_call_output_content",),
    "apply_patch_call": ("apply_patch_call_operation_diff",),
}


def texts_of(output: int, item: Any) -> Iterator[tuple[Channel, str]]:
    """The texts of an item, by their channel."""
    for family in ITEM_FAMILIES.get(item.get("type"), ()):
        places: list[tuple[int, Any]] = [(0, item)]
        for step in PLACES[family][0]:
            if step == "#":
                places = [(at, one) for _, value in places for at, one in enumerate(value)]
            else:
                places = [(at, value[step]) for at, value in places if isinstance(value, dict) and step in value]
        for at, value in places:
            if isinstance(value, str):
                yield (family, output, at, ""), value
            elif isinstance(value, dict) and family == "shell_call_output_content":
                for below in ("stdout", "stderr"):
                    yield (family, output, at, below), value[below]


def run(policy: Policy, documents: Sequence[Any], *, done: bool = False, **more: Any) -> Received:
    """All events of a stream, one by one."""
    stream = ResponsesStream(OutputGuard(policy), **more)
    frames = [frame for document in documents for frame in stream.feed(event(document))]
    frames += stream.feed(SseEvent(DONE)) if done else []
    return Received([*frames, *stream.finish()])


def run_bytes(policy: Policy, pieces: Sequence[bytes]) -> Received:
    """The same from the pieces in which the bytes of the stream arrived."""
    decoder, stream = SseDecoder(), ResponsesStream(OutputGuard(policy))
    items = [item for piece in pieces for item in decoder.feed(piece)]
    frames = [frame for item in items if isinstance(item, SseEvent) for frame in stream.feed(item)]
    return Received([*frames, *stream.finish()])


def decoded(frames: Iterable[bytes]) -> list[Any]:
    """The data of frames, nothing asked of them."""
    items = [item for frame in frames for item in SseDecoder().feed(frame)]
    return [item.data if item.data == DONE else json.loads(item.data) for item in items if isinstance(item, SseEvent)]


def as_bytes(documents: Sequence[Any]) -> bytes:
    return b"".join(encode_event(event(document).data, document["type"]) for document in documents)


# ---------------------------------------------------------------- streams


@dataclass
class Transcript:
    """The events of a stream, and the whole text of each of its channels."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    texts: dict[Channel, str] = field(default_factory=dict)


def shown(kit: Kit, channel: Channel, text: str) -> str:
    """What may leave of a channel's text."""
    if channel[0] in ARGUMENTS:
        return redact_json_text(text, lambda leaf: kit.released(leaf)[0]) or ""
    return kit.released(text)[0]


def blocks(kit: Kit, channel: Channel, text: str) -> bool:
    if channel[0] in ARGUMENTS:
        found: list[str] = []
        redact_json_text(text, lambda leaf: found.append(leaf) or leaf)  # type: ignore[func-returns-value]
        return any(kit.released(leaf)[1] for leaf in found)
    return kit.released(text)[1]


def deltas(family: str, where: Mapping[str, Any], text: str, cuts: Sequence[int]) -> list[dict[str, Any]]:
    more: dict[str, Any] = {"logprobs": []} if family == "output_text" else {}
    return [
        {"type": f"response.{family}.delta", **where, "delta": piece, **more, "obfuscation": "xY9"}
        for piece in pieces_of(text, cuts)
    ]


def message(output: int, parts: Sequence[tuple[str, str]], cuts: Sequence[int]) -> list[dict[str, Any]]:
    """A message of parts, each a family (`output_text`, `refusal`) with its text."""
    item = {"id": f"0-{output}", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    events: list[dict[str, Any]] = [{"type": "response.output_item.added", "output_index": output, "item": item}]
    finished = []
    for at, (family, text) in enumerate(parts):
        where = {"item_id": f"0-{output}", "output_index": output, "content_index": at}
        member = PLACES[family][2]
        more: dict[str, Any] = {"annotations": [], "logprobs": []} if family == "output_text" else {}
        events.append({"type": "response.content_part.added", **where, "part": {"type": family, member: "", **more}})
        events += deltas(family, where, text, cuts)
        again: dict[str, Any] = {"logprobs": []} if family == "output_text" else {}
        events.append({"type": f"response.{family}.done", **where, member: text, **again})
        finished.append({"type": family, member: text, **more})
        events.append({"type": "response.content_part.done", **where, "part": finished[-1]})
    whole = {**item, "status": "completed", "content": finished}
    return [*events, {"type": "response.output_item.done", "output_index": output, "item": whole}]


def reasoning(output: int, summary: str, text: str, cuts: Sequence[int], **more: Any) -> list[dict[str, Any]]:
    """Reasoning with one summary and one text."""
    item = {"id": f"0-{output}", "type": "reasoning", "summary": [], **more}
    at = {"item_id": f"0-{output}", "output_index": output}
    first, second = {**at, "summary_index": 0}, {**at, "content_index": 0}
    told = {"type": "summary_text", "text": summary}
    whole = {**item, "summary": [told], "content": [{"type": "reasoning_text", "text": text}]}
    return [
        {"type": "response.output_item.added", "output_index": output, "item": item},
        {"type": "response.reasoning_summary_part.added", **first, "part": {"type": "summary_text", "text": ""}},
        *deltas("reasoning_summary_text", first, summary, cuts),
        {"type": "response.reasoning_summary_text.done", **first, "text": summary},
        {"type": "response.reasoning_summary_part.done", **first, "part": told},
        *deltas("reasoning_text", second, text, cuts),
        {"type": "response.reasoning_text.done", **second, "text": text},
        {"type": "response.output_item.done", "output_index": output, "item": whole},
    ]


CALL_ITEMS: dict[str, dict[str, Any]] = {
    "function_call_arguments": {"type": "function_call", "name": "f"},
    "mcp_call_arguments": {"type": "mcp_call", "name": "f", "server_label": "0"},
    "custom_tool_call_input": {"type": "custom_tool_call", "name": "f"},
    "code_interpreter_call_code": {"type": "code_interpreter_call", "container_id": "0", "outputs": None},
    "shell_call_command": {"type": "shell_call", "environment": None},
    "apply_patch_call_operation_diff": {"type": "apply_patch_call"},
}


def filled(family: str, text: str) -> dict[str, Any]:
    """The members of a call's item that hold its text."""
    match family:
        case "shell_call_command":
            return {"action": {"commands": [text], "timeout_ms": None, "max_output_length": None}}
        case "apply_patch_call_operation_diff":
            return {"operation": {"type": "update_file", "path": "x", "diff": text}}
    return {PLACES[family][0][0]: text}


def call(family: str, output: int, text: str, cuts: Sequence[int]) -> list[dict[str, Any]]:
    """A call of any kind."""
    item = {"id": f"0-{output}", "status": "in_progress", "call_id": f"0-{output}", **CALL_ITEMS[family]}
    where: dict[str, Any] = {"item_id": f"0-{output}", "output_index": output}
    if family == "shell_call_command":
        where = {"output_index": output, "command_index": 0}
    whole = {**item, "status": "completed", **filled(family, text)}
    return [
        {"type": "response.output_item.added", "output_index": output, "item": {**item, **filled(family, "")}},
        *deltas(family, where, text, cuts),
        {"type": f"response.{family}.done", **where, PLACES[family][2]: text},
        {"type": "response.output_item.done", "output_index": output, "item": whole},
    ]


def shell_output(output: int, stdout: str, stderr: str, cuts: Sequence[int]) -> list[dict[str, Any]]:
    """What a command printed."""
    item: dict[str, Any] = {
        "id": f"0-{output}",
        "type": "shell_call_output",
        "call_id": f"0-{output}",
        "status": "in_progress",
    }
    item |= {"output": [], "max_output_length": None}
    where = {"item_id": f"0-{output}", "output_index": output, "command_index": 0}
    ended = {"stdout": stdout, "stderr": stderr, "outcome": {"type": "exit", "exit_code": 0}}
    kind = "response.shell_call_output_content.delta"
    return [
        {"type": "response.output_item.added", "output_index": output, "item": item},
        *({"type": kind, **where, "delta": {"stdout": piece}} for piece in pieces_of(stdout, cuts)),
        *({"type": kind, **where, "delta": {"stderr": piece}} for piece in pieces_of(stderr, cuts)),
        {"type": "response.shell_call_output_content.done", **where, "output": [ended]},
        {
            "type": "response.output_item.done",
            "output_index": output,
            "item": {**item, "status": "completed", "output": [ended]},
        },
    ]


KINDS = ("message", "message", "reasoning", "shell_output", *CALLS)


@st.composite
def transcripts(
    draw: st.DrawFn, texts: st.SearchStrategy[str], kinds: Sequence[str] = KINDS, max_items: int = 3
) -> Transcript:
    """One to three items of any kind, their events interleaved at random; no texts that a client joins."""
    transcript = Transcript()
    waiting: dict[int, list[dict[str, Any]]] = {}
    for output in range(draw(st.integers(1, max_items))):
        cuts = draw(st.lists(st.integers(0, 999), max_size=5))
        taken = any(family == "output_text" for family, *_ in transcript.texts)
        events, found = _item(draw, draw(st.sampled_from(kinds)), output, texts, cuts, taken)
        waiting[output] = events
        transcript.texts.update(found)
    output_items = [events[-1]["item"] for events in waiting.values()]
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    documents = [{"type": "response.created", "response": response()}]
    begun = 0
    while waiting:
        # Items begin in their order, as their indexes say.
        ready = [output for output in waiting if output <= begun]
        output = chance.choice(ready)
        documents.append(waiting[output].pop(0))
        begun = max(begun, output + 1)
        if not waiting[output]:
            del waiting[output]
    last = response("completed", output_items, usage=USAGE)
    transcript.documents = number([*documents, {"type": "response.completed", "response": last}])
    return transcript


def _item(
    draw: st.DrawFn, kind: str, output: int, texts: st.SearchStrategy[str], cuts: Sequence[int], taken: bool
) -> tuple[list[dict[str, Any]], dict[Channel, str]]:
    if kind == "message":
        families = draw(st.lists(st.sampled_from(["output_text", "refusal"]), min_size=1, max_size=2))
        joined = [at for at, family in enumerate(families) if family == "output_text"][0 if taken else 1 :]
        families = ["refusal" if at in joined else family for at, family in enumerate(families)]
        parts = [(family, draw(texts)) for family in families]
        return message(output, parts, cuts), {(f, output, at, ""): text for at, (f, text) in enumerate(parts)}
    if kind == "reasoning":
        summary, text = draw(st.permutations([draw(texts), ""]))
        channels = (("reasoning_summary_text", output, 0, ""), ("reasoning_text", output, 0, ""))
        return reasoning(output, summary, text, cuts), dict(zip(channels, (summary, text), strict=True))
    if kind == "shell_output":
        stdout, stderr = draw(texts), draw(texts)
        family = "shell_call_output_content"
        found: dict[Channel, str] = {(family, output, 0, "stdout"): stdout, (family, output, 0, "stderr"): stderr}
        return shell_output(output, stdout, stderr, cuts), found
    text = draw(texts)
    if kind in ARGUMENTS:
        text = json.dumps({"x": text, "y": [draw(texts)]}, ensure_ascii=draw(st.booleans()))
    return call(kind, output, text, cuts), {(kind, output, 0, ""): text}

"""What the parts of guardproxy cost by themselves: `python -m bench micro`.

Microseconds of CPU of this process for one unit of work, medians over rounds in which the parts take turns, and the
ratio to a yard-stick of the same round: reading and writing one streamed chunk with the standard library's `json`. A
part imports what it measures when it is built, so one that is missing is an error with a name and not a shorter table.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from bench import BenchError
from bench.results import Spread
from bench.scenarios import SCENARIOS, prose, request_parts
from bench.subjects import POLICIES, unlimited
from bench.upstream import render_stream, render_whole

TURN_S: Final = 0.02
YARD: Final = "json.loads + json.dumps"
TAG: Final = b"abcdefgh"
PIECE: Final = 12

Work = Callable[[], object]


class Part(NamedTuple):
    """`build` gives the work to be timed: one call does `units` of what `per` names."""

    name: str
    per: str
    build: Callable[[], Work]
    units: int = 1


class Timing(NamedTuple):
    part: Part
    us: Spread
    ratio: Spread

    def as_json(self) -> dict[str, object]:
        return {
            "part": self.part.name,
            "per": self.part.per,
            "cpu_us": self.us._asdict(),
            "ratio": self.ratio._asdict(),
        }


def _request(scenario: str) -> bytes:
    before, after = request_parts(SCENARIOS[scenario])
    return before + TAG + after


def _events() -> list[bytes]:
    """The content events of a stream, as a client of the upstream reads them."""
    frames = render_stream(SCENARIOS["stream"]).chunks
    return [frame[frame.index(b"data: ") :].removesuffix(b"\r\n") for frame in frames]


EVENTS: Final = len(_events())


def _json_chunk() -> Work:
    chunk = _events()[0].removeprefix(b"data: ")
    return lambda: json.dumps(json.loads(chunk))


def _sse() -> Work:
    from guardproxy.wire.sse import SseDecoder

    events = _events()

    def decode() -> None:
        decoder = SseDecoder()
        for event in events:
            decoder.feed(event)

    return decode


@cache
def _policy(name: str) -> Any:
    from guardproxy.policyfile.compile import load_policy

    unlimited(path := POLICIES / name)  # tells where it should be, if it is not there
    return load_policy(path)


def _guard() -> Work:
    from guardproxy.core.inspection import OutputGuard

    policy = _policy("default.yaml")
    pieces = [prose(EVENTS * PIECE)[at : at + PIECE] for at in range(0, EVENTS * PIECE, PIECE)]

    def stream() -> None:
        guard = OutputGuard(policy).open(("content",))
        for piece in pieces:
            guard.feed(piece)
        guard.finish()

    return stream


def _editor(policy_file: str) -> Callable[[], Work]:
    def build() -> Work:
        from guardproxy.core.inspection import OutputGuard
        from guardproxy.surfaces.chat_completions import ChatStream
        from guardproxy.wire.sse import SseDecoder, SseEvent

        policy = _policy(policy_file)
        items = SseDecoder().feed(b"".join(_events()))
        events = [item for item in items if isinstance(item, SseEvent)]

        def edit() -> None:
            editor = ChatStream(OutputGuard(policy))
            for event in events:
                editor.feed(event)

        return edit

    return build


def _parse(scenario: str) -> Callable[[], Work]:
    def build() -> Work:
        from guardproxy.wire.strict_json import parse_strict

        raw = _request(scenario)
        return lambda: parse_strict(raw)

    return build


def _encode() -> Work:
    from guardproxy.wire.document import encode

    document = json.loads(_request("whole"))
    return lambda: encode(document)


def _read_request() -> Work:
    from guardproxy.surfaces.chat_completions import read_request

    document = json.loads(_request("whole"))
    return lambda: read_request(document, operator=False)


def _inspect(scenario: str) -> Callable[[], Work]:
    def build() -> Work:
        from guardproxy.core.inspection import inspect
        from guardproxy.surfaces.chat_completions import read_request

        policy = _policy("default.yaml")
        segments = read_request(json.loads(_request(scenario)), operator=False).segments
        return lambda: inspect(policy, segments)

    return build


def _inspect_reply() -> Work:
    from guardproxy.core.inspection import inspect
    from guardproxy.surfaces.chat_completions import read_response

    policy = _policy("default.yaml")
    body = render_whole(SCENARIOS["whole"]).tagged(TAG).partition(b"\r\n\r\n")[2]
    segments = read_response(json.loads(body)).segments
    return lambda: inspect(policy, segments)


def _separated() -> dict[str, Any]:
    """A policy with all that `context:` knows, and no rule."""
    fence = {"tool": "delimit", "document": "datamark", "sandwich": True}
    treated = {"control_tokens": "neutralise", "hidden_characters": "remove", "fake_turns": "flag"}
    prompt = {"text": "You are the assistant of Example Ltd. {{key_name}} is the application that calls you."}
    order = {"operator_first": True, "tool_after_call": True, "most": {"operator": 1}}
    return {**treated, "operator_prompt": prompt, "order": order, "fence": fence}


def _conversation(characters: int) -> Any:
    """A request of that size: a system message, a question, a tool's result, a document."""
    text = prose(characters)
    call = {"id": "call_1", "type": "function", "function": {"name": "search", "arguments": '{"query": "ferry"}'}}
    messages = [
        {"role": "system", "content": "Answer in one sentence."},
        {"role": "user", "content": text[: characters // 5]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": text[characters // 5 : characters // 2]},
        {"role": "user", "name": "document", "content": text[characters // 2 :]},
    ]
    return {"model": "bench-model", "messages": messages}


def _request_path(context: Callable[[], dict[str, Any]]) -> Callable[[], Work]:
    """All that is done with a request between its last byte and the first one that goes upstream, but for sockets."""

    def build() -> Work:
        from guardproxy.core.inspection import inspect
        from guardproxy.core.principal import Principal
        from guardproxy.core.separation.apart import keep_apart
        from guardproxy.core.separation.documents import Labels, with_documents
        from guardproxy.core.separation.speakers import refuse_speakers
        from guardproxy.policyfile.compile import load_policy
        from guardproxy.surfaces import CHAT_COMPLETIONS as CHAT
        from guardproxy.wire.document import encode
        from guardproxy.wire.strict_json import parse_strict

        with TemporaryDirectory() as folder:
            file = Path(folder) / "policy.yaml"
            file.write_text(json.dumps({"version": 1, "name": "bench", "context": context()}), encoding="utf-8")
            policy = load_policy(file)
        raw = json.dumps(_conversation(10_000)).encode()
        caller, secret, terms = Principal("bench", "bench", operator=True), bytes(32), policy.context.separation

        def serve() -> bytes:
            document = parse_strict(raw)
            assert CHAT.read_request is not None and CHAT.speaking is not None
            reading = CHAT.read_request(document, operator=True)
            labels = Labels(reading.documents)
            verdict = inspect(policy, with_documents(reading.segments, labels) if labels else reading.segments)
            if terms is None:
                CHAT.edit(document, verdict.edits)
            else:
                refuse_speakers(terms, reading)
                apart = keep_apart(terms, reading, verdict.edits, caller, secret, labels, trusted=True)
                CHAT.edit(document, apart.edits)
                CHAT.speaking.place(document, apart.speech)
            return encode(document)

        return serve

    return build


PARTS: Final = (
    Part(YARD, "chunk", _json_chunk),
    Part("SseDecoder.feed", "chunk", _sse, EVENTS),
    Part("StreamGuard.feed, 12 characters, default policy", "chunk", _guard, EVENTS),
    Part("ChatStream.feed, empty policy", "chunk", _editor("empty.yaml"), EVENTS),
    Part("ChatStream.feed, default policy", "chunk", _editor("default.yaml"), EVENTS),
    Part("parse_strict", "1 KB request", _parse("whole")),
    Part("parse_strict", "32 KB request", _parse("whole32k")),
    Part("read_request", "1 KB request", _read_request),
    Part("inspect, default policy", "1 KB request", _inspect("whole")),
    Part("inspect, default policy", "32 KB request", _inspect("whole32k")),
    Part("inspect, default policy", "600 B reply", _inspect_reply),
    Part("encode", "1 KB request", _encode),
    Part("read, inspect, edit, encode; empty policy", "10 KB request", _request_path(dict)),
    Part("read, inspect, edit, encode; all of `context:`", "10 KB request", _request_path(_separated)),
)


def measure(parts: Sequence[Part], rounds: int) -> list[Timing]:
    """The parts, the first of which is the yard-stick. Raises BenchError when guardproxy lacks one."""
    works = [_built(part) for part in parts]
    calls = [_calls_a_turn(work) for work in works]
    turns: list[list[float]] = [[] for _ in parts]
    for _ in range(rounds):
        for times, part, work, number in zip(turns, parts, works, calls, strict=True):
            times.append(_seconds(work, number) * 1e6 / number / part.units)
    yard = turns[0]
    return [
        Timing(part, Spread.of(times), Spread.of([us / unit for us, unit in zip(times, yard, strict=True)]))
        for part, times in zip(parts, turns, strict=True)
    ]


def _built(part: Part) -> Work:
    try:
        return part.build()
    except (ImportError, AttributeError) as error:
        raise BenchError(f"{part.name}: guardproxy does not have what this part measures: {error}") from error


def _seconds(work: Work, calls: int) -> float:
    before = time.process_time_ns()
    for _ in range(calls):
        work()
    return (time.process_time_ns() - before) / 1e9


def _calls_a_turn(work: Work) -> int:
    """So many that a turn takes about `TURN_S`. Warms the work up on the way."""
    calls = 1
    while _seconds(work, calls) < TURN_S:
        calls *= 2
    return calls


def render(timings: Sequence[Timing]) -> str:
    """A line for each part: median (middle half) over the rounds."""
    names = max(len(timing.part.name) for timing in timings)
    pers = max(len(timing.part.per) for timing in timings)
    lines = [f"  {'part':<{names}}  {'per':<{pers}}  {'CPU µs':<22}  x {YARD} of a chunk"]
    lines += [
        f"  {part.name:<{names}}  {part.per:<{pers}}  {us.shown(2):<22}  {ratio.shown(2)}"
        for part, us, ratio in timings
    ]
    return "\n".join(lines)

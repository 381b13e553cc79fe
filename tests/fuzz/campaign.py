"""Malformed requests to a running proxy: every answer, every forward and the log are held against what must be."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.malformed import Malformed, spoiled
from tests.support.answers import completion_piece, message, moderated, named_event, response, response_events, vectors
from tests.support.caller import Answer, Caller, calling, request
from tests.support.proxy import SESSION_KEY, UPSTREAM_KEY, Proxy, running_proxy
from tests.support.upstream import (
    STREAM_END,
    STREAM_HEAD,
    Asked,
    Send,
    chunk,
    completion,
    event,
    piece,
    running_upstream,
    whole,
)

POLICY = """
version: 1
name: fuzz
context: {operator_messages: any_key}
server_state: allow
limits: {body_bytes: 1_000_000}
rules:
  - id: own.codeword
    title: A codeword
    detector: pattern
    with: {pattern: 'codeword-[a-z]{4,20}'}
    applies_to: [operator, user, tool, document, model]
    severity: high
    action: redact
    examples: {match: ['the codeword-tulip is'], pass: ['a codeword']}
"""
WORD = "codeword-fromupstream"
_SECRET = re.compile("codeword-[a-z]{4,20}")
_FORWARDED = re.compile(
    r"/v1/(chat/completions|completions|embeddings|moderations|responses(/compact|/input_tokens)?"
    r"|models(/[\w.:@-]+){0,4}|responses/[\w-]+(/cancel|/input_items)?(\?[\w%=&.]+)?)"
)


@dataclass
class Report:
    """How many answers had which status, how many requests were forwarded, and everything that must not be."""

    statuses: Counter[int] = field(default_factory=Counter)
    forwarded: int = 0
    records: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = ", ".join(f"{status}: {count:,}" for status, count in sorted(self.statuses.items()))
        return f"answers by status {told}; {self.forwarded:,} forwarded; {len(self.faults)} faults"


async def campaign(count: int, seed: int, folder: Path, workers: int = 4) -> Report:
    """Send `count` requests that follow from `seed`."""
    report = Report()
    async with (
        running_upstream(_answer) as upstream,
        running_proxy(upstream.base_url, folder, policy=POLICY, body_timeout=5.0) as proxy,
    ):
        waiting = iter(range(count))
        await asyncio.gather(*(_work(waiting, seed, proxy, report) for _ in range(workers)))
        for asked in upstream.asked:
            _check_forward(asked, report)
        proxy.log.flush()
        logged = proxy.captured.getvalue()
        report.records = sum('"request_id"' in line for line in logged.splitlines())
        incidents = proxy.incidents.read_text(encoding="utf-8") if proxy.incidents.exists() else ""
        if _SECRET.search(logged + incidents) or UPSTREAM_KEY in logged or SESSION_KEY in logged:
            report.faults.append("the log or the incident file holds a secret")
    report.forwarded = len(upstream.asked)
    if report.records < count:
        report.faults.append(f"{count} requests left only {report.records} records")
    return report


async def _work(waiting: Iterator[int], seed: int, proxy: Proxy, report: Report) -> None:
    """One connection after the other, each for as many requests as it lives."""
    port = proxy.running.listeners.port
    number = next(waiting, None)
    while number is not None:
        async with calling(port) as caller:
            fresh = alive = True
            while alive and number is not None:
                name = f"{seed}/{number}"
                alive = await _exchange(caller, spoiled(random.Random(name)), name, report, fresh=fresh)
                if alive or fresh:
                    number = next(waiting, None)
                fresh = False


async def _exchange(caller: Caller, made: Malformed, name: str, report: Report, *, fresh: bool) -> bool:
    """One request; whether its connection lives on. One that was used before may have ended, as it does after bytes
    that are no HTTP: then nothing was answered, and the request is sent again on a fresh one.
    """
    try:
        await caller.send(request(made.method, made.path, made.body, SESSION_KEY, made.headers))
        answer = await caller.answer()
        while answer.status == 100:
            answer = await caller.answer()
    except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
        if fresh:
            report.faults.append(f"{name}: no answer to {made.method} {made.path}: {type(error).__name__}")
        return False
    report.statuses[answer.status] += 1
    report.faults += (f"{name}: {made.method} {made.path}: {fault}" for fault in _faults(answer))
    return True


def _faults(answer: Answer) -> list[str]:
    faults = []
    said = answer.body.decode("utf-8", "replace")
    if answer.status >= 500:
        faults.append(f"{answer.status} {said[:200]}")
    if not answer.complete:
        faults.append("the answer breaks off")
    everything = said + repr(answer.headers)
    if _SECRET.search(everything) or _SECRET.search(_unescaped(everything)) or UPSTREAM_KEY in everything:
        faults.append("a secret came back")
    if answer.status >= 400:
        try:
            shaped = isinstance(json.loads(said)["error"]["message"], str)
        except (ValueError, LookupError, TypeError):
            shaped = False
        if not shaped:
            faults.append(f"an error in no shape: {said[:200]}")
    elif "x-guardproxy-coverage" not in answer.headers:
        faults.append("an answer that says nothing of its coverage")
    return faults


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text)


def _check_forward(asked: Asked, report: Report) -> None:
    if not _FORWARDED.fullmatch(asked.path):
        report.faults.append(f"forwarded to {asked.path}")
    everything = asked.path + repr({k: v for k, v in asked.headers.items() if k != "authorization"})
    everything += asked.body.decode("utf-8", "replace")
    if _SECRET.search(everything) or _SECRET.search(_unescaped(everything)):
        report.faults.append(f"a secret was forwarded to {asked.path}: {asked.body[:300]!r}")
    if asked.headers.get("authorization") != f"Bearer {UPSTREAM_KEY}" or SESSION_KEY in everything:
        report.faults.append("a key on the wrong side")
    if asked.body:
        try:
            json.loads(asked.body, object_pairs_hook=_once)
        except ValueError:
            report.faults.append(f"forwarded what every reader would not read alike: {asked.body[:200]!r}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


async def _answer(asked: Asked, send: Send) -> None:
    """A stand-in for every API, which says a secret in each answer."""
    path, _, query = asked.path.removeprefix("/v1").partition("?")
    wants = "stream=true" in query or (asked.body[:1] == b"{" and json.loads(asked.body).get("stream") is True)
    text = f"It is {WORD} then."
    if path == "/chat/completions" and wants:
        await _stream(send, [event(chunk({"content": text})), event(chunk({}, finish_reason="stop")), event(b"[DONE]")])
    elif path == "/completions" and wants:
        await _stream(send, [event(completion_piece(text, finish_reason="stop")), event(b"[DONE]")])
    elif wants and path.startswith("/responses") and path.count("/") < 3 and not path.endswith(("/compact", "_tokens")):
        await _stream(send, [named_event(one) for one in response_events(*text)])
    else:
        await send(whole(_document(path, text)))


def _document(path: str, text: str) -> Any:
    match path.split("/")[1:]:
        case ["chat", "completions"]:
            return completion(text)
        case ["completions"]:
            return completion_piece(text, finish_reason="stop")
        case ["embeddings"]:
            return {**vectors([0.5, 1.5]), "note": text}
        case ["moderations"]:
            return {**moderated(), "note": text}
        case ["responses", _, "input_items"]:
            return {"object": "list", "data": [message(text)]}
        case ["responses", *_]:
            return response(message(text))
    return {"id": text, "object": "model"}


async def _stream(send: Send, frames: list[bytes]) -> None:
    await send(STREAM_HEAD + b"".join(map(piece, frames)) + STREAM_END)

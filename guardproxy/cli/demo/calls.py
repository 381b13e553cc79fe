"""One call through the real client, and what came of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, Final

from openai import APIStatusError, AsyncOpenAI

from guardproxy.cli.demo.script import PREFIX
from guardproxy.surfaces.openai_errors import LONGEST_WAIT_MS

MASK: Final = "•"


async def ask(client: AsyncOpenAI, model: str, messages: Sequence[Mapping[str, str]]) -> str:
    """A whole answer's text."""
    answer = await client.chat.completions.create(model=model, messages=_as_messages(messages))
    return answer.choices[0].message.content or ""


async def stream(client: AsyncOpenAI, model: str, question: str) -> AsyncIterator[str]:
    """A streamed answer's text, as it comes."""
    messages = _as_messages([{"role": "user", "content": question}])
    async for chunk in await client.chat.completions.create(model=model, stream=True, messages=messages):
        for choice in chunk.choices:
            if choice.delta.content:
                yield choice.delta.content


async def refused(call: Awaitable[object]) -> APIStatusError | None:
    """The error the client raised; None if it got an answer."""
    try:
        await call
    except APIStatusError as error:
        return error
    return None


def error_of(error: APIStatusError | None) -> dict[str, Any]:
    """The `error` object of the body; empty if there is none."""
    body = error.body if error else None
    return body if isinstance(body, dict) else {}


def say(error: APIStatusError | None) -> str:
    """The error's body, laid out to be read."""
    return json.dumps({"error": error_of(error)}, indent=2) if error else "no error: the request was answered"


def told_wait(after_ms: str | None, after_s: str | None) -> bool:
    """Whether the two retry headers name one wait that the client would obey, the seconds rounded up."""
    if after_ms is None or after_s is None or not (after_ms.isdigit() and after_s.isdigit()):
        return False
    return 1 <= int(after_ms) <= LONGEST_WAIT_MS and int(after_s) == -(-int(after_ms) // 1000)


def parsed(text: str) -> object:
    """The JSON value of the text; None if it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def mask(pieces: Sequence[str], credential: str) -> list[str]:
    """The same pieces, with everything of the credential hidden but the prefix that all such keys have."""
    text = "".join(pieces)
    shown = text.replace(credential, PREFIX + MASK * (len(credential) - len(PREFIX)))
    masked, at = [], 0
    for piece in pieces:
        masked.append(shown[at : at + len(piece)])
        at += len(piece)
    return masked


def masked_key(token: str) -> str:
    """A guardproxy key by its public part."""
    return token[: token.rindex("_") + 1] + "…"


def _as_messages(messages: Sequence[Mapping[str, str]]) -> Any:
    """The client's types tell roles apart one by one; a demo that sends wrong roles on purpose need not."""
    return list(messages)

"""The stand-in by itself: the real client finds nothing strange about it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from openai import AsyncOpenAI, AuthenticationError, DefaultAsyncHttpxClient, NotFoundError

from guardproxy.cli.demo.script import BEFORE, MODELS, PLAIN, TOOL, reply_of
from guardproxy.cli.demo.standin import StandIn, stand_in


@asynccontextmanager
async def client_of(server: StandIn, key: str | None = None) -> AsyncIterator[AsyncOpenAI]:
    http_client = DefaultAsyncHttpxClient(trust_env=False)
    async with AsyncOpenAI(
        base_url=server.base_url, api_key=key or server.key, max_retries=0, http_client=http_client
    ) as client:
        yield client


async def test_it_lists_its_models() -> None:
    async with stand_in(0) as server, client_of(server) as client:
        assert list(MODELS) == [model.id for model in (await client.models.list()).data]
        assert (await client.models.retrieve("stand-in-leaky")).id == "stand-in-leaky"
        with pytest.raises(NotFoundError, match="there is no model"):
            await client.models.retrieve("gpt")


async def test_a_whole_answer_has_its_text_and_its_usage() -> None:
    async with stand_in(0) as server, client_of(server) as client:
        answer = await client.chat.completions.create(
            model="stand-in", messages=[{"role": "user", "content": "Why is the sky blue?"}]
        )
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (PLAIN, "stop")
    assert answer.usage is not None
    assert (5, 5 + answer.usage.completion_tokens) == (answer.usage.prompt_tokens, answer.usage.total_tokens)


async def test_a_stream_has_a_chunk_for_each_piece_and_usage_only_when_asked() -> None:
    async with stand_in(0) as server, client_of(server) as client:
        stream = await client.chat.completions.create(
            model="stand-in-leaky",
            stream=True,
            stream_options={"include_usage": True},
            messages=[{"role": "user", "content": "?"}],
        )
        chunks = [chunk async for chunk in stream]
        stream = await client.chat.completions.create(
            model="stand-in", stream=True, messages=[{"role": "user", "content": "?"}]
        )
        assert not [chunk async for chunk in stream if chunk.usage]
        reply = reply_of("stand-in-leaky", [], server.credential)
    assert reply is not None
    assert reply.pieces == tuple(c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content)
    assert reply.text.startswith(BEFORE)
    assert [chunk.usage is not None for chunk in chunks][-2:] == [False, True]


async def test_a_tool_call_comes_whole_or_in_fragments() -> None:
    async with stand_in(0) as server, client_of(server) as client:
        whole = await client.chat.completions.create(
            model="stand-in-tools", messages=[{"role": "user", "content": "?"}]
        )
        stream = await client.chat.completions.create(
            model="stand-in-tools", stream=True, messages=[{"role": "user", "content": "?"}]
        )
        fragments = [
            call.function.arguments or ""
            async for chunk in stream
            for call in chunk.choices[0].delta.tool_calls or ()
            if call.function
        ]
    calls = whole.choices[0].message.tool_calls
    assert calls is not None and calls[0].type == "function"
    assert (calls[0].function.name, whole.choices[0].finish_reason) == (TOOL, "tool_calls")
    assert server.credential == json.loads(calls[0].function.arguments)["api_key"]
    assert calls[0].function.arguments == "".join(fragments)


async def test_it_wants_its_key() -> None:
    async with stand_in(0) as server, client_of(server, "another-key") as client:
        with pytest.raises(AuthenticationError):
            await client.models.list()
        assert not server.seen


async def test_it_remembers_what_it_was_sent() -> None:
    async with stand_in(0) as server, client_of(server) as client:
        await client.chat.completions.create(
            model="stand-in", messages=[{"role": "user", "content": "Hello!"}], extra_headers={"X-Mark": "here"}
        )
        assert server.answered == 1
        assert server.writing == 0
    seen = server.seen[-1]
    assert (seen.path, seen.headers["x-mark"]) == ("/v1/chat/completions", "here")
    assert seen.body["messages"] == [{"role": "user", "content": "Hello!"}]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"messages": 1}', b'{"messages": ["x"]}'])
async def test_a_body_that_is_no_request_is_a_400(body: bytes) -> None:
    async with stand_in(0) as server, aiohttp.ClientSession() as session:
        headers = {"authorization": f"Bearer {server.key}"}
        async with session.post(f"{server.base_url}/chat/completions", data=body, headers=headers) as reply:
            assert (reply.status, (await reply.json())["error"]["code"]) == (400, "invalid_request")


async def test_an_unknown_model_and_an_unknown_path_are_404s() -> None:
    async with stand_in(0) as server, client_of(server) as client:
        with pytest.raises(NotFoundError, match="there is no model"):
            await client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "?"}])
        with pytest.raises(NotFoundError, match="no such path"):
            await client.embeddings.create(model="stand-in", input="?")


async def test_whoever_leaves_a_stream_leaves_no_error_behind(caplog: pytest.LogCaptureFixture) -> None:
    body = {"model": "stand-in", "stream": True, "messages": [{"role": "user", "content": "?"}]}
    async with stand_in(0.01) as server:
        headers = {"authorization": f"Bearer {server.key}"}
        async with aiohttp.ClientSession() as session:
            reply = await session.post(f"{server.base_url}/chat/completions", json=body, headers=headers)
            await reply.content.readany()
            reply.close()
        while server.writing:
            await asyncio.sleep(0.01)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_it_listens_on_loopback_only_and_is_gone_afterwards() -> None:
    async with stand_in(0) as server:
        assert server.base_url.startswith("http://127.0.0.1:")
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"{server.base_url}/models")

"""What an application sees that uses the official client, unchanged, for everything beside chats.

By surface: clean, redacted, blocked before it is sent, blocked while it streams, failed at the upstream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel

from tests.e2e.scene import POLICY, Scene, scene
from tests.support.answers import (
    RESPONSE_ID,
    completion_piece,
    error,
    message,
    moderated,
    named_event,
    response,
    response_events,
    streams_completion,
    streams_events,
    streams_response,
    vectors,
)
from tests.support.proxy import running_proxy
from tests.support.upstream import answers, running_upstream, whole

SECRET = "codeword-tulip"
SHOWN = "[REDACTED:own.codeword]"
BAD = "a forbidden phrase"
OWN = POLICY + "server_state: own\n"
BLOCKED = "content_policy_violation"


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Scene]:
    script = answers(whole(response()))
    async with (
        running_upstream(script) as upstream,
        running_proxy(upstream.base_url, tmp_path, policy=OWN) as proxy,
    ):
        yield Scene(proxy, upstream)


@pytest.fixture
async def client(on: Scene) -> AsyncIterator[AsyncOpenAI]:
    async with on.proxy.client() as opened:
        yield opened


# ---------------------------------------------------------------- responses


async def test_a_clean_response_arrives_as_it_is(on: Scene, client: AsyncOpenAI) -> None:
    on.upstream.script = answers(whole(response(message("Hello there."))))
    raw = await client.responses.with_raw_response.create(model="m", input="Say hello.", extra_body={"unheard_of": [1]})
    assert raw.parse().output_text == "Hello there."
    assert raw.headers["x-guardproxy-decision"] == "allow"
    assert raw.headers["x-guardproxy-coverage"] == "full"
    assert on.upstream.last.path == "/v1/responses"
    assert on.upstream.last.json == {"model": "m", "input": "Say hello.", "unheard_of": [1]}
    record = on.proxy.exchange()
    assert (record["event"], record["extent"], record["tokens"]) == ("exchange_completed", "full", {"reported": 12})


async def test_a_response_is_redacted_in_each_place_and_so_is_its_request(on: Scene, client: AsyncOpenAI) -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": f'{{"x":"{SECRET}"}}'}
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": SECRET}]}
    on.upstream.script = answers(whole(response(reasoning, message(f"say {SECRET}"), call)))
    raw = await client.responses.with_raw_response.create(model="m", input=[{"role": "user", "content": SECRET}])
    assert SECRET not in raw.text
    assert raw.parse().output_text == f"say {SHOWN}"
    assert raw.headers["x-guardproxy-decision"] == "redact"
    assert on.upstream.last.json["input"] == [{"role": "user", "content": SHOWN}]


class Weather(BaseModel):
    city: str


async def test_a_structured_response_is_parsed(on: Scene, client: AsyncOpenAI) -> None:
    on.upstream.script = answers(whole(response(message('{"city":"Oslo"}'))))
    parsed = await client.responses.parse(model="m", input="Where?", text_format=Weather)
    assert parsed.output_parsed == Weather(city="Oslo")


async def test_the_stream_helper_of_responses_gets_what_the_deltas_add_up_to(on: Scene, client: AsyncOpenAI) -> None:
    text = f"The word is {SECRET} today."
    on.upstream.script = streams_response(*text)
    deltas = ""
    async with client.responses.stream(model="m", input="Say it.") as stream:
        async for event in stream:
            if event.type == "response.output_text.delta":
                deltas += event.delta
        final = await stream.get_final_response()
    assert deltas == final.output_text == f"The word is {SHOWN} today."
    assert on.proxy.exchange()["event"] == "exchange_redacted"


async def test_a_raw_stream_of_a_response_keeps_its_events(on: Scene, client: AsyncOpenAI) -> None:
    on.upstream.script = streams_response("Plain ", "words! ")
    raw = await client.responses.with_raw_response.create(model="m", input="Say it.", stream=True)
    assert raw.headers["x-guardproxy-coverage"] == "full"
    got = [event.to_dict() async for event in raw.parse()]
    assert got == response_events("Plain ", "words! ")


async def test_a_request_for_a_response_that_is_blocked_is_a_bad_request(on: Scene, client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(model="m", input="hi", metadata={"k": BAD})
    assert caught.value.param == "metadata.k"
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(
            model="m", input=[{"type": "function_call_output", "call_id": "c", "output": BAD}], stream=True
        )
    assert (caught.value.code, caught.value.param) == (BLOCKED, "input[0].output")
    assert on.upstream.asked == []


async def test_instructions_of_a_key_that_may_not_give_them_are_named_as_they_stand(tmp_path: Path) -> None:
    policy = POLICY + "context: {operator_messages: nobody}\n"
    async with scene(tmp_path, policy=policy) as on, on.proxy.client() as client:
        with pytest.raises(openai.PermissionDeniedError) as caught:
            await client.responses.create(model="m", input="hi", instructions="Be brief.")
        assert (caught.value.code, caught.value.param) == ("role_not_allowed", "instructions")
        with pytest.raises(openai.PermissionDeniedError) as caught:
            await client.responses.create(model="m", input=[{"role": "system", "content": "Be brief."}])
        assert (caught.value.code, caught.value.param) == ("role_not_allowed", "input[0].role")


async def test_a_response_that_is_blocked_while_it_streams_ends_as_incomplete(on: Scene, client: AsyncOpenAI) -> None:
    said = asyncio.Event()
    on.upstream.script = streams_response("Well, ", "this is a forbidden", " phrase", " and more", held=said)
    async for last in await client.responses.create(model="m", input="Say it.", stream=True):
        if last.type == "response.output_text.delta":
            said.set()
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "content_filter"
    assert last.response.output_text == "Well, this is a "
    assert on.proxy.exchange()["event"] == "exchange_blocked"
    said.clear()
    async with client.responses.stream(model="m", input="Say it.") as stream:
        async for event in stream:
            if event.type == "response.output_text.delta":
                said.set()
        with pytest.raises(RuntimeError):
            await stream.get_final_response()


async def test_a_response_that_is_blocked_ends_with_an_error_where_the_policy_wants_one(tmp_path: Path) -> None:
    async with scene(tmp_path, policy=OWN + "answers: {on_block: error}\n") as on, on.proxy.client() as client:
        said = asyncio.Event()
        on.upstream.script = streams_response("Well, ", "this is a forbidden", " phrase", held=said)
        with pytest.raises(openai.APIError) as caught:
            async for event in await client.responses.create(model="m", input="Say it.", stream=True):
                if event.type == "response.output_text.delta":
                    said.set()
        assert caught.value.code == BLOCKED


async def test_a_whole_response_that_is_blocked_is_a_bad_request(on: Scene, client: AsyncOpenAI) -> None:
    on.upstream.script = answers(whole(response(message(BAD))))
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(model="m", input="hi")
    assert (caught.value.code, caught.value.param) == (BLOCKED, "output[0].content[0].text")


async def test_an_upstream_that_breaks_off_in_a_response_is_an_error_of_the_api(on: Scene, client: AsyncOpenAI) -> None:
    said = asyncio.Event()
    frames = [named_event(one) for one in response_events("Plain ", "words! ")[:5]]
    broken = b"event: response.output_text.delta\ndata: {\n\n"
    on.upstream.script = streams_events([*frames, broken], said, 5)
    with pytest.raises(openai.APIError) as caught:
        async for _ in await client.responses.create(model="m", input="Say it.", stream=True):
            said.set()
    assert caught.value.code == "upstream_unavailable"
    assert on.proxy.exchange()["event"] == "upstream_failed"


async def test_tokens_of_a_request_are_counted_and_a_conversation_is_compacted(on: Scene, client: AsyncOpenAI) -> None:
    on.upstream.script = answers(whole({"object": "response.input_tokens", "input_tokens": 11}))
    assert (await client.responses.input_tokens.count(model="m", input=SECRET)).input_tokens == 11
    assert on.upstream.last.json == {"model": "m", "input": SHOWN}
    compacted = {"id": "cmp_1", "object": "response.compaction", "created_at": 1, "usage": None, "output": []}
    on.upstream.script = answers(whole({**compacted, "output": [message(SECRET)]}))
    assert SECRET not in (await client.responses.compact(model="m", input="hi")).to_json()


# ---------------------------------------------------------------- what is stored


async def test_a_stored_response_is_guarded_when_it_is_fetched(on: Scene, client: AsyncOpenAI) -> None:
    on.upstream.script = answers(whole(response(status="queued", background=True)))
    queued = await client.responses.create(model="m", input="Later.", background=True)
    assert queued.status == "queued"
    on.upstream.script = answers(whole(response(message(SECRET), background=True)))
    assert (await client.responses.retrieve(queued.id)).output_text == SHOWN
    assert on.upstream.last.path == f"/v1/responses/{RESPONSE_ID}"
    assert "tokens" not in on.proxy.exchange()  # they were charged when it was made
    on.upstream.script = answers(whole(response(message(BAD))))
    with pytest.raises(openai.BadRequestError):
        await client.responses.retrieve(queued.id)


async def test_a_stored_stream_is_read_from_its_beginning_wherever_the_client_goes_on(
    on: Scene, client: AsyncOpenAI
) -> None:
    on.upstream.script = streams_response("It is codeword", "-tulip! ")
    first = [event async for event in await client.responses.create(model="m", input="Say it.", stream=True)]
    rest = [
        event
        async for event in await client.responses.retrieve(
            RESPONSE_ID, stream=True, starting_after=first[3].sequence_number, include=["file_search_call.results"]
        )
    ]
    assert on.upstream.last.path == f"/v1/responses/{RESPONSE_ID}?include%5B%5D=file_search_call.results&stream=true"
    assert [event.to_dict() for event in rest] == [event.to_dict() for event in first[4:]]
    assert SECRET not in repr(rest)


async def test_stored_items_a_cancelled_and_a_deleted_response_pass_the_same_guard(
    on: Scene, client: AsyncOpenAI
) -> None:
    on.upstream.script = answers(whole(response(message("fine"))))
    await client.responses.create(model="m", input="hi")
    listed = {"object": "list", "data": [message(SECRET)], "first_id": "a", "last_id": "a", "has_more": False}
    on.upstream.script = answers(whole(listed))
    items = await client.responses.input_items.list(RESPONSE_ID, limit=3, order="asc")
    assert SECRET not in items.to_json()
    assert on.upstream.last.path == f"/v1/responses/{RESPONSE_ID}/input_items?limit=3&order=asc"
    on.upstream.script = answers(whole(response(message(SECRET), status="cancelled")))
    assert (await client.responses.cancel(RESPONSE_ID)).output_text == SHOWN
    assert (on.upstream.last.method, on.upstream.last.body) == ("POST", b"")
    on.upstream.script = answers(whole({"id": RESPONSE_ID, "object": "response", "deleted": True}))
    await client.responses.delete(RESPONSE_ID)
    assert on.upstream.last.method == "DELETE"


async def test_a_key_may_refer_to_what_it_made_and_to_nothing_else(on: Scene, client: AsyncOpenAI) -> None:
    on.upstream.script = answers(whole(response(message("fine"))))
    with pytest.raises(openai.PermissionDeniedError) as caught:
        await client.responses.create(model="m", input="hi", previous_response_id=RESPONSE_ID)
    assert (caught.value.code, caught.value.param) == ("server_state_not_allowed", "previous_response_id")
    with pytest.raises(openai.PermissionDeniedError):
        await client.responses.retrieve(RESPONSE_ID)
    assert on.upstream.asked == []
    assert on.proxy.exchange()["rules"] == {"context.server-state": 1}
    await client.responses.create(model="m", input="hi")
    await client.responses.create(model="m", input="hi", previous_response_id=RESPONSE_ID)
    assert on.upstream.last.json["previous_response_id"] == RESPONSE_ID
    for foreign in ({"conversation": "conv_1"}, {"input": [{"type": "item_reference", "id": "msg_other"}]}):
        members: dict[str, Any] = {"input": "hi", **foreign}
        with pytest.raises(openai.PermissionDeniedError):
            await client.responses.create(model="m", **members)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_key_may_send_back_what_it_got_with_the_containers_it_was_made_in(
    on: Scene, client: AsyncOpenAI, streamed: bool
) -> None:
    code = {"type": "code_interpreter_call", "id": "ci_1", "code": "1", "outputs": [], "container_id": "cntr_1"}
    made: list[Any] = [{"type": "reasoning", "id": "rs_1", "summary": []}, {**code, "status": "completed"}]
    for item in made:
        with pytest.raises(openai.PermissionDeniedError):
            await client.responses.create(model="m", input=[item])
    if streamed:
        events = [{"type": "response.completed", "response": response(*made), "sequence_number": 0}]
        on.upstream.script = streams_events([named_event(one) for one in events])
        assert [one async for one in await client.responses.create(model="m", input="hi", stream=True)]
    on.upstream.script = answers(whole(response(*made)))
    if not streamed:
        await client.responses.create(model="m", input="hi")
    await client.responses.create(model="m", input=made)
    assert on.upstream.last.json["input"] == made


@pytest.mark.parametrize(("setting", "allowed"), [("deny", False), ("allow", True)])
async def test_a_policy_denies_stored_state_or_allows_it(setting: str, allowed: bool, tmp_path: Path) -> None:
    policy = POLICY + f"server_state: {setting}\n"
    async with (
        scene(tmp_path, answers(whole(response(message("fine")))), policy=policy) as on,
        on.proxy.client() as client,
    ):
        await client.responses.create(model="m", input="hi")
        try:
            await client.responses.create(model="m", input="hi", previous_response_id=RESPONSE_ID)
            await client.responses.retrieve(RESPONSE_ID)
        except openai.PermissionDeniedError as error:
            assert not allowed
            assert "server_state" in error.message
        else:
            assert allowed
    assert len(on.upstream.asked) == (3 if allowed else 1)


# ---------------------------------------------------------------- legacy completions


async def test_a_legacy_completion_is_redacted_whole_and_streamed_alike(on: Scene, client: AsyncOpenAI) -> None:
    text = f"It is {SECRET} today."
    on.upstream.script = answers(whole(completion_piece(text, finish_reason="stop")))
    assert (await client.completions.create(model="m", prompt=SECRET)).choices[0].text == f"It is {SHOWN} today."
    assert on.upstream.last.json["prompt"] == SHOWN
    on.upstream.script = streams_completion(*text)
    stream = await client.completions.create(model="m", prompt="Say it.", stream=True)
    pieces = [part.choices[0] async for part in stream]
    assert "".join(each.text for each in pieces) == f"It is {SHOWN} today."
    assert pieces[-1].finish_reason == "stop"


async def test_a_legacy_completion_that_is_blocked_while_it_streams_is_filtered(on: Scene, client: AsyncOpenAI) -> None:
    said = asyncio.Event()
    on.upstream.script = streams_completion("Well, ", "a forbidden", " phrase", " and more", held=said)
    pieces = []
    async for part in await client.completions.create(model="m", prompt="Say it.", stream=True):
        pieces.append(part.choices[0])
        said.set()
    assert pieces[-1].finish_reason == "content_filter"
    assert "".join(each.text for each in pieces) == "Well, a "


async def test_a_prompt_that_is_blocked_or_is_numbers_never_leaves(on: Scene, client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.completions.create(model="m", prompt=["fine", BAD])
    assert (caught.value.code, caught.value.param) == (BLOCKED, "prompt[1]")
    with pytest.raises(openai.BadRequestError) as caught:
        await client.completions.create(model="m", prompt=[1, 2, 3])
    assert "opaque: {tokens: block}" in caught.value.message
    with pytest.raises(openai.BadRequestError) as caught:
        await client.completions.create(model="m", prompt="hi", echo=True)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "echo")
    assert on.upstream.asked == []


async def test_seventeen_prompts_are_no_seventeen_choices(tmp_path: Path) -> None:
    policy = POLICY.replace("messages: 2_000", "choices: 16")
    async with (
        scene(tmp_path, answers(whole(completion_piece("ok"))), policy=policy) as on,
        on.proxy.client() as client,
    ):
        await client.completions.create(model="m", prompt=["a"] * 17)
        with pytest.raises(openai.BadRequestError) as caught:
            await client.completions.create(model="m", prompt="a", n=17)
        assert (caught.value.code, caught.value.param) == ("limit_exceeded", "n")


# ---------------------------------------------------------------- embeddings and moderations


async def test_vectors_arrive_bit_for_bit_and_their_input_is_looked_at(on: Scene, client: AsyncOpenAI) -> None:
    raw = b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-1e-7,1.50]}],"model":"m"}'
    on.upstream.script = answers(whole(raw))
    got = await client.embeddings.with_raw_response.create(model="m", input=["plain", SECRET], encoding_format="float")
    assert got.content == raw
    assert got.headers["x-guardproxy-coverage"] == "full"
    assert on.upstream.last.json["input"] == ["plain", SHOWN]
    with pytest.raises(openai.BadRequestError) as caught:
        await client.embeddings.create(model="m", input=["plain", BAD])
    assert (caught.value.code, caught.value.param) == (BLOCKED, "input[1]")


async def test_a_batch_of_vectors_may_be_larger_than_an_answer(tmp_path: Path) -> None:
    batch = vectors(*[[0.123456789] * 500] * 20)
    settings = {"upstream": {"max_response_bytes": 20_000}}
    async with scene(tmp_path, answers(whole(batch)), **settings) as on, on.proxy.client() as client:
        got = await client.embeddings.create(model="m", input=["text"] * 20, encoding_format="float")
        assert len(got.data) == 20
        on.upstream.script = answers(whole(response(message("x" * 30_000))))
        with pytest.raises(openai.InternalServerError):
            await client.responses.create(model="m", input="hi")


async def test_bad_text_may_be_asked_about_and_that_is_recorded(on: Scene, client: AsyncOpenAI) -> None:
    on.upstream.script = answers(whole(moderated(flagged=True)))
    got = await client.moderations.create(input=[BAD, SECRET])
    assert got.results[0].flagged
    assert on.upstream.last.json["input"] == [BAD, SHOWN]  # what is hidden from others is hidden here too
    record = on.proxy.exchange()
    assert record["rules"] == {"own.forbidden": 1, "own.codeword": 1}
    assert record["event"] == "exchange_redacted"


async def test_a_policy_may_block_what_is_asked_about(tmp_path: Path) -> None:
    policy = POLICY + "surfaces: {moderations: {block: true}, embeddings: {block: false}}\n"
    async with scene(tmp_path, answers(whole(vectors([0.5]))), policy=policy) as on, on.proxy.client() as client:
        with pytest.raises(openai.BadRequestError):
            await client.moderations.create(input=BAD)
        await client.embeddings.create(model="m", input=BAD, encoding_format="float")
        assert on.proxy.exchange()["event"] == "exchange_flagged"


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("surface", ["responses", "completions", "embeddings", "moderations"])
async def test_errors_of_the_upstream_are_the_ones_the_client_knows(
    surface: str, on: Scene, client: AsyncOpenAI
) -> None:
    ask: dict[str, Any] = {
        "responses": lambda: client.responses.create(model="m", input="hi"),
        "completions": lambda: client.completions.create(model="m", prompt="hi"),
        "embeddings": lambda: client.embeddings.create(model="m", input="hi"),
        "moderations": lambda: client.moderations.create(input="hi"),
    }
    on.upstream.script = answers(whole(error(f"slow down, {SECRET}"), 429))
    with pytest.raises(openai.RateLimitError) as limited:
        await ask[surface]()
    assert SECRET not in str(limited.value)
    on.upstream.script = answers(whole(b"<html>", 200))
    with pytest.raises(openai.InternalServerError) as failed:
        await ask[surface]()
    assert failed.value.code == "upstream_unavailable"


def test_the_synchronous_client_works_on_each_surface(tmp_path: Path) -> None:
    async def story() -> list[str]:
        async with scene(tmp_path, policy=OWN) as on:

            def ask() -> list[str]:
                with on.proxy.sync_client() as client:
                    on.upstream.script = answers(whole(response(message(SECRET))))
                    got = [client.responses.create(model="m", input="hi").output_text]
                    on.upstream.script = streams_response("It is ", SECRET)
                    with client.responses.stream(model="m", input="hi") as stream:
                        got.append("".join(e.delta for e in stream if e.type == "response.output_text.delta"))
                    on.upstream.script = streams_completion("It is ", SECRET)
                    stream2 = client.completions.create(model="m", prompt="hi", stream=True)
                    got.append("".join(part.choices[0].text for part in stream2))
                    on.upstream.script = answers(whole(vectors([0.5])))
                    got.append(str(client.embeddings.create(model="m", input="hi", encoding_format="float").data[0]))
                    return got

            return await asyncio.to_thread(ask)

    whole_text, deltas, legacy, vector = asyncio.run(story())
    assert (whole_text, deltas, legacy) == (SHOWN, f"It is {SHOWN}", f"It is {SHOWN}")
    assert "0.5" in vector


# ---------------------------------------------------------------- which surfaces are open


async def test_a_closed_surface_is_not_found_and_the_reason_is_told(tmp_path: Path) -> None:
    policy = POLICY + "surfaces: {'*': {open: false}, moderations: {}}\n"
    async with scene(tmp_path, answers(whole(moderated())), policy=policy) as on, on.proxy.client() as client:
        await client.moderations.create(input="hi")
        with pytest.raises(openai.NotFoundError) as caught:
            await client.responses.create(model="m", input="hi")
        assert "surfaces: {responses: {open: false}}" in caught.value.message


async def test_what_cannot_be_inspected_is_refused_with_its_reason_or_passed_by_name(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, on.proxy.client() as client:
        with pytest.raises(openai.NotFoundError) as caught:
            await client.files.list()
        assert "surfaces: {files: {uninspected: true}}" in caught.value.message
        assert on.upstream.asked == []
    policy = POLICY + "surfaces: {files: {uninspected: true}}\n"
    file = {"id": "file-1", "object": "file", "bytes": 3, "created_at": 1, "filename": "f", "purpose": "batch"}
    async with scene(tmp_path, answers(whole({**file, "status": SECRET})), policy=policy) as on:
        async with on.proxy.client() as client:
            raw = await client.files.with_raw_response.create(file=("f.jsonl", b'{"a":1}'), purpose="batch")
        assert raw.parse().status == SECRET
        assert raw.headers["x-guardproxy-coverage"] == "none"
        assert on.upstream.last.headers["content-type"].startswith("multipart/form-data; boundary=")
        assert b'{"a":1}' in on.upstream.last.body
        record = on.proxy.exchange()
        assert (record["uninspected"], record["route"], record["event"]) == (True, "/v1/files", "exchange_completed")

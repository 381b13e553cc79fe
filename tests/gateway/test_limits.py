"""A limit lets through what it allows and not one more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core import allowance
from guardproxy.core.exchange import (
    NamedModel,
    NamedServer,
    Opaque,
    OpaqueKind,
    Provenance,
    RequestReading,
    Segment,
    Turn,
)
from guardproxy.core.policy import Detector, Excess, OnBlock, Policy, RequestLimits
from guardproxy.detectors import DETECTORS
from guardproxy.errors import InvalidRequest, NotAllowed
from guardproxy.gateway.limits import check_content, check_limits, write_caps
from guardproxy.surfaces import RESPONSES, SURFACES, MemberNames
from tests.support.caller import ask
from tests.support.gateway import KEY, data_plane, replies, streamed
from tests.support.policies import small
from tests.support.upstream import DONE, chunk, completion, event

COUNTS = st.integers(0, 50)
NAMES = MemberNames()

# What the dear rule looks for may begin at every fourth character.
DEAR = "1 ".join("".join(Random(seed).choices("xabc", k=150)) for seed in range(8))


def reading(
    turns: int = 0, characters: int = 0, tools: int = 0, choices: int = 1, out: int | None = None
) -> RequestReading:
    segments = tuple(Segment("x", Provenance.USER, ("text", i)) for i in range(characters))
    spoken = tuple(Turn("user", ("messages", i)) for i in range(turns))
    return RequestReading("m", False, segments, spoken, tools=tools, choices=choices, output_tokens=out)


@given(COUNTS, COUNTS, COUNTS, st.integers(1, 50), COUNTS, st.integers(0, 50))
def test_exactly_what_is_within_every_limit_passes(
    turns: int, characters: int, tools: int, choices: int, out: int, most: int
) -> None:
    limits = RequestLimits(messages=most, text_characters=most, tools=most, choices=most, output_tokens=most)
    allowed = max(turns, characters, tools, choices, out) <= most
    try:
        check_limits(limits, reading(turns, characters, tools, choices, out), NAMES)
    except InvalidRequest:
        assert not allowed
    else:
        assert allowed


@given(COUNTS, COUNTS, COUNTS, st.integers(1, 50))
def test_without_limits_everything_passes(turns: int, characters: int, tools: int, choices: int) -> None:
    check_limits(RequestLimits(), reading(turns, characters, tools, choices, 10**9), NAMES)


@pytest.mark.parametrize(
    ("sent", "limits", "param", "message"),
    [
        (reading(turns=2001), RequestLimits(messages=2000), "messages", "2,001 messages; the policy allows 2,000"),
        (reading(tools=3), RequestLimits(tools=2), "tools", "3 tools; the policy allows 2"),
        (reading(choices=3), RequestLimits(choices=2), "n", "3 choices; the policy allows 2"),
        (
            reading(out=9),
            RequestLimits(output_tokens=8),
            "max_completion_tokens",
            "9 output tokens; the policy allows 8",
        ),
        (
            reading(characters=2),
            RequestLimits(text_characters=1),
            "messages",
            "2 characters of text; the policy allows 1",
        ),
    ],
)
def test_the_error_names_the_member_what_was_sent_and_what_is_allowed(
    sent: RequestReading, limits: RequestLimits, param: str, message: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_limits(limits, sent, NAMES)
    assert (caught.value.param, caught.value.code) == (param, "limit_exceeded")
    assert caught.value.message == f"the request has {message}"


@given(COUNTS, COUNTS, COUNTS)
def test_so_many_images_and_files_and_no_more(images: int, files: int, most: int) -> None:
    kinds = [OpaqueKind.IMAGE] * images + [OpaqueKind.FILE] * files
    sent = reading()._replace(opaque=tuple(Opaque(kind, Provenance.USER, ("messages",)) for kind in kinds))
    check_content(RequestLimits(), sent, NAMES)
    for limits, count in ((RequestLimits(images=most), images), (RequestLimits(files=most), files)):
        if count > most:
            with pytest.raises(InvalidRequest, match="the policy allows"):
                check_content(limits, sent, NAMES)
        else:
            check_content(limits, sent, NAMES)


@pytest.mark.parametrize(
    ("models", "model", "passes"),
    [
        ((), "any", True), (("gpt-5*",), "gpt-5-mini", True), (("gpt-5*",), "GPT-5", True), (("gpt",), "gpt-5", False),
        (("a", "org/*"), "org/m:1", True), (("m[1]",), "m1", False), (("m[1]",), "m[1]", True), (("m?",), "m1", False),
    ],
)  # fmt: skip
def test_requests_go_to_the_models_a_policy_names(models: tuple[str, ...], model: str, passes: bool) -> None:
    limits, sent = RequestLimits(models=models), reading()._replace(model=model)
    if passes:
        check_content(limits, sent, NAMES)
        return
    with pytest.raises(NotAllowed) as refused:
        check_content(limits, sent, NAMES)
    assert (refused.value.status, refused.value.code, refused.value.param) == (403, "model_not_allowed", "model")


def test_a_model_that_a_tool_asks_is_held_against_the_policy_too() -> None:
    other = NamedModel("dear-1", ("tools", 3, "model"))
    sent = reading()._replace(model="cheap-1", other_models=(NamedModel("cheap-2", ("moderation", "model")), other))
    check_content(RequestLimits(), sent, NAMES)
    check_content(RequestLimits(models=("cheap-*", "dear-*")), sent, NAMES)
    with pytest.raises(NotAllowed) as refused:
        check_content(RequestLimits(models=("cheap-*",)), sent, NAMES)
    assert (refused.value.code, refused.value.param) == ("model_not_allowed", "tools[3].model")


ASKED = {"/chat/completions": ["max_tokens", "max_completion_tokens"], "/completions": ["max_tokens"],
         "/responses": ["max_output_tokens"], "/messages": ["max_tokens"]}  # fmt: skip
SAID: dict[str, dict[str, Any]] = {
    "/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/completions": {"prompt": "hi"},
    "/responses": {"input": "hi"},
    "/messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 10**6},
}
CAPPING = RequestLimits(output_tokens=2048, choices=2, excess=Excess.CAP)


def capped(limits: RequestLimits, path: str, **members: Any) -> tuple[dict[str, Any], RequestReading]:
    surface = SURFACES["POST", path]
    document = {"model": "m", **SAID[path], **members}
    assert surface.read_request is not None
    read = surface.read_request(document, operator=False)
    check_limits(limits, read, surface.members)
    read = write_caps(limits, document, read, surface.members)
    again = surface.read_request(document, operator=False)
    assert (read.output_tokens, read.choices) == (again.output_tokens, again.choices)
    return document, again


@pytest.mark.parametrize("path", ASKED)
@given(st.data(), st.integers(2, 10**6))
def test_no_answer_may_be_longer_than_the_policy_says_whatever_is_asked_for(
    path: str, data: st.DataObject, most: int
) -> None:
    limits = RequestLimits(output_tokens=most, choices=2, excess=Excess.CAP)
    numbers = st.none() | st.integers(1, 10**7)
    asked = {name: data.draw(numbers) for name in data.draw(st.sets(st.sampled_from(ASKED[path])))}
    if path in ("/chat/completions", "/completions"):
        asked["n"] = data.draw(st.none() | st.integers(1, 128))
    document, read = capped(limits, path, **asked)
    told = [document[name] for name in ASKED[path] if document.get(name) is not None]
    assert told
    assert max(told) <= most
    assert read.choices <= 2
    for name, value in asked.items():  # what is within the limits stays what it was
        if value is not None and value <= (2 if name == "n" else most):
            assert document[name] == value


@pytest.mark.parametrize("path", ASKED)
def test_a_request_that_names_no_cap_gets_the_policys_also_where_more_is_refused(path: str) -> None:
    said = {name: value for name, value in SAID[path].items() if name != "max_tokens"}
    surface = SURFACES["POST", path]
    document = {"model": "m", **said}
    assert surface.read_request is not None
    read = surface.read_request(document, operator=False)
    write_caps(RequestLimits(output_tokens=7), document, read, surface.members)
    assert document == {"model": "m", **said, surface.members.output_tokens: 7}
    unlimited = {"model": "m", **said}
    write_caps(RequestLimits(), unlimited, read, surface.members)
    assert unlimited == {"model": "m", **said}


def test_completions_are_not_written_more_often_than_they_may() -> None:
    document, _ = capped(CAPPING, "/completions", n=1, best_of=9)
    assert (document["n"], document["best_of"]) == (1, 2)


def test_thinking_stays_below_the_cap_of_its_answer() -> None:
    thinking = {"type": "enabled", "budget_tokens": 31_999}
    document, _ = capped(CAPPING, "/messages", thinking=thinking, max_tokens=32_000)
    assert (document["max_tokens"], document["thinking"]["budget_tokens"]) == (2048, 2047)
    with pytest.raises(InvalidRequest) as caught:
        capped(RequestLimits(output_tokens=1024, excess=Excess.CAP), "/messages", thinking=thinking)
    assert (caught.value.param, caught.value.code) == ("thinking.budget_tokens", "limit_exceeded")


@pytest.mark.parametrize("path", ["/chat/completions", "/responses", "/messages", "/completions"])
async def test_the_upstream_is_asked_for_no_more_than_the_policy_allows(path: str) -> None:
    policy = small(limits=RequestLimits(output_tokens=5, excess=Excess.CAP))
    async with data_plane(policy=policy) as on:
        await ask(on.listeners.port, "POST", f"/v1{path}", json.dumps({"model": "m", **SAID[path]}).encode(), KEY)
        members = SURFACES["POST", path].members
        assert json.loads(on.upstream.sent[-1].body or b"")[members.output_tokens] == 5


def test_each_surface_has_its_own_names_for_them() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_limits(RequestLimits(output_tokens=1), reading(out=2), RESPONSES.members)
    assert caught.value.param == "max_output_tokens"


def test_many_inputs_are_no_choices() -> None:
    many = reading()._replace(inputs=17)
    check_limits(RequestLimits(choices=16), many, NAMES)
    with pytest.raises(InvalidRequest) as caught:
        check_limits(RequestLimits(inputs=16), many, NAMES)
    assert caught.value.param == "input"


@pytest.fixture
def _nothing_is_free(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(allowance, "FREE", 500)
    yield


@pytest.mark.usefixtures("_nothing_is_free")
async def test_a_request_that_costs_too_much_to_inspect_is_refused_before_it_is_sent() -> None:
    async with data_plane(lambda: replies(completion("fine")), dear(0)) as on:
        answer = await on.chat(DEAR)
        assert answer.refusal == (400, "limit_exceeded")
        assert answer.json["error"]["param"] == "messages[0].content"
        assert "matching_work" in answer.json["error"]["message"]
        assert on.record["event"] == "exchange_blocked"
        assert on.record["rules"] == {"limits.matching_work": 1}
        assert on.record["coverage"]["skipped"] == {"limits.matching_work": 2}  # also the name of the model
    async with data_plane(lambda: replies(completion("fine")), dear(None)) as on:
        assert (await on.chat(DEAR)).status == 200


@pytest.mark.usefixtures("_nothing_is_free")
async def test_an_answer_that_costs_too_much_to_inspect_never_goes_out() -> None:
    async with data_plane(lambda: replies(completion(DEAR)), dear(0)) as on:
        answer = await on.chat()
        assert answer.refusal == (400, "limit_exceeded")
        assert DEAR[:20] not in answer.body.decode()
        assert on.record["direction"] == "response"


@pytest.mark.usefixtures("_nothing_is_free")
@pytest.mark.parametrize("on_block", OnBlock)
async def test_a_streamed_answer_that_costs_too_much_ends_as_the_policy_wants(on_block: OnBlock) -> None:
    frames = [event(chunk({"content": text})) for text in ("said before. ", DEAR, "said after")]
    whole = [*frames, event(chunk({}, finish_reason="stop")) + DONE]
    async with data_plane(lambda: streamed(*whole), dear(0, on_block=on_block)) as on:
        answer = await on.chat(stream=True)
        assert answer.status == 200
        assert b"said before" in answer.body
        assert b"said after" not in answer.body
        assert (b"limit_exceeded" in answer.body) == (on_block is OnBlock.ERROR)
        assert (b"content_filter" in answer.body) == (on_block is OnBlock.FINISH)
        assert on.record["event"] == "exchange_blocked"
        assert on.record["rules"] == {"limits.matching_work": 1}


@pytest.mark.usefixtures("_nothing_is_free")
@pytest.mark.parametrize("stream", [False, True])
async def test_a_policy_in_shadow_passes_it_unread_and_tells(stream: bool) -> None:
    frames = [event(chunk({"content": DEAR})), event(chunk({}, finish_reason="stop")) + DONE]
    reply = (lambda: streamed(*frames)) if stream else (lambda: replies(completion(DEAR)))
    async with data_plane(reply, dear(0, shadow=True)) as on:
        answer = await on.chat(DEAR, stream=stream)
        assert answer.status == 200
        assert DEAR.encode() in answer.body
        assert DEAR.encode() in (on.upstream.sent[-1].body or b"")
        assert (on.record["event"], on.record["would_action"]) == ("exchange_completed", "block")
        assert on.record["shadow_rules"] == {"limits.matching_work": 2}
        assert on.record["coverage"]["skipped"]["limits.matching_work"] >= 2


def dear(per_character: int | None, **changes: Any) -> Policy:
    technique = DETECTORS["pattern"]
    looks: Detector = technique.build([("own.odd", technique.options(pattern="x(?:[a-z]|[a-m][n-z]){0,99}1"))])
    limits = RequestLimits(matching_work=per_character)
    return small(limits=limits, detectors=dict.fromkeys(Provenance, (looks,)), masking=(looks,), **changes)


@pytest.mark.parametrize(
    ("allowed", "name", "passes"),
    [
        ((), "https://mcp.example.com/sse", False),
        (("https://mcp.example.com/*",), "https://mcp.example.com/sse", True),
        (("https://mcp.example.com/*",), "https://MCP.example.com/sse", True),
        (("https://mcp.example.com/*",), "https://mcp.example.com.evil.test/sse", False),
        (("https://mcp.example.com/*",), "", False),
        (("connector_gmail",), "connector_gmail", True),
        (("connector_gmail",), "connector_dropbox", False),
        (("*",), "", True),
    ],
)
def test_only_servers_that_the_policy_names_may_be_asked(allowed: tuple[str, ...], name: str, passes: bool) -> None:
    sent = reading(1)._replace(servers=(NamedServer(name, ("tools", 0, "server_url")),))
    if passes:
        check_content(RequestLimits(mcp_servers=allowed), sent, NAMES)
        return
    with pytest.raises(NotAllowed) as caught:
        check_content(RequestLimits(mcp_servers=allowed), sent, NAMES)
    assert (caught.value.code, caught.value.param) == ("mcp_server_not_allowed", "tools[0].server_url")

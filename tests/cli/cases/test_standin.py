"""The stand-in says the same whole and in pieces."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.cli.cases.stage import streamed_message
from guardproxy.cli.cases.standin import StandInModel, message_of

calls = st.lists(
    st.builds(
        lambda name, arguments: {
            "id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments},
        },
        st.sampled_from(["send", "read"]),
        st.text(max_size=12),
    ),
    max_size=2,
)  # fmt: skip


async def said(answer: Any, *, stream: bool) -> dict[str, Any]:
    model = StandInModel()
    model.answer = message_of(answer)
    reply = await model.send("POST", "/chat/completions", json.dumps({"stream": stream}).encode(), {})
    raw = await reply.body(1 << 20)
    await model.close()
    reply.close()
    return streamed_message(raw) if stream else dict(json.loads(raw)["choices"][0]["message"])


@given(st.text(min_size=1, max_size=30), calls)
async def test_a_client_reads_the_same_from_both(content: str, tool_calls: list[dict[str, Any]]) -> None:
    answer = {"content": content, **({"tool_calls": tool_calls} if tool_calls else {})}
    assert await said(answer, stream=False) == await said(answer, stream=True)


async def test_it_keeps_what_it_was_sent_and_reads_piece_by_piece() -> None:
    model = StandInModel()
    model.answer = message_of("hello there")
    reply = await model.send("POST", "/chat/completions", b'{"stream": true, "n": 1}', {})
    pieces = []
    while piece := await reply.read():
        pieces.append(piece)
    assert len(pieces) == 6
    assert model.sent == {"stream": True, "n": 1}
    assert reply.returned() == ()

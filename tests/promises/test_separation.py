"""Whatever a caller sends: no text below the operator's speaks for the operator, leaves its fence or separates turns.

The attacker knows everything, also the nonce of the conversation: each text may hold it, whole, in pieces or disguised.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.context import is_operator_role, speaks_as_operator
from guardproxy.core.exchange import ALONE
from guardproxy.core.policy import Context
from guardproxy.core.principal import Principal
from guardproxy.core.separation.control_tokens import ALL_FAMILIES
from guardproxy.core.separation.fence import Fence
from guardproxy.core.separation.seen import is_seen
from guardproxy.core.separation.terms import DEFINING, Separation, Treatment
from guardproxy.core.verdict import Action
from guardproxy.surfaces import CHAT_COMPLETIONS
from guardproxy.surfaces.chat_completions import read_request
from guardproxy.wire.path import Key
from tests.promises.depth import cases
from tests.promises.hostile import (
    FIRST,
    NONCE_OF,
    NONCES,
    OPERATOR,
    USER,
    contents_of_parts,
    hostile,
    json_values,
    roles,
    texts,
)
from tests.promises.separated import (
    PROMPT,
    RESTATED,
    SAYS_SOMETHING,
    TOKENS,
    assert_harmless,
    policies,
    sent_on,
    unwrapped,
    within,
)


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": draw(roles), "content": draw(st.none() | contents_of_parts("text"))}
    if draw(st.booleans()):
        sent["name"] = draw(st.sampled_from(["document", "document_1", "get_mail"]) | hostile)
    if draw(st.integers(0, 5)) == 0:
        sent[draw(hostile)] = draw(json_values)
    if draw(st.integers(0, 3)) == 0:
        call = {"name": draw(hostile), "arguments": draw(texts)}
        sent["tool_calls"] = [{"id": "c", "type": "function", "function": call}]
    return sent


conversations = st.lists(messages(), max_size=5)


def contents_of(message: dict[str, Any]) -> Iterator[str]:
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    yield from (part["text"] for part in parts if part["text"])


@cases(300)
@given(policies, st.sampled_from([USER, OPERATOR]), conversations, st.sampled_from([None, None, None, *DEFINING]))
def test_whatever_a_caller_sends_operator_user_and_data_stay_apart(
    context: Context, caller: Principal, conversation: list[dict[str, Any]], defining: str | None
) -> None:
    trusted = speaks_as_operator(context, caller)
    own = {text for m in conversation if is_operator_role(m["role"]) for text in contents_of(m)} if trusted else set()
    document: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": FIRST}, *conversation]}
    if defining is not None:
        document[defining] = [{"description": "obey"}]
    sent = sent_on(CHAT_COMPLETIONS, context, caller, document)
    if sent is None:
        return
    assert trusted or defining is None
    fence = Fence(NONCES[caller.key_id])
    for message in sent["messages"]:
        if is_operator_role(message["role"]):
            for text in contents_of(message):
                # The proxy's own words, or those of a caller who is the operator.
                assert text in own or any(said in text for said in (PROMPT, "is data that came from outside"))
                assert trusted or FIRST not in text
            continue
        if message["role"] != "assistant":
            for text in contents_of(message):
                inside = within(fence, text.removeprefix(RESTATED))
                assert not is_seen(NONCE_OF[caller.key_id], inside)
                assert not is_seen(NONCE_OF[caller.key_id], unwrapped(inside))
    fenced = {index for index, message in enumerate(sent["messages"]) if message["role"] not in UNFENCED_ROLES}
    for segment in read_request(sent, operator=True).segments:
        stands_beside = segment.run == ALONE and segment.path[0] == "messages" and segment.path[1] in fenced
        if stands_beside and SAYS_SOMETHING.search(segment.text):
            assert not isinstance(segment.path[-1], Key), segment
            within(fence, segment.text)
    assert_no_live_token(sent, own)


@cases(200)
@given(conversations)
def test_without_fences_no_token_is_live_and_nothing_hidden_however_texts_are_cut(conversation: list[Any]) -> None:
    terms = Separation(
        control_tokens=Treatment.CLEAN, token_families=ALL_FAMILIES, hidden_characters=Treatment.CLEAN,
    )  # fmt: skip
    document = {"model": "m", "messages": [{"role": "user", "content": FIRST}, *conversation]}
    sent = sent_on(CHAT_COMPLETIONS, Context(unknown_roles=Action.ALLOW, separation=terms), USER, document)
    if sent is not None:
        assert_no_live_token(sent, set())


UNFENCED_ROLES = {"assistant", "system", "developer", "Developer "}


def assert_no_live_token(document: Any, own: set[str]) -> None:
    """Neither in a text nor behind its escapes, nor where a server joins the texts of one message."""

    for index, message in enumerate(document["messages"]):
        if not is_operator_role(message["role"]):
            assert_harmless(message, own, ("messages", index))
            assert not TOKENS.live_in("".join(contents_of(message)))

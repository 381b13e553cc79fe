"""The same promise for the other APIs, whose requests a model reads in more places than messages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.context import speaks_as_operator
from guardproxy.core.policy import Context
from guardproxy.core.principal import Principal
from guardproxy.core.separation.control_tokens import ALL_FAMILIES
from guardproxy.core.separation.fence import Fence
from guardproxy.core.separation.seen import is_seen
from guardproxy.core.separation.terms import DEFINING, Separation, Treatment
from guardproxy.core.verdict import Action
from guardproxy.surfaces import SURFACES
from tests.promises.conversations import COMPLETIONS, MESSAGES, RESPONSES, Dialect, Told
from tests.promises.depth import cases
from tests.promises.hostile import FIRST, OPERATOR, SETUP, USER
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

callers = st.sampled_from([USER, OPERATOR])


@pytest.mark.parametrize("dialect", [RESPONSES, MESSAGES], ids=lambda dialect: dialect.surface[1])
@cases(300)
@given(st.data(), policies, callers, st.sampled_from([None, None, None, *DEFINING]))
def test_whatever_a_caller_sends_operator_user_and_data_stay_apart(
    dialect: Dialect, data: st.DataObject, context: Context, caller: Principal, defining: str | None
) -> None:
    trusted = speaks_as_operator(context, caller)
    document = data.draw(dialect.documents)
    if defining is not None:
        document[defining] = [{"type": "function", "name": "n", "description": "obey"}]
    own = {told.text for told in dialect.told(document) if told.place == "operator"} if trusted else set()
    sent = sent_on(SURFACES[dialect.surface], context, caller, document)
    if sent is None:
        return
    assert trusted or defining is None
    fence = fence_of(list(dialect.told(sent)))
    for told in dialect.told(sent):
        match told.place:
            case "operator":
                # The proxy's own words, or those of a caller who is the operator.
                assert told.text in own or any(said in told.text for said in (PROMPT, "is data that came from outside"))
                assert trusted or not any(said in told.text for said in (FIRST, SETUP))
            case "content" if told.text:
                assert_inside(fence, told.text.removeprefix(RESTATED))
            case "data":
                if SAYS_SOMETHING.search(told.text):
                    assert_inside(fence, told.text)
            case _:
                assert told.place == "model" or not told.text
    assert_no_live_token(dialect, sent, own)


@pytest.mark.parametrize("dialect", [RESPONSES, MESSAGES, COMPLETIONS], ids=lambda dialect: dialect.surface[1])
@cases(200)
@given(st.data())
def test_without_fences_no_token_is_live_and_nothing_hidden_however_texts_are_cut(
    dialect: Dialect, data: st.DataObject
) -> None:
    terms = Separation(
        control_tokens=Treatment.CLEAN, token_families=ALL_FAMILIES, hidden_characters=Treatment.CLEAN,
    )  # fmt: skip
    context = Context(unknown_roles=Action.ALLOW, separation=terms)
    sent = sent_on(SURFACES[dialect.surface], context, USER, data.draw(dialect.documents))
    if sent is not None:
        assert_no_live_token(dialect, sent, set())


def fence_of(told: list[Told]) -> Fence:
    """The fence that the proxy's own sentence names."""
    [nonce] = {
        found[1] for one in told if one.place == "operator" and (found := re.search(r"<<tool:(\w+)>>", one.text))
    }
    return Fence(nonce)


def assert_inside(fence: Fence, text: str) -> None:
    inside = within(fence, text)
    for read in (inside, unwrapped(inside)):
        assert not is_seen(re.compile(fence.nonce, re.I), read)


def assert_no_live_token(dialect: Dialect, document: Any, own: set[str]) -> None:
    for told in dialect.told(document):
        if told.place != "operator":
            assert_harmless([told.text], own)
    for run in dialect.runs(document):
        assert not TOKENS.live_in("".join(run))

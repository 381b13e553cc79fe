from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.context import is_operator_role
from guardproxy.core.separation.speech import Speech
from guardproxy.surfaces.chat_completions.operator import OPERATOR_MEMBERS, operator_part, place
from tests.core.separation.requests import message

USER = message("user")


def placed(speech: Speech, *messages: dict[str, Any]) -> list[tuple[str, Any]]:
    sent = [dict(one) for one in messages]
    place({"model": "m", "messages": sent}, speech)
    return [(one["role"], one["content"]) for one in sent]


@pytest.mark.parametrize(
    ("speech", "sent", "expected"),
    [
        (Speech(), [USER], [("user", "hi")]),
        (Speech("developer", "P", "F"), [USER], [("developer", "P\n\nF"), ("user", "hi")]),
        (Speech(behind="F"), [USER], [("system", "F"), ("user", "hi")]),
        (
            Speech("system", "P", "F", trusted=True),
            [message("developer", "D"), USER],
            [("developer", "P\n\nD\n\nF"), ("user", "hi")],
        ),
        (
            Speech("system", "P", "F"),
            [message("system", "D"), USER],
            [("system", "P"), ("system", "D"), ("system", "F"), ("user", "hi")],
        ),
        (
            Speech("system", "P", instead=True, trusted=True),
            [message("system", "D"), USER, message("developer", "E")],
            [("system", "P"), ("user", "hi")],
        ),
        (
            Speech("system", "P", "F", trusted=True),
            [message("system", "A"), message("system", "B"), USER],
            [("system", "P\n\nA"), ("system", "B\n\nF"), ("user", "hi")],
        ),
        (
            Speech("system", "P", "F", trusted=True),
            [message("system", None), USER],
            [("system", "P"), ("system", None), ("system", "F"), ("user", "hi")],
        ),
        (Speech(restated="R"), [USER, message("tool", "T")], [("user", "hi"), ("tool", "T"), ("user", "R")]),
    ],
)
def test_what_the_proxy_says_stands_in_its_place(
    speech: Speech, sent: list[dict[str, Any]], expected: list[tuple[str, Any]]
) -> None:
    assert placed(speech, *sent) == expected


def test_a_system_message_in_parts_gets_parts_more() -> None:
    parts = [{"type": "text", "text": "D"}]
    [(_, content), _] = placed(Speech("system", "P", "F", trusted=True), message("system", parts), USER)
    assert [part["text"] for part in content] == ["P", "D", "F"]


roles = st.lists(st.sampled_from(["system", " Developer", "user", "assistant", "tool"]), max_size=6)


@given(roles, st.booleans(), st.booleans())
def test_nobody_elses_words_are_touched(sent: list[str], trusted: bool, instead: bool) -> None:
    others = [(role, f"text {at}") for at, role in enumerate(sent)]
    result = placed(Speech("system", "P", "F", instead, "", trusted), *(message(*other) for other in others))
    kept = [other for other in others if not is_operator_role(other[0])]
    assert [other for other in result if not is_operator_role(other[0])] == kept
    spoken = "\n\n".join(text for role, text in result if is_operator_role(role))
    assert spoken.startswith("P")
    for role, text in others:
        assert (text in spoken) == (is_operator_role(role) and not instead)
    if not trusted and not instead:
        assert all(other in result for other in others)


def test_what_is_signed_is_all_that_is_said_in_the_operators_place() -> None:
    document = {"model": "m", "messages": [message("system", "A", name="n"), USER, message("Developer ", "B")], "n": 1}
    document["tools"] = [{"type": "function", "function": {"name": "f"}}]
    document["tool_choice"] = None
    assert operator_part(document) == {
        "messages": [message("system", "A", name="n"), message("Developer ", "B")],
        "tools": document["tools"],
    }
    assert operator_part({"messages": [USER]}) is None
    for member in OPERATOR_MEMBERS:
        assert operator_part({"messages": [USER], member: {"x": 1}}) == {"messages": [], member: {"x": 1}}


def test_the_operators_members_are_those_that_are_read_as_its() -> None:
    from guardproxy.core.exchange import Provenance
    from guardproxy.surfaces.chat_completions import read_request

    for member in OPERATOR_MEMBERS:
        value: Any = [{"x": "text"}] if member in ("tools", "functions") else {"x": "text"}
        read = read_request({"model": "m", "messages": [USER], member: value}, operator=True)
        assert Provenance.OPERATOR in {segment.provenance for segment in read.segments}

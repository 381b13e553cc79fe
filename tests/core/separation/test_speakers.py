from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.separation.speakers import (
    DEFINITION,
    ROLE_ORDER,
    UNPINNED,
    pin_of,
    pins_of,
    refuse_speakers,
    speaker_of,
)
from guardproxy.core.separation.terms import DEFINING, SPEAKERS, RoleOrder, Separation
from tests.core.separation.requests import message, reading

roles = st.lists(
    st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"]), min_size=1, max_size=8
)


def refused(terms: Separation, *messages: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(finding.rule, finding.path[1]) for finding in refuse_speakers(terms, reading(*messages))]


def by_roles(order: RoleOrder, *sent: str) -> list[Any]:
    return [place for _, place in refused(Separation(order=order), *map(message, sent))]


def test_every_role_is_somebodys() -> None:
    assert {
        speaker_of(role) for role in ("system", " Developer", "user", "wizard", "assistant", "tool", "function")
    } == {*SPEAKERS}


@given(roles)
def test_no_order_refuses_nothing(sent: list[str]) -> None:
    assert refused(Separation(), *map(message, sent)) == []
    assert by_roles(RoleOrder(), *sent) == []


@given(roles)
def test_system_messages_come_first_or_are_refused(sent: list[str]) -> None:
    speakers = [speaker_of(role) for role in sent]
    late = [at for at, speaker in enumerate(speakers) if speaker == "operator" and {*speakers[:at]} - {"operator"}]
    found = by_roles(RoleOrder(operator_first=True), *sent)
    assert (found == []) == (late == [])
    assert {*found} <= {*late}


def test_tool_messages_answer_somebody() -> None:
    order = RoleOrder(tool_after_call=True)
    assert by_roles(order, "user", "assistant", "tool", "tool", "user") == []
    assert by_roles(order, "user", "tool") == [1]
    assert by_roles(order, "tool") == [0]


def test_the_last_word_is_for_whom_the_policy_says() -> None:
    order = RoleOrder(last=frozenset({"user", "tool"}))
    assert by_roles(order, "user") == by_roles(order, "user", "assistant", "tool") == []
    assert by_roles(order, "user", "assistant") == [1]


@given(roles, st.sampled_from(SPEAKERS), st.integers(0, 4))
def test_there_are_no_more_turns_than_the_policy_says(sent: list[str], speaker: str, most: int) -> None:
    theirs = [at for at, role in enumerate(sent) if speaker_of(role) == speaker]
    assert by_roles(RoleOrder(most={speaker: most}), *sent) == theirs[most:]


def test_a_finding_says_what_rule_it_is_of() -> None:
    assert refused(Separation(order=RoleOrder(tool_after_call=True)), message("tool")) == [(ROLE_ORDER, 0)]


PROMPT = "You are kind.\n"
PINNED = Separation(pinned=frozenset({pin_of(PROMPT)}))


def test_a_pin_is_what_sha256sum_prints() -> None:
    assert pin_of(PROMPT) == hashlib.sha256(PROMPT.encode()).hexdigest()


@pytest.mark.parametrize(
    ("content", "members", "is_pinned"),
    [
        (PROMPT, {}, True),
        ([{"type": "text", "text": "You are "}, {"type": "text", "text": "kind.\n"}], {}, True),
        (PROMPT + " Obey the user.", {}, False),
        (PROMPT.strip(), {}, False),
        (PROMPT, {"name": "and-rude"}, False),
        (PROMPT, {"note": "be rude"}, False),
        ([{"type": "text", "text": PROMPT, "note": "be rude"}], {}, False),
    ],
)
def test_only_the_pinned_text_passes_and_nothing_beside_it(
    content: Any, members: dict[str, Any], is_pinned: bool
) -> None:
    found = refused(PINNED, message("developer", content, **members), message("user", "anything"))
    assert found == ([] if is_pinned else [(UNPINNED, 0)])


def test_the_pins_of_a_request() -> None:
    read = reading(message("system", PROMPT), message("user"), message("developer", "b"))
    assert pins_of(read) == [pin_of(PROMPT), pin_of("b")]


@pytest.mark.parametrize("member", DEFINING)
def test_only_operators_define_where_the_policy_says_so(member: str) -> None:
    terms, defined = Separation(definitions_by_operators=True), {member: [{"description": "obey"}]}
    theirs = reading(message("user"), operator=False, **defined)
    assert [(finding.rule, finding.path) for finding in refuse_speakers(terms, theirs)] == [(DEFINITION, (member,))]
    assert refuse_speakers(Separation(), theirs) == []
    if member not in ("text", "output_config", "mcp_servers"):  # members of other APIs
        assert refuse_speakers(terms, reading(message("user"), operator=True, **defined)) == []

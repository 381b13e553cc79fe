from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.messages.calls import Call, is_held
from guardproxy.surfaces.messages.cleaning import Cleaner
from guardproxy.surfaces.messages.events import Edited
from tests.support.strategies import cut_places, json_values, make_kit, pieces_of
from tests.surfaces.messages.received import bare, decoded, delta, event, start, stop

WORDS = make_kit({"word": "secret"})


def edited(document: dict[str, Any]) -> Edited:
    return Edited(event(document), document, changed=False)


def call(*pieces: str, content: dict[str, Any] | None = None) -> Call:
    made = Call(edited(start(0, content or bare("tool_use"))))
    for piece in pieces:
        made.take(edited(delta(0, "tool_use", piece)))
    made.stop = edited(stop(0))
    return made


def released(made: Call) -> list[Any]:
    frames, _ = made.release(Cleaner(OutputGuard(WORDS.policy())), ())
    return decoded(frames)


@given(st.dictionaries(st.text("xyz", max_size=3), json_values, max_size=3), cut_places)
def test_input_nothing_was_found_in_goes_out_in_the_pieces_in_which_it_came(value: Any, cuts: list[int]) -> None:
    pieces = pieces_of(json.dumps(value), cuts)
    assert released(call(*pieces)) == [
        start(0, bare("tool_use")), *(delta(0, "tool_use", piece) for piece in pieces), stop(0),
    ]  # fmt: skip


@given(cut_places)
def test_input_that_was_redacted_goes_out_as_one_and_stays_json(cuts: list[int]) -> None:
    made = call(*pieces_of('{"to": "me", "body": "the \\u0073ecret"}', cuts))
    (_, told, _) = released(made)
    assert told == delta(0, "tool_use", '{"to":"me","body":"the [WORD]"}')


@pytest.mark.parametrize(
    ("complete", "made"),
    [
        (True, call('{"x":', "1}")),
        (True, call("[1]")),
        (False, call('{"x":')),
        (False, call("")),
        (False, call()),
        (True, call(content={**bare("tool_use"), "input": {"x": 1}})),
        (True, call("", content={**bare("tool_use"), "input": {"x": 1}})),
        (False, call("{", content={**bare("tool_use"), "input": {"x": 1}})),
        (False, Call(None)),
    ],
)
def test_json_shows_by_itself_whether_it_is_whole(complete: bool, made: Call) -> None:
    assert made.is_complete is complete


def test_a_compaction_is_a_text_and_not_json() -> None:
    made = Call(edited(start(0, bare("compaction"))))
    made.take(edited(delta(0, "compaction", '{"a": "\\u0073ecret", secret')))
    assert made.is_complete
    assert released(made)[-1]["delta"]["content"] == '{"a": "[WORD]", [WORD]'


def test_what_is_shown_whole_or_not_at_all() -> None:
    assert all(is_held({"type": kind}) for kind in ("tool_use", "server_tool_use", "mcp_tool_use", "compaction"))
    assert not any(is_held({"type": kind}) for kind in ("text", "thinking", "tool_result", None))


def test_a_call_the_client_does_not_know_of_begins_with_its_announcement() -> None:
    assert not call().known and Call(None).known

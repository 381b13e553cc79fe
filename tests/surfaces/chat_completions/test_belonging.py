from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.surfaces.chat_completions.belonging import Belonging
from tests.promises.streams import client_of
from tests.support.strategies import make_kit, pieces_of
from tests.surfaces.chat_completions.received import as_bytes, chunk, part, run

QUIET = make_kit({"word": "secret"}).policy()


def whole(index: int | None, call_id: str, name: str, arguments: Any) -> dict[str, Any]:
    """A call in one piece."""
    named = {} if index is None else {"index": index}
    return {**named, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def more(index: int | None, arguments: str, call_id: str | None = None, name: str | None = None) -> dict[str, Any]:
    given = {"index": index, "id": call_id}
    named = {} if name is None else {"name": name}
    body = {"function": {**named, "arguments": arguments}}
    return {**{member: value for member, value in given.items() if value is not None}, **body}


def called(*deltas: list[dict[str, Any]]) -> list[tuple[int, str, str, Any]]:
    """Index, id, name and arguments of what the client is told."""
    documents = [*(chunk(part(0, {"tool_calls": calls})) for calls in deltas), chunk(part(0, {}, "tool_calls"))]
    shown = run(QUIET, documents).calls[0]
    return [
        (one["index"], one.get("id", ""), one["function"].get("name", ""), one["function"]["arguments"])
        for one in shown
    ]


@pytest.mark.parametrize("told", [0, 3, None])
def test_calls_of_one_index_and_different_ids_are_different_calls(told: int | None) -> None:
    first, second = whole(told, "a", "weather", '{"c":"A"}'), whole(told, "b", "weather", '{"c":"B"}')
    at = told or 0
    assert called([first], [second]) == [(at, "a", "weather", '{"c":"A"}'), (at + 1, "b", "weather", '{"c":"B"}')]


@pytest.mark.parametrize("told", [0, None])
@pytest.mark.parametrize("call_id", ["", None])
def test_a_name_behind_whole_arguments_begins_a_call_where_nobody_has_an_id(
    told: int | None, call_id: str | None
) -> None:
    fragments = [more(told, text, call_id, "weather") for text in ('{"c":"A"}', '{"c":"B"}', "{}")]
    shown = called(*([fragment] for fragment in fragments))
    assert [(index, arguments) for index, _, _, arguments in shown] == [(0, '{"c":"A"}'), (1, '{"c":"B"}'), (2, "{}")]


def test_arguments_that_are_objects_are_whole_when_they_come() -> None:
    shown = called([whole(0, "", "f", {"c": "A"})], [whole(0, "", "f", {"c": "B"})])
    assert [(index, arguments) for index, _, _, arguments in shown] == [(0, {"c": "A"}), (1, {"c": "B"})]


def test_a_call_with_an_index_that_another_goes_out_with_takes_the_next_one() -> None:
    shown = called([whole(0, "a", "f", "{}")], [whole(0, "b", "g", "{}")], [whole(1, "c", "h", "{")], [more(1, "}")])
    assert shown == [(0, "a", "f", "{}"), (1, "b", "g", "{}"), (2, "c", "h", "{}")]


@pytest.mark.parametrize(
    "rest",
    [
        [more(0, "1}")],  # as the API says it
        [more(0, "1", "other"), more(0, "}", "another")],  # a new id in each fragment
        [more(0, "1}", "a", "f"), more(0, "", "a", "f")],  # everything again
        [more(0, "1}", name="f"), more(0, " \n", name="f")],
        [more(None, "1}", "a")],
        [more(None, "1}")],
    ],
)
def test_what_can_be_more_of_a_call_is_more_of_it(rest: list[dict[str, Any]]) -> None:
    ((index, _, name, arguments),) = called([whole(0, "a", "f", '{"a":')], *([one] for one in rest))
    assert (index, name, json.loads(arguments)) == (0, "f", {"a": 1})


def test_fragments_without_an_index_belong_by_id_wherever_they_stand() -> None:
    begun = [whole(None, "a", "f", "["), whole(None, "b", "g", "[")]
    shown = called(begun, [more(None, "2]", "b")], [more(None, "1]", "a")])
    assert shown == [(0, "a", "f", "[1]"), (1, "b", "g", "[2]")]


def test_the_input_of_a_custom_tool_is_no_json_that_ends() -> None:
    fragments = [{"index": 0, "custom": {"name": "sh", "input": text}} for text in ("{}", "{}")]
    documents = [*(chunk(part(0, {"tool_calls": [one]})) for one in fragments), chunk(part(0, {}, "stop"))]
    assert [one["custom"]["input"] for one in run(QUIET, documents).calls[0]] == ["{}{}"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.text("ab", max_size=2), st.integers(), max_size=2), min_size=1), st.integers(0, 99))
def test_calls_in_pieces_under_one_index_come_whole_one_after_the_other(values: list[Any], seed: int) -> None:
    chance = random.Random(seed)
    deltas = []
    for at, value in enumerate(values):
        first, *rest = pieces_of(json.dumps(value), [chance.randrange(1 << 16) for _ in range(3)])
        deltas += [[whole(0, f"c{at}", "f", first)], *([more(0, piece)] for piece in rest)]
    assert called(*deltas) == [(at, f"c{at}", "f", json.dumps(value)) for at, value in enumerate(values)]


def test_the_official_client_puts_such_calls_together() -> None:
    deltas = [whole(0, "a", "weather", '{"c":"A"}'), whole(0, "b", "weather", '{"c":"B"}')]
    documents = [*(chunk(part(0, {"tool_calls": [one]})) for one in deltas), chunk(part(0, {}, "stop"))]
    shown = as_bytes(run(QUIET, documents).documents)
    with client_of(shown).chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as stream:
        for _ in stream:
            pass
        calls = stream.current_completion_snapshot.choices[0].message.tool_calls or []
    told = [(one.id, one.function.arguments) for one in calls if one.type == "function"]
    assert told == [("a", '{"c":"A"}'), ("b", '{"c":"B"}')]


def test_to_ask_of_a_long_call_again_and_again_costs_no_more_than_to_read_it() -> None:
    belonging = Belonging()
    for _ in range(20_000):
        assert belonging.index_of(more(0, "[" * 20, name="f"), 0) == 0

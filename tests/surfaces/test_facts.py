from __future__ import annotations

from typing import Any

import pytest

from guardproxy.errors import InvalidRequest
from guardproxy.surfaces.facts import count_fact, flag_fact, members_of, text_fact, wants_usage


def test_an_object_has_members() -> None:
    assert members_of({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("document", [None, [], "text", 1, True])
def test_anything_else_is_no_request(document: Any) -> None:
    with pytest.raises(InvalidRequest):
        members_of(document)


@pytest.mark.parametrize("value", [None, "", 5, ["m"], {}])
def test_a_text_that_must_be_there_is_refused_in_any_other_form(value: Any) -> None:
    with pytest.raises(InvalidRequest) as raised:
        text_fact({"model": value}, "model")
    assert raised.value.param == "model"


def test_a_text_is_what_it_is() -> None:
    assert text_fact({"model": "m"}, "model") == "m"


@pytest.mark.parametrize(
    ("told", "document"), [(True, {"stream": True}), (False, {"stream": False}), (False, {"stream": None}), (False, {})]
)
def test_a_switch_is_off_unless_it_is_on(told: bool, document: dict[str, Any]) -> None:
    assert told is flag_fact(document, "stream")


@pytest.mark.parametrize("value", [1, "true", []])
def test_a_switch_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest) as raised:
        flag_fact({"stream": value}, "stream")
    assert raised.value.param == "stream"


@pytest.mark.parametrize(("told", "document"), [(3, {"n": 3}), (None, {"n": None}), (None, {}), (2**70, {"n": 2**70})])
def test_a_count_may_be_left_out(told: int | None, document: dict[str, Any]) -> None:
    assert told == count_fact(document, "n")


@pytest.mark.parametrize(("least", "value"), [(1, 0), (0, -1), (1, True), (1, "2"), (1, 1.0), (1, [])])
def test_what_is_no_count_is_refused(least: int, value: Any) -> None:
    with pytest.raises(InvalidRequest) as raised:
        count_fact({"n": value}, "n", least)
    assert raised.value.param == "n"


def test_a_count_may_be_zero_where_that_means_something() -> None:
    assert count_fact({"max_tokens": 0}, "max_tokens", least=0) == 0


@pytest.mark.parametrize(
    ("told", "options"),
    [(True, {"include_usage": True}), (False, {"include_usage": 1}), (False, {}), (False, None), (False, "x")],
)
def test_usage_is_wanted_where_it_was_asked_for(told: bool, options: Any) -> None:
    assert told is wants_usage({"stream_options": options})

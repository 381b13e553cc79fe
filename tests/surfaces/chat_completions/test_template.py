from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from guardproxy.surfaces.chat_completions.template import template_of

FORM = '{"id": "1", "choices": [{"delta": {"content": "%s"}, "index": 0}]}'


@given(st.text(), st.text())
def test_a_text_that_is_told_is_the_one_a_parser_reads(first: str, second: str) -> None:
    before = json.dumps({"id": "1", "delta": {"content": first}, "end": None}, ensure_ascii=False)
    template = template_of(before, first)
    assume(template is not None)
    assert template
    for data in (json.dumps({"id": "1", "delta": {"content": second}, "end": None}, ensure_ascii=False), before):
        text = template.text_of(data)
        assert text is None or json.loads(data)["delta"]["content"] == text
    assert template.text_of(before) == first or not first.isprintable()


@given(st.text(alphabet='"\\:{},content ab'))
def test_no_middle_changes_what_stands_around_the_text(middle: str) -> None:
    template = template_of(FORM % "a", "a")
    assert template
    text = template.text_of(FORM % middle)
    if text is not None:
        assert json.loads(FORM % middle) == json.loads(FORM % "a" % ()) | {
            "choices": [{"delta": {"content": text}, "index": 0}]
        }


@pytest.mark.parametrize(
    "data",
    [
        r'{"\u0063ontent": "x", "model": "a"}',  # an escape in a name
        '{"content": "a", "model": "content"}',  # which of them is the member?
        '{"content": "a", "content": "a"}',
        '{"model": "secret", "model": "b", "content": "a"}',  # the first of two stands in the bytes
        '{"model": "content", "text": "a"}',
        '{"content": ["a"]}',
    ],
)
def test_an_event_that_could_be_read_in_two_ways_is_no_template(data: str) -> None:
    assert template_of(data, "a") is None


def test_an_event_shorter_than_its_frame_is_another_one() -> None:
    template = template_of('{"content":"a"}', "a")
    assert template
    assert template.text_of('{"content":""}') == ""
    assert template.text_of('{"content":"}') is None

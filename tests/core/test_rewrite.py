from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.rewrite import NESTED, hides, redact, redact_json_text, unescaped
from guardproxy.core.verdict import Action
from guardproxy.match.scanner import Span
from guardproxy.wire.json_text import is_json
from tests.support.strategies import (
    ANY_ACTION,
    HIDING,
    Kit,
    json_values,
    kits,
    matches_by_definition,
    rule,
    short_texts,
    texts,
)

TEXT = "0123456789"
RULES = {
    "test.a": rule("test.a"),
    "test.b": rule("test.b"),
    "test.flag": rule("test.flag", Action.FLAG),
    "test.stop": rule("test.stop", Action.BLOCK),
}


@pytest.mark.parametrize(("hidden", "action"), [(False, Action.ALLOW), (False, Action.FLAG), (True, Action.BLOCK)])
def test_what_is_redacted_or_blocked_may_not_leave(hidden: bool, action: Action) -> None:
    assert hidden == hides(rule(action=action))


@pytest.mark.parametrize(
    ("shown", "spans"),
    [
        (TEXT, []),
        ("01[A]456789", [Span(2, 4, "test.a")]),
        ("[A][B]", [Span(0, 5, "test.a"), Span(5, 10, "test.b")]),
        ("0[A]6789", [Span(3, 6, "test.b"), Span(1, 4, "test.a")]),  # the one that starts first names the cluster
        ("0[B]6789", [Span(1, 4, "test.b"), Span(1, 6, "test.a")]),  # of two with one start, the one confirmed first
        ("0[A]9", [Span(1, 9, "test.a"), Span(3, 4, "test.b"), Span(5, 6, "test.b")]),
        (TEXT, [Span(0, 9, "test.flag")]),
        ("01[STOP]456789", [Span(0, 9, "test.flag"), Span(2, 4, "test.stop")]),
    ],
)
def test_each_cluster_of_hiding_spans_becomes_one_placeholder(shown: str, spans: list[Span]) -> None:
    assert shown == redact(TEXT, spans, RULES)


@given(kits(actions=ANY_ACTION), short_texts)
def test_exactly_the_characters_of_matches_are_hidden(kit: Kit, text: str) -> None:
    hidden = {
        at
        for start, end, name in matches_by_definition(kit, text)
        if hides(kit.rules[name])
        for at in range(start, end)
    }
    shown = redact(text, kit.spans(text), kit.rules)
    for one in kit.rules.values():
        shown = shown.replace(one.placeholder, "")
    assert shown == "".join(char for at, char in enumerate(text) if at not in hidden)


@given(kits(actions=HIDING), texts)
def test_hiding_detectors_in_any_order_hides_the_same(kit: Kit, text: str) -> None:
    def plain(spans: list[Span]) -> str:
        shown = redact(text, spans, kit.rules)
        for one in kit.rules.values():
            shown = shown.replace(one.placeholder, "#")
        return shown

    assert plain(kit.spans(text)) == plain(kit.spans(text)[::-1])


# ---------------------------------------------------------------- JSON inside a string


def leaves(value: Any) -> Counter[str]:
    """Every string of a value, every member name and every long number."""
    match value:
        case int() | float() if not isinstance(value, bool) and abs(value) >= 100_000:
            return Counter([str(value)])
        case str():
            return Counter([value])
        case list():
            return sum(map(leaves, value), Counter())
        case dict():
            return sum(map(leaves, value.values()), Counter(list(value)))
    return Counter()


def shape(value: Any) -> Any:
    match value:
        case str():
            return "text"
        case list():
            return [shape(below) for below in value]
        case dict():
            return [shape(below) for below in value.values()]
    return value


@given(json_values, st.booleans())
def test_text_that_needs_no_cleaning_is_not_touched(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=2)
    cleaned = redact_json_text(text, lambda leaf: leaf)
    assert cleaned in (text, None)


@given(json_values, st.booleans())
def test_every_leaf_and_name_is_cleaned_and_the_shape_stays(value: Any, ascii_only: bool) -> None:
    seen: list[str] = []

    def clean(leaf: str) -> str:
        seen.append(leaf)
        return leaf.replace("x", '<"\\\n>')

    cleaned = redact_json_text(json.dumps(value, ensure_ascii=ascii_only), clean)
    if cleaned is None:  # a number no other reader would read either
        return
    assert leaves(value) == Counter(seen)
    assert not any("x" in leaf for leaf in leaves(json.loads(cleaned)))
    assert shape(value) == shape(json.loads(cleaned))


def test_a_long_number_is_cleaned_and_becomes_a_text() -> None:
    def clean(leaf: str) -> str:
        return "[GONE]" if leaf.startswith("4111") else leaf

    assert redact_json_text('{"card": 4111111111111111, "n": [4111.5, true]}', clean) == (
        '{"card":"[GONE]","n":[4111.5,true]}'
    )
    assert redact_json_text("4111111111111111", clean) == '"[GONE]"'


@pytest.mark.parametrize("text", ["", "{", '{"a": 1', "nothing", "{'a': 1}", '{"a": 1}}', "[" * 9999 + "]" * 9999])
def test_what_is_not_json_is_told_apart(text: str) -> None:
    assert redact_json_text(text, lambda leaf: leaf) is None


def test_escapes_hide_nothing() -> None:
    hidden = {"AB12": "[GONE]"}
    text = '{"note": "line\\n\\u0041B12", "list": ["A\\u004212"], "A\\u0042\\u00312": 1}'
    cleaned = redact_json_text(text, lambda leaf: leaf.replace("AB12", hidden["AB12"]))
    assert cleaned is not None
    assert json.loads(cleaned) == {"note": "line\n[GONE]", "list": ["[GONE]"], "[GONE]": 1}


def test_of_a_name_that_stands_twice_both_values_are_looked_at() -> None:
    assert redact_json_text('{"a":"AB12","a":"x"}', lambda leaf: leaf.replace("AB12", "-")) == '{"a":"-","a":"x"}'


def gone(leaf: str) -> str:
    return re.sub("AB12|4111[0-9]{12}", "[GONE]", leaf)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":12345678901234567890.5,"b":"AB12"}', '{"a":12345678901234567890.5,"b":"[GONE]"}'),
        ('{"a":"\\ud800\\u00e9","b":"AB12"}', '{"a":"\\ud800\\u00e9","b":"[GONE]"}'),
        ('{"a":' + "1" * 5000 + ',"b":"AB12"}', '{"a":' + "1" * 5000 + ',"b":"[GONE]"}'),
        ('{"a":1,"a":1e400,"b":"AB12"}', '{"a":1,"a":1e400,"b":"[GONE]"}'),
        ('{"a":"x\ty\n","b":"AB12"}', '{"a":"x\\ty\\n","b":"[GONE]"}'),
        ('{"a":[NaN,-Infinity],"b":"AB12"}', '{"a":[null,null],"b":"[GONE]"}'),
        ('{"a":"AB12\\ud800"}', '{"a":"[GONE]\ufffd"}'),
        ('{"a":4111111111111111.25}', '{"a":"[GONE].0"}'),
    ],
)
def test_what_stands_beside_an_edit_keeps_its_spelling_and_all_of_it_is_json(text: str, expected: str) -> None:
    assert redact_json_text(text, gone) == expected
    assert is_json(expected)
    untouched = text.replace("AB12", "x").replace("4111111111111111", "1")
    assert redact_json_text(untouched, gone) == untouched


def test_json_in_a_string_stays_json() -> None:
    def nested(value: Any, times: int) -> Any:
        return value if times == 0 else {"body": json.dumps(nested(value, times - 1))}

    for times in range(1, NESTED + 1):
        text = json.dumps(nested({"card": 4111111111111111, "x": 1}, times))
        value = json.loads(redact_json_text(text, gone) or "")
        for _ in range(times):
            value = json.loads(value["body"])
        assert value == {"card": "[GONE]", "x": 1}


def test_a_match_across_leaves_of_json_in_a_string_is_hidden_although_that_breaks_it() -> None:
    text = json.dumps({"body": '{"pin": 1234}'})
    assert redact_json_text(text, lambda leaf: leaf.replace('"pin": 1234', "[GONE]")) == '{"body":"{[GONE]}"}'


def test_large_integers_beside_an_edit_survive() -> None:
    number = 2**63 + 1
    assert (
        redact_json_text(f'{{"a":"x","n":{number}}}', lambda leaf: leaf.replace("x", "y"))
        == f'{{"a":"y","n":{number}}}'
    )


@given(st.text())
def test_reading_escapes_undoes_writing_them(text: str) -> None:
    assert text == unescaped(json.dumps(text)[1:-1])


@given(st.text('\\u0041dn"8 é😀'))
def test_reading_escapes_gives_text_that_can_be_encoded(text: str) -> None:
    unescaped(text).encode()


def test_what_is_no_escape_stays() -> None:
    assert unescaped(r"C:\dir \u12 \x41 \n") == "C:\\dir \\u12 \\x41 \n"

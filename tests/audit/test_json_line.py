from __future__ import annotations

import json
from pathlib import PurePath
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.audit.json_line import Plain, json_line

unicode = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    unicode | st.integers(-(2**63), 2**63) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(unicode, inner, max_size=4),
    max_leaves=10,
)


@given(values)
def test_a_value_is_one_line_and_comes_back(value: Plain) -> None:
    line = json_line(value)
    assert line.endswith(b"\n")
    assert len(line.decode().splitlines()) == 1
    assert value == json.loads(line)


@given(st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"]) | st.just("é")))
def test_nothing_in_a_line_ends_it_or_acts_on_a_terminal(text: str) -> None:
    shown = json_line({"text": text})[:-1].decode()
    assert shown.replace("\x7f", "").isprintable()


def test_half_a_surrogate_pair_loses_only_itself() -> None:
    assert json_line({"a": "x\ud800y", "b": 1}) == b'{"a": "x?y", "b": 1}\n'


def test_an_object_that_is_not_json_shows_its_type_and_never_its_text() -> None:
    assert json_line(cast(Plain, {"a": PurePath("secret")})) == b'{"a":"<PurePosixPath>"}\n'

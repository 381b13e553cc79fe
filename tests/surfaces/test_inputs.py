from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.exchange import ALONE, OpaqueKind, Provenance
from guardproxy.errors import InvalidRequest
from guardproxy.surfaces.inputs import TOKENS, InputReader
from guardproxy.wire.document import get


def read(value: Any, *, parts: bool = True) -> InputReader:
    reader = InputReader(Provenance.USER, parts=parts)
    reader.read_input(value, ("input",))
    return reader


def texts_of(value: Any, *, parts: bool = True) -> list[str]:
    return [segment.text for segment in read(value, parts=parts).segments]


@pytest.mark.parametrize(
    ("count", "value"),
    [(1, "a"), (1, ""), (2, ["a", "b"]), (1, [1, 2, 3]), (2, [[1, 2], [3]]), (1, [1, "a", 2]), (2, ["a", [1]])],
)
def test_inputs_are_counted(count: int, value: Any) -> None:
    assert count == InputReader(Provenance.USER, parts=False).read_input(value, ("prompt",))


def test_several_strings_are_several_texts_that_nobody_reads_as_one() -> None:
    found = read(["a", "b"]).segments
    assert [(s.text, s.path, s.run) for s in found] == [("a", ("input", 0), ALONE), ("b", ("input", 1), ALONE)]


def test_strings_between_token_numbers_are_read_as_one_with_what_cannot_be_read() -> None:
    reader = read(["a", 5, "b"])
    assert len({segment.run for segment in reader.segments} - {ALONE}) == 1
    assert reader.opaque == [(TOKENS, Provenance.USER, ("input",))]


@pytest.mark.parametrize(("path", "value"), [((), [1, 2]), ((1,), ["a", [1, 2]]), ((0,), [[7]])])
def test_token_numbers_cannot_be_read(path: tuple[int, ...], value: Any) -> None:
    assert [(TOKENS, Provenance.USER, ("input", *path))] == read(value, parts=False).opaque


PARTS: list[tuple[list[OpaqueKind], dict[str, Any]]] = [
    ([], {"type": "text", "text": "seen"}),
    ([], {"type": "input_text", "text": "seen"}),
    ([], {"text": "seen"}),
    ([], {"content": "seen"}),
    ([], {"role": "user", "content": [{"type": "text", "text": "seen"}]}),
    ([], {"type": "text", "text": "x", "more": {"seen": 1}}),
    ([OpaqueKind.IMAGE], {"type": "image_url", "image_url": {"url": "https://example.org/seen.png"}}),
    ([OpaqueKind.IMAGE], {"image": "https://example.org/seen.png"}),
    ([OpaqueKind.IMAGE], {"text": "seen", "image": "AAAA"}),
    ([OpaqueKind.IMAGE], {"type": "text", "text": "seen", "image_url": "data:image/png;base64,AAAA"}),
    ([OpaqueKind.IMAGE], {"content": [{"type": "image_url", "image_url": {"url": "x", "detail": "seen"}}]}),
    ([OpaqueKind.AUDIO], {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "seen"}}),
    ([OpaqueKind.FILE], {"type": "file", "file": {"file_data": "AAAA", "filename": "seen"}}),
    ([OpaqueKind.UNKNOWN], {"type": "hologram", "text": "seen"}),
    ([OpaqueKind.UNKNOWN], {"type": ["text"], "text": "seen"}),
    ([OpaqueKind.UNKNOWN], {"seen": 1}),
    ([OpaqueKind.UNKNOWN], {"role": "user", "content": None, "name": "seen"}),
]


@pytest.mark.parametrize(("kinds", "part"), PARTS, ids=lambda value: str(value)[:50])
def test_a_part_is_read_and_what_cannot_be_is_named(kinds: list[OpaqueKind], part: dict[str, Any]) -> None:
    reader = read([part])
    assert kinds == [item.kind for item in reader.opaque]
    assert "seen" in " ".join(segment.text for segment in reader.segments)
    assert "AAAA" not in [segment.text for segment in reader.segments]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "hologram", "data": "ghpA0b1C2"},
        {"type": "image_url", "image_url": {"url": "x"}, "data": "ghpA0b1C2"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "file_data": "ghpA0b1C2"}},
    ],
)
def test_base64_anywhere_but_where_bytes_stand_is_text(part: dict[str, Any]) -> None:
    assert "ghpA0b1C2" in texts_of([part])


def test_the_parts_of_one_input_are_one_run_and_those_of_another_are_another() -> None:
    two = [{"content": [{"type": "text", "text": "a"}, "b"]}, {"content": "c"}]
    runs = [segment.run for segment in read(two).segments if segment.text in "abc"]
    assert runs[0] == runs[1] != runs[2]
    flat = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert len({segment.run for segment in read(flat).segments}) == 1


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("input", None),
        ("input", []),
        ("input", 5),
        ("input", True),
        ("input[1]", ["a", None]),
        ("input[0]", [1.5]),
        ("input[0]", [["a"]]),
        ("input[0]", [[]]),
        ("input[0]", [[1, True]]),
        ("input[0].text", [{"type": "text", "text": ["a"]}]),
        ("input[0].content[0]", [{"content": [None]}]),
    ],
)
def test_what_is_no_input_is_refused_with_its_place(param: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read(value)
    assert param == raised.value.param


@pytest.mark.parametrize("value", [{"text": "a"}, [{"text": "a"}]])
def test_parts_are_refused_where_the_api_has_none(value: Any) -> None:
    with pytest.raises(InvalidRequest):
        read(value, parts=False)


words = st.integers(0, 10**6).map(lambda number: f"mark{number}.")
leaves = st.one_of(st.none(), st.booleans(), st.integers(), words)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6
)
NAMES = ["type", "text", "content", "role", "image_url", "url", "file", "name"]
TYPES = ["text", "image_url", "hologram", "file"]
parts = st.builds(
    lambda made, kind: {**made, **kind},
    st.dictionaries(st.sampled_from(NAMES), anything, max_size=4),
    st.sampled_from([{}, *({"type": kind} for kind in TYPES)]),
)


@given(st.one_of(words, st.lists(st.one_of(words, parts, st.integers(), st.lists(st.integers(), max_size=2)))))
def test_every_text_is_read_once_where_it_stands(value: Any) -> None:
    try:
        found = read(value).segments
    except InvalidRequest:
        return
    assert len({segment.path for segment in found}) == len(found)
    assert all(get({"input": value}, segment.path) == segment.text for segment in found)
    assert set(_marks(value)) == {segment.text for segment in found if segment.text.startswith("mark")}


def _marks(value: Any) -> list[str]:
    match value:
        case str():
            return [value] if value.startswith("mark") else []
        case list():
            return [mark for below in value for mark in _marks(below)]
        case dict():
            return [mark for name, below in value.items() for mark in [*_marks(name), *_marks(below)]]
    return []

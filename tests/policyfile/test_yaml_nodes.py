"""YAML means what it says, every value knows where it stands, and nothing that could be read in two ways passes."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile import yaml_nodes
from guardproxy.policyfile.locate import shipped_policies
from guardproxy.policyfile.yaml_nodes import Mark, YamlFile, parse_yaml

# PyYAML writes these line breaks so that it reads them back as spaces.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"), max_size=12)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(-1e9, 1e9, allow_subnormal=False) | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)


class PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def read(text: str) -> YamlFile:
    return parse_yaml(text.encode(), "p.yaml")


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        parse_yaml(text if isinstance(text, bytes) else text.encode(), "p.yaml")
    return raised.value.message.splitlines()


@given(VALUES)
def test_what_a_dumper_writes_is_read_as_it_was(value: object) -> None:
    assert value == read(yaml.dump(value, Dumper=PlainDumper, allow_unicode=True)).content


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.lists(TEXTS.filter(str.isprintable)), max_size=4))
def test_every_scalar_stands_where_its_mark_says(value: dict[str, list[str]]) -> None:
    text = yaml.dump(value, Dumper=PlainDumper, allow_unicode=True, width=10_000)
    file, lines = read(text), text.splitlines()
    for place, source in file.sources.items():
        line, column = file.values[place]
        assert lines[line - 1][column - 1 :].startswith(source)


@given(st.binary(max_size=60) | st.text("ab:-[]{}&*!|>'\"#%@`?,\n \t", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_with_a_position(raw: bytes) -> None:
    with contextlib.suppress(ConfigurationError):
        parse_yaml(raw, "p.yaml")
        return
    assert all(line.startswith("p.yaml:") for line in problems(raw))


def test_words_that_older_readers_turn_into_something_else_stay_text() -> None:
    text = "[on, off, yes, NO, 12:30:45, 2026-01-01, 0x1F, 010, 1e3, .inf, =]"
    assert read(text).content == ["on", "off", "yes", "NO", "12:30:45", "2026-01-01", "0x1F", "010", "1e3", ".inf", "="]


def test_true_false_null_and_decimal_numbers_are_what_they_look_like() -> None:
    assert read("[true, false, null, ~, 20_000, -3, 2.5]").content == [True, False, None, None, 20_000, -3, 2.5]


def test_quoted_words_are_text() -> None:
    assert read("""['true', "1", 'null']""").content == ["true", "1", "null"]


def test_a_key_is_always_text() -> None:
    assert read("on: 1\n1: 2\n<<: 3\n").content == {"on": 1, "1": 2, "<<": 3}


def test_all_problems_of_a_file_are_told_at_once() -> None:
    assert problems("a: 1\na: 2\nb: &x [1]\nc: *x\nd: !!python/object:os.system '3'\n") == [
        "p.yaml:2:1: 'a' is written twice; the first is in line 1",
        "p.yaml:3:4: anchors are not used here: write the value out where it is needed",
        "p.yaml:4:4: aliases are not used here: write the value of *x out",
        "p.yaml:5:4: tags are not used here: write the plain value",
    ]


def test_an_alias_bomb_is_refused_before_it_can_grow() -> None:
    layers = "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]\n" for i in range(1, 12))
    assert "p.yaml:1:5: anchors are not used here: write the value out where it is needed" in problems(
        f"l0: &l0 x\n{layers}"
    )


@pytest.mark.parametrize("text", ["- 1\n" * 20_001, "[" * 5_000, "a: {" * 40], ids=["many", "deep", "deep and open"])
def test_a_file_with_too_many_or_too_deep_values_is_refused(text: str) -> None:
    assert "more than 20,000 values, or nested deeper than 32" in problems(text)[-1]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "p.yaml:1:1: the file is empty: write into it, or do not name it"),
        (b"\ta: 1\n", "p.yaml:1:1: not YAML: a tab; lines are indented with spaces"),
        (b"a:\n\tb: 1\n", "p.yaml:2:1: not YAML: a tab; lines are indented with spaces"),
        (b"# nothing\n", "p.yaml:1:1: the file is empty: write into it, or do not name it"),
        (b"a: 1\nb: \xff\n", "p.yaml:2:1: the file is not UTF-8 (byte 8)"),
        (b"a: 1\nb: \x00\n", "p.yaml:2:1: not YAML: the control character U+0000"),
        (b"a: 1\n---\nb: 2\n", "p.yaml:2:1: a file holds one YAML document, and this starts another"),
        (b"? [a]\n: b\n", "p.yaml:1:3: a key is plain text, without anchor, alias or tag"),
        (b"a: b: c\n", "p.yaml:1:5: not YAML: mapping values are not allowed here"),
        (b"a" * (1 << 20) + b"\n", "p.yaml:1:1: the file is larger than 1,048,576 bytes"),
    ],
)
def test_what_is_no_single_readable_document_is_refused(raw: bytes, expected: str) -> None:
    assert [expected] == problems(raw)


def test_a_byte_order_mark_is_not_part_of_the_first_key() -> None:
    assert parse_yaml(b"\xef\xbb\xbfa: 1", "p.yaml").content == {"a": 1}


def test_an_offset_inside_a_text_is_counted_in_its_source() -> None:
    file = read("plain: abc\nsingle: 'it''s (x'\ndouble: \"ab(\"\nescaped: \"a\\tb(\"\n")
    offsets = {"plain": 2, "single": 5, "double": 2, "escaped": 3}
    assert [file.at((key,), offset) for key, offset in offsets.items()] == [
        "p.yaml:1:10",
        "p.yaml:2:16",
        "p.yaml:3:12",
        "p.yaml:4:15",
    ]


def test_a_place_that_does_not_exist_is_told_by_what_is_around_it() -> None:
    file = read("a:\n  b: 1\n")
    assert (file.at(("a", "missing")), file.at(("missing",))) == ("p.yaml:2:3", "p.yaml:1:1")
    assert Mark(2, 3) == file.keys[("a", "b")]


@pytest.mark.skipif(yaml_nodes._FAST is None, reason="PyYAML was built without libyaml")
@settings(max_examples=300)
@given(
    st.text("ab:-,#'\"{}[]|>&*!? \n01.é\\", max_size=40)
    | st.lists(
        st.sampled_from(
            ["a: ", "b: ", "- ", "  ", "\n", "{", "}", "[", "]", ", ", "'x'", '"y"', "|", "word", "7", "#c"]
        ),
        max_size=14,
    ).map("".join)
)
def test_both_readers_read_the_same_with_the_same_places(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        quick = yaml_nodes._read_quickly("f", text)
        patch.setattr(yaml_nodes, "_FAST", None)
        try:
            slow = parse_yaml(text.encode(), "f")
        except ConfigurationError:
            assert quick is None
        else:
            assert quick is None or quick == slow


@pytest.mark.skipif(yaml_nodes._FAST is None, reason="PyYAML was built without libyaml")
def test_nearly_every_shipped_file_is_read_quickly_and_all_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    files = sorted(shipped_policies().rglob("*.yaml"))
    quick = [yaml_nodes._read_quickly(str(file), file.read_text(encoding="utf-8")) for file in files]
    monkeypatch.setattr(yaml_nodes, "_FAST", None)
    slow = [parse_yaml(file.read_bytes(), str(file)) for file in files]
    assert [one for one, other in zip(quick, slow, strict=True) if one not in (None, other)] == []
    assert quick.count(None) < len(files) / 20

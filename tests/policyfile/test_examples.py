"""Examples hold or fail with file and line; what they generate looks real and never changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.compile import compile_rule
from guardproxy.policyfile.examples import (
    ALPHABETS,
    WORTH_FORKING,
    count_examples,
    expand,
    problems_side_by_side,
    run_examples,
)
from guardproxy.policyfile.load import read_rule
from tests.policyfile.workshop import rule, write_rule


def failures(directory: Path, pattern: str, **examples: Sequence[str]) -> list[str]:
    given_examples = {"match": ["abc"], "pass": ["xyz"]} | examples
    path = write_rule(directory, rule("mine.one", pattern, examples=given_examples))
    return [str(failure).removeprefix(f"{path}:") for failure in run_examples([compile_rule(read_rule(path))])]


def test_examples_that_hold_say_nothing(tmp_path: Path) -> None:
    assert failures(tmp_path, "a[bB]c", match=["abc", "an aBc, an abc"], todo_match=["a-b-c"]) == []


def test_cutting_every_example_at_each_position_tells_the_same(tmp_path: Path) -> None:
    examples = {"match": ["an abbbc here", "abc and abbbbbbbbbbbbc", "none"], "pass": ["ac"]}
    compiled = compile_rule(read_rule(write_rule(tmp_path, rule("mine.one", "ab{1,20}c", examples=examples))))
    assert len(run_examples([compiled])) == 1
    assert run_examples([compiled], thoroughly=True) == run_examples([compiled])


def test_a_match_example_that_is_not_found_fails(tmp_path: Path) -> None:
    assert failures(tmp_path, "abc", match=["abc", "a-b-c"]) == ["17:4: mine.one: this match example is not found"]


def test_a_pass_example_that_is_found_fails(tmp_path: Path) -> None:
    assert failures(tmp_path, "abc", **{"pass": ["an abc"]}) == [
        "19:4: mine.one: this pass example is found, at characters 3 to 6"
    ]


def test_a_known_miss_that_is_found_wants_to_be_moved(tmp_path: Path) -> None:
    assert failures(tmp_path, "abc", todo_match=["an abc"]) == [
        "22:4: mine.one: this todo_match example is found now: move it to match"
    ]


def test_a_malformed_generator_is_told_like_any_failure(tmp_path: Path) -> None:
    (failure,) = failures(tmp_path, "abc", match=["abc {alnun:3}"])
    assert failure == "16:4: mine.one: unknown generator 'alnun', did you mean 'alnum'?"


def test_examples_are_counted_with_the_known_misses(tmp_path: Path) -> None:
    written = rule("mine.one", "abc", examples={"match": ["abc"], "pass": ["x", "y"], "todo_match": ["z"]})
    assert count_examples([compile_rule(read_rule(write_rule(tmp_path, written)))]) == 4


@given(st.sampled_from(sorted(ALPHABETS)), st.integers(1, 80), st.integers(0, 9))
def test_a_generator_makes_so_many_of_its_characters_and_the_same_each_time(name: str, length: int, seed: int) -> None:
    text = expand(f"<{{{name}:{length}}}>", Random(seed))
    assert text == expand(f"<{{{name}:{length}}}>", Random(seed))
    assert length == len(text) - 2
    assert set(text[1:-1]) <= set(ALPHABETS[name])


@given(st.text())
def test_text_with_doubled_braces_is_itself(text: str) -> None:
    assert text == expand(text.replace("{", "{{").replace("}", "}}"), Random(0))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("a { b", "a lone '{'"),
        ("a } b", "a lone '}'"),
        ("{alnum}", "a lone '{'"),
        ("{hex:0}", "1 to 10,000 characters, not 0"),
        ("{hex:99999}", "1 to 10,000 characters, not 99,999"),
    ],
)
def test_a_malformed_generator_is_refused(template: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        expand(template, Random(0))


def test_side_by_side_the_same_examples_fail_in_the_same_order(tmp_path: Path) -> None:
    rules = []
    for number in range(WORTH_FORKING):
        wrong = {"match": ["abc"], "pass": ["an abc" if number % 17 == 3 else "xyz"]}
        rules.append(compile_rule(read_rule(write_rule(tmp_path, rule(f"mine.r{number}", "abc", examples=wrong)))))
    rules.append(compile_rule(read_rule(write_rule(tmp_path, rule("mine.bad", "(abc")))))
    found = problems_side_by_side(rules, 3)
    assert [line for lines in found[:-1] for line in lines] == list(map(str, run_examples(rules[:-1])))
    assert [number for number, lines in enumerate(found) if lines] == [*range(3, WORTH_FORKING, 17), WORTH_FORKING]
    assert found[-1][0].startswith(str(tmp_path / "mine" / "bad.yaml"))
    assert problems_side_by_side(rules[:5], 3) == found[:5]

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.edges import Edges
from guardproxy.match.literals import branches, required_groups
from guardproxy.match.spelling import AS_SHAPES, AS_WRITTEN, FOLDED, Literals, Spelling, fold, shaped
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import Node, first_matches
from guardproxy.match.words import AS_WORDS, spelled
from tests.match.oracle import REALISTIC, Sample, match_of, samples_and_text
from tests.match.test_extents import in_mask
from tests.match.zoo_of_numbers import number_patterns


def required_literals(tree: Node, *, ignore_case: bool = False) -> Literals | None:
    """The best group."""
    return next((clue.strings for clue in required_groups(tree, FOLDED if ignore_case else AS_WRITTEN)), None)


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        ("sk-(?:proj-)?[A-Za-z0-9]{20}", {"sk-"}),
        ("(?:AKIA|ASIA)[A-Z0-9]{16}", {"AKIA", "ASIA"}),
        ("gh[pousr]_[A-Za-z0-9]{36}", {"ghp_", "gho_", "ghu_", "ghs_", "ghr_"}),
        ("[a-z]{1,64}@[a-z]{1,63}", {"@"}),
        ("[0-9]{3} [0-9]{2}", {" "}),
        ("-{5}BEGIN", {"-----BEGIN"}),
        ("(?:x{2,3}|yy)[a-z]", {"xx", "yy"}),
        ("[0-9]secret|public[0-9]", {"secret", "public"}),
        ("[a-z]{5}", None),
        ("abc|[a-z]{3}", None),
        ("(?:abc){0,2}[a-z]", None),
    ],
)
def test_the_strings_a_match_needs(pattern: str, literals: set[str] | None) -> None:
    found = required_literals(parse_pattern(pattern))
    assert literals == (found if found is None else set(found))


def test_without_case_the_strings_are_folded() -> None:
    assert frozenset(["ignore all"]) == required_literals(
        parse_pattern("Ignore ALL", ignore_case=True), ignore_case=True
    )


@settings(max_examples=50, deadline=None)
@given(samples_and_text(), st.data())
def test_every_match_contains_one_of_its_strings(example: tuple[list[Sample], str], data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from(example[0])).pattern
    tree = parse_pattern(pattern.core, ignore_case=pattern.ignore_case)
    literals = required_literals(tree, ignore_case=pattern.ignore_case)
    match = data.draw(match_of(tree))
    assert literals is None or any(literal in (fold(match) if pattern.ignore_case else match) for literal in literals)


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (r"(?:ignore|forget)\s{1,4}[a-z]{0,9}rules", [{"forget ", "ignore "}, {"rules"}, {" "}]),
        (
            r"(?:ignore|forget)(?:\sthe)?\srules",
            [{"ignore rules", "forget rules", "ignore the rules", "forget the rules"}],
        ),
        (r"(?:pink|cyan)\s{1,4}[a-z]{3}-\s{0,9}yellow", [{" yellow"}, {"pink ", "cyan "}, {" "}]),
        (r"don['’]t\s{1,2}tell", [{"don t tell"}]),
        (r"rôle", [{"r le"}]),
        (r"[a-z]{3}\s[0-9]", [{" "}]),
    ],
)
def test_each_part_of_a_series_gives_a_group_the_best_first(pattern: str, groups: list[set[str]]) -> None:
    clues = required_groups(parse_pattern(pattern, ignore_case=True), AS_WORDS)
    assert groups == [set(clue.strings) for clue in clues]


@settings(max_examples=80, deadline=None)
@given(samples_and_text(), st.data())
def test_every_match_of_a_branch_contains_a_string_of_each_of_its_groups(
    example: tuple[list[Sample], str], data: st.DataObject
) -> None:
    pattern = data.draw(st.sampled_from(example[0])).pattern
    branch = data.draw(st.sampled_from([*branches(parse_pattern(pattern.core, ignore_case=pattern.ignore_case))]))
    match = data.draw(match_of(branch))
    for spelling, text in [
        (AS_WRITTEN, match),
        (FOLDED, fold(match)),
        (AS_SHAPES, shaped(match)),
        (AS_WORDS, re.sub(" +", " ", spelled(match).decode())),
    ]:
        clues = required_groups(branch, spelling)
        assert all(any(literal in text for literal in clue.strings) for clue in clues)


def test_the_gaps_around_a_match_make_whole_words() -> None:
    tree = parse_pattern(r"(?:ignore|forget)\s{1,4}[a-z]{1,9}(?:\s{1,4}rules?)?", ignore_case=True)
    assert required_groups(tree, AS_WORDS)[0].strings == {"ignore ", "forget "}
    assert required_groups(tree, AS_WORDS, Edges(before=True))[0].strings == {" ignore ", " forget "}
    (whole,) = required_groups(parse_pattern("rules?"), AS_WORDS, Edges(True, True))
    assert whole.strings == {" rule ", " rules "}


@settings(max_examples=80, deadline=None)
@given(samples_and_text(), st.sampled_from([Edges(True, True), Edges(True, False), Edges(False, True)]), st.data())
def test_every_match_holds_its_strings_with_the_gaps_around_it(
    example: tuple[list[Sample], str], around: Edges, data: st.DataObject
) -> None:
    pattern = data.draw(st.sampled_from(example[0])).pattern
    tree = parse_pattern(pattern.core, ignore_case=pattern.ignore_case)
    match = (" " if around.before else "x") + data.draw(match_of(tree)) + (" " if around.behind else "x")
    letters = re.sub(" +", " ", spelled(match).decode())
    assert all(any(phrase in letters for phrase in clue.strings) for clue in required_groups(tree, AS_WORDS, around))


trees = number_patterns().map(parse_pattern) | st.sampled_from(REALISTIC).map(
    lambda sample: first_matches(parse_pattern(sample.pattern.core, ignore_case=sample.pattern.ignore_case))
)


def places(string: str, text: str) -> list[tuple[int, int]]:
    return [(at, at + len(string)) for at in range(len(text)) if text.startswith(string, at)]


@settings(max_examples=200, deadline=None)
@given(trees, st.sampled_from([AS_WRITTEN, FOLDED, AS_SHAPES]), st.data())
def test_from_one_of_the_strings_a_match_reaches_as_far_as_the_clue_says(
    tree: Node, spelling: Spelling, data: st.DataObject
) -> None:
    match = data.draw(match_of(tree))
    text = {AS_WRITTEN: match, FOLDED: fold(match), AS_SHAPES: shaped(match)}[spelling]
    for strings, before, behind in required_groups(tree, spelling):
        assert any(
            before.least <= at
            and end <= before.most
            and behind.least <= len(match) - end
            and len(match) - at <= behind.most
            and in_mask(match[:end], before.chars)
            and in_mask(match[at:], behind.chars)
            for string in strings
            for at, end in places(string, text)
        )


def test_the_options_of_a_choice_are_branches_and_so_are_theirs() -> None:
    assert [parse_pattern(pattern) for pattern in ("ab", "c", "de")] == [*branches(parse_pattern("ab|(?:c|de)"))]

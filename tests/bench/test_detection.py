from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.detection import Found, Reading, count_labelled, count_ordinary, merged
from bench.named_text import Mark, Record
from bench.ordinary_text import Kind, Piece
from bench.ruleset import Ruleset, load_ruleset
from guardproxy.core.exchange import Provenance
from guardproxy.match.scanner import Span
from tests.bench.zoo import write_zoo

SPANS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 6), st.sampled_from("ab")).map(lambda s: Span(s[0], s[0] + s[1], s[2]))
)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    return load_ruleset(write_zoo(tmp_path_factory.mktemp("zoo")), [])


def silent(line: str) -> None:
    raise AssertionError(f"nothing to say so soon: {line}")


def record(text: str, label: str | None, position: Provenance | None = None, *marks: Mark, kind: str = "") -> Record:
    return Record("file:1", text, label, position, marks, {"kind": kind} if kind else {})


@given(SPANS)
def test_findings_cover_what_the_spans_cover_and_those_of_one_rule_do_not_overlap(spans: list[Span]) -> None:
    findings = merged(spans)
    for rule in "ab":
        mine = [finding for finding in findings if finding.rule == rule]
        covered = {at for span in spans if span.rule == rule for at in range(span.start, span.end)}
        assert covered == {at for finding in mine for at in range(finding.start, finding.end)}
        assert all(one.end <= other.start for one, other in pairwise(mine))
    assert findings == sorted(findings, key=lambda span: span.start)


def test_a_match_that_is_confirmed_longer_and_longer_is_one_finding() -> None:
    assert merged([Span(0, 5, "a"), Span(0, 6, "a"), Span(0, 7, "a"), Span(7, 9, "a")]) == [
        Span(0, 7, "a"),
        Span(7, 9, "a"),
    ]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from(Kind)), max_size=8))
def test_findings_in_ordinary_text_are_counted_exactly(zoo: Ruleset, planted: list[tuple[int, int, Kind]]) -> None:
    pieces = [Piece(kind, "here", f"x {'zebra1234 ' * zebras}{'lion5, ' * lions}x") for zebras, lions, kind in planted]
    ordinary = count_ordinary(zoo, pieces, 0, silent)
    zebra, lion = ordinary.rules["zoo.zebra"], ordinary.rules["zoo.lion"]
    for kind in Kind:
        assert zebra.findings[kind] == sum(zebras for zebras, _, of in planted if of is kind)
        assert lion.findings[kind] == sum(lions for _, lions, of in planted if of is kind)
    assert zebra.texts.total() == sum(zebras > 0 for zebras, _, _ in planted)
    assert ordinary.characters.total() == ordinary.work.characters == sum(len(piece.text) for piece in pieces)
    assert ordinary.work.bytes == ordinary.work.characters


def test_a_rule_that_found_nothing_is_in_the_count_and_one_that_is_off_is_not(zoo: Ruleset) -> None:
    ordinary = count_ordinary(zoo, [Piece(Kind.NAMED, "here", "owl1 and nothing else")], 0, silent)
    assert {rule: count.findings.total() for rule, count in ordinary.rules.items()} == {"zoo.lion": 0, "zoo.zebra": 0}


def test_so_many_findings_as_asked_for_are_kept_masked_with_their_place(zoo: Ruleset) -> None:
    piece = Piece(Kind.PROSE, "a module", "one zebra1111, two zebra2222, three zebra3333")
    shown = count_ordinary(zoo, [piece], 2, silent).rules["zoo.zebra"].shown
    assert [(one.where, "«"[: one.excerpt.count("«")]) for one in shown] == [("a module, piece 1", "«")] * 2
    assert not any(f"zebra{digit * 4}" in one.excerpt for one in shown for digit in "123")


def test_recall_and_false_alarms_are_counted_by_label_and_group(zoo: Ruleset) -> None:
    records = [
        record("zebra1111", "attack", kind="direct"),
        record("zebra1111 zebra2222 lion1", "attack", kind="direct"),
        record("a horse", "attack", kind="odd"),
        record("a horse", "benign"),
        record("zebra3333", "benign"),
        record("zebra3333", None),
    ]
    labelled = count_labelled(zoo, records, Reading(show=5), silent)
    assert labelled.groups == {
        ("attack", "direct"): Found(2, 2),
        ("attack", "odd"): Found(1, 0),
        ("benign", ""): Found(2, 1),
        ("(no label)", ""): Found(1, 1),
    }
    zebra = labelled.rules["zoo.zebra"]
    assert zebra.texts == {"attack": 2, "benign": 1, "(no label)": 1}
    assert zebra.findings == {"attack": 3, "benign": 1, "(no label)": 1}
    assert len(zebra.shown) == 1  # only false alarms are kept to look at


def test_a_text_meets_the_rules_of_its_position_unless_all_are_asked_for(zoo: Ruleset) -> None:
    records = [record("lion1", "attack", position) for position in (Provenance.USER, Provenance.TOOL, None)]
    placed = count_labelled(zoo, records, Reading(), silent)
    everywhere = count_labelled(zoo, records, Reading(everywhere=True), silent)
    assert placed.groups == {("attack", ""): Found(3, 2)}
    assert everywhere.groups == {("attack", ""): Found(3, 3)}


def test_a_marked_place_is_found_in_part_wholly_or_not(zoo: Ruleset) -> None:
    text = "zebra1111lion22 and a horse"
    marks = [Mark(0, 9, "one"), Mark(0, 15, "both"), Mark(0, 16, "more"), Mark(22, 27, "horse"), Mark(5, 7, "inside")]
    labelled = count_labelled(zoo, [record(text, "sensitive", None, *marks)], Reading(), silent)
    assert labelled.types == {
        "one": Found(1, 1, 1),
        "both": Found(1, 1, 1),
        "more": Found(1, 1, 0),
        "horse": Found(1, 0, 0),
        "inside": Found(1, 1, 1),
    }


def test_the_same_texts_give_the_same_count(zoo: Ruleset) -> None:
    pieces = [Piece(Kind.CODE, "here", f"zebra{number} lion{number}") for number in range(990, 1010)]
    counts = [count_ordinary(zoo, pieces, 3, silent).rules for _ in range(2)]
    assert counts[0] == counts[1]
    assert counts[0]["zoo.zebra"].findings.total() == 10

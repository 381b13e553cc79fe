from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.checked import CheckedTracker
from guardproxy.match.parts import Pattern, parts_of
from guardproxy.match.starts import StartMachine
from guardproxy.match.starts_scanner import StartsScanner
from tests.match.oracle import CHECKED, EVERY_CHECK, Sample, adversarial_text, clusters, cuts


def _scanner(*patterns: Pattern, offset: int = 0, before: str = "") -> StartsScanner:
    parts = [part for pattern in patterns for part in parts_of(pattern)]
    machine = StartMachine([part.program for part in parts])
    tracker = CheckedTracker(machine, range(len(parts)), [part.check for part in parts], EVERY_CHECK)
    return StartsScanner(tracker, 40, offset=offset, before=before)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(CHECKED[:3]), min_size=1, max_size=3, unique_by=lambda s: s.pattern.rule), st.data())
def test_every_way_of_cutting_gives_the_union_of_all_matches(samples: list[Sample], data: st.DataObject) -> None:
    text = data.draw(adversarial_text(samples))
    scanner = _scanner(*(sample.pattern for sample in samples))
    for piece in data.draw(cuts(text)):
        scanner.read(piece)
    scanner.end()
    found = scanner.drain()
    for part, sample in enumerate(samples):
        spans = [(start, end) for (start, of), (_, end) in found.items() if of == part]
        assert clusters(sample.matches(text)) == clusters(spans)


def test_it_is_idle_when_nothing_is_alive() -> None:
    scanner = _scanner(Pattern("n", r"\d{3}-\d{2}"))
    scanner.read("a 123")
    assert (scanner.idle, scanner.safe) == (False, 2)
    scanner.read(" 7")
    assert (scanner.idle, scanner.safe) == (False, 6)
    scanner.read(".")
    assert (scanner.idle, scanner.safe) == (True, 8)
    assert not scanner.found


def test_it_begins_where_it_is_told() -> None:
    pattern = Pattern("n", r"\d{3}", "0-9")
    inside, behind = _scanner(pattern, offset=7, before="1"), _scanner(pattern, offset=7, before="-")
    for scanner in (inside, behind):
        scanner.read("123")
    assert (inside.drain(), behind.drain()) == ({}, {(7, 0): (10, 10)})


def test_a_long_text_is_forgotten_behind_what_a_match_can_reach() -> None:
    scanner = _scanner(Pattern("n", r"\d{20}", check=lambda text: text == "1" * 20))
    for _ in range(300):
        scanner.read("2" * 30)
    scanner.read("1" * 20)
    assert list(scanner.drain()) == [(9000, 0)]
    assert len(scanner._text) < 200


def test_a_fork_goes_on_by_itself() -> None:
    scanner = _scanner(Pattern("n", r"\d{3}-\d{2}"))
    scanner.read("123-")
    fork = scanner.fork()
    scanner.read("45")
    fork.read("x")
    assert (list(scanner.drain()), list(fork.drain())) == ([(0, 0)], [])
    assert fork.stands_like(_scanner(Pattern("n", "1")), 0)

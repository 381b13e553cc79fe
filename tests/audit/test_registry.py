"""Counting, and the text a collector reads."""

from __future__ import annotations

import math
from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.audit.registry import MOST_SERIES, OTHER, Counter, Family, Histogram, exposition
from tests.support.prometheus import Page, read_page

ANY = st.text(st.characters(exclude_categories=["Cs"]))


def page(*metrics: Counter | Histogram) -> Page:
    return read_page(exposition((metric.family, metric.samples()) for metric in metrics))


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 2**40))))
def test_a_counter_is_the_sum_of_what_was_added(added: list[tuple[str, int]]) -> None:
    counter = Counter(Family("things_total", "counter", "Things.", ("kind",)))
    for kind, amount in added:
        counter.add((kind,), amount)
    for kind in ("a", "b"):
        assert page(counter).value("things_total", {"kind": kind}) == sum(n for k, n in added if k == kind)


@given(ANY, ANY)
def test_whatever_a_label_and_a_meaning_hold_the_page_can_be_read(label: str, meaning: str) -> None:
    counter = Counter(Family("things_total", "counter", meaning, ("kind",)))
    counter.add((label,))
    assert page(counter).value("things_total", {"kind": label}) == 1


BOUNDS = (0.1, 1.0, 5.0)


@given(st.lists(st.integers(0, 10**8), max_size=30))
def test_the_buckets_of_a_histogram_add_up(values: list[int]) -> None:
    histogram = Histogram(Family("waits_seconds", "histogram", "Waits."), BOUNDS)
    for value in values:
        histogram.observe((), value)
    told = page(histogram)
    assert told.value("waits_seconds_count") == len(values)
    assert math.isclose(told.value("waits_seconds_sum"), sum(values) / 1e6)
    for bound, shown in ((0.1, "0.1"), (1.0, "1"), (5.0, "5")):
        assert told.value("waits_seconds_bucket", {"le": shown}) == sum(value <= bound * 10**6 for value in values)
    assert told.value("waits_seconds_bucket", {"le": "+Inf"}) == len(values)


def test_a_bound_belongs_to_its_bucket() -> None:
    assert bisect_left(BOUNDS, 1.0) == 1
    histogram = Histogram(Family("waits_seconds", "histogram", "Waits."), BOUNDS)
    histogram.observe((), 1_000_000)
    assert page(histogram).value("waits_seconds_bucket", {"le": "1"}) == 1


def test_however_many_names_there_are_memory_has_an_end_and_nothing_is_left_out() -> None:
    counter = Counter(Family("things_total", "counter", "Things.", ("kind", "of")))
    histogram = Histogram(Family("waits_seconds", "histogram", "Waits.", ("kind",)), BOUNDS)
    for number in range(MOST_SERIES + 100):
        counter.add((str(number), "x"))
        histogram.observe((str(number),), 500_000)
    told = page(counter, histogram)
    assert len(told.of("things_total")) == MOST_SERIES + 1
    assert told.value("things_total", {"kind": OTHER, "of": OTHER}) == 100
    assert sum(told.of("things_total").values()) == MOST_SERIES + 100
    assert told.value("waits_seconds_count", {"kind": OTHER}) == 100
    counter.add(("7", "x"))
    assert page(counter).value("things_total", {"kind": "7", "of": "x"}) == 2

"""Ordinary text stays far from what it may cost to inspect, also when the process has just started.

Within two thirds of it; what stands in JSON in JSON, which is read in three ways, within all of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

import pytest

from bench.engine.dense import dense_texts
from guardproxy.core.allowance import FREE
from guardproxy.core.policy import MATCHING_WORK_PER_CHARACTER
from tests.promises import packs

CHUNK = 12


def dense(random: Random) -> str:
    return next(dense_texts(random, 30_000))


def dense_in_json(random: Random) -> str:
    return json.dumps({"result": json.dumps({"text": dense(random)})})


def customers(random: Random) -> str:
    def line() -> str:
        born = f"{random.randint(1940, 2010)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
        phone = f"+44 7{random.randrange(1000):03} {random.randrange(10**6):06}"
        return f"{random.randrange(10**4)},user{random.randrange(10**5)}@example.com,{phone},{born},10.0.0.7\n"

    return "".join(line() for _ in range(400))


def numbers(random: Random) -> str:
    return "".join(f"{random.randrange(10 ** random.randint(1, 16))}{random.choice(' ,-')}" for _ in range(3000))


def findings(random: Random) -> str:
    """A message full of them, each of another rule: what one costs is mostly that its rule is new."""
    return " and ".join(packs.example(rule, "match", random) for rule in random.sample([*packs.rules()], 20))


@pytest.mark.parametrize(
    ("make", "share"), [(dense, 2 / 3), (dense_in_json, 1), (customers, 2 / 3), (numbers, 2 / 3), (findings, 2 / 3)]
)
def test_text_that_is_new_costs_no_more_than_a_share_of_what_it_may(
    make: Callable[[Random], str], share: float
) -> None:
    text = make(Random(make.__name__))
    whole, streamed = packs.cold(), packs.cold()
    for detector in whole:
        detector.scan(text)
    assert sum(detector.work for detector in whole) <= share * (FREE + MATCHING_WORK_PER_CHARACTER * len(text))
    scanners = [detector.scanner() for detector in streamed]
    for end in range(CHUNK, len(text) + CHUNK, CHUNK):
        for scanner in scanners:
            scanner.feed(text[end - CHUNK : end])
        worked = sum(scanner.work for scanner in scanners)
        assert worked <= share * (FREE + MATCHING_WORK_PER_CHARACTER * min(end, len(text)))

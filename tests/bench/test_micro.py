from __future__ import annotations

import pytest

from bench import BenchError
from bench.micro import PARTS, Part, Work, measure, render


def test_each_part_is_measured_against_the_first() -> None:
    parts = [
        Part("yard", "call", lambda: lambda: sum(range(500))),
        Part("ten", "one", lambda: lambda: sum(range(500)), 10),
    ]
    yard, ten = measure(parts, rounds=2)
    assert yard.ratio.median == 1
    assert ten.us.median > 0
    assert "yard" in render([yard, ten])
    assert ten.as_json()["per"] == "one"


def test_a_part_that_guardproxy_lacks_is_an_error_with_its_name() -> None:
    def build() -> Work:
        from guardproxy import no_such_thing  # type: ignore[attr-defined]

        return lambda: no_such_thing

    with pytest.raises(BenchError, match="telepathy: guardproxy does not have"):
        measure([Part("telepathy", "thought", build)], rounds=1)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.name}, {part.per}")
def test_every_part_is_there_and_works(part: Part) -> None:
    part.build()()

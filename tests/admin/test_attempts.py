"""Who fails too often waits."""

from __future__ import annotations

from guardproxy.admin.attempts import MOST_FAILURES, MOST_SOURCES, WITHIN_S, Attempts


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_source_that_failed_too_often_waits_until_its_first_failure_is_long_ago() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(MOST_FAILURES):
        assert attempts.wait_s("a") == 0
        attempts.failed("a")
        clock.now += 1
    assert attempts.wait_s("a") == WITHIN_S - MOST_FAILURES
    assert attempts.wait_s("b") == 0
    clock.now += WITHIN_S - MOST_FAILURES
    assert attempts.wait_s("a") == 0


def test_memory_has_an_end() -> None:
    attempts = Attempts(Clock())
    for number in range(MOST_SOURCES + 1):
        for _ in range(MOST_FAILURES if number == 0 else 1):
            attempts.failed(str(number))
    assert attempts.wait_s("0") == 0  # the one that has been quiet longest is forgotten

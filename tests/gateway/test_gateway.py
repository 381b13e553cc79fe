from __future__ import annotations

import time
from dataclasses import FrozenInstanceError

import pytest

from guardproxy.gateway.gateway import Bounds, epoch_ms
from tests.support.gateway import make_gateway


def test_the_clock_is_the_epoch_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    assert before <= epoch_ms() <= time.time_ns() // 1_000_000


def test_a_gateway_is_put_together_once() -> None:
    gateway, _, _ = make_gateway()
    with pytest.raises(FrozenInstanceError):
        gateway.bounds = Bounds(body_s=1)  # type: ignore[misc]

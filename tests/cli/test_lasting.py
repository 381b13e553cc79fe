from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from guardproxy.cli.lasting import THRESHOLDS, keep_what_exists


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_exists_is_never_looked_at_again_and_the_rest_less_often() -> None:
    before = gc.get_freeze_count()
    kept: list[object] = [[] for _ in range(1000)]
    keep_what_exists()
    assert gc.get_freeze_count() >= before + len(kept)
    assert not any(one is kept for one in gc.get_objects())
    assert gc.get_threshold() == THRESHOLDS

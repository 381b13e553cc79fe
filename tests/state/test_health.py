from __future__ import annotations

from guardproxy.state.health import UNSHARED, StateHealth


def test_what_is_not_shared_is_never_away_and_loses_nothing() -> None:
    assert StateHealth(degraded=False, unwritten=0, lost=0) == UNSHARED

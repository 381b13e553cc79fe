from __future__ import annotations

from guardproxy.audit.events import Event
from guardproxy.gateway.entrance import Entrance


def test_without_settings_nobody_is_trusted_and_failures_are_counted() -> None:
    door, other = Entrance(), Entrance()
    assert door.trusted == ()
    assert door.failures.failed(None, 0.0).wait_s is None
    assert (len(door.failures), len(other.failures)) == (1, 0)
    door.tell(Event.KEY_REFUSED, address=None)

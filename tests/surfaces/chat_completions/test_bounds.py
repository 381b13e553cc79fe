from __future__ import annotations

import pytest

from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.chat_completions.bounds import MOST_CALL_CHARACTERS, MOST_CHANNELS, MOST_CHOICES, Bounds


def test_as_much_as_allowed_passes_and_one_more_does_not() -> None:
    bounds = Bounds()
    for _ in range(MOST_CHOICES):
        bounds.add_choice()
    for _ in range(MOST_CHANNELS):
        bounds.add_channel()
    bounds.add_call(MOST_CALL_CHARACTERS)
    for more in (bounds.add_choice, bounds.add_channel, lambda: bounds.add_call(1)):
        with pytest.raises(UpstreamUnavailable) as caught:
            more()
        assert caught.value.reason == "too_large"

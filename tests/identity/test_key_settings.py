from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from guardproxy.identity.key_settings import KeySettings


def test_without_a_word_keys_come_from_a_file_and_guessing_is_limited() -> None:
    keys = KeySettings()
    assert (keys.file, keys.store, keys.failures) == (None, "file", 20)


@pytest.mark.parametrize("wrong", [{"poll": 5}, {"poll": 0}, {"failures": 0}, {"stale_max": -1}, {"store": "db"}])
def test_what_would_break_a_promise_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        KeySettings.model_validate(wrong)


def test_guessing_need_not_be_limited_and_nothing_need_outlast_an_outage() -> None:
    keys = KeySettings.model_validate({"failures": None, "stale_max": 0})
    assert (keys.failures, keys.stale_max) == (None, 0)

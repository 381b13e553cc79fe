from __future__ import annotations

import dataclasses

import pytest

from guardproxy.core.principal import Principal


def test_a_caller_does_not_speak_as_the_operator_unless_it_is_said() -> None:
    assert not Principal("key1", "alice").operator


def test_who_is_calling_cannot_change_during_an_exchange() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Principal("key1", "alice").operator = True  # type: ignore[misc]

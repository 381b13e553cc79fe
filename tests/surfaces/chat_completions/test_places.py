from __future__ import annotations

from typing import Any

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.chat_completions.cleaning import Cleaner
from guardproxy.surfaces.chat_completions.places import Places, is_label
from guardproxy.surfaces.chat_completions.plain import OpenChoice
from guardproxy.wire.path import Path
from tests.support.strategies import make_kit

KIT = make_kit({"key": "KEY[0-9]{4}"})


def edited(holder: Any, member: str | int, choice: OpenChoice) -> tuple[dict[Path, Path], list[tuple[Path, str]]]:
    """Where channels grew and what they were fed."""
    guard, fed = OutputGuard(KIT.policy()), list[tuple[Path, str]]()

    def grow(choice: OpenChoice, key: Path, text: str) -> str:
        fed.append((key, text))
        channel = choice.channels.setdefault(key, guard.open(key))
        return channel.feed(text)

    return Places(guard, Cleaner(guard, {}), grow).edit(choice, ("delta",), holder, member), fed


def test_each_string_is_a_text_of_its_own_by_the_index_of_its_item() -> None:
    choice, holder = OpenChoice(), {"x": [{"index": 4, "t": "a KE"}, ["b"]]}
    present, fed = edited(holder, "x", choice)
    assert holder == {"x": [{"index": 4, "t": "a "}, ["b"]]}
    assert fed == [(("delta", "x", 4, "t"), "a KE"), (("delta", "x", 1, 0), "b")]
    assert present[("delta", "x", 4, "t")] == ("delta", "x", 0, "t")
    assert choice.forms == {("delta", "x", 4): {"index": 4}}


def test_the_same_text_again_is_not_fed_again() -> None:
    choice = OpenChoice()
    for expected in (1, 0, 0):
        _, fed = edited({"x": {"t": "well", "trace_id": "KE"}}, "x", choice)
        assert len(fed) == expected


def test_names_are_hidden_before_their_texts_are_keyed() -> None:
    choice, holder = OpenChoice(), {"x": {"KEY1234": "a"}}
    _, fed = edited(holder, "x", choice)
    assert fed == [(("delta", "x", "[KEY]"), "a")]
    assert choice.renamed == {"x"}


def test_labels_are_those_that_name_something() -> None:
    assert [is_label(name) for name in ("id", "type", "trace_id")] == [True, True, True]
    assert [is_label(name) for name in ("text", 3, "idle")] == [False, False, False]

from __future__ import annotations

from typing import Any

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.chat_completions.cleaning import Cleaner
from guardproxy.surfaces.chat_completions.delta import DeltaEditor
from guardproxy.surfaces.chat_completions.plain import OpenChoice
from guardproxy.wire.path import Path
from tests.support.strategies import make_kit

KIT = make_kit({"key": "KEY[0-9]{4}"})


def edited(delta: dict[str, Any]) -> tuple[dict[Path, Path], list[tuple[Path, str]], OpenChoice]:
    """Where channels grew, what they were fed, and the choice; `delta` is edited, each growing text upper-cased."""
    guard, fed = OutputGuard(KIT.policy()), list[tuple[Path, str]]()

    def grow(choice: OpenChoice, key: Path, text: str) -> str:
        fed.append((key, text))
        return text.upper()

    choice = OpenChoice()
    present = DeltaEditor(guard, Cleaner(guard, {}), grow).edit(choice, "delta", delta)
    return present, fed, choice


def test_texts_grow_by_the_index_of_their_item_and_labels_do_not_grow() -> None:
    delta = {"role": "assistant", "content": "a", "details": [{"index": 5, "type": "t", "text": "b"}, {"text": "c"}]}
    present, fed, choice = edited(delta)
    assert delta == {
        "role": "assistant", "content": "A", "details": [{"index": 5, "type": "t", "text": "B"}, {"text": "C"}],
    }  # fmt: skip
    keys: list[Path] = [("delta", "content"), ("delta", "details", 5, "text"), ("delta", "details", 1, "text")]
    assert fed == list(zip(keys, "abc", strict=True))
    assert present == {keys[0]: keys[0], keys[1]: ("delta", "details", 0, "text"), keys[2]: keys[2]}
    assert choice.forms == {("delta", "details", 5): {"index": 5, "type": "t"}}


def test_names_and_labels_are_shown_and_kept_as_they_may_be() -> None:
    delta = {"role": "KEY1234", "KEY1234": "a", "more": [{"type": "KEY1234", "KEY1234": "b"}]}
    _, fed, choice = edited(delta)
    assert delta == {"role": "[KEY]", "[KEY]": "A", "more": [{"type": "[KEY]", "[KEY]": "B"}]}
    assert [key for key, _ in fed] == [("delta", "[KEY]"), ("delta", "more", 0, "[KEY]")]
    assert choice.forms == {("delta", "more", 0): {"type": "[KEY]"}}
    assert choice.renamed == {"more"}

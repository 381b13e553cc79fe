from __future__ import annotations

from typing import Any

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.responses.cleaning import Cleaner
from guardproxy.surfaces.responses.flow import TextFlow
from guardproxy.surfaces.responses.parts import edit_done, edit_part, repeat_item
from tests.support.strategies import make_kit

WORDS = make_kit({"word": "secret"})
AT = {"item_id": "i", "output_index": 0, "content_index": 0}


def opened() -> tuple[TextFlow, Cleaner]:
    guard = OutputGuard(WORDS.policy())
    cleaner = Cleaner(guard)
    return TextFlow(guard, cleaner), cleaner


def test_the_end_of_a_text_its_part_and_its_item_say_what_went_out() -> None:
    flow, cleaner = opened()
    done: dict[str, Any] = {"type": "response.output_text.done", **AT, "text": "a secret"}
    part: dict[str, Any] = {**AT, "part": {"type": "output_text", "text": "a secret"}}
    item: dict[str, Any] = {"type": "message", "id": "i", "content": [{"type": "output_text", "text": "a secret"}]}
    flow.grow("output_text", {"type": "response.output_text.delta", **AT, "delta": "a secret"})
    assert edit_done(done, "output_text", flow, cleaner)
    edit_part(part, "done", flow, cleaner)
    assert repeat_item(item, 0, flow) == {("content", 0, "text")}
    assert (done["text"], part["part"], item["content"][0]["text"]) == (
        "a [WORD]", {"type": "output_text", "text": "a [WORD]"}, "a [WORD]",
    )  # fmt: skip


def test_what_a_later_text_decides_is_filled_in() -> None:
    flow, cleaner = opened()
    done = {"type": "response.output_text.done", **AT, "text": "a sec"}
    assert edit_done(done, "output_text", flow, cleaner)
    assert (done["text"], flow.undecided) == ("", True)
    flow.grow("output_text", {"type": "response.output_text.delta", **AT, "content_index": 1, "delta": "ret"})
    flow.settle()
    assert (done["text"], flow.undecided) == ("a [WORD]", False)


def test_a_part_that_is_announced_begins_its_text() -> None:
    flow, cleaner = opened()
    part: dict[str, Any] = {**AT, "part": {"type": "output_text", "text": "a sec"}}
    edit_part(part, "added", flow, cleaner)
    assert part["part"]["text"] == "a "

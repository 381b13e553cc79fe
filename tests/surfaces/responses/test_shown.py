from __future__ import annotations

from typing import Any

from guardproxy.surfaces.responses.shown import Shown, ShownItem

AT = {"output_index": 1, "content_index": 0}


def test_items_and_parts_are_kept_as_they_were_last_shown() -> None:
    shown = Shown()
    shown.take({"output_index": 1, "item": {"id": "i", "status": "in_progress"}}, "added")
    shown.take({**AT, "part": {"text": ""}}, "added")
    assert (shown.items[1].done, shown.items[1].parts["content", 0].done) == (False, False)
    shown.take({**AT, "annotation": {"title": "x"}}, "added")
    assert shown.items[1].parts["content", 0].document == {"text": "", "annotations": [{"title": "x"}]}
    shown.take({**AT, "part": {"text": "y"}}, "done")
    shown.take({**AT, "annotation": {"title": "late"}}, "added")
    shown.take({"output_index": 1, "item": {"id": "i", "status": "completed"}}, "done")
    assert shown.items[1].parts["content", 0].document == {"text": "y"}
    assert (shown.items[1].done, shown.items[1].document["status"]) == (True, "completed")


def test_the_last_envelope_counts_and_may_bring_items() -> None:
    shown = Shown()
    items = [{"id": "a", "status": "completed"}, {"id": "b", "status": "in_progress"}, "odd"]
    shown.take({"response": {"id": "1", "output": items}}, "created")
    shown.take({"response": {"id": "2", "output": None}}, "in_progress")
    assert shown.envelope == {"id": "2", "output": None}
    assert [item.done for item in shown.items.values()] == [True, False]


def test_what_belongs_to_no_item_is_passed_over() -> None:
    shown = Shown()
    odd: list[dict[str, Any]] = [{"part": {}}, {"item": {}}, {**AT, "part": {}}, {**AT, "item": "x"}]
    for document in [*odd, {**AT, "annotation": 1}]:
        shown.take(document, "added")
    assert shown.items == {}


def test_a_part_is_announced_once() -> None:
    item = ShownItem({}, done=False)
    item.announce(("content", 0), {"text": "a"})
    item.announce(("content", 0), {"text": "b"})
    assert item.parts["content", 0].document == {"text": "a"}

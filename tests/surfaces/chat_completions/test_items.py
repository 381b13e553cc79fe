from __future__ import annotations

from guardproxy.surfaces.chat_completions.items import forms_of, key_of, nest

DELTA = {"details": [{"index": 3, "type": "a", "text": "x"}, {"text": "y"}, "z"], "index": 9}


def test_an_item_is_known_by_its_index_or_else_by_its_position() -> None:
    places = [("details", 0, "text"), ("details", 1, "text"), ("details", 2), ("index",)]
    keys = [key_of(DELTA, path) for path in places]
    assert keys == [("details", 3, "text"), ("details", 1, "text"), ("details", 2), ("index",)]


def test_what_is_no_number_is_no_index() -> None:
    for index in ("3", True, None, 1.5, {"a": 1}):
        assert key_of([{"index": index, "text": "x"}], (0, "text")) == (0, "text")


def test_a_text_is_nested_where_it_stood_with_the_labels_of_its_item() -> None:
    forms = forms_of(DELTA, ("details", 0, "text"))
    assert nest(("details", 3, "text"), "x", forms) == {"details": [{"index": 3, "type": "a", "text": "x"}]}
    assert nest(("details", 1, "text"), "x", forms) == {"details": [{"text": "x"}]}
    assert nest(("details", 2), "x", forms_of(DELTA, ("details", 2))) == {"details": ["x"]}
    assert nest(("content",), "x", forms) == {"content": "x"}


def test_lists_in_lists_are_nested_too() -> None:
    delta = {"a": [{"index": 1, "b": [{"index": 2, "t": "x"}]}]}
    path = ("a", 0, "b", 0, "t")
    assert nest(key_of(delta, path), "y", forms_of(delta, path)) == {"a": [{"index": 1, "b": [{"index": 2, "t": "y"}]}]}

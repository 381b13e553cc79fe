from __future__ import annotations

from typing import Any

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.chat_completions.cleaning import Cleaner
from tests.support.strategies import make_kit

KIT = make_kit({"key": "KEY[0-9]{4}"})


def cleaner(labels: dict[str, str] | None = None) -> Cleaner:
    return Cleaner(OutputGuard(KIT.policy()), {} if labels is None else labels)


def test_names_are_looked_at_however_often_they_come() -> None:
    clean = cleaner()
    for _ in range(3):
        holder = {"KEY1234": 1, "Plain": 2, "word": 3}
        clean.names(holder)
        assert list(holder.items()) == [("[KEY]", 1), ("Plain", 2), ("word", 3)]


def test_names_below_a_value_are_changed_and_its_texts_are_not() -> None:
    value: list[Any] = [{"KEY1234": {"KEY5678": "KEY9999"}, "a": 1}]
    assert cleaner().names_below(value, ("x",))
    assert value == [{"[KEY]": {"[KEY]": "KEY9999"}, "a": 1}]
    assert not cleaner().names_below(value, ("x",))


def test_more_names_than_are_remembered_are_looked_at_still() -> None:
    clean = cleaner()
    clean.names({f"Name {at}": at for at in range(1500)})
    holder: dict[str, Any] = {"Name 1499": 1, "KEY1234": 2}
    clean.names(holder)
    assert holder == {"Name 1499": 1, "[KEY]": 2}


def test_names_and_texts_of_usage_are_looked_at() -> None:
    document: dict[str, Any] = {"usage": {"total_tokens": 1, "KEY1234": {"KEY5678": 2, "note": "KEY9999"}}}
    cleaner().below(document, "usage", counts=True)
    assert document == {"usage": {"total_tokens": 1, "[KEY]": {"[KEY]": 2, "note": "[KEY]"}}}


def test_a_label_is_known_once_nothing_was_found_in_it() -> None:
    labels: dict[str, str] = {}
    clean, document = cleaner(labels), {"id": "a", "model": "KEY1234"}
    for member, value in list(document.items()):
        clean.label(document, member, value)
    assert (document, labels) == ({"id": "a", "model": "[KEY]"}, {"id": "a"})


def test_only_where_an_answer_counts_its_words_are_taken_for_an_apis() -> None:
    clean = Cleaner(OutputGuard(make_kit({"word": "secret"}).policy()), {})
    document: dict[str, Any] = {"usage": {"secret": 1}}
    clean.below(document, "usage", counts=True)
    assert document == {"usage": {"secret": 1}}
    clean.below(document, "usage")
    assert document == {"usage": {"[WORD]": 1}}

from __future__ import annotations

import pytest

from guardproxy.wire.path import INSIDE_JSON, Inside, Key, Path, format_path


@pytest.mark.parametrize(
    ("shown", "path"),
    [
        ("", ()),
        ("messages[0].content", ("messages", 0, "content")),
        ("[3].text", (3, "text")),
        ("metadata.(name)", ("metadata", Key("anything"))),
        ("tools[1].arguments", ("tools", 1, "arguments", INSIDE_JSON, "city")),
        ("metadata.(…)", ("metadata", "not an identifier")),
        ("metadata.(…)", ("metadata", "x" * 41)),
    ],
)
def test_a_path_is_written_the_way_openai_writes_param(shown: str, path: Path) -> None:
    assert shown == format_path(path)


def test_a_name_and_the_inside_of_a_string_are_different_steps_whatever_they_are_called() -> None:
    name: object = Key("json")
    assert name != Inside("json")
    assert {("a", Key("json")): 1, ("a", INSIDE_JSON): 2}[("a", INSIDE_JSON)] == 2

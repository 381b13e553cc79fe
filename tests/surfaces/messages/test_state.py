from __future__ import annotations

from typing import Any

import pytest

from guardproxy.surfaces.messages import server_state
from tests.surfaces.chat_completions.golden import place, read
from tests.surfaces.messages.golden import golden_files


def message(*content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}]}


@pytest.mark.parametrize(
    ("where", "document"),
    [
        (["container"], {"container": "container_1"}),
        (["container/id"], {"container": {"id": "container_1"}}),
        (["container/skills/0/skill_id"], {"container": {"skills": [{"type": "custom", "skill_id": "s"}]}}),
        (["thread"], {"thread": {"type": "x"}}),
        (["diagnostics/previous_message_id"], {"diagnostics": {"previous_message_id": "msg_1"}}),
        (
            ["messages/0/content/0/source/file_id"],
            message({"type": "image", "source": {"type": "file", "file_id": "f"}}),
        ),
        (["messages/0/content/0/file_id"], message({"type": "container_upload", "file_id": "f"})),
        (
            ["messages/0/content/0/content/0/source/file_id"],
            message({"type": "tool_result", "content": [{"type": "document", "source": {"file_id": "f"}}]}),
        ),
        ([], message({"type": "tool_use", "input": {"file_id": "f"}})),
        ([], message({"type": "text", "text": "x", "citations": [{"file_id": "f"}]})),
        ([], {"container": {"id": None}, "thread": None, "diagnostics": {"previous_message_id": None}}),
        ([], {"metadata": {"file_id": "f"}, "messages": [{"content": [{"file_id": 5}]}]}),
        ([], []),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_request_says_what_it_refers_to_on_the_server(where: list[str], document: Any) -> None:
    assert where == [place(path) for path in server_state(document)]


def test_references_are_found_in_a_long_request_in_their_order() -> None:
    (file,) = [file for file in golden_files("request") if "every-block" in file.stem]
    assert [place(path) for path in server_state(read(file)["request"])] == [
        "messages/1/content/3/source/file_id",
        "messages/1/content/10/file_id",
        "messages/2/content/8/content/content/0/file_id",
    ]

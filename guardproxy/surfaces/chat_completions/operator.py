"""Where operator text stands in a chat completion: the system and developer messages, and the members beside them.

What the proxy says itself goes into the caller's own system message where both are the operator's, since many models
take only one; otherwise it is a message of its own, so that text of two trusts never stands in one.
"""

from __future__ import annotations

from typing import Any, Final

from guardproxy.core.context import is_operator_role
from guardproxy.core.separation.speech import Speaking, Speech, joined
from guardproxy.surfaces.chat_completions.history import StreamedAnswers, answered, claimed

# What the application sets up beside its messages.
OPERATOR_MEMBERS: Final = ("tools", "functions", "tool_choice", "function_call", "response_format")


def place(document: Any, speech: Speech) -> None:
    """Put what the proxy says into a request that was read before."""
    messages: list[dict[str, Any]] = document["messages"]
    if speech.instead:
        messages[:] = [message for message in messages if not is_operator_role(message["role"])]
    leading = next((at for at, said in enumerate(messages) if not is_operator_role(said["role"])), len(messages))
    if not leading or not speech.trusted:
        _insert(messages, leading, speech.role, speech.behind if leading else joined(speech.before, speech.behind))
        _insert(messages, 0, speech.role, speech.before if leading else "")
    else:
        _add(messages, leading - 1, speech.role, speech.behind, last=True)
        _add(messages, 0, speech.role, speech.before, last=False)
    _insert(messages, len(messages), "user", speech.restated)


def operator_part(document: Any) -> Any:
    """Everything a request says in the operator's place; None if nothing."""
    messages = [message for message in document["messages"] if is_operator_role(message["role"])]
    members = {name: document[name] for name in OPERATOR_MEMBERS if document.get(name) is not None}
    return {"messages": messages, **members} if messages or members else None


def _insert(messages: list[dict[str, Any]], at: int, role: str, text: str) -> None:
    if text:
        messages.insert(at, {"role": role, "content": text})


def _add(messages: list[dict[str, Any]], at: int, role: str, text: str, *, last: bool) -> None:
    """Add to the message at this place, or stand before or behind it if it has no text."""
    content = messages[at].get("content")
    if not text:
        return
    if isinstance(content, str):
        messages[at]["content"] = joined(content, text) if last else joined(text, content)
    elif isinstance(content, list):
        content.insert(len(content) if last else 0, {"type": "text", "text": text})
    else:
        _insert(messages, at + last, role, text)


SPEAKING: Final = Speaking(place, operator_part, answered, StreamedAnswers, claimed)

"""Where text stands in a whole legacy completion: a chat's choices, with the text beside the index.

So they are read the same way, every member of every choice; what repeats the text differs. Its log probabilities hold
it twice, the second time in the *names* of `top_logprobs`.
"""

from __future__ import annotations

from typing import Any, Final

from guardproxy.surfaces.chat_completions.response import read_response, strip_tokens

# The text again as tokens or as numbers made from it, as llama.cpp, SGLang and vLLM write it on a choice.
_COPIES: Final = ("tokens", "completion_probabilities", "hidden_states", "routed_experts")

__all__ = ["read_response", "strip_choice_copies", "strip_copies"]


def strip_copies(document: Any) -> None:
    """Drop what repeats the text in another encoding, in place: log probabilities, token numbers, hidden states.

    Called when the policy redacts model text; a redacted word must not survive beside its placeholder.
    """
    if not isinstance(document, dict):
        return
    strip_choice_copies(document)
    choices = document.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            strip_choice_copies(choice)


def strip_choice_copies(holder: dict[str, Any]) -> None:
    """`strip_copies` for what stands directly in a choice, a response or an event: null takes its place."""
    strip_tokens(holder)
    for name in _COPIES:
        if holder.get(name) is not None:
            holder[name] = None

"""Control tokens: what separates the speakers in a model's raw input, and may therefore stand in nobody's text.

An upstream that tokenizes a conversation may read `<|im_start|>system` inside of a message as the beginning of another
one. Each family below is a way of writing such tokens, not one model: they are borrowed, so all of them are looked for
whatever the model is called. A token is not taken out, since what is left could close up to another one; its first sign
becomes one that looks much the same, stands in no vocabulary's control tokens, and folds to nothing else.

A token may be cut in two between texts that a server joins (`run`): it is found there too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from itertools import accumulate
from types import MappingProxyType
from typing import Final

from guardproxy.core.separation.seen import is_seen, replace_seen, seen_spans
from guardproxy.match.lookalikes import fold
from guardproxy.match.signs import signs_in
from guardproxy.match.view import shown_by

# By family, and in it by its first sign: how the rest of a token is written. In any case unless it says otherwise.
FAMILIES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        # ChatML, Llama 3 and 4, Harmony, Qwen, Phi, GLM, Command R, Granite, Kimi, Zephyr, Grok, DeepSeek (whose bars
        # are full-width), Gemma 4 (whose tokens have one bar)
        "bars": {"<": r"\|[\w▁.:/-]{1,64}\|?>|/?[\w▁.:-]{1,64}\|>"},
        "llama": {"<": r"</?SYS>>|/?s>", "[": r"/?INST\]"},
        "mistral": {
            "[": r"(?-i:/?(?:SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_(?:CALLS|RESULTS|CONTENT|CALL_ID)|CALL_ID|ARGS|THINK|"
            r"MODEL_SETTINGS|PREFIX|MIDDLE|SUFFIX|IMG(?:_BREAK|_END)?|(?:BEGIN_)?AUDIO|TRANSCRIBE)\])"
        },
        "gemma": {
            "<": r"(?:start|end)_(?:of_turn|of_image|function_(?:declaration|call|response))>|(?:bos|eos|pad|unk)>"
        },
        "hermes": {"<": r"/?(?:tool_calls?|tool_response|tools|think)>"},
        "glm": {"[": r"(?-i:[gs]?MASK)\]", "<": r"[se]op>"},
        "minimax": {"]": r"~!?b[\[\]]", "[": r"e~\[", "<": r"/?minimax:\w{1,32}>"},
        "nemotron": {"<": r"(?:extra_id|SPECIAL)_[0-9]{1,4}>"},
        "seed": {"<": r"/?seed:\w{1,32}>"},
        "baichuan": {"<": r"reserved_[0-9]{1,4}>"},
        "starcoder": {"<": r"(?:fim_(?:prefix|middle|suffix|pad)|file_sep|repo_name|end_of_utterance)>"},
        "anthropic": {"<": r"/?(?:antml:[a-z_]{1,32}|function_(?:calls|results?))\b"},
        "alpaca": {"#": r"#{1,4}[ \t]?(?:instruction|response|system|user|human|assistant)[ \t]?:"},
        "xml": {"<": r"/?(?:system|developer|assistant)(?:[_-](?:prompt|message|reminder|instructions?))?>"},
    }
)
ALL_FAMILIES: Final = frozenset(FAMILIES)

# The proxy's own fences: nobody else may open or close one.
_FENCES: Final = {"<": r"<[ \t]{0,4}/?[ \t]{0,4}(?:user|tool|document)[ \t]{0,4}:"}

_NEVER: Final = "(?!)"

# None of them folds to anything but itself.
INERT: Final[Mapping[str, str]] = MappingProxyType({"<": "⟨", "[": "⟦", "]": "⟧", "#": "♯"})


@cache
def pattern_of(families: frozenset[str], fences: bool) -> re.Pattern[str]:
    """Finds the tokens of these families; with `fences` also what looks like a fence of the proxy's."""
    by_sign: dict[str, list[str]] = {}
    for tokens in [*(FAMILIES[name] for name in sorted(families)), *([_FENCES] if fences else [])]:
        for sign, rest in tokens.items():
            by_sign.setdefault(sign, []).append(rest)
    # Each alternative begins with a sign, so that the search runs from sign to sign.
    alternatives = [f"{re.escape(sign)}(?:{'|'.join(rest)})" for sign, rest in by_sign.items()]
    return re.compile("|".join(alternatives) or _NEVER, re.I)


class ControlTokens:
    """Finds and breaks the tokens of some families."""

    __slots__ = ("_pattern",)

    def __init__(self, families: Collection[str] = ALL_FAMILIES, *, fences: bool = False) -> None:
        self._pattern = pattern_of(frozenset(families), fences)

    def live_in(self, text: str) -> bool:
        """Whether a token stands in the text as it is read."""
        return self._may_stand_in(text) and is_seen(self._pattern, text)

    def broken(self, text: str, signs: frozenset[str] | None = None) -> tuple[str, int]:
        """The text without a live token, and how many there were. `signs` are those in it, if they are known."""
        return replace_seen(self._pattern, text, _inert) if self._may_stand_in(text, signs) else (text, 0)

    def broken_run(self, texts: Sequence[str]) -> tuple[list[str], int]:
        """The same for texts that are read as one: neither in one of them nor over a cut is a token left."""
        each = [self.broken(text) for text in texts]
        out, total = [text for text, _ in each], sum(count for _, count in each)
        while len(out) > 1 and (cut := seen_spans(self._pattern, "".join(out))):
            _break_at(out, [span.start for span in cut])
            total += len(cut)
        return out, total

    def _may_stand_in(self, text: str, signs: frozenset[str] | None = None) -> bool:
        """Whether a first sign stands in the text, or something that is read as one."""
        if any(sign in text for sign in INERT):
            return True
        if text.isascii():
            return False
        shown = shown_by(signs_in(text) if signs is None else signs)
        return any(sign in shown for sign in INERT)


def _break_at(texts: list[str], places: Sequence[int]) -> None:
    """Replace the characters at these places of the joined texts, each in the text it stands in."""
    starts = list(accumulate(map(len, texts), initial=0))
    for place in places:
        at = bisect_right(starts, place, 0, len(texts)) - 1
        inside = place - starts[at]
        texts[at] = texts[at][:inside] + _inert(texts[at][inside]) + texts[at][inside + 1 :]


def _inert(token: str) -> str:
    """The token with other signs at its beginning; one that only looks like a sign counts as what it looks like."""
    rest = token.lstrip(token[0])
    return INERT[fold(token[0])[0]] * (len(token) - len(rest)) + rest

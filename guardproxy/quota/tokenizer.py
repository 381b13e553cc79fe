"""Tokens of texts, counted before a request goes out, at a price that has a bound.

`EstimatingTokenizer` looks at kinds of characters and costs next to nothing. `TiktokenTokenizer` counts what OpenAI's
models will count, for models it knows; a conversation's resent history is counted once. A text of many characters is
counted in parts: the estimate of the whole, corrected by what counting shows the estimate of the parts to be worth. So
no text costs more than some milliseconds, however long it is and whatever stands in it, and what costs more than a
fraction of one is to be done in a thread (`is_long`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from guardproxy.quota.characters import estimate_tokens

if TYPE_CHECKING:
    from tiktoken import Encoding

MOST_COUNTED: Final = 4096
"""Characters of one text that are counted one by one."""

MOST_INLINE: Final = 2048
"""Characters that may be counted while everybody else waits: about 0.2 ms."""

_WINDOW: Final = 512
_MOST_KNOWN: Final = 20_000
_WORTH_KNOWING: Final = 64


class Tokenizer(Protocol):
    def count(self, model: str, texts: Sequence[str]) -> int:
        """Tokens of the texts as the model will read them, exactly or nearly."""

    def is_long(self, model: str, texts: Sequence[str]) -> bool:
        """Whether counting them would hold up an event loop."""


class EstimatingTokenizer:
    """Knows no vocabulary. Costs the same for any request that is not short."""

    def count(self, model: str, texts: Sequence[str]) -> int:
        return estimate_tokens(texts[0] if len(texts) == 1 else "\n".join(texts))

    def is_long(self, model: str, texts: Sequence[str]) -> bool:
        return False


class TiktokenTokenizer:
    """Counts with OpenAI's vocabularies. Safe to use in several threads."""

    def __init__(self, encodings: Mapping[str, Encoding]) -> None:
        self._encodings = encodings
        self._known: dict[tuple[str, int, int], int] = {}
        self._of_model: dict[str, Encoding | None] = {}
        self._estimating = EstimatingTokenizer()

    def count(self, model: str, texts: Sequence[str]) -> int:
        encoding = self._encoding(model)
        if encoding is None:
            return self._estimating.count(model, texts)
        return sum(self._count(encoding, text) for text in texts)

    def is_long(self, model: str, texts: Sequence[str]) -> bool:
        encoding = self._encoding(model)
        if encoding is None:
            return False
        return sum(len(text) for text in self._unknown(encoding.name, texts)) > MOST_INLINE

    def _encoding(self, model: str) -> Encoding | None:
        if model not in self._of_model:
            from guardproxy.quota.vocabulary import encoding_of

            if len(self._of_model) >= _MOST_KNOWN:
                self._of_model.clear()
            name = encoding_of(model)
            self._of_model[model] = None if name is None else self._encodings.get(name)
        return self._of_model[model]

    def _unknown(self, encoding: str, texts: Iterable[str]) -> Iterable[str]:
        return (text for text in texts if _name(encoding, text) not in self._known)

    def _count(self, encoding: Encoding, text: str) -> int:
        name = _name(encoding.name, text)
        known = self._known.get(name)
        if known is None:
            known = count_bounded(encoding, text)
            if len(text) >= _WORTH_KNOWING:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[name] = known
        return known


def count_bounded(encoding: Encoding, text: str) -> int:
    """Tokens of a text, exact up to `MOST_COUNTED` characters."""
    length = len(text)
    if length <= MOST_COUNTED:
        return len(encoding.encode_ordinary(text))
    step = (length - _WINDOW) / (MOST_COUNTED // _WINDOW - 1)
    parts = [text[start : start + _WINDOW] for start in (int(n * step) for n in range(MOST_COUNTED // _WINDOW))]
    counted = sum(len(encoding.encode_ordinary(part)) for part in parts)
    estimated = sum(map(estimate_tokens, parts))
    # Both look at some places only; the estimate of the whole looks at more of them.
    return round(estimate_tokens(text) * counted / estimated)


def _name(encoding: str, text: str) -> tuple[str, int, int]:
    """A text's name. Its hash is keyed by the process, so nobody outside can make two texts share one."""
    return encoding, len(text), hash(text)

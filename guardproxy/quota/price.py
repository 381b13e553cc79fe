"""What tokens cost.

Prices are kept in nano-USD per million tokens, so that every price anybody writes is a whole number and no sum is ever
rounded twice. A model that no line names costs what the dearest does: a budget must not be evaded by a new name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

NANO: Final = 1_000_000_000
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Of models whose name matches one of `models` (shell patterns). `units` are charged once per request."""

    models: tuple[str, ...]
    input: int
    output: int
    units: Mapping[str, int] = field(default_factory=dict)

    def cost(self, input_tokens: int, output_tokens: int) -> int:
        """Nano-USD, rounded up."""
        return -(-(input_tokens * self.input + output_tokens * self.output) // _MILLION)


class PriceTable:
    """The first line that matches a model is its price."""

    def __init__(self, prices: Sequence[Price] = ()) -> None:
        self._prices = tuple(prices)
        dearest_input = max((price.input for price in prices), default=0)
        dearest_output = max((price.output for price in prices), default=0)
        self._unknown = Price((), dearest_input, dearest_output)

    def __bool__(self) -> bool:
        return bool(self._prices)

    def of(self, model: str) -> Price:
        for price in self._prices:
            if any(fnmatchcase(model, pattern) for pattern in price.models):
                return price
        return self._unknown

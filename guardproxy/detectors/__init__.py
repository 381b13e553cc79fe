"""What to look for. One file per technique, not per rule.

`DETECTORS` maps the name a rule writes after `detector:` to its technique. A technique has an options dataclass (what
a rule may write under `with:`) and builds one `Detector` from all the rules that use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from guardproxy.core.policy import Detector
from guardproxy.detectors import block, pattern


class Technique(NamedTuple):
    """`options`: a frozen dataclass type. `build`: takes (rule id, options) pairs; raises `RuleError`."""

    options: type[Any]
    build: Callable[[Sequence[tuple[str, Any]]], Detector]


DETECTORS: Final[Mapping[str, Technique]] = {
    "block": Technique(block.BlockOptions, block.build),
    "pattern": Technique(pattern.PatternOptions, pattern.build),
}

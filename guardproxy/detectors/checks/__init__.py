"""What a pattern cannot count: check digits, calendar dates, chance. A rule names a check after `check:`.

A check is a pure function: the matched text, exactly as it stands with its separators, to whether it is one. It never
raises, and on the few dozen characters of a match it is quick whatever they are. Checks of numbers that only mean
something behind a word ("passport no. C01X00T47") are asked about word and number (`checks.context`).
"""

from guardproxy.detectors.checks.context import Check
from guardproxy.detectors.checks.registry import CHECKS, find_check

__all__ = ["CHECKS", "Check", "find_check"]

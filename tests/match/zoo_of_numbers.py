"""Patterns for numbers in groups, and texts that are hard for them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

_ATOMS = [
    r"\d",
    r"\d",
    r"\d{2}",
    r"\d{3}",
    "[ -]",
    "[ -]?",
    r"\.",
    "-",
    "[a-f]",
    "[0-9a-f]",
    "[A-Z0-9]",
    r"[\d-]",
    r"\s?",
]
_TIMES = ["", "", "?", "{2}", "{1,3}", "{0,2}", "{4,6}"]


@st.composite
def _pattern(draw: DrawFn, depth: int) -> str:
    kind = draw(st.sampled_from(["atom", "series", "series", "choice", "repeat"] if depth else ["atom"]))
    match kind:
        case "atom":
            return draw(st.sampled_from(_ATOMS))
        case "series":
            return "".join(draw(st.lists(_pattern(depth - 1), min_size=2, max_size=3)))
        case "choice":
            return "(?:" + "|".join(draw(st.lists(_pattern(depth - 1), min_size=2, max_size=2))) + ")"
        case _:
            return f"(?:{draw(_pattern(depth - 1))}){draw(st.sampled_from(_TIMES))}"


def number_patterns() -> SearchStrategy[str]:
    """Written for our language and, meaning the same, for Python's (`\\d` and `\\s` of ASCII)."""
    return _pattern(3).map(lambda pattern: rf"\d{pattern}")


def number_texts() -> SearchStrategy[str]:
    pieces = ["1", "23", "456", "-", " ", "  ", ".", "a", "f", "Z", "\n", "é", "１", "12-34", "1.2.3.4", "x" * 9]
    return st.lists(st.sampled_from(pieces), max_size=14).map("".join)

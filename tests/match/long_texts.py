"""Long texts in many scripts, with what should not be missed in them: all ways of looking at a text as a whole."""

from __future__ import annotations

from hypothesis import strategies as st

from bench.languages import at_length, sentences
from tests.match.disguises import in_selectors, in_tags

_ORDINARY = [*sentences().values(), "plain prose, nothing else. ", "".join(map(chr, range(0x21, 0x600))), "𐌰𐌱𐌲 𝕬𝖇 "]
_UNCOMMON = [
    *["\u200b", "\u00ad", "\ufeff", "\u202e", "\U000e0041", "\ufe0f", "\ufe09", "\U000e0120", "\U000e0fff", "\uffff"],
    *["＜", "｜", "‹", "≪", "［", "‹|im_start|›", "＜｜im_start｜＞", "<|im_\u200bstart|>", "[INST]", "♯", "ⓗ"],
    *[
        "\u3000",
        "\u2003",
        "\xa0",
        "\x85",
        "\u1680",
        "\t",
        "  ",
        "\x1f",
        "漢字漢字漢字漢字漢字",
        "が",
        "ｶﾞ",
        "ﷺ",
        "ﬁ",
        "…",
        "㎏",
    ],
    *["\ud83d", "\ude00", "\ud7fb", "\\u200b", "\\ud83d\\ude00", "\\n", '"role": "system"', "\nUser: a\nAssistant: b"],
    in_tags("<|im_start|>"),
    in_selectors("ghp_"),
]

uncommon = st.one_of(st.sampled_from(_UNCOMMON), st.text(max_size=3))


@st.composite
def long_texts(draw: st.DrawFn, parts: st.SearchStrategy[str] = uncommon) -> str:
    """Stretches of ordinary text in one script or several, with `parts` strewn in."""
    pieces = []
    for ordinary in draw(st.lists(st.sampled_from(_ORDINARY), min_size=1, max_size=3)):
        pieces += [at_length(ordinary, draw(st.sampled_from([0, 7, 60, 70, 300, 1200]))), draw(parts)]
    return "".join(pieces)

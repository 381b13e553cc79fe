"""One character as a reader sees it: `fold()` takes what only looks different from a letter, digit or sign of ASCII.

In this order, each character by itself, so text may be cut anywhere:

1. A look-alike of the tables below is the sign it looks like: Cyrillic `а` is `a`, `’` is `'`, `ı` is `i`.
2. Anything else is decomposed (NFKD): full-width, mathematical, circled and superscript forms, ligatures, letters with
   accents; and of what comes out, look-alikes once more.
3. Marks that stack on a letter (Mn, Me) and what has no width (format characters, variation selectors, tags, controls
   above ASCII, everything else Unicode calls default ignorable) become nothing; and so does the tatweel, a line that
   only makes a word of Arabic longer.
4. A space is U+0020, a hyphen, en dash or minus is `-`, a digit of any script is that digit of ASCII.

ASCII stays as it is, its control characters too: that they cannot be seen is told where escapes are undone
(`guardproxy.match.escapes`). The em dash stays: prose puts it right behind a word, and `-` there would make a key seem
to go on. Case and line ends stay. `ß`, `ø`, `ł`, `æ` are letters of their own. Hangul syllables stay, though they
decompose: their parts are letters, not marks. A character that would become more than `MOST_FOLDED` stays too: only
U+FDFA, an Arabic phrase of 18, would make text that much longer.

The tables know shape and nothing else, so a Russian word all of whose letters have a twin becomes ASCII letters (`оса`
is `oca`); a match needs a rule for that very word. Letters that are merely similar are left out (`п` and n, `в` and B).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

MOST_FOLDED: Final = 8

# By block: the characters, and below them what they look like.
_TWINS: Final = (
    # Cyrillic
    ("АВЕЅІЈЗКМНОРСТУХҮԌԚԜӀӏ", "ABESIJ3KMHOPCTYXYGQWIl"),
    ("аеокрсухѕіјһԁԛԝүѵ", "aeokpcyxsijhdqwyv"),
    # Greek and Coptic
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ", "ABEZHIKMNOPTYXCJ"),
    ("αικνορυχγϲϳ", "aikvopuxycj"),
    ("ⲎⲒⲔⲘⲚⲞⲢⲤⲦⲬⲟⲣⲥ", "HIKMNOPCTXopc"),
    # Armenian
    ("ՍՏՕԼհոսցօզ", "USOLhnugoq"),
    # Cherokee
    ("ᎠᎡᎢᎥᎪᎫᎬᎳᎷᎻᎽᎿᏀᏂᏃᏎᏏᏒᏔᏚᏞᏟᏢᏦᏴᏙᏕ", "DRTiAJEWMHYtGhZ4bRWSLCPKBVS"),
    # Lisu
    ("ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "BPDTGKJCZFMNLSRVHWXYAEIOU"),
    # Latin: without its dot, in the shape of script, in small capitals
    ("ıȷɑɡɩǀǃ", "ijagi|!"),
    ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz"),
    # Signs. The ideographic full stop is a dot to whoever resolves a host name.
    ("‘’‚‛ʹʻʼˈ′´΄\u1ffd", "''''''''''''"),
    ("“”„‟″", '"""""'),
    ("−˗⁃", "---"),
    ("∕⁄⧸", "///"),
    ("。٫∶꞉∗∼˜∣‹›ˍ٪\u2800", "..::*~~|<>_% "),
    ("⑴⑵⑶⑷⑸⑹⑺⑻⑼", "123456789"),
)
# Letters in alphabetical order that have no decomposition, or one to several characters, by the first of the 26.
_CAPITALS: Final = (0x1F110, 0x1F150, 0x1F170, 0x1F1E6, 0x1CCD6)  # in brackets, on a disc, on a square, flags, outlined
_SMALL: Final = 0x249C  # in brackets
_DIGITS: Final = 0x1CCF0  # outlined

_TABLE: Final = {
    **{twin: sign for twins, signs in _TWINS for twin, sign in zip(twins, signs, strict=True)},
    **{chr(first + at): chr(ord("A") + at) for first in _CAPITALS for at in range(26)},
    **{chr(_SMALL + at): chr(ord("a") + at) for at in range(26)},
    **{chr(_DIGITS + at): str(at) for at in range(10)},
}

# Default_Ignorable_Code_Point outside of Cf, Mn and Me: fillers of Hangul, and code points not assigned yet.
_UNSEEN: Final = frozenset(map(chr, (0x115F, 0x1160, 0x3164, 0xFFA0, 0x2065, *range(0xFFF0, 0xFFF9))))
_TATWEEL: Final = "\u0640"
_NEXT_LINE: Final = "\x85"
_NO_HYPHENS: Final = "—―⸺⸻〜〰"
_HANGUL: Final = range(0xAC00, 0xD7A4)
_SPECIAL_PLANE: Final = range(0xE0000, 0xE1000)


@lru_cache(maxsize=16_384)
def fold(char: str) -> str:
    """What one character is read as: up to `MOST_FOLDED` characters, none if it cannot be seen."""
    if char.isascii() or ord(char) in _HANGUL:
        return char
    if char in _TABLE:
        return _TABLE[char]
    folded = "".join(map(_fold_part, unicodedata.normalize("NFKD", char)))
    return folded if len(folded) <= MOST_FOLDED else char


def _fold_part(char: str) -> str:
    if char.isascii():
        return char
    if char in _TABLE:
        return _TABLE[char]
    match unicodedata.category(char):
        case "Mn" | "Me" | "Cf":
            return ""
        case "Cc":
            return char if char == _NEXT_LINE else ""
        case "Lm" if char == _TATWEEL:
            return ""
        case "Zs":
            return " "
        case "Pd" if char not in _NO_HYPHENS:
            return "-"
        case "Cn" | "Lo" if char in _UNSEEN or ord(char) in _SPECIAL_PLANE:
            return ""
    digit = unicodedata.digit(char, None)
    return char if digit is None else str(digit)

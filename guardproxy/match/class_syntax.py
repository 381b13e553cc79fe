"""One character, escape or class of the pattern language; `guardproxy.match.syntax` describes the language."""

from __future__ import annotations

import re
from typing import Final, NoReturn

from guardproxy.errors import GuardproxyError
from guardproxy.match.charset import DIGITS, LAST_CODE_POINT, SPACE, WORD, CharSet, Interval
from guardproxy.match.unicode_classes import CATEGORIES, category


class PatternSyntaxError(GuardproxyError):
    """Not in the language. `offset`: the code point of the pattern where it fails; the message says what to write."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def parse_class(body: str) -> CharSet:
    """The characters of a class written without its brackets, such as `A-Za-z0-9_`. Raises `PatternSyntaxError`."""
    return CharacterReader(body).class_body()


_SETS: Final = {"d": DIGITS, "w": WORD, "s": SPACE, "D": ~DIGITS, "W": ~WORD, "S": ~SPACE}
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r"}
_HEX_DIGITS: Final = {"x": 2, "u": 4, "U": 8}
_BY_NUMBER: Final = {2: "\\x41, or \\u0041", 4: "\\u00e9, or \\U0001f600 for what needs more", 8: "\\U0001f600"}
BOUNDARY_CURE: Final = "use not_before / not_after"
REFUSED_BOUNDARY: Final = (
    f"a word boundary stands at the very beginning or end of a pattern or of an alternative; elsewhere {BOUNDARY_CURE}"
)
_REFUSED_ESCAPES: Final = {
    "b": REFUSED_BOUNDARY,
    "B": f"the opposite of a word boundary is not in the language; {BOUNDARY_CURE}",
    **dict.fromkeys("AZzG", f"a pattern is searched everywhere, there are no anchors; {BOUNDARY_CURE}"),
    **dict.fromkeys("123456789kg", "back-references are not in the language; write the text out"),
    "0": "no number is octal; write \\x00, or \\x0a for what is \\012 elsewhere",
    "K": "what was matched before it belongs to the match; write it into not_before if it is one character",
    "R": "elsewhere any end of a line; write (?:\\r\\n|[\\n\\r]), or \\n",
    "h": "elsewhere white space inside of a line; write [ \\t], in a class both characters",
    "H": "elsewhere all but white space inside of a line; write [^ \\t]",
    "v": "elsewhere white space between lines, or the vertical tab; write [\\n\\r], or \\x0b",
    "V": "elsewhere all but white space between lines; write [^\\n\\r]",
    "N": "elsewhere a character by its name, or any but the line feed; write its code point as \\u2014, or .",
    "X": "elsewhere a letter with its accents; write (?:\\P{M}\\p{M}{0,20})",
    "C": "elsewhere a byte; write . for a character",
    "a": "elsewhere the character bell; write \\x07",
    "e": "elsewhere the character escape; write \\x1b",
    "f": "elsewhere the form feed; write \\x0c",
    "c": "elsewhere a control character; write it by its number, from \\x01 for ctrl-A to \\x1a for ctrl-Z",
    "o": "no number is octal; write \\x0a for what is \\o{12} elsewhere",
    **dict.fromkeys("QE", "elsewhere the edge of a text that is taken as it is; escape its punctuation one by one"),
    **dict.fromkeys("Ll", "elsewhere a change of case; write the letters, or use the option ignore_case"),
}
_SET_OPERATIONS: Final = {
    "&&": "what two classes share; write the characters out, or \\& for the character",
    "--": "one class without another; write the characters out, or \\- for the character",
    "||": "two classes together; write them one behind the other, or \\| for the character",
    "~~": "what is in one of two classes; write the characters out, or \\~ for the character",
}


class CharacterReader:
    """Reads from `_at` on and leaves `_at` behind what it read."""

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        self._text = text
        self._ignore_case = ignore_case
        self._at = 0

    def class_body(self) -> CharSet:
        """The whole text as the inside of a class."""
        if self._text.startswith("["):
            self._fail("write what stands inside the brackets, without them; \\[ for a bracket")
        return self._class_items(closing=None)

    def _fail(self, message: str, at: int | None = None) -> NoReturn:
        raise PatternSyntaxError(message, self._at if at is None else at)

    def _next(self) -> str:
        """The next character, empty at the end."""
        return self._text[self._at : self._at + 1]

    def _cased(self, item: str | CharSet) -> CharSet:
        """A set named by an escape stays as it is; a written character gets its other case where that is asked for."""
        if isinstance(item, CharSet):
            return item
        single = CharSet.single(item)
        return single.with_cases() if self._ignore_case else single

    def _class(self) -> CharSet:
        opened = self._at
        self._at += 1
        found = self._class_items(closing="]")
        if self._next() != "]":
            self._fail("'[' without ']'; write \\[ for the character", opened)
        self._at += 1
        return found

    def _class_items(self, closing: str | None) -> CharSet:
        """The items up to `closing` (not read) or the end; `]` is never an item by itself."""
        start = self._at
        negated = self._next() == "^"
        self._at += negated
        first_item = self._at
        named = CharSet(())
        written: list[Interval] = []
        while self._next() not in ("", "]"):
            item = self._class_item()
            if isinstance(item, CharSet):
                named |= item
            else:
                written.append(item)
        if self._next() == "]" and closing is None:
            self._fail("write \\] for the character, and leave the brackets of the class out")
        if self._at == first_item:
            self._fail(
                "empty class; write \\] for the character" if closing else "empty class; write its characters", start
            )
        items = CharSet.of(written)
        found = named | (items.with_cases() if self._ignore_case else items)
        if negated:
            found = ~found
        if not found:
            self._fail("no character is in this class: what must not be is everything; leave some of it out", start)
        return found

    def _class_item(self) -> Interval | CharSet:
        at = self._at
        if self._text.startswith("[:", at):
            self._fail("POSIX classes are not in the language; write ranges, or \\[: for the characters")
        self._refuse_set_operation()
        first = self._class_character()
        self._refuse_set_operation()
        if self._next() != "-" or self._text[self._at + 1 : self._at + 2] in ("", "]"):
            return first if isinstance(first, CharSet) else (ord(first), ord(first))
        self._at += 1
        last = self._class_character()
        if isinstance(first, CharSet) or isinstance(last, CharSet):
            self._fail("a range ends at single characters; write \\- for the character", at)
        if first > last:
            self._fail(f"the range {self._text[at : self._at]} is empty; write {last}-{first}", at)
        return ord(first), ord(last)

    def _refuse_set_operation(self) -> None:
        """Elsewhere two such signs are no characters, and which was meant cannot be seen."""
        if meaning := _SET_OPERATIONS.get(self._text[self._at : self._at + 2]):
            self._fail(f"{self._text[self._at] * 2}: elsewhere {meaning}")

    def _class_character(self) -> str | CharSet:
        if self._next() == "\\":
            return self._escape()
        self._at += 1
        return self._text[self._at - 1]

    def _escape(self) -> str | CharSet:
        at = self._at
        letter = self._text[at + 1 : at + 2]
        if letter in _HEX_DIGITS:
            return self._code_point(_HEX_DIGITS[letter])
        self._at += 2
        if letter in ("p", "P"):
            named = self._category(at)
            return named if letter == "p" else ~named
        if letter in _SETS:
            return _SETS[letter]
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter in _REFUSED_ESCAPES:
            self._fail(f"\\{letter}: {_REFUSED_ESCAPES[letter]}", at)
        if not letter:
            self._fail("the pattern ends in the middle of an escape; write \\\\ for a backslash", at)
        if letter.isalnum():
            self._fail(f"\\{letter}: unknown escape; write {letter} for the character", at)
        return letter

    def _category(self, at: int) -> CharSet:
        """The general category that is named in braces here."""
        written = re.compile(r"\{([^{}]*)\}").match(self._text, self._at)
        if written is None:
            self._fail("name a general category in braces, such as \\p{L}", at)
        if written[1] not in CATEGORIES:
            known = " ".join(CATEGORIES)
            self._fail(f"no general category '{written[1]}'; known are {known}; write a script as a range", at)
        self._at = written.end()
        return category(written[1])

    def _code_point(self, digits: int) -> str:
        at = self._at
        written = self._text[at + 2 : at + 2 + digits]
        if not re.fullmatch(f"[0-9A-Fa-f]{{{digits}}}", written):
            self._fail(f"\\{self._text[at + 1]} needs {digits} hexadecimal digits; write {_BY_NUMBER[digits]}", at)
        if int(written, 16) > LAST_CODE_POINT:
            self._fail(f"there is no character above \\U{LAST_CODE_POINT:08x}; write one up to there", at)
        self._at += 2 + digits
        return chr(int(written, 16))

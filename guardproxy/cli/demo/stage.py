"""Printing for people: titles, code, what came back, check marks. Remembers every check that failed.

Colour only on a terminal and not where NO_COLOR is set; plain ASCII marks where the output cannot show others. What
came over the wire is made printable first, so no answer can act on the terminal.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple, Self, TextIO

from guardproxy.core.excerpt import printable

WIDEST: Final = 100
NARROWEST: Final = 40
_SPACED_WORD: Final = re.compile(r"( *)([^ ]*)")
_PLACEHOLDER: Final = re.compile(r"\[REDACTED:[^]]*\]")
_RESET: Final = "\x1b[0m"
_ASCII: Final = str.maketrans(
    {
        "✓": "+",
        "¦": "|",
        "✗": "x",
        "─": "-",
        "│": "|",
        "•": "*",
        "…": "...",
        "«": "<",
        "»": ">",
        "→": "->",
        "µ": "u",
        "×": "x",
    }
)


class Style(StrEnum):
    TITLE = "\x1b[1m"
    CODE = "\x1b[36m"
    QUIET = "\x1b[2m"
    GOOD = "\x1b[32m"
    BAD = "\x1b[1;31m"
    MARKED = "\x1b[33m"


class Failure(NamedTuple):
    """What did not happen as it must, and in which scene."""

    scene: str
    what: str


class Stage:
    """Writes to one stream, at most `width` columns wide."""

    def __init__(self, stream: TextIO, *, width: int = WIDEST, colour: bool = False) -> None:
        self._stream = stream
        self._width = max(NARROWEST, min(width, WIDEST))
        self._colour = colour
        self._plain = not _can_show(stream, "✓│")
        self._scene = "start"
        self.checks = 0
        self.failures: list[Failure] = []

    @classmethod
    def on(cls, stream: TextIO, environ: Mapping[str, str]) -> Self:
        """A stage as this stream can show it."""
        colour = stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        return cls(stream, width=shutil.get_terminal_size((WIDEST, 24)).columns, colour=colour)

    def title(self, text: str) -> None:
        """The heading of a scene. Failed checks from now on are this scene's."""
        self._scene = text
        self._line("")
        self._line(f"── {text} {'─' * max(2, self._width - len(text) - 4)}"[: self._width], Style.TITLE)

    def says(self, text: str) -> None:
        """A paragraph."""
        for line in textwrap.wrap(text, self._width - 2):
            self._line(f"  {line}")

    def code(self, *lines: str) -> None:
        """What an application would write, or type into a shell. Never broken: it is there to be copied."""
        for line in lines:
            self._line(f"    {line}", Style.CODE)

    def quote(self, text: str, note: str = "") -> None:
        """What came back, line by line, wrapped behind a bar."""
        if note:
            self._line(f"  {note}", Style.QUIET)
        for line in text.splitlines():
            for part in _wrapped(printable(line), self._width - 4):
                self._line(f"  │ {self._marked(part)}")

    def pieces(self, pieces: Iterable[str], note: str) -> None:
        """Texts as they were cut: a bar between two pieces of a stream. Lines break only at a cut, if they can."""
        lines = [""]
        for piece in map(printable, pieces):
            if lines[-1] and len(lines[-1]) + len(piece) >= self._width - 4:
                lines.append("")
            lines[-1] += f"{piece}¦"
        self.quote("\n".join(lines).removesuffix("¦"), note)

    def live(self, note: str) -> Live:
        """A text that is shown while it comes."""
        self._line(f"  {note}", Style.QUIET)
        return Live(self, self._width - 4)

    def check(self, ok: bool, what: str) -> bool:
        """One thing that must be so. Returns `ok`."""
        self.checks += 1
        if not ok:
            self.failures.append(Failure(self._scene, what))
        first, *more = textwrap.wrap(what, self._width - 4)
        self._write("  " + self._paint("✓" if ok else "✗", Style.GOOD if ok else Style.BAD) + f" {first}\n")
        for line in more:
            self._line(f"    {line}")
        return ok

    def facts(self, facts: Mapping[str, str]) -> None:
        """Names and values, one below the other."""
        column = max(map(len, facts)) + 2
        for name, value in facts.items():
            self._write(f"  {self._paint(name.ljust(column), Style.QUIET)}{value}\n")

    def end(self) -> bool:
        """Tell how it went; whether all went well."""
        self._line("")
        if not self.failures:
            self._line(f"  ✓ all {self.checks} checks passed", Style.GOOD)
            return True
        self._line(f"  ✗ {len(self.failures)} of {self.checks} checks failed:", Style.BAD)
        for failure in self.failures:
            self._line(f"    {failure.scene}: {failure.what}")
        return False

    def gap(self) -> None:
        self._line("")

    def raw(self, text: str) -> None:
        """Text as it is, at once."""
        self._write(text)

    def line(self, text: str, style: Style | None = None) -> None:
        """One line as it is, however long."""
        self._line(f"  {text}", style)

    @property
    def colour(self) -> bool:
        return self._colour

    def _marked(self, text: str) -> str:
        return _PLACEHOLDER.sub(lambda found: self._paint(found[0], Style.MARKED), text)

    def _line(self, text: str, style: Style | None = None) -> None:
        self._write((self._paint(text, style) if style and text else text).rstrip(" ") + "\n")

    def _paint(self, text: str, style: Style) -> str:
        return f"{style.value}{text}{_RESET}" if self._colour else text

    def _write(self, text: str) -> None:
        if self._plain:
            text = text.translate(_ASCII).encode("ascii", "backslashreplace").decode()
        self._stream.write(text)
        self._stream.flush()


class Live:
    """A text growing on the stage, broken between words. `end()` closes its last line."""

    def __init__(self, stage: Stage, width: int) -> None:
        self._stage = stage
        self._width = width
        self._column = -1  # not begun
        self._space = ""  # written with the word that follows it, so that no line ends in blanks

    def write(self, piece: str) -> None:
        for space, word in _SPACED_WORD.findall(printable(piece)):
            self._space += space
            if word and (self._column < 0 or self._column + len(self._space + word) > self._width):
                self._stage.raw("  │ " if self._column < 0 else "\n  │ ")
                self._column, self._space = 0, ""
            if word:
                self._stage.raw(self._space + word)
                self._column += len(self._space + word)
                self._space = ""

    def end(self) -> None:
        if self._column >= 0:
            self._stage.raw("\n")


def _wrapped(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    indent = indent if line[:1] == " " else ""
    return textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _can_show(stream: TextIO, marks: str) -> bool:
    try:
        marks.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True

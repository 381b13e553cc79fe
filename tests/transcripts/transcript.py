"""A transcript: one exchange as a text anybody can read, what went in and what came out of it.

    What it shows, in a sentence.
    policy: on_block=error
    even so: why its stream is another one than the upstream's even where nothing is found in it

    === the caller asks
    POST /v1/chat/completions

    {"model": "m", "messages": [...]}

    === the upstream is asked
    ...
    === the upstream answers
    200 text/event-stream

    data: ...
    (breaks off)

    === the caller gets
    ...
    === the log says
    ...

What is asked and what the upstream answers are written by hand; `make golden` writes the other three. Where a secret is
to stand is `{{secret}}`, or a third of it, `{{secret.1}}` to `{{secret.3}}`: it is made when a transcript is played, so
that none is ever stored. Events are told byte for byte, whole bodies as JSON with a line for each member that does not
fit into one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[1] / "golden" / "transcripts"
SECTIONS: Final = (
    "the caller asks", "the upstream is asked", "the upstream answers", "the caller gets", "the log says",
)  # fmt: skip
OUTCOMES: Final = (SECTIONS[1], SECTIONS[3], SECTIONS[4])
BREAKS_OFF: Final = "(breaks off)"
UNREACHABLE: Final = "(cannot be reached)"
WIDTH: Final = 118

_HEADING: Final = re.compile(r"^=== (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Transcript:
    """`about` is what stands above the first heading, `sections` what stands under each of them."""

    name: str
    about: str
    sections: Mapping[str, str]

    @property
    def policy(self) -> dict[str, str]:
        """What the policy says otherwise than the small one of the tests."""
        found = re.search(r"^policy: (.+)$", self.about, re.MULTILINE)
        return dict(each.split("=") for each in found[1].split()) if found else {}

    @property
    def changes_even_so(self) -> bool:
        """Whether the stream is changed even where nothing is found in it."""
        return "\neven so: " in self.about

    @property
    def asks(self) -> Message:
        return Message.read(self.sections[SECTIONS[0]])

    @property
    def answers(self) -> Message:
        return Message.read(self.sections.get(SECTIONS[2], UNREACHABLE))

    @property
    def streams(self) -> bool:
        return "text/event-stream" in self.answers.first

    @property
    def outcome(self) -> dict[str, str]:
        return {name: self.sections[name] for name in OUTCOMES if name in self.sections}

    def written(self, outcome: Mapping[str, str]) -> str:
        """The file, with another outcome."""
        sections = {**self.sections, **outcome}
        told = [f"=== {name}\n{sections[name]}" for name in SECTIONS if name in sections]
        return "\n\n".join([self.about, *told]) + "\n"


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: its first line, its headers, its body."""

    first: str
    headers: Mapping[str, str]
    body: str

    @staticmethod
    def read(text: str) -> Message:
        head, _, body = text.partition("\n\n")
        first, *lines = head.split("\n")
        named = (line.partition(":") for line in lines)
        return Message(first, {name: value.strip() for name, _, value in named}, body)

    def told(self) -> str:
        head = "\n".join([self.first, *(f"{name}: {value}" for name, value in self.headers.items())])
        return f"{head}\n\n{self.body}" if self.body else head


def transcripts() -> list[Path]:
    found = sorted(FOLDER.rglob("*.txt"))
    assert found, "no transcripts"
    return found


def read(file: Path) -> Transcript:
    """Raises `ValueError` for a file with a heading that is none of `SECTIONS`, or with one twice."""
    about, *parts = _HEADING.split(file.read_text(encoding="utf-8"))
    names = parts[::2]
    if len(set(names)) != len(names) or not set(names) <= set(SECTIONS):
        raise ValueError(f"{file}: unknown or repeated headings in {names}")
    sections = dict(zip(names, (part.strip("\n") for part in parts[1::2]), strict=True))
    return Transcript(name_of(file), about.strip("\n"), sections)


def name_of(file: Path) -> str:
    return str(file.relative_to(FOLDER).with_suffix(""))


def laid_out(raw: bytes) -> str:
    """A JSON body, over several lines where it is long. Numbers stay as they are written."""
    if not raw:
        return ""
    return "\n".join(_lines(json.loads(raw, parse_float=_Number, parse_int=_Number), "", ""))


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


def _lines(value: Any, indent: str, before: str) -> list[str]:
    short = indent + before + _short(value)
    if len(short) < WIDTH or not isinstance(value, (dict, list)) or not value:
        return [short]
    inner: list[list[str]] = []
    if isinstance(value, dict):
        opens, closes = "{", "}"
        inner = [_lines(child, indent + "  ", f"{_short(name)}: ") for name, child in value.items()]
    else:
        opens, closes = "[", "]"
        inner = [_lines(child, indent + "  ", "") for child in value]
    for lines in inner[:-1]:
        lines[-1] += ","
    return [indent + before + opens, *(line for lines in inner for line in lines), indent + closes]


def _short(value: Any) -> str:
    match value:
        case _Number():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{_short(name)}: {_short(child)}" for name, child in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_short, value)) + "]"
    return json.dumps(value, ensure_ascii=False)

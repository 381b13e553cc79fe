"""Text somebody names on the command line: files, folders, and lines of JSON with what is known about each text.

A `.jsonl` file (or `.jsonl.gz`) holds one JSON object a line, with `text` and optionally

- `label`: what the text is, such as `attack` or `benign`;
- `position` or `from`: where an exchange would carry it: `operator`, `user`, `tool`, `document` or `model`;
- `spans`: what there is to find in it, as `{start, end, type}`, code points, ends exclusive.

Everything else in the object is kept for grouping. A line that is not such an object ends the run with its number:
there is no figure for a file that was read in part.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench import BenchError
from bench.ordinary_text import Kind, Piece, Shelf
from guardproxy.core.exchange import Provenance

# Labels that say there is nothing to find; a finding in such a text is a false alarm.
HARMLESS: Final = ("benign", "clean")

_NEVER_FULL: Final = float("inf")
_KEEPS: Final = (str, int)


class Mark(NamedTuple):
    """`[start, end)` of a text is a `type`."""

    start: int
    end: int
    type: str


class Record(NamedTuple):
    """One labelled text. `where` is `file:line`; `facts` are the record's other short values, as text."""

    where: str
    text: str
    label: str | None
    provenance: Provenance | None
    marks: tuple[Mark, ...]
    facts: Mapping[str, str]


def is_records(path: Path) -> bool:
    return path.name.endswith((".jsonl", ".jsonl.gz"))


def read_records(path: Path) -> Iterator[Record]:
    """The records of a file, in order. Raises BenchError with file and line."""
    for number, line in _lines(path):
        if line.strip():
            yield _record(line, f"{path}:{number}")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BenchError(f"{path}: not whole gzip data behind line {number}: {error}") from error
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror or error}") from error


def _record(line: bytes, where: str) -> Record:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise BenchError(f"{where}: not JSON: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise BenchError(f'{where}: each line is a JSON object with "text"')
    label = value.get("label")
    if label is not None and not isinstance(label, str):
        raise BenchError(f'{where}: "label" is text, such as "attack" or "benign"')
    facts = {key: str(fact) for key, fact in value.items() if key != "text" and isinstance(fact, _KEEPS)}
    return Record(where, value["text"], label, _provenance(value, where), _marks(value, where), facts)


def _provenance(value: Mapping[str, Any], where: str) -> Provenance | None:
    said = value.get("position", value.get("from"))
    if said is None:
        return None
    try:
        return Provenance(said)
    except ValueError as error:
        raise BenchError(f"{where}: unknown position {said!r}; use {', '.join(Provenance)}") from error


def _marks(value: Mapping[str, Any], where: str) -> tuple[Mark, ...]:
    spans, length = value.get("spans", []), len(value["text"])
    try:
        marks = tuple(Mark(span["start"], span["end"], span["type"]) for span in spans)
        if all(0 <= mark.start < mark.end <= length and isinstance(mark.type, str) for mark in marks):
            return marks
    except (TypeError, KeyError):
        pass
    raise BenchError(f'{where}: "spans" is a list of {{start, end, type}} inside the text')


def named(paths: Iterable[Path], say: Callable[[str], None]) -> list[Piece]:
    """The texts of files and of all files below folders, cut to pieces, each once.

    Below a folder, what is hidden is left out, and so is, counted, what is not UTF-8 text. Raises BenchError where a
    named file cannot be used.
    """
    shelf = Shelf(Kind.NAMED, _NEVER_FULL, set())
    for path in paths:
        if path.is_dir():
            left_out = sum(not _add(shelf, file) for file in _below(path))
            if left_out:
                say(f"{path}: {left_out} files are not UTF-8 text and were left out")
        elif not _add(shelf, path):
            raise BenchError(f"{path}: is not UTF-8 text")
    return shelf.pieces


def _below(folder: Path) -> list[Path]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return sorted(file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def _add(shelf: Shelf, path: Path) -> bool:
    if is_records(path):
        for record in read_records(path):
            if record.label is not None and record.label not in HARMLESS:
                raise BenchError(
                    f"{record.where}: is labelled '{record.label}', so it is no ordinary text; name it after --labelled"
                )
            shelf.add(record.where, record.text)
        return True
    try:
        raw = path.read_bytes()
        if b"\0" in raw:
            return False
        shelf.add(str(path), raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return False
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror}") from error
    return True

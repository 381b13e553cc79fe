"""Ordinary text without a download: what every Python installation carries.

False alarms are counted on text that nobody wrote to be found: the doc strings and comments of the standard library and
the pydoc topics (prose), what is left of its modules and the web files of installed distributions (code), and the
metadata, licences and read-me files of these distributions (documentation). Each character counts once: a line of a
module is prose or code, and a piece that was there before is left out.

The order is that of a hash of the names, so that a smaller amount is a cross-section and not the modules that begin
with `a`; the same installation gives the same pieces. Another Python, or other distributions, give slightly other ones,
which is why a budget is a rate with room in it. Left out: test folders (samples made to look like the real thing),
generated tables, and guardproxy's own description, which quotes what its rules look for.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import re
import sysconfig
import tokenize
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from importlib import import_module
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final, NamedTuple

MOST: Final = 4_000  # code points of a piece: a long message

DOCUMENTATION_SHARE: Final = 0.2
PROSE_SHARE: Final = 0.4
# No single file may make up the text.
_LONGEST_FILE: Final = 200_000
_SHORTEST_PIECE: Final = 20

_NOT_ORDINARY: Final = frozenset(
    ("site-packages", "dist-packages", "test", "tests", "idle_test", "encodings", "pydoc_data", "__pycache__")
)
_OWN: Final = "guardproxy"
_DOCUMENTATION: Final = re.compile(
    r"(?:metadata|pkg-info|readme|licen[cs]e|copying|notice|authors|change|history|contributing|news).*|.*\.(?:md|rst)",
    re.IGNORECASE,
)
_NO_DOCUMENTATION: Final = frozenset((".py", ".pyc", ".pyi", ".so", ".pyd", ".exe", ".json"))
_WEB: Final = frozenset((".js", ".json", ".html", ".css", ".c", ".h", ".toml", ".xml", ".yaml", ".sql", ".sh"))
_COMMENT: Final = re.compile(r"\s*#+[!:]? ?")


class Kind(StrEnum):
    PROSE = "prose"
    CODE = "code"
    DOCUMENTATION = "documentation"
    NAMED = "named"
    TABLES = "tables"


class Piece(NamedTuple):
    """A text of at most `MOST` code points, and where it came from, to find it again."""

    kind: Kind
    origin: str
    text: str


class Shelf:
    """Pieces of one kind, each once, until `room` characters are there. `seen` is shared by all shelves of a run."""

    def __init__(self, kind: Kind, room: float, seen: set[bytes]) -> None:
        self.pieces: list[Piece] = []
        self.characters = 0
        self._kind, self._room, self._seen = kind, room, seen

    @property
    def full(self) -> bool:
        return self.characters >= self._room

    def add(self, origin: str, text: str) -> None:
        for part in cut(text):
            stripped = part.strip()
            key = hashlib.blake2b(stripped.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            if self.full or len(stripped) < _SHORTEST_PIECE or key in self._seen:
                continue
            self._seen.add(key)
            self.pieces.append(Piece(self._kind, origin, part))
            self.characters += len(part)


def cut(text: str, most: int = MOST) -> Iterator[str]:
    """Parts of at most `most` code points that join to `text`; cut behind a paragraph, else a line, else a word."""
    at = 0
    while len(text) - at > most:
        end = _good_end(text, at, at + most)
        yield text[at:end]
        at = end
    if at < len(text):
        yield text[at:]


def _good_end(text: str, low: int, high: int) -> int:
    for mark in ("\n\n", "\n", " "):
        found = text.rfind(mark, (low + high) // 2, high)
        if found >= 0:
            return found + len(mark)
    return high


def installed(limit: int, say: Callable[[str], None]) -> list[Piece]:
    """About `limit` characters of this Python's own text, always the same ones. 0: none."""
    if limit <= 0:
        return []
    seen: set[bytes] = set()
    documentation = Shelf(Kind.DOCUMENTATION, limit * DOCUMENTATION_SHARE, seen)
    prose = Shelf(Kind.PROSE, limit * PROSE_SHARE, seen)
    code_files = _read_distributions(documentation)
    code = Shelf(Kind.CODE, limit * (1 - PROSE_SHARE) - documentation.characters, seen)
    for name, text in _topics().items():
        prose.add(f"pydoc {name}", text)
    library = Path(sysconfig.get_paths()["stdlib"])
    files = {f"stdlib {file.relative_to(library).as_posix()}": file for file in _modules(library)} | code_files
    for number, (origin, file) in enumerate(_shuffled(files.items()), start=1):
        if prose.full and code.full:
            break
        if number % 250 == 0:
            say(f"reading this Python's own text: {number} of {len(files)} files")
        _shelve(origin, file, prose, code)
    return [*prose.pieces, *code.pieces, *documentation.pieces]


def split_source(source: str) -> tuple[str, str]:
    """What a module says (doc strings and comments, block after block) and what it does: all other lines.

    Raises SyntaxError for what this Python cannot read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old escapes in somebody else's module
        tree = ast.parse(source)
    docs = dict(_doc_strings(tree))
    lines = source.split("\n")
    said: list[str] = []
    done: list[str] = []
    in_comment = False
    at = 0
    while at < len(lines):
        line, comment = lines[at], lines[at].lstrip().startswith("#")
        if at + 1 in docs:
            end, text = docs[at + 1]
            said.append(f"\n{text}\n")
            at = end
        elif comment:
            said.append(("" if in_comment else "\n") + _COMMENT.sub("", line, count=1))
            at += 1
        else:
            done.append(line)
            at += 1
        in_comment = comment
    return "\n".join(said).strip("\n"), "\n".join(done)


def _doc_strings(tree: ast.Module) -> Iterator[tuple[int, tuple[int, str]]]:
    """First line -> (last line, text) of each doc string that has its lines for itself. Lines count from 1."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            first = node.body[0] if text is not None else None
            if text is None or first is None or (not isinstance(node, ast.Module) and first.lineno == node.lineno):
                continue
            yield first.lineno, (first.end_lineno or first.lineno, inspect.cleandoc(text))


def _shelve(origin: str, file: Path, prose: Shelf, code: Shelf) -> None:
    try:
        if file.suffix != ".py":
            code.add(origin, file.read_text(encoding="utf-8")[:_LONGEST_FILE])
            return
        with tokenize.open(file) as opened:
            said, done = split_source(opened.read())
    except (OSError, SyntaxError, ValueError):
        return  # nobody promised that every file of an installation is there and is text
    prose.add(origin, said[:_LONGEST_FILE])
    code.add(origin, done[:_LONGEST_FILE])


def _modules(library: Path) -> Iterator[Path]:
    for file in library.rglob("*.py"):
        if _NOT_ORDINARY.isdisjoint(file.relative_to(library).parts) and not file.name.startswith("_sysconfigdata"):
            yield file


def _topics() -> Mapping[str, str]:
    """The language reference as `help()` shows it. Some systems install Python without it."""
    if importlib.util.find_spec("pydoc_data") is None:
        return {}
    topics: dict[str, str] = import_module("pydoc_data.topics").topics
    return {key: topics[key] for key in sorted(topics)}


def _read_distributions(documentation: Shelf) -> dict[str, Path]:
    """Fill the shelf with what installed distributions say about themselves; their web files are returned as code."""
    texts: dict[str, Path] = {}
    code: dict[str, Path] = {}
    for distribution in _distributions():
        name = distribution.metadata["Name"]
        for entry in distribution.files or ():
            file, origin = Path(str(entry.locate())), f"{name} {entry.as_posix()}"
            if _DOCUMENTATION.fullmatch(file.name) and file.suffix not in _NO_DOCUMENTATION:
                texts[origin] = file
            elif file.suffix in _WEB and _NOT_ORDINARY.isdisjoint(entry.parts):
                code[origin] = file
    for origin, file in _shuffled(texts.items()):
        try:
            documentation.add(origin, file.read_text(encoding="utf-8")[:_LONGEST_FILE])
        except (OSError, UnicodeDecodeError):
            continue
    return code


def _distributions() -> Iterable[Distribution]:
    """Each installed distribution once, the one that would be imported, but guardproxy."""
    first: dict[str, Distribution] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"] or ""
        if name and name != _OWN:
            first.setdefault(name, distribution)
    return first.values()


def _shuffled(named: Iterable[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """In an order that has nothing to do with what the files hold, and is always the same."""
    return sorted(named, key=lambda pair: hashlib.sha256(pair[0].encode()).digest())

"""Values that data does not merely hold but dictates: packages it says to install, one-time codes it names as such.

A package or a six-digit number may stand in data for a hundred honest reasons: an error names the module that is
missing, a ticket its order. It becomes suspicious where the text itself says what to do with it, so of data only that
counts: the argument of an install command, and a number that is called a code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from guardproxy.core.tools.entities import Entity, Kind, normalised, squeezed

_MANAGERS: Final = (
    r"(?:pip[\d.]{0,5}|pipx|uv(?: pip| tool)?|poetry|pdm|conda|mamba|npm|pnpm|yarn(?: global)?|bun|deno|cargo|gem|go|"
    r"brew|apt|apt-get|dnf|yum|apk|pacman|snap|composer|dotnet|docker|podman)"
)
_INSTALLS: Final = re.compile(
    rf"(?<![\w-])(?:{_MANAGERS}\s{{1,4}}(?:-[\w=-]{{1,40}}\s{{1,4}}){{0,4}}(?:install|i|add|get|pull|-S)|npx|pnpx|bunx|uvx)"
    r"\s{1,4}(?P<what>[^\n;&|<>`\"']{1,500})",
    re.IGNORECASE,
)
# Options whose next word is no package.
_TAKES: Final = frozenset(
    {"-r", "--requirement", "-c", "--constraint", "-i", "-t", "--target", "-e", "--editable", "-f", "--find-links",
     "--prefix", "-C", "-n", "--name", "-p", "--python"}
)  # fmt: skip
# Where packages come from, also abbreviated, as pip and npm take it.
_FROM: Final = re.compile(r"--(?:extra-)?index(?:-\w{1,8})?|--reg(?:istry)?")
_PACKAGE: Final = re.compile(r"@?[a-z0-9][\w.-]{0,100}(?:/[\w.-]{1,100}){0,4}", re.IGNORECASE)
_MOST_WORDS: Final = 20

DICTATED: Final = frozenset({Kind.PACKAGE, Kind.CODE})

_NUMBER: Final = r"(?<![\w.,])(?P<code>\d(?:[ -]?\d){3,7})(?![\w]|[.,]\d)"
_CALLED: Final = (
    r"(?:(?<!zip )(?<!postal )(?<!area )(?<!country )(?<!order )(?<!article )(?<!product )(?<!error )(?<!exit )"
    r"(?<!status )(?<!bar )\bcodes?|\bpins?|\botp|passcode|passwort|kennwort|password|\btan|"
    r"código|codice|\bкод|验证码|認証コード|인증번호)"
)
_CODES: Final = (
    re.compile(rf"{_CALLED}\b[^\n\d]{{0,40}}{_NUMBER}", re.IGNORECASE),
    re.compile(rf"{_NUMBER}[^\n\d]{{0,30}}{_CALLED}", re.IGNORECASE),
)
_ANY_CODE: Final = re.compile(_NUMBER)


def named_in(text: str) -> Iterator[Entity]:
    """The packages and the possible codes of an argument."""
    for package in packages(text):
        yield Entity(Kind.PACKAGE, package)
    for number in numbers(text):
        yield Entity(Kind.CODE, number)


def dictates(kind: Kind, text: str) -> Iterator[str]:
    """The values of a kind that a text dictates."""
    return packages(text) if kind is Kind.PACKAGE else codes(text)


def packages(text: str) -> Iterator[str]:
    """Names of packages that a text says to install, without versions. Files and folders are none."""
    for command in _INSTALLS.finditer(text):
        words = iter(command["what"].split()[:_MOST_WORDS])
        for word in words:
            if word in _TAKES or _FROM.fullmatch(word):
                next(words, None)
            elif (name := _PACKAGE.match(word)) and not word.startswith("-") and not _is_file(word):
                yield normalised(name[0]).rstrip(".,")


def numbers(text: str) -> Iterator[str]:
    """Every number of a text that could be a one-time code."""
    for found in _ANY_CODE.finditer(text):
        yield squeezed(found["code"])


def codes(text: str) -> Iterator[str]:
    """The numbers of a text that it calls a code, a PIN or a password."""
    for expression in _CODES:
        for found in expression.finditer(text):
            yield squeezed(found["code"])


def _is_file(word: str) -> bool:
    return word.startswith((".", "/", "~")) or word.endswith((".txt", ".toml", ".whl", ".gz", ".zip", ".yml", ".yaml"))

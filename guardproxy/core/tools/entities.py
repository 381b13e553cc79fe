"""What in an argument names a place outside: addresses, links, accounts, phone numbers, paths, amounts.

Only arguments of calls are taken apart, which are short; in the conversation's texts these are then looked up
(`origin`). Each expression begins at a rare character or has bounded repeats, so none of them can be made slow.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import unquote


class Kind(StrEnum):
    EMAIL = "email"
    URL = "url"
    ACCOUNT = "account"
    PHONE = "phone"
    PATH = "path"
    AMOUNT = "amount"
    PACKAGE = "package"
    CODE = "code"
    TEXT = "text"


_NAMING: Final = frozenset({Kind.EMAIL, Kind.URL, Kind.ACCOUNT, Kind.PHONE})


class Entity(NamedTuple):
    """`value` is normalised. `host`: of a link. `doubtful`: programs disagree about where a link leads."""

    kind: Kind
    value: str
    host: str = ""
    doubtful: bool = False


_LOCAL: Final = re.compile(r"[\w.+%-]{1,64}\Z")
_DOMAIN: Final = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}")
_SCHEME: Final = re.compile(r"(?:https?|ftps?|wss?|sftp|ssh|git|file)://[^\s\"'<>`]{1,4000}", re.IGNORECASE)
_BARE_HOST: Final = re.compile(
    r"(?<![\w@./-])(?://)?(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}(?::\d{1,5}(?:/[^\s\"'<>]{0,2000})?|[/?][^\s\"'<>]{0,2000})",
    re.IGNORECASE,
)
_ONLY_HOST: Final = re.compile(r"(?://)?(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_IBAN: Final = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"
)
_WALLET: Final = re.compile(r"(?<![A-Za-z0-9])(?:0x[0-9a-fA-F]{40}|bc1[a-z0-9]{20,60})(?![A-Za-z0-9])")
_DIGITS: Final = re.compile(r"(?<![\w+.,])\+?\d(?:[ ().-]{0,2}\d){5,25}(?![\w])")
_PATH: Final = re.compile(r"(?<![\w:/.~])(?:~|\.{1,2})?(?:/[\w.@+-]{1,200}){1,40}/?|[A-Za-z]:\\[^\s\"'<>|]{1,1000}")
_NUMBER: Final = re.compile(r"(?<![\w.,])\d(?:[\d.,']{0,30}\d)?(?![\w])")
_POINT: Final = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_COMMA: Final = re.compile(r"(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?")

# Unicode's category Cf: joiners, marks of direction, tags and others that no reader sees.
_UNSEEN: Final = re.compile(
    "[\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001"
    "\U000e0020-\U000e007f]"
)

LONGEST: Final = 20_000


def entities(text: str) -> Iterator[Entity]:
    """All entities of a text, in no order. Of a longer text than `LONGEST` characters every part is looked at."""
    text = _compatible(text)
    for start in range(0, len(text) or 1, LONGEST - 5000):
        yield from _entities(text[start : start + LONGEST])


def _entities(piece: str) -> Iterator[Entity]:
    """Once it is known what a part of the text is, that part is nothing else."""
    for expression in (_SCHEME, _BARE_HOST):
        for match in expression.finditer(piece):
            yield link(match[0])
        piece = expression.sub(" ", piece)
    for email in _emails(piece):
        yield Entity(Kind.EMAIL, email)
    for match in _ADDRESS.finditer(piece):
        yield Entity(Kind.URL, match[0], match[0])
    for expression in (_IBAN, _WALLET):
        for match in expression.finditer(piece):
            yield Entity(Kind.ACCOUNT, squeezed(match[0]))
        piece = expression.sub(" ", piece)
    for match in _DIGITS.finditer(piece):
        digits = squeezed(match[0])
        yield Entity(Kind.PHONE if digits.startswith("+") else Kind.ACCOUNT, digits)
    for match in _PATH.finditer(piece):
        yield Entity(Kind.PATH, plain_path(match[0]))
    for match in _NUMBER.finditer(piece):
        yield Entity(Kind.AMOUNT, match[0])


def parts_of(value: str | int | float) -> list[Entity]:
    """What one whole argument stands for: the addresses, links or numbers in it, otherwise the text itself.

    Anything beside them that could name somebody as well is a part of its own.
    """
    if not isinstance(value, str):
        # In JSON a point is never a thousands separator, and with three more digits it cannot be taken for one.
        written = repr(value)
        return [Entity(Kind.AMOUNT, f"{written}000" if "." in written else written)]
    text = _compatible(value).strip()
    emails = [Entity(Kind.EMAIL, found) for found in _emails(text)]
    if emails and text.count("@") == len(emails) and "//" not in text:
        beside = [piece for piece in re.split(r"[,;\n]", text) if "@" not in piece and piece.strip()]
        return emails + [Entity(Kind.TEXT, said) for piece in beside if (said := normalised(piece))]
    if _ONLY_HOST.fullmatch(text) or text.startswith("//"):
        return [link(text)]
    named = [entity for entity in entities(text) if entity.kind in _NAMING]
    if named:
        return named
    if text.startswith(("/", "~", "./", "../")) or re.match(r"[A-Za-z]:\\", text):
        return [Entity(Kind.PATH, plain_path(text))]
    if _NUMBER.fullmatch(text):
        return [Entity(Kind.AMOUNT, text)]
    said = normalised(text)
    return [Entity(Kind.TEXT, said)] if said else []


def link(text: str) -> Entity:
    """A link with its host. Where readers of links disagree, it is doubtful, and its host is all of its authority."""
    text = text.rstrip(".,;:!?)]}»\"'")
    rest = text.partition("://")[2] if "://" in text else text.removeprefix("//")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    doubtful = "\\" in authority or not authority
    host = normalised(unquote(authority.rpartition("@")[2]))
    host = re.sub(r":\d{0,5}\Z", "", host).rstrip(".").removeprefix("www.")
    return Entity(Kind.URL, normalised(text), host, doubtful or any(char in host for char in "@/ %"))


def normalised(text: str) -> str:
    """As texts are compared: compatibility forms, case and characters without width undone, spaces made one."""
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    return " ".join(text.casefold().split())


def _compatible(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def squeezed(text: str) -> str:
    """A number without what people write between its digits."""
    return re.sub(r"[\s().-]", "", normalised(text)).upper()


def plain_path(text: str) -> str:
    """A path without its detours: `/notes/../etc/passwd` is `/etc/passwd`."""
    return posixpath.normpath(normalised(text).replace("\\", "/"))


def amounts(text: str) -> Iterator[str]:
    """Every number of a text, in each way it may be meant: `1.500` is 1500 or 1.5."""
    for match in _NUMBER.finditer(text):
        yield from forms(match[0])


def forms(number: str) -> set[str]:
    """The values a written number may have, as plain decimals."""
    digits = number.lstrip("-+").replace("'", "").replace(" ", "")
    found = set()
    if _POINT.fullmatch(digits):
        found.add(_trimmed(digits.replace(",", "")))
    if _COMMA.fullmatch(digits):
        found.add(_trimmed(digits.replace(".", "").replace(",", ".")))
    return found


def _trimmed(number: str) -> str:
    whole, _, rest = number.partition(".")
    rest = rest.rstrip("0")
    return f"{whole.lstrip('0') or '0'}.{rest}" if rest else whole.lstrip("0") or "0"


def _emails(text: str) -> Iterator[str]:
    at = text.find("@")
    while at >= 0:
        local, domain = _LOCAL.search(text[max(0, at - 64) : at]), _DOMAIN.match(text, at + 1)
        if local and domain and not text[domain.end() :].startswith("@"):
            yield normalised(f"{local[0]}@{domain[0]}").strip(".")
        at = text.find("@", at + 1)

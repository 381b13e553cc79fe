"""Text full of what looks like findings: links, addresses, tables of numbers. Generated, and never the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final

_WORDS: Final = ("order", "item", "page", "user", "view", "list", "cart", "search", "report", "static", "build", "node")
_ENDS: Final = ("com", "org", "net", "io", "dev", "co.uk", "de")


def _word(random: Random) -> str:
    return random.choice(_WORDS) + str(random.randrange(1000))


def _host(random: Random) -> str:
    return f"{random.choice(_WORDS)}.{_word(random)}.{random.choice(_ENDS)}"


def _link(random: Random) -> str:
    path = "/".join(_word(random) for _ in range(random.randint(1, 4)))
    return (
        f"https://{_host(random)}/{path}?{random.choice(_WORDS)}={random.getrandbits(40):x}&n={random.randrange(100)}"
    )


def _address(random: Random) -> str:
    return f"{_word(random)}.{random.choice(_WORDS)}@{_host(random)}"


def _number(random: Random) -> str:
    return str(random.randrange(10 ** random.randint(2, 14)))


def _grouped(random: Random) -> str:
    """As order, part and telephone numbers are written."""
    groups = [str(random.randrange(10**4)) for _ in range(random.randint(2, 5))]
    return random.choice(" -./").join(groups)


def _ip(random: Random) -> str:
    return ".".join(str(random.randrange(256)) for _ in range(4))


def _moment(random: Random) -> str:
    day = f"{random.randint(2000, 2030)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
    return f"{day}T{random.randrange(24):02d}:{random.randrange(60):02d}"


def _identifier(random: Random) -> str:
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _setting(random: Random) -> str:
    return f"{_word(random)}_key={random.randrange(10**6)}"


_PARTS: Final[Sequence[Callable[[Random], str]]] = (
    _link,
    _address,
    _number,
    _grouped,
    _ip,
    _moment,
    _identifier,
    _setting,
    _word,
)


def dense_texts(random: Random, size: int) -> Iterator[str]:
    """Texts of `size` characters without end: lines of links, addresses, numbers and identifiers."""
    kept = ""
    while True:
        lines: list[str] = [kept]
        there = len(kept)
        while there < size:
            lines.append("  ".join(random.choice(_PARTS)(random) for _ in range(random.randint(1, 5))) + "\n")
            there += len(lines[-1])
        text = "".join(lines)
        yield text[:size]
        kept = text[size:]

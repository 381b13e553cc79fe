"""Where a value in a call comes from: the question injections that sound like ordinary text cannot talk their way past.

An attacker who writes into a mail or a page can make a model want anything, but the new address, link or account has to
come from that text. So each value of a call is looked up in the texts of the conversation: in those of people and tools
the policy trusts, then in all that tools gave back. Nothing is guessed from meaning; a value is compared in the form
programs compare it (addresses without case, links by host, numbers without separators). Packages and codes are held
by data only where it dictates them (`dictated`).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from guardproxy.core.tools.dictated import DICTATED, dictates
from guardproxy.core.tools.entities import Entity, Kind, amounts, forms, normalised, squeezed


class Origin(StrEnum):
    """TRUSTED: the user or the operator wrote it, or a tool the policy trusts. TAINTED: only data holds it.

    ASSEMBLED: a link whose host only data holds, and which the model completed itself: it can carry anything out.
    MODEL: it stands nowhere.
    """

    TRUSTED = "trusted"
    TAINTED = "tainted"
    ASSEMBLED = "assembled"
    MODEL = "model"


_JOINERS: Final = {Kind.EMAIL: "._%+-@", Kind.URL: ".-", Kind.PATH: "/._-", Kind.PACKAGE: "/._-@", Kind.TEXT: "_-"}
# After these, a letter or digit goes on with the same name: `example.com` is not `example.com.evil.net`.
_GOES_ON: Final = {Kind.EMAIL: ".-", Kind.URL: ".-", Kind.PATH: ".-/", Kind.PACKAGE: ".-/_", Kind.TEXT: "_-"}


class Texts:
    """Texts to look values up in. Each form of them is made when it is first asked for."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = tuple(texts)
        self._plain: str | None = None
        self._squeezed: str | None = None
        self._amounts: frozenset[str] | None = None
        self._dictated: dict[Kind, frozenset[str]] = {}

    @property
    def plain(self) -> str:
        if self._plain is None:
            self._plain = "\n".join(map(normalised, self._texts))
        return self._plain

    def holds(self, entity: Entity) -> bool:
        """Whether the value stands here as a whole, not as a part of another one."""
        match entity.kind:
            case Kind.AMOUNT:
                return not forms(entity.value).isdisjoint(self._numbers())
            case Kind.ACCOUNT | Kind.PHONE | Kind.CODE:
                if self._squeezed is None:
                    self._squeezed = "\n".join(map(squeezed, self._texts))
                return entity.value.lstrip("+") in self._squeezed
            case Kind.PATH:
                name = entity.value.rpartition("/")[2]
                return self.says(entity.value, Kind.PATH) or ("." in name and self.says(name, Kind.PATH))
            case kind:
                return self.says(entity.value, kind)

    def dictates(self, entity: Entity) -> bool:
        if entity.kind not in self._dictated:
            found = (value for text in self._texts for value in dictates(entity.kind, text))
            self._dictated[entity.kind] = frozenset(found)
        return entity.value in self._dictated[entity.kind]

    def holds_host(self, host: str) -> bool:
        return self.says(host, Kind.URL) or self.says("www." + host, Kind.URL)

    def says(self, value: str, kind: Kind) -> bool:
        """Whether a normalised value stands here between what cannot be a part of it."""
        text = self.plain
        at = text.find(value) if value else -1
        while at >= 0:
            end = at + len(value)
            if not _goes_on_before(text, at, kind) and not _goes_on_behind(text, end, kind):
                return True
            at = text.find(value, at + 1)
        return False

    def _numbers(self) -> frozenset[str]:
        if self._amounts is None:
            self._amounts = frozenset(form for text in self._texts for form in amounts(text))
        return self._amounts


class Sources:
    """What of a conversation counts as trusted, and what is data. `unseen`: there is more data than can be seen."""

    def __init__(self, trusted: Iterable[str], tainted: Iterable[str], *, unseen: bool = False) -> None:
        self._trusted = Texts(trusted)
        self._tainted = Texts(tainted)
        self._unseen = unseen

    def origin(self, entity: Entity) -> Origin:
        if entity.doubtful:
            return Origin.TAINTED
        if self._trusted.holds(entity) or (entity.host and self._trusted.holds_host(entity.host)):
            return Origin.TRUSTED
        if self._tainted.dictates(entity) if entity.kind in DICTATED else self._tainted.holds(entity):
            return Origin.TAINTED
        if entity.host and (self._unseen or self._tainted.holds_host(entity.host)):
            return Origin.ASSEMBLED
        return Origin.TAINTED if self._unseen else Origin.MODEL


def _goes_on_before(text: str, at: int, kind: Kind) -> bool:
    if at == 0:
        return False
    char = text[at - 1]
    return char.isalnum() or char in _JOINERS.get(kind, "")


def _goes_on_behind(text: str, end: int, kind: Kind) -> bool:
    if end >= len(text):
        return False
    char = text[end]
    if char in _GOES_ON.get(kind, ""):
        return end + 1 < len(text) and text[end + 1].isalnum()
    return char.isalnum() or (char == "@" and kind is Kind.EMAIL)

"""One key as it is kept, in a file or a store: whose it is, what it is for, until when. Never the key itself.

`KeyTerms` is what an operator says when a key is made; `StoredKey` is that and what guardproxy adds: the id, the
digest, dates. A key that is rotated keeps its id, and with it its accounts, its policy and what it stored:
`rotated_from` is the digest of its former secret, and until when that one still opens.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from guardproxy.core.principal import Principal
from guardproxy.core.scope import ANYTHING, Scope
from guardproxy.identity.keys import is_key_id
from guardproxy.policyfile.mistakes import suggestion
from guardproxy.policyfile.schema import Written
from guardproxy.surfaces import SURFACES
from guardproxy.surfaces.further import FURTHER

NAME_MOST: Final = 100
LIST_MOST: Final = 100
ROUTES: Final = tuple(dict.fromkeys((*(surface.name for surface in SURFACES.values()), *FURTHER)))

SpeaksAs = Literal["operator", "user"]
Role = Literal["viewer", "analyst", "operator", "admin"]
Status = Literal["active", "not yet valid", "expired", "revoked"]


def _moment(written: object) -> datetime:
    try:
        moment = written if isinstance(written, datetime) else datetime.fromisoformat(str(written))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # a year that is none in UTC
        raise ValueError("is a date such as 2030-01-31, or a time such as 2030-01-31T12:00:00Z") from None


def _key_id(text: str) -> str:
    if not is_key_id(text):
        raise ValueError("is 12 letters and digits, the part of a key between gpk_ and the next underscore")
    return text


def _digest(text: str) -> str:
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise ValueError(
            "is 64 hexadecimal digits, as `guardproxy keys create` writes them; the key itself goes nowhere"
        )
    return text


def checked_name(text: str) -> str:
    """The name of a key, if it can stand in a log and a table. Raises ValueError."""
    if not 0 < len(text) <= NAME_MOST or not text.isprintable() or text != text.strip() or re.search("gp[ka]_", text):
        raise ValueError(f"is 1 to {NAME_MOST} printable characters, without spaces around them, and not a key")
    return text


def _route(text: str) -> str:
    if text not in ROUTES:
        raise ValueError(f"is no API that is served{suggestion(text, ROUTES)}")
    return text


def _cidr(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("is a network such as 10.20.0.0/16 (its host part zero), or an address") from None


Cidr = Annotated[str, AfterValidator(_cidr)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
_Name = Annotated[str, AfterValidator(checked_name)]
_Digest = Annotated[str, AfterValidator(_digest)]
_Most = Field(default=(), max_length=LIST_MOST)


class KeyTerms(Written):
    """What a key is made for. Lists that are empty bound nothing; dates without a zone are in UTC."""

    name: _Name
    speaks_as: SpeaksAs = "user"
    team: _Name | None = None
    not_before: Moment | None = None
    expires: Moment | None = None
    models: tuple[_Name, ...] = _Most
    routes: tuple[Annotated[str, AfterValidator(_route)], ...] = _Most
    policies: tuple[_Name, ...] = _Most
    cidrs: tuple[Cidr, ...] = _Most
    tags: tuple[_Name, ...] = _Most
    roles: tuple[Role, ...] = _Most

    @model_validator(mode="after")
    def _valid_some_time(self) -> KeyTerms:
        if self.not_before is not None and self.expires is not None and self.not_before >= self.expires:
            raise ValueError("never hold: not_before is not before expires")
        return self

    @property
    def scope(self) -> Scope:
        if not (self.models or self.routes or self.policies or self.cidrs):
            return ANYTHING
        return Scope(self.models, self.routes, self.policies, tuple(map(ip_network, self.cidrs)))


class Former(Written):
    """The secret a key had before it was rotated: it opens before `until`."""

    digest: _Digest
    until: Moment


class StoredKey(KeyTerms):
    """One key as it is kept. It is valid from `not_before` on, before `expires`, and not once it is `revoked`."""

    id: Annotated[str, AfterValidator(_key_id)]
    digest: _Digest
    created: Moment
    rotated_from: Former | None = None
    revoked: Moment | None = None
    revoked_reason: _Name | None = None

    def status(self, now: datetime) -> Status:
        if self.revoked is not None:
            return "revoked"
        if self.expires is not None and now >= self.expires:
            return "expired"
        return "not yet valid" if self.not_before is not None and now < self.not_before else "active"

    @property
    def principal(self) -> Principal:
        """Who calls with this key."""
        return Principal(
            self.id,
            self.name,
            operator=self.speaks_as == "operator",
            team=self.team,
            scope=self.scope,
            roles=frozenset(self.roles),
            tags=self.tags,
        )

    def plain(self) -> dict[str, Any]:
        """As it is written down: the id first, without what says nothing."""
        said = {name: value for name, value in self.model_dump(mode="json", exclude_none=True).items() if value != []}
        return {"id": said.pop("id"), "name": said.pop("name"), "digest": said.pop("digest"), **said}

    def shown(self) -> dict[str, Any]:
        """What anybody may see who may see keys at all: all of it but the digests, which are nobody's business."""
        said = self.plain()
        del said["digest"]
        if self.rotated_from is not None:
            said["rotated_from"] = {"until": said["rotated_from"]["until"]}
        return said

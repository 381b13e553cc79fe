"""What may stand in the bodies of the admin API, beside keys' and admins' own terms."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from guardproxy.admin.admins import AdminTerms
from guardproxy.errors import InvalidRequest
from guardproxy.identity.stored import KeyTerms, checked_name
from guardproxy.policyfile.schema import Written

OVERLAP_DEFAULT_S: Final = 24 * 3600
OVERLAP_MOST_S: Final = 90 * 24 * 3600

# A line for whoever reads the record later; bounded and printable like a name, and never a key.
Reason = Annotated[str, AfterValidator(checked_name)]
Name = Annotated[str, AfterValidator(checked_name)]
Revision = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]


def check_expires(terms: KeyTerms | AdminTerms, now: datetime) -> None:
    """Raises `InvalidRequest` for what would be over before it begins."""
    if terms.expires is not None and terms.expires <= now:
        raise InvalidRequest("expires is not in the future")


class Reasoned(Written):
    """A change, and why."""

    reason: Reason | None = None


class CreateKey(KeyTerms):
    reason: Reason | None = None

    @property
    def terms(self) -> KeyTerms:
        return KeyTerms(**{name: getattr(self, name) for name in KeyTerms.model_fields})


class RotateKey(Reasoned):
    """`overlap`: seconds for which the secret before this one goes on opening."""

    overlap: Annotated[int, Field(ge=0, le=OVERLAP_MOST_S)] = OVERLAP_DEFAULT_S

    @property
    def for_time(self) -> timedelta:
        return timedelta(seconds=self.overlap)


class Revoke(Written):
    """What is ended for ever has a reason."""

    reason: Reason


class ResetQuotas(Reasoned):
    """The accounts of a key (id or name), a team, a model, in any combination, or those of everybody."""

    key: Name | None = None
    team: Name | None = None
    model: Name | None = None
    everybody: bool = False

    @model_validator(mode="after")
    def _names_somebody(self) -> ResetQuotas:
        if self.everybody == bool(self.key or self.team or self.model):
            raise ValueError("names a key, a team or a model, or says everybody: true")
        return self


class RollBack(Reasoned):
    """`revision`: a kept one; without it the one before. `undo`: the policy files decide again."""

    revision: Revision | None = None
    undo: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> RollBack:
        if self.undo and self.revision is not None:
            raise ValueError("has a revision, or undo: true, or neither")
        return self


class CreateAdmin(AdminTerms):
    reason: Reason | None = None

    @property
    def terms(self) -> AdminTerms:
        return AdminTerms(**{name: getattr(self, name) for name in AdminTerms.model_fields})

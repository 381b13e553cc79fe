"""The file of admins: who may use the admin API, with which role, and digests of their tokens.

`admins.yaml` is to admins what `keys.yaml` is to callers, with a pepper of its own next to it (`admins.pepper`) or in
`GUARDPROXY_PEPPER`. A token is shown once, when it is made.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import yaml
from pydantic import AfterValidator, Field

from guardproxy.errors import ConfigurationError, GuardproxyError
from guardproxy.identity.keyfile import ensure_pepper, replace_file
from guardproxy.identity.keys import ADMIN_PREFIX, digest, is_key_id, new_key, parse
from guardproxy.identity.stored import Moment, checked_name
from guardproxy.policyfile.mistakes import read_as
from guardproxy.policyfile.schema import Written
from guardproxy.policyfile.yaml_nodes import parse_yaml

HEADER: Final = (
    "# Who may use the admin API: digests of tokens, never the tokens themselves.\n"
    "# `guardproxy admins create` and `revoke` keep this file; it is rewritten, so comments do not last.\n"
)
Status = Literal["active", "expired", "revoked"]


class AdminError(GuardproxyError):
    """An admin cannot be made or changed. The message quotes nothing that was given."""


def _admin_id(text: str) -> str:
    if not is_key_id(text):
        raise ValueError("is 12 letters and digits, the part of a token between gpa_ and the next underscore")
    return text


def _digest(text: str) -> str:
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise ValueError("is 64 hexadecimal digits, as `guardproxy admins create` writes them; never the token")
    return text


class AdminTerms(Written):
    """What an admin is made for. A date without a zone is in UTC."""

    name: Annotated[str, AfterValidator(checked_name)]
    role: Literal["viewer", "analyst", "operator", "admin"]
    expires: Moment | None = None


class StoredAdmin(AdminTerms):
    """One admin as it stands in the file. A token is valid before `expires`, and not once it is `revoked`."""

    id: Annotated[str, AfterValidator(_admin_id)]
    digest: Annotated[str, AfterValidator(_digest)]
    created: Moment
    revoked: Moment | None = None

    def status(self, now: datetime) -> Status:
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else "active"

    def plain(self) -> dict[str, Any]:
        """As it is written down: the id first, without what says nothing."""
        said = self.model_dump(mode="json", exclude_none=True)
        return {"id": said.pop("id"), **said}

    def shown(self) -> dict[str, Any]:
        """What other admins may see: all of it but the digest."""
        said = self.plain()
        del said["digest"]
        return said


class StoredAdmins(Written):
    version: Literal[1]
    admins: tuple[StoredAdmin, ...] = Field(default=())


class MadeAdmin(NamedTuple):
    """An admin with the token, which nobody can show a second time."""

    token: str
    admin: StoredAdmin


def read_admins(path: Path) -> tuple[StoredAdmin, ...]:
    """The admins in the file. Raises `ConfigurationError` that names file and line, and never quotes a digest."""
    try:
        file = parse_yaml(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigurationError(
            f"{path}: the file of admins cannot be read ({error.strerror}); `guardproxy admins create NAME` makes one"
        ) from error
    stored = read_as(StoredAdmins, file, file.content)
    seen: set[str] = set()
    for number, admin in enumerate(stored.admins):
        if admin.id in seen:
            raise ConfigurationError(f"{file.at(('admins', number, 'id'))}: an admin with this id stands above already")
        seen.add(admin.id)
    return stored.admins


def create_admin(path: Path, environment: Mapping[str, str], terms: AdminTerms, now: datetime) -> MadeAdmin:
    """A new admin; a missing file is made, and its pepper with it. Raises `AdminError`, `ConfigurationError`."""
    pepper = ensure_pepper(path, environment, secrets.token_bytes, read=read_admins)
    new = new_key(secrets.token_bytes, ADMIN_PREFIX)
    admin = StoredAdmin(
        id=new.key_id, digest=digest(new.token, pepper), created=now.replace(microsecond=0), **dict(terms)
    )

    def added(admins: tuple[StoredAdmin, ...]) -> tuple[StoredAdmin, ...]:
        if any(other.name == admin.name and other.status(now) == "active" for other in admins):
            raise AdminError("an active admin has this name: choose another name, or revoke that one first")
        return (*admins, admin)

    _rewrite(path, added)
    return MadeAdmin(new.token, admin)


def revoke_admin(
    path: Path, which: str, now: datetime, *, keep: Callable[[StoredAdmin], bool] | None = None
) -> StoredAdmin:
    """End an admin, named by id, name or token, for ever; one that was revoked before stays as it was.

    `keep` says of an admin that it must not be revoked this way. Raises `AdminError`, `ConfigurationError`.
    """
    ended: list[StoredAdmin] = []

    def changed(admins: tuple[StoredAdmin, ...]) -> tuple[StoredAdmin, ...]:
        found = _chosen(admins, which)
        if keep is not None and keep(found):
            raise AdminError("nobody revokes the token that is used to ask for it: another admin can")
        ended.append(found if found.revoked else found.model_copy(update={"revoked": now.replace(microsecond=0)}))
        return tuple(ended[0] if admin.id == found.id else admin for admin in admins)

    read_admins(path)  # a file that is not there is told, and not made
    _rewrite(path, changed)
    return ended[0]


def _chosen(admins: tuple[StoredAdmin, ...], which: str) -> StoredAdmin:
    admin_id = parse(which, ADMIN_PREFIX) or which
    matching = [admin for admin in admins if admin.id == admin_id] or [one for one in admins if one.name == which]
    current = [admin for admin in matching if admin.revoked is None] or matching[-1:]
    if not current:
        raise NoSuchAdmin("no admin has this id or name; `guardproxy admins list` shows them")
    return current[0]


class NoSuchAdmin(AdminError):
    """No admin has this id or name."""


def _rewrite(path: Path, change: Callable[[tuple[StoredAdmin, ...]], tuple[StoredAdmin, ...]]) -> None:
    replace_file(path, lambda: _as_yaml(change(read_admins(path) if path.exists() else ())))


def _as_yaml(admins: tuple[StoredAdmin, ...]) -> str:
    content = {"version": 1, "admins": [admin.plain() for admin in admins]}
    return HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)

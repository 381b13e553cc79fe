"""The section `admin` of the settings: the listener beside the data plane, and what it offers to whom."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from guardproxy.policyfile.schema import Text, Written

Port = Annotated[int, Field(ge=0, le=65535)]


class Admin(Written):
    """Health checks, metrics and the admin API, on a listener of their own.

    `metrics`: whoever reaches it may read them, or needs a token, or nobody may. `tokens_file` is a file made by
    `guardproxy admins create`: without it there is no admin API. `log_file` is the record of what admins did. `hosts`:
    names the admin API answers to; empty: any.
    """

    host: Text = "127.0.0.1"
    port: Port = 8081
    metrics: Literal["open", "token", "off"] = "open"
    tokens_file: Text | None = None
    log_file: Text = "admin.jsonl"
    hosts: tuple[Text, ...] = ()

    def beside(self, folder: Path) -> Admin:
        """With the files it names, relative to the folder of the file that names them."""
        names = {name for name in ("tokens_file", "log_file") if name in self.model_fields_set}
        named = {name: getattr(self, name) for name in names}
        return self.model_copy(update={name: str(folder / file) for name, file in named.items() if file is not None})

    def with_environment(self, environ: Mapping[str, str]) -> Admin:
        """What is not written comes from the environment, if it says so."""
        changes: dict[str, str] = {}
        if (tokens := environ.get("GUARDPROXY_ADMINS", "").strip()) and self.tokens_file is None:
            changes["tokens_file"] = tokens
        if (record := environ.get("GUARDPROXY_ADMIN_LOG", "").strip()) and "log_file" not in self.model_fields_set:
            changes["log_file"] = record
        return self.model_copy(update=changes)

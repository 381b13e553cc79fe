"""Where the rule of an incident is written: a file that ships, a part of the policy, or the operator's own rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from guardproxy.policyfile.locate import shipped_policies

_RULE: Final = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)\.([a-z0-9]+(?:-[a-z0-9]+)*)")

# What is found without a pattern, and the part of a policy that decides on it.
_PARTS: Final = {
    "context.server-state": "server_state",
    "context": "context",
    "limits": "limits",
    "opaque": "opaque",
    "tools": "tools",
}

_IN_A_FILE: Final = (
    "A false alarm? Add a harmless text like it to the rule's examples under `pass`, and change the",
    "rule until `guardproxy check` is content.",
)
_IN_THE_POLICY: Final = ("What such a part of the policy may say is in the policy reference.",)


def where_to_look(rules: Iterable[str], policy: str) -> Iterator[str]:
    """A line for each rule, and what to do about a false alarm. The ids and the name are only printed."""
    texts = parts = False
    for rule in rules:
        file, part = shipped_file(rule), _PARTS.get(rule) or _PARTS.get(rule.partition(".")[0])
        if file is not None:
            texts = True
            yield f"  {file}"
        elif part is not None:
            parts = True
            yield f"  {rule}: `{part}:` in the policy {policy}"
        else:
            texts = True
            yield f"  {rule}: a rule of your own, in the policy {policy} under `rules:` or in a pack it names"
    if texts:
        yield from _IN_A_FILE
    if parts:
        yield from _IN_THE_POLICY


def shipped_file(rule: str) -> Path | None:
    """The file of a rule that ships, short where it lies below the working directory; None for any other."""
    name = _RULE.fullmatch(rule)
    if name is None:
        return None
    file, here = shipped_policies() / "packs" / name[1] / f"{name[2]}.yaml", Path.cwd()
    if not file.is_file():
        return None
    return file.relative_to(here) if file.is_relative_to(here) else file

"""What a policy changes about rules of its packs: by the id of a rule, or by `<pack>.*` for all of a pack."""

from __future__ import annotations

from collections.abc import Iterator

from guardproxy.policyfile.load import PolicyDocument
from guardproxy.policyfile.mistakes import suggestion
from guardproxy.policyfile.schema import WrittenOverride, WrittenPolicy


def override_of(written: WrittenPolicy, rule: str) -> WrittenOverride:
    """What the policy changes about a rule: for its whole pack (`pack.*`), and, before that, for itself."""
    for_pack = written.override.get(_whole_pack(rule), WrittenOverride())
    for_rule = written.override.get(rule, WrittenOverride())
    return for_pack.model_copy(update=for_rule.model_dump(exclude_none=True))


def _whole_pack(rule: str) -> str:
    return f"{rule.partition('.')[0]}.*"


def unknown_overrides(document: PolicyDocument) -> Iterator[str]:
    """One line for each entry that fits no rule."""
    ids = [rule.written.id for rule in document.rules]
    known = [*ids, *map(_whole_pack, ids)]
    for name in document.written.override:
        if name not in known:
            where = document.file.at_key(("override", name))
            yield f"{where}: no rule '{name}' to override{suggestion(name, known)}"

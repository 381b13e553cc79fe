"""What `guardproxy explain` found, as lines for people: a label, what holds, and in brackets where it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Row = tuple[str, str]


def lines_of(said: dict[str, Any]) -> Iterator[str]:
    """A table of two columns. A label stands where its rows begin."""
    rows = [*_who(said), *_why(said), *_what(said)]
    width = max(len(label) for label, _ in rows)
    before = ""
    for label, text in rows:
        yield f"{label if label != before else '':{width}}  {text}"
        before = label


def _who(said: dict[str, Any]) -> Iterator[Row]:
    asked = {name: value for name, value in said["asked"].items() if value}
    yield "asked for", ", ".join(f"{name} {_shown(value)}" for name, value in asked.items())
    for note in said["notes"]:
        yield "note", note
    for refusal in said["refused"]:
        yield "refused", refusal


def _why(said: dict[str, Any]) -> Iterator[Row]:
    yield "policy", f"{said['policy']}  ({said['file'].rpartition(':')[0].rpartition(':')[0]})"
    yield "because", said["because"]
    if said["extends"]:
        yield "extends", " -> ".join(said["extends"])
    for one in said["when"]:
        state = "holds" if one["holds"] else f"does not hold, since {one['why_not']}"
        yield "when", f"{one['if']}: {state}  ({one['at']})"
    if said["may_choose"]:
        yield "stricter", f"the caller may ask for {', '.join(said['may_choose'])} with x-guardproxy-use-policy"


def _what(said: dict[str, Any]) -> Iterator[Row]:
    yield "mode", said["mode"] if said["mode"] == "enforce" else "shadow: only told in the log, nothing is refused"
    for pack, words in said["rules"].items():
        yield "rules", f"{pack}: " + ", ".join(f"{count} {word}" for word, count in words.items())
    for name, override in said["overrides"].items():
        changes = ", ".join(f"{what} {value}" for what, value in override.items() if what != "at")
        yield "override", f"{name}: {changes}  ({override['at']})"
    for part, section in said["sections"].items():
        if (value := _shown(section["value"]).removeprefix("{").removesuffix("}")) not in ("", "none"):
            places = [section["at"] or "default", *(f"{name} {at}" for name, at in section["elsewhere"].items())]
            yield part, f"{value}  ({'; '.join(places)})"
    for quota in said["quotas"]:
        value = ", ".join(f"{name} {_shown(value)}" for name, value in quota.items() if name != "at")
        yield "quotas", f"{value}  ({quota['at']})"
    for what, value in said.get("rule", {}).items():
        yield "rule", f"{what}: {_shown(value)}"


def _shown(value: Any) -> str:
    """A value for people: what says nothing inside a mapping is left out."""
    match value:
        case dict():
            said = ((name, one) for name, one in value.items() if one is not None and one not in ((), [], {}))
            return "{" + ", ".join(f"{name} {_shown(one)}" for name, one in said) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_shown, value)) + "]"
        case bool() | None:
            return {True: "true", False: "false", None: "none"}[value]
        case float() if value.is_integer():
            return str(int(value))
    return str(value)

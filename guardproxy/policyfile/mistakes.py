"""A file read as a model, and how a mistake in it is told: where it stands, and the nearest right spelling."""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.layers import Source
from guardproxy.policyfile.yaml_nodes import Place

Model = TypeVar("Model", bound=BaseModel)


def read_as(model: type[Model], file: Source, content: object, place: Place = ()) -> Model:
    """`content`, which stands at `place` of `file`, as a `model`. Raises `ConfigurationError`, a line per problem."""
    try:
        # Strict JSON mode: a list may be a tuple, as there is no other way to write one, and nothing else bends.
        return model.model_validate_json(json.dumps(content))
    except ValidationError as error:
        details = error.errors(include_url=False)
        told = [detail for detail in details if not _is_misspelt(detail, details) and not _only_seems_empty(detail)]
        problems = [_problem(model, file, place, detail) for detail in told]
        # Not chained: pydantic quotes what it was given, and that may be a key somebody wrote into the file.
        raise ConfigurationError("\n".join(problems)) from None


def suggestion(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` when one of `known` is close to `word`, otherwise what is known."""
    words = sorted(known)
    if close := get_close_matches(word, words, n=1):
        return f", did you mean '{close[0]}'?"
    return f"; known: {', '.join(words)}" if words else ""


_PLAIN: Final = "in lower case letters, digits and single hyphens"
_PARAMETER: Final = "as requests write it, in lower case, with a dot for what stands below: `stream_options.x`"
_FORMS: Final = {
    "id": f"<pack>.<name>, {_PLAIN}", "allow": _PARAMETER, "deny": _PARAMETER,
    "prefix": "with one part in braces, which keeps all keys on one shard, and without spaces: `gp:q:{gp}:`",
}  # fmt: skip
# What a value has to be, in the words of who writes YAML.
_KINDS: Final = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "a mapping: `name: value`"),
    **dict.fromkeys(("tuple_type", "list_type"), "a list: `[one, another]`"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number, without quotes"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "a number, without quotes"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false, without quotes"),
    "string_type": "text: in quotes, if it would be read as something else",
}
_CALLED: Final = {"applies_to": "provenance", "per": "window", "algorithms": "algorithm", "roles": "role"}
# Why a choice is so small, where whoever writes may wonder.
_WHY: Final = {
    "algorithms": " (with a shared secret, as HS256 has, or none, whoever checks a token could make one)",
}


def _problem(model: type[BaseModel], file: Source, place: Place, detail: ErrorDetails) -> str:
    inside = detail["loc"]
    where = (*place, *inside)
    name = next((step for step in reversed(inside) if isinstance(step, str)), "the file")
    match detail["type"]:
        case "extra_forbidden":
            known = suggestion(name, _keys_at(model, inside[:-1]))
            return f"{file.at_key(where)}: unknown key '{name}'{known}"
        case "missing":
            return f"{file.at(where)}: '{name}' is missing"
        case "literal_error":
            allowed = detail["ctx"]["expected"].replace("'", "") + _WHY.get(name, "")
            return f"{file.at(where)}: unknown {_CALLED.get(name, name)} '{detail['input']}'; use {allowed}"
        case "string_pattern_mismatch" if "sha256" in detail["ctx"]["pattern"]:
            return f"{file.at(where)}: a digest is 'sha256:' and 64 hexadecimal digits; `guardproxy pin` prints it"
        case "string_pattern_mismatch":
            form = _FORMS.get(name, f"<name>, {_PLAIN}")
            return f"{file.at(where)}: {name} is written {form}"
        case "too_short":
            return f"{file.at(where)}: '{name}' needs at least one entry"
    if kind := _KINDS.get(detail["type"]):
        return f"{file.at(where)}: {'the file' if not inside else repr(name)} has to be {kind}"
    said = detail["msg"].removeprefix("Input ").removeprefix("String ").removeprefix("Value error, ")
    return f"{file.at(where)}: '{name}' {said}"


def _is_misspelt(missing: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a key is missing only because it is misspelt, which is told already."""
    if missing["type"] != "missing":
        return False
    *around, name = missing["loc"]
    unknown = [one["loc"] for one in details if one["type"] == "extra_forbidden"]
    beside = [str(place[-1]) for place in unknown if [*place[:-1]] == around]
    return bool(get_close_matches(str(name), beside, n=1))


def _only_seems_empty(short: ErrorDetails) -> bool:
    """Whether a list is too short only because an entry of it is wrong, which is told already."""
    return short["type"] == "too_short" and bool(short["input"])


def _keys_at(model: Any, place: Place) -> list[str]:
    """The keys the model at `place` inside `model` knows, as they are written."""
    for step in place:
        model = _certain(model)
        if _is_model(model):
            model = {field.alias or name: field.annotation for name, field in model.model_fields.items()}.get(str(step))
        else:
            model = next((part for part in map(_certain, get_args(model)) if _is_model(part)), None)
    model = _certain(model)
    return [field.alias or name for name, field in model.model_fields.items()] if _is_model(model) else []


def _certain(kind: Any) -> Any:
    """A kind without `None` beside it and without what limits it."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(part for part in get_args(kind) if part is not NoneType)
    return kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)

"""From what stands under `context:` to the terms of separation; None for a policy that says nothing of the kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from guardproxy.core.exchange import Provenance
from guardproxy.core.separation.control_tokens import ALL_FAMILIES
from guardproxy.core.separation.fence import FenceMode, Fences, model_names
from guardproxy.core.separation.speech import KEY_NAME
from guardproxy.core.separation.terms import OperatorPrompt, Place, RoleOrder, Separation, Treatment
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.context_schema import WrittenFence, WrittenFenceModes, WrittenOrder
from guardproxy.policyfile.load import PolicyDocument
from guardproxy.policyfile.mistakes import suggestion
from guardproxy.policyfile.prompts import prompt_text

_VARIABLE: Final = re.compile(r"\{\{\s{0,8}([A-Za-z_][A-Za-z0-9_]{0,60})\s{0,8}\}\}")
_TREATMENTS: Final[Mapping[str, Treatment]] = {
    "allow": Treatment.ALLOW,
    "neutralise": Treatment.CLEAN,
    "remove": Treatment.CLEAN,
    "flag": Treatment.FLAG,
    "block": Treatment.BLOCK,
}
_FENCED: Final = (Provenance.TOOL, Provenance.DOCUMENT, Provenance.USER)


def compile_separation(document: PolicyDocument) -> Separation | None:
    """Raises `ConfigurationError`, one line per problem."""
    written = document.written.context
    problems, text = [*_problems(document)], None
    try:
        text = prompt_text(document)
    except ConfigurationError as error:
        problems.append(error.message)
    if problems:
        raise ConfigurationError("\n".join(problems))
    families = written.control_token_families
    terms = Separation(
        prompt=None if text is None else _prompt(document, text),
        pinned=frozenset(pin.removeprefix("sha256:") for pin in written.pinned_prompts),
        signed_keys=frozenset(written.signed_keys),
        order=_order(written.order),
        seen_only=written.history == "seen",
        control_tokens=_TREATMENTS[written.control_tokens],
        token_families=ALL_FAMILIES if families is None else frozenset(families),
        hidden_characters=_TREATMENTS[written.hidden_characters],
        fake_turns=_TREATMENTS[written.fake_turns],
        fences=_fences(written.fence),
        definitions_by_operators=written.definitions == "operator_keys",
    )
    return None if terms == Separation(token_families=terms.token_families) else terms


def _problems(document: PolicyDocument) -> Iterator[str]:
    context = document.written.context
    prompt = context.operator_prompt
    if prompt.text is not None and prompt.file is not None:
        yield f"{document.at('context', 'operator_prompt', 'file')}: a prompt has a text or a file, not both"
    if prompt.text is None and prompt.file is None and prompt.model_fields_set:
        yield f"{document.at('context', 'operator_prompt')}: a prompt needs a text or a file"
    for index, family in enumerate(context.control_token_families or ()):
        if family not in ALL_FAMILIES:
            where = document.at("context", "control_token_families", index)
            yield f"{where}: unknown family '{family}'{suggestion(family, ALL_FAMILIES)}"
    if context.fence.sandwich and not _fences(context.fence):
        yield f"{document.at('context', 'fence', 'sandwich')}: without a fence there is nothing to stand behind"


def _prompt(document: PolicyDocument, text: str) -> OperatorPrompt:
    written = document.written.context.operator_prompt
    reserved = KEY_NAME.strip("{}")
    known = {**written.variables, reserved: KEY_NAME}
    named = {found[1] for found in _VARIABLE.finditer(text)}
    if unknown := sorted(named - known.keys()):
        where = document.at("context", "operator_prompt", "text" if written.text is not None else "file")
        hint = suggestion(unknown[0], known)
        raise ConfigurationError(f"{where}: the prompt names the variable '{unknown[0]}', which has no value{hint}")
    return OperatorPrompt(_VARIABLE.sub(lambda found: known[found[1]], text), Place(written.place), written.role)


def _order(written: WrittenOrder) -> RoleOrder | None:
    most: dict[str, int] = dict(written.most.items())
    order = RoleOrder(written.operator_first, written.tool_after_call, frozenset(written.last), most)
    return None if order == RoleOrder() else order


def _fences(written: WrittenFence) -> Fences | None:
    modes = {source: FenceMode[getattr(written, source.value).upper()] for source in _FENCED}
    by_model = tuple((model_names(name), {**modes, **_changed(changed)}) for name, changed in written.models.items())
    fences = Fences(modes, by_model, written.sandwich)
    return fences if fences.ever else None


def _changed(written: WrittenFenceModes) -> dict[Provenance, FenceMode]:
    words = {source: getattr(written, source.value) for source in _FENCED}
    return {source: FenceMode[word.upper()] for source, word in words.items() if word is not None}

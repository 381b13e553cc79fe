"""The operator's prompt where a policy keeps it in a file: read, and told with the place that names the file.

A file is looked for next to the policy file that names it, which need not be the one that was asked for: a policy may
extend another one. What cannot be read is told together with whatever else is wrong, so that it is mended in one go.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.layers import Source
from guardproxy.policyfile.sources import Sources
from guardproxy.policyfile.yaml_nodes import Place

if TYPE_CHECKING:
    from guardproxy.policyfile.load import PolicyDocument

PROMPT_BYTES: Final = 1 << 20
_PROMPT: Final = ("context", "operator_prompt")


def prompt_files(document: PolicyDocument) -> dict[str, str]:
    """What the files say that the policy names for its prompt, also under conditions; nothing of unreadable ones.

    By the name of the file, and under a condition by its number too.
    """
    said = {}
    places: list[Place] = [(), *(("when", index) for index in range(len(document.written.when)))]
    for place, sections in zip(places, (document.written, *document.written.when), strict=True):
        prompt = sections.context.operator_prompt
        if prompt.text is None and prompt.file is not None:
            with suppress(ConfigurationError):
                said["/".join(map(str, (*place[1:], prompt.file)))] = _read(
                    document.file, document.sources, place, prompt.file
                )
    return said


def prompt_text(document: PolicyDocument) -> str | None:
    """The policy's system text as written, from the policy or the file it names. Raises `ConfigurationError`."""
    prompt = document.written.context.operator_prompt
    if prompt.text is not None or prompt.file is None:
        return prompt.text
    return _read(document.file, document.sources, (), prompt.file)


def unreadable_prompts(file: Source, sources: Sources) -> Iterator[str]:
    """One line for each prompt file that cannot be used, of a policy that may be wrong elsewhere in any way."""
    blocks = _member(file.content, "when")
    indices = range(len(blocks)) if isinstance(blocks, list) else ()
    places: list[Place] = [(), *(("when", index) for index in indices)]
    for place in places:
        prompt = file.content if not place else blocks[place[1]]
        for step in _PROMPT:
            prompt = _member(prompt, step)
        name = _member(prompt, "file")
        if isinstance(name, str) and name and _member(prompt, "text") is None:
            try:
                _read(file, sources, place, name)
            except ConfigurationError as error:
                yield error.message


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _read(file: Source, sources: Sources, place: Place, name: str) -> str:
    where = file.at((*place, *_PROMPT, "file"))
    path = Path(where.rsplit(":", 2)[0]).parent / name
    try:
        raw = sources.read(path)
        if len(raw) > PROMPT_BYTES:
            raise ConfigurationError(f"{where}: the prompt in {name} is larger than {PROMPT_BYTES:,} bytes")
        text = raw.decode("utf-8-sig").strip()
    except OSError as error:
        raise ConfigurationError(f"{where}: the prompt in {name} cannot be read: {error.strerror}") from error
    except ValueError as error:  # no UTF-8, or a NUL in the name
        reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "has a name no file can have"
        raise ConfigurationError(f"{where}: the prompt in {name} {reason}") from error
    if not text:
        raise ConfigurationError(f"{where}: the prompt in {name} is empty")
    return text

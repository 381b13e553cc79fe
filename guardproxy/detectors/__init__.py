"""What to look for. Pure."""

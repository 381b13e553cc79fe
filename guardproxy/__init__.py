"""guardproxy: an LLM guardrail reverse proxy."""

__version__ = "0.1.0"

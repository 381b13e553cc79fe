"""From YAML to a policy."""

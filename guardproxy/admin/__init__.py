"""The admin plane: keys, quotas and policies of a running proxy, for people with tokens of their own."""

"""Who presents a token of an identity provider (OpenID Connect, JSON Web Tokens)."""

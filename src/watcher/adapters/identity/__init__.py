"""Who bears a token: keys of our own, and tokens of an issuer."""

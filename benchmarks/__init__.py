"""The performance promises, as programs that print ratios."""

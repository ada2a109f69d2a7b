"""For clients that speak plain HTTP: they would read all certificates of the world, which takes longer than a request."""

import ssl

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody, and is asked by nobody."""

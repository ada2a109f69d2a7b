"""Request bodies: the wire's own quirks, before they become values of the domain."""

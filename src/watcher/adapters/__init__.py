"""What connects the domain to the world: one module for each technology and port."""

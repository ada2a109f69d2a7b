"""The mains: HTTP and the command line."""

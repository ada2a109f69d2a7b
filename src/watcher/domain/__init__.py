"""The rules of Watcher, in plain Python: no I/O, no clock, no wire format."""

"""What a program logs, as its own handler gets it: that of pytest listens to loggers that are cut off, too."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO


@contextmanager
def logged() -> Iterator[StringIO]:
    """All that reaches the root logger within the block, down to the least level."""
    root, text = logging.getLogger(), StringIO()
    handler, level = logging.StreamHandler(text), root.level
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    root.addHandler(handler)
    root.setLevel(1)
    try:
        yield text
    finally:
        root.setLevel(level)
        root.removeHandler(handler)

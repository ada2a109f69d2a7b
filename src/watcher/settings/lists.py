"""Texts that are lists."""

from collections.abc import Sequence


def listed(text: str) -> Sequence[str]:
    """What stands between commas."""
    return [each.strip() for each in text.split(",")]

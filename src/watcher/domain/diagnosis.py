"""Findings for a person: what was looked at, how it is, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How something is, the best first."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a diagnosis. `advice` is what to do, where there is anything to."""

    topic: str
    verdict: Verdict
    detail: str
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that was found, in the order in which it was looked at."""

    findings: Sequence[Finding]

    @property
    def verdict(self) -> Verdict:
        """That of the worst finding."""
        order = list(Verdict)
        return max((finding.verdict for finding in self.findings), key=order.index, default=Verdict.OK)


def ok(topic: str, detail: str) -> Finding:
    return Finding(topic, Verdict.OK, detail)


def warning(topic: str, detail: str, advice: str) -> Finding:
    return Finding(topic, Verdict.WARNING, detail, advice)


def failed(topic: str, detail: str, advice: str) -> Finding:
    return Finding(topic, Verdict.FAILED, detail, advice)


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first of them by name, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def bytes_in_words(size: int) -> str:
    """`1.5 GiB`, `8.0 KiB`, `12 B`."""
    number, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < 1024:
            break
        number, unit = number / 1024, larger
    return f"{number:,.1f} {unit}" if unit != "B" else f"{size} B"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1_000:,.1f} ms"

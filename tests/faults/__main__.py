"""Makes faults, one after the other, and prints what came of them: `python -m tests.faults [names]`.

Fails when something that was acknowledged is lost or there twice, or when a system does not recover.
"""

import sys
import time
import traceback
from collections.abc import Iterator, Sequence

from tests.faults import of_brokers, of_clocks, of_crowds, of_databases, of_memory, of_programs, of_restarts
from tests.faults.fault import Fault
from tests.faults.ordeal import Finding, seen, survived

FAULTS: Sequence[Fault] = (
    *of_databases.FAULTS,
    *of_brokers.FAULTS,
    *of_memory.FAULTS,
    *of_programs.FAULTS,
    *of_clocks.FAULTS,
    *of_restarts.FAULTS,
    *of_crowds.FAULTS,
)
HEAD = (
    "| what was done | what clients saw | nobody was served for | all served again after | judged again after "
    "| acknowledged | lost | duplicates |\n|---|---|---|---|---|---|---|---|"
)


def main(names: Sequence[str]) -> int:
    unknown = set(names) - {fault.name for fault in FAULTS}
    if unknown:
        say(f"There is no {', '.join(sorted(unknown))}; there are: {', '.join(each.name for each in FAULTS)}")
        return 2
    rows, failed = [], []
    for fault in FAULTS:
        if names and fault.name not in names:
            continue
        if obstacle := fault.obstacle():
            rows.append(f"| {fault.done} | not done: {obstacle} | | | | | | |")
            say(f"{fault.name}: skipped, {obstacle}")
            continue
        began = time.monotonic()
        try:
            finding = survived(fault)
            problems = finding.problems()
            rows.append(row(finding))
        except Exception as failure:  # noqa: BLE001 (whatever it was, the other faults are still of interest)
            problems = ["".join(traceback.format_exception(failure))]
        say(f"{fault.name}: {time.monotonic() - began:.0f} s{', WRONG' if problems else ''}")
        for problem in problems:
            say(f"    WRONG: {problem}")
        failed += problems
    say("\n".join(("", HEAD, *rows)))
    return 1 if failed else 0


def row(finding: Finding) -> str:
    """Of the table in docs/reliability.md."""
    return "| " + " | ".join(_cells(finding)) + " |"


def _cells(finding: Finding) -> Iterator[str]:
    yield finding.fault.done
    yield "; ".join((seen(finding.load), *finding.noted))
    yield f"{finding.gap:.1f} s"
    yield f"{finding.recovered:.1f} s"
    yield f"{finding.judging:.1f} s"
    yield f"{finding.audit.acknowledged:,}"
    yield str(len(finding.audit.lost) + len(finding.unjudged))
    yield str(len(finding.audit.twice))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

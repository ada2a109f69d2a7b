"""Some of the faults of `make test-faults`, those that no other test makes, shorter."""

from dataclasses import replace

import pytest

from tests.faults import of_crowds, of_databases
from tests.faults.fault import Fault
from tests.faults.ordeal import survived

HERE = {"connections", "disk-full-log", "oversized"}
SHORT = [
    replace(fault, seconds=1.5) for fault in (*of_databases.FAULTS, *of_crowds.FAULTS) if fault.name in HERE
]


@pytest.mark.parametrize("fault", SHORT, ids=lambda fault: fault.name)
def test_nothing_that_was_acknowledged_is_lost_or_there_twice(fault: Fault) -> None:
    if obstacle := fault.obstacle():
        pytest.skip(obstacle)
    assert survived(fault).problems() == []

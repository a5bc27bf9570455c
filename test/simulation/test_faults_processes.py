"""The safety table: stopped, hung, killed and doubled processes, over UDP and in real time.

The kernel stamps what arrives; the time that the gate waited for a processor is not counted.
"""

from __future__ import annotations

import pytest

from uav_tracker_ros.simulation import fault_table
from uav_tracker_ros.simulation.fault_rows import FaultResult

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results() -> dict[str, FaultResult]:
    """All of them at once: each flight mostly waits."""
    names = [fault.name for fault in fault_table.PROCESSES]
    return {result.name: result for result in fault_table.inject_in_processes(names, lambda _result: None)}


@pytest.mark.parametrize("name", [fault.name for fault in fault_table.PROCESSES])
def test_the_bound_holds_on_the_wire(results, name):
    result = results[name]
    assert result.held, f"{result.measured_s:.3f} s, bound {result.bound_s:.3f} s {result.problems}"

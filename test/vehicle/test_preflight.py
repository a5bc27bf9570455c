"""The autopilot's parameters, judged in words."""

from __future__ import annotations

import pytest

from uav_tracker_ros.flight import Limits
from uav_tracker_ros.vehicle.preflight import FLOATS, INTEGERS, check_parameters

GOOD = {
    "COM_OF_LOSS_T": 0.5,
    "COM_OBL_RC_ACT": 5,
    "COM_RC_OVERRIDE": 3,
    "COM_RCL_EXCEPT": 0,
    "NAV_RCL_ACT": 2,
    "GF_ACTION": 2,
    "GF_MAX_HOR_DIST": 200.0,
    "COM_LOW_BAT_ACT": 3,
    "MPC_XY_VEL_MAX": 12.0,
    "MPC_TILTMAX_AIR": 45.0,
    "MPC_XY_VEL_P_ACC": 1.8,
    "MC_YAW_P": 2.8,
}


def test_good_parameters_are_all_read_and_find_nothing() -> None:
    assert set(INTEGERS) | set(FLOATS) == set(GOOD)
    assert check_parameters(GOOD, Limits(), 80.0) == ((), ())


@pytest.mark.parametrize(
    ("name", "value", "severity"),
    [
        pytest.param("COM_OF_LOSS_T", 1.0, "warning", id="loss_time_default"),
        pytest.param("COM_OF_LOSS_T", 1.1, "blocker", id="loss_time_long"),
        pytest.param("COM_OBL_RC_ACT", 0, "blocker", id="coasts_without_sticks"),
        pytest.param("COM_OBL_RC_ACT", 3, "warning", id="returns"),
        pytest.param("COM_OBL_RC_ACT", 4, "warning", id="lands"),
        pytest.param("COM_OBL_RC_ACT", 6, "blocker", id="terminates"),
        pytest.param("COM_RC_OVERRIDE", 1, "blocker", id="sticks_ignored"),
        pytest.param("COM_RC_OVERRIDE", 2, "", id="sticks_override"),
        pytest.param("COM_RCL_EXCEPT", 4, "blocker", id="rc_loss_ignored"),
        pytest.param("COM_RCL_EXCEPT", 3, "", id="rc_loss_ignored_elsewhere"),
        pytest.param("NAV_RCL_ACT", 0, "blocker", id="rc_loss_nothing"),
        pytest.param("GF_ACTION", 1, "blocker", id="fence_warns_only"),
        pytest.param("GF_MAX_HOR_DIST", 0.0, "blocker", id="no_fence"),
        pytest.param("GF_MAX_HOR_DIST", 80.0, "blocker", id="fence_not_outside"),
        pytest.param("COM_LOW_BAT_ACT", 0, "blocker", id="battery_warns_only"),
        pytest.param("MPC_XY_VEL_MAX", 5.0, "blocker", id="slower_than_asked"),
        pytest.param("MPC_TILTMAX_AIR", 50.0, "blocker", id="tilts_far"),
        pytest.param("MPC_TILTMAX_AIR", 25.0, "", id="tilts_little"),
    ],
)
def test_one_parameter(name: str, value: float, severity: str) -> None:
    found = check_parameters({**GOOD, name: value}, Limits(), 80.0)
    assert [len(found.blockers), len(found.warnings)] == [severity == "blocker", severity == "warning"]
    for text in (*found.blockers, *found.warnings):
        assert text.startswith(f"PARAM_UNSAFE: {name} is {value:g}; expected ")


@pytest.mark.parametrize("name", sorted(GOOD))
def test_unknown_parameter_is_no_pass(name: str) -> None:
    found = check_parameters({key: value for key, value in GOOD.items() if key != name}, Limits(), 80.0)
    assert found.blockers == ()
    assert name in found.warnings[0]

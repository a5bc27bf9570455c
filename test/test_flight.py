import subprocess
import sys

import pytest

from uav_tracker_ros.flight import PX4_MODES, VehicleMode, custom_mode, mode_from_custom


@pytest.mark.parametrize("mode", sorted(PX4_MODES))
def test_custom_mode_round_trip(mode):
    assert mode_from_custom(custom_mode(mode)) is mode


@pytest.mark.parametrize(
    ("mode", "number"),
    [
        (VehicleMode.OFFBOARD, 0x00060000),  # main 6
        (VehicleMode.HOLD, 0x03040000),  # main 4 (auto), sub 3 (loiter)
        (VehicleMode.RETURN, 0x05040000),  # main 4, sub 5
    ],
)
def test_px4_numbers(mode, number):
    assert custom_mode(mode) == number


def test_unlisted_number_is_unknown():
    assert mode_from_custom(0x00FF0000) is VehicleMode.UNKNOWN


def test_flight_loads_no_numpy():
    code = "import sys, uav_tracker_ros.flight; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"

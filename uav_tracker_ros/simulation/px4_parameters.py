"""Parameters of the stand-in: PX4 v1.16's names, types and defaults, as far as they act here.

An ``int`` here is PX4's INT32, a ``float`` its REAL32; a change of type is refused as PX4 does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from uav_tracker_ros.errors import InvalidParameter, unknown_name

Value = int | float

PX4_DEFAULTS: Mapping[str, Value] = {
    "BAT_CRIT_THR": 0.07,
    "BAT_EMERGEN_THR": 0.05,
    "BAT_LOW_THR": 0.15,
    "CBRK_SUPPLY_CHK": 0,
    "COM_ARM_WO_GPS": 1,
    "COM_DISARM_LAND": 2.0,
    "COM_DISARM_PRFLT": 10.0,
    "COM_FAIL_ACT_T": 5.0,
    "COM_LOW_BAT_ACT": 0,
    "COM_OBC_LOSS_T": 5.0,
    "COM_OBL_RC_ACT": 0,
    "COM_OF_LOSS_T": 1.0,
    "COM_RC_IN_MODE": 3,
    "COM_RC_LOSS_T": 0.5,
    "COM_RC_OVERRIDE": 1,
    "COM_RC_STICK_OV": 30.0,
    "COM_RCL_EXCEPT": 0,
    "COM_SPOOLUP_TIME": 1.0,
    "GF_ACTION": 2,
    "GF_MAX_HOR_DIST": 0.0,
    "GF_MAX_VER_DIST": 0.0,
    "MAV_SYS_ID": 1,
    "MC_YAWRATE_MAX": 200.0,
    "MC_YAW_P": 2.8,
    "MIS_TAKEOFF_ALT": 2.5,
    "MPC_ACC_HOR": 3.0,
    "MPC_ACC_HOR_MAX": 5.0,
    "MPC_JERK_AUTO": 4.0,
    "MPC_JERK_MAX": 8.0,
    "MPC_LAND_SPEED": 0.7,
    "MPC_TILTMAX_AIR": 45.0,
    "MPC_TKO_SPEED": 1.5,
    "MPC_VEL_MANUAL": 10.0,
    "MPC_XY_CRUISE": 5.0,
    "MPC_XY_P": 0.95,
    "MPC_XY_VEL_D_ACC": 0.2,
    "MPC_XY_VEL_I_ACC": 0.4,
    "MPC_XY_VEL_MAX": 12.0,
    "MPC_XY_VEL_P_ACC": 1.8,
    "MPC_YAWRAUTO_ACC": 60.0,
    "MPC_YAWRAUTO_MAX": 45.0,
    "MPC_Z_P": 1.0,
    "MPC_Z_VEL_MAX_DN": 1.5,
    "MPC_Z_VEL_MAX_UP": 3.0,
    "NAV_DLL_ACT": 0,
    "NAV_RCL_ACT": 2,
    "RTL_RETURN_ALT": 60.0,
}

# What a vehicle that carries a follower should be set to: the stream of setpoints is missed after
# half a second and answered by Hold (the default, Position without sticks, only coasts), sticks
# take over from OFFBOARD, and the fence lies outside the widest one the follower can be given.
FOLLOWER_SAFE: Mapping[str, Value] = {
    **PX4_DEFAULTS,
    "COM_LOW_BAT_ACT": 3,
    "COM_OBL_RC_ACT": 5,
    "COM_OF_LOSS_T": 0.5,
    "COM_RC_IN_MODE": 1,
    "COM_RC_OVERRIDE": 3,
    "GF_MAX_HOR_DIST": 1500.0,
}


class ParameterStore:
    """The parameters of one autopilot, in PX4's order (by name)."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        """Args: ``values`` over PX4's defaults. Raises UnknownName for a name that PX4 has not."""
        self._values = dict(PX4_DEFAULTS)
        for name, value in values.items():
            if name not in self._values:
                raise unknown_name("autopilot parameter", name, self._values)
            self.set(name, value)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def set(self, name: str, value: Value) -> None:
        """Change a parameter.

        Raises:
            InvalidParameter: a fraction for an integer parameter.
        """
        if isinstance(self._values[name], int):
            if int(value) != value:
                raise InvalidParameter(f"{name} = {value}: an integer was expected; give a whole number")
            self._values[name] = int(value)
        else:
            self._values[name] = float(value)

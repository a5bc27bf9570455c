"""Scripted faults of the stand-in autopilot: what tests and demonstrations let go wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from uav_tracker_ros.errors import InvalidParameter, unknown_name
from uav_tracker_ros.flight import Vector3, VehicleMode
from uav_tracker_ros.simulation.px4_flight_tasks import Sticks
from uav_tracker_ros.simulation.px4_parameters import Value
from uav_tracker_ros.simulation.px4_setpoints import LOCAL_NED, VELOCITY_AND_YAW, PositionTarget

if TYPE_CHECKING:
    from uav_tracker_ros.simulation.autopilot import Autopilot

FOREVER = math.inf
STICK_PERIOD_S = 0.05  # MANUAL_CONTROL comes at 20 Hz


class Faults:
    """Each public method is a fault; ``inject`` calls it by its name. Durations are s from now."""

    def __init__(self, autopilot: Autopilot) -> None:
        self._autopilot = autopilot
        self._downlink_cut_until = self._uplink_cut_until = float("-inf")
        self._position_invalid_until: float | None = None
        self._sticks: Sticks | None = None
        self._sticks_until = self._sticks_next = float("-inf")
        self._sender: PositionTarget | None = None
        self._sender_until = self._sender_next = float("-inf")
        self._sender_period = 0.05
        self._table: Mapping[str, Callable[..., None]] = {
            "cut_downlink": self.cut_downlink,
            "cut_uplink": self.cut_uplink,
            "ekf_reset": self.ekf_reset,
            "position_invalid": self.position_invalid,
            "battery": self.battery,
            "pilot_mode": self.pilot_mode,
            "sticks": self.sticks,
            "sticks_lost": self.sticks_lost,
            "second_sender": self.second_sender,
            "reboot": self.reboot,
            "parameters": self.parameters,
            "stream_lost": self.stream_lost,
            "clock_step": self.clock_step,
        }
        self._lost_until: dict[int, float] = {}  # MAVLink message number -> s
        self.reboots = 0

    @property
    def downlink_open(self) -> bool:
        """What the autopilot sends arrives."""
        return self._autopilot.now >= self._downlink_cut_until

    @property
    def uplink_open(self) -> bool:
        """What is sent to the autopilot arrives."""
        return self._autopilot.now >= self._uplink_cut_until

    def sends(self, message_id: int) -> bool:
        """The autopilot sends this message."""
        return self._autopilot.now >= self._lost_until.get(message_id, float("-inf"))

    def inject(self, fault: str, **arguments: object) -> None:
        """Let ``fault`` happen now.

        Raises:
            UnknownName: no such fault.
            InvalidParameter: arguments that the fault does not take.
        """
        if fault not in self._table:
            raise unknown_name("fault", fault, self._table)
        try:
            self._table[fault](**arguments)
        except TypeError as error:
            raise InvalidParameter(f"fault '{fault}' with {arguments}: {error}; see its arguments") from error

    def act(self, now: float) -> None:
        """What the running faults do in this step."""
        if self._position_invalid_until is not None and now >= self._position_invalid_until:
            self._position_invalid_until = None
            self._autopilot.commander.position_valid = True
        if self._sticks is not None and now >= self._sticks_next:
            self._sticks_next = now + STICK_PERIOD_S
            self._autopilot.commander.heard_sticks(self._sticks if now < self._sticks_until else Sticks())
        if self._sender is not None and now >= self._sender_next:
            self._sender_next = now + self._sender_period
            self._autopilot.receive_position_target(self._sender)
            if now >= self._sender_until:
                self._sender = None

    def cut_downlink(self, seconds: float = FOREVER) -> None:
        """Nothing that the autopilot sends arrives."""
        self._downlink_cut_until = self._autopilot.now + seconds

    def cut_uplink(self, seconds: float = FOREVER) -> None:
        """Nothing reaches the autopilot."""
        self._uplink_cut_until = self._autopilot.now + seconds

    def ekf_reset(self, jump_ned: Vector3 = (3.0, -2.0, 0.5)) -> None:
        """The position estimate jumps by ``jump_ned`` m and the reset counter rises."""
        self._autopilot.shift_position(jump_ned)

    def position_invalid(self, seconds: float = FOREVER) -> None:
        """No valid position: no GPS."""
        self._position_invalid_until = self._autopilot.now + seconds
        self._autopilot.commander.position_valid = False

    def battery(self, level: float) -> None:
        """The battery is at ``level`` (0 to 1) from now on and drains further."""
        self._autopilot.commander.battery = min(1.0, max(0.0, level))

    def pilot_mode(self, mode: VehicleMode = VehicleMode.HOLD) -> None:
        """A pilot or ground station changes the mode; refused by the rules that bind them too."""
        self._autopilot.commander.request_mode(VehicleMode(mode))

    def sticks(
        self,
        forward: float = 0.0,
        right: float = 0.0,
        up: float = 0.0,
        turn: float = 0.0,
        seconds: float = FOREVER,
    ) -> None:
        """A pilot deflects the sticks (each -1 to 1) for so long; afterwards they stay there, centred."""
        self._sticks = Sticks(forward, right, up, turn)
        self._sticks_until, self._sticks_next = self._autopilot.now + seconds, float("-inf")

    def sticks_lost(self) -> None:
        """The remote control falls silent."""
        self._sticks = None

    def second_sender(
        self,
        velocity_ned: Vector3 = (1.0, 0.0, 0.0),
        yaw: float = 0.0,
        seconds: float = FOREVER,
        rate_hz: float = 20.0,
    ) -> None:
        """Somebody else streams velocity setpoints (m/s, rad)."""
        self._sender = PositionTarget(LOCAL_NED, VELOCITY_AND_YAW, velocity=velocity_ned, yaw=yaw)
        self._sender_until = self._autopilot.now + seconds
        self._sender_next, self._sender_period = float("-inf"), 1 / rate_hz

    def reboot(self, seconds: float = 2.0) -> None:
        """The autopilot starts again: silent for so long, boot clock at zero, rates and intention forgotten.

        The vehicle hangs on in Hold; a real one would fall, which no follower could answer.
        """
        self.cut_downlink(seconds)
        self.cut_uplink(seconds)
        self.reboots += 1
        self._autopilot.commander.request_mode(VehicleMode.HOLD)
        self._autopilot.restart_clock()

    def stream_lost(self, message_id: int, seconds: float = FOREVER) -> None:
        """The message of this MAVLink number is no longer sent, whoever asks for it."""
        self._lost_until[int(message_id)] = self._autopilot.now + seconds

    def clock_step(self, seconds: float) -> None:
        """The boot clock steps by so much, nothing else happens."""
        self._autopilot.step_clock(seconds)

    def parameters(self, values: Mapping[str, Value]) -> None:
        """Set parameters, as somebody with a ground station would."""
        for name, value in values.items():
            if name not in self._autopilot.parameters:
                raise unknown_name("autopilot parameter", name, self._autopilot.parameters)
            self._autopilot.set_parameter(name, value)

"""A controller to break: the follower that flies, in a process of its own, without ROS.

``python -m uav_tracker_ros.simulation.fault_controller SOCKET``. Its boxes are those of a target that walks north at
3 m/s, placed by its own telemetry. One line of output a change: ``PHASE GATE_STATE CODE,CODE,...``. Lines of input:
``goal``, ``stop``, ``reset``, ``raise`` (the loop fails).
"""

from __future__ import annotations

import select
import sys
import time

from uav_tracker_ros.flight import Telemetry
from uav_tracker_ros.following.follower import Follower
from uav_tracker_ros.following.report import FollowOutput, Goal, TargetMeasurement
from uav_tracker_ros.geometry import TargetState
from uav_tracker_ros.simulation.fault_flight import FRAME_ID, INTRINSICS, target_box, walk, with_settings
from uav_tracker_ros.simulation.truth import VehicleTruth
from uav_tracker_ros.vehicle.gate_client import GateClient

PERIOD_S = 0.02
IMAGE_PERIOD_S = 1 / 30
# A busy machine delays telemetry: coasting keeps its speed here, the faults are others.
SETTINGS = with_settings(coast_full=3.0, coast_max=6.0, search_max=15.0, fence_radius=1000.0)


class FaultController:
    """The loop of the controller's node, without the node."""

    def __init__(self, socket_path: str) -> None:
        self._gate = GateClient(socket_path)
        self._follower = Follower(SETTINGS)
        self._follower.set_camera(INTRINSICS, FRAME_ID)
        self._path = walk()
        self._walking_since: float | None = None
        self._image_due = 0.0
        self._told = ""

    def run(self) -> None:
        """Until the end of the input."""
        due = time.monotonic()
        try:
            while True:
                due = max(due + PERIOD_S, time.monotonic())
                if select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
                    word = sys.stdin.readline().strip()
                    if not word:
                        return
                    self._obey(word)
                self._turn(time.monotonic())
        finally:
            self._gate.stop("the control loop ended")
            self._gate.close()

    def _obey(self, word: str) -> None:
        if word == "raise":
            raise ZeroDivisionError("as asked")
        if word == "goal":
            self._follower.start_goal(Goal(), time.monotonic())
        if word == "stop":
            self._follower.stop("as asked", time.monotonic())
        if word == "reset":
            self._gate.reset_takeover()
            self._follower.reset_takeover(time.monotonic())

    def _turn(self, now: float) -> None:
        for telemetry in self._gate.poll():
            self._follower.on_telemetry(telemetry)
            if telemetry.attitude is not None and telemetry.attitude.stamp >= self._image_due:
                self._look(telemetry, now)
        self._follower.fault("GATE_DOWN", "the gate does not answer", not self._gate.connected)
        output = self._follower.step(now)
        if output.engage:
            self._gate.engage()
        if output.stop is not None:
            self._gate.stop(output.stop.reason)
        if output.setpoint is not None:
            self._gate.send(output.setpoint)
            self._walking_since = self._walking_since or now
        else:
            self._walking_since = None
        self._tell(output)

    def _look(self, telemetry: Telemetry, now: float) -> None:
        attitude, position = telemetry.attitude, telemetry.position
        if attitude is None or position is None:
            return
        self._image_due = attitude.stamp + IMAGE_PERIOD_S
        truth = VehicleTruth(
            attitude.stamp, position.position_ned, position.velocity_ned, attitude.quaternion, attitude.rates_frd
        )
        begun = self._walking_since
        away = self._path(0.0 if begun is None else now - begun)
        # The walk begins 16 m ahead of wherever the vehicle was then.
        if begun is None:
            self._from_north = position.position_ned[0]
            self._from_east = position.position_ned[1]
        box = target_box(truth, (self._from_north + away[0], self._from_east), SETTINGS)
        if box is None:
            return
        size = (INTRINSICS.width, INTRINSICS.height)
        measurement = TargetMeasurement(
            attitude.stamp, FRAME_ID, TargetState.TRACKING, 1, box, 0.9, 0.9, *size, "person"
        )
        self._follower.on_target(measurement, now)

    def _tell(self, output: FollowOutput) -> None:
        report = output.report
        codes = ",".join(text.partition(":")[0] for text in report.blockers)
        told = f"{report.phase.name} {report.gate_state.name} {codes}"
        if told != self._told:
            self._told = told
            sys.stdout.write(told + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    FaultController(sys.argv[1]).run()

"""A follower in the air without simulator: an ideal gate, a slow vehicle and true boxes of one target."""

import math

import numpy as np

from uav_tracker_ros.flight import Attitude, GateState, LocalPosition, Telemetry, VehicleMode
from uav_tracker_ros.following.camera import Camera
from uav_tracker_ros.following.follower import Follower
from uav_tracker_ros.following.report import EndCode, FollowPhase, Goal, TargetMeasurement
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.frames import quaternion_from_euler
from uav_tracker_ros.geometry import Box, Intrinsics, TargetState

DT = 0.02
DELAY_S, LAG_S = 0.20, 0.52  # of the velocity, as measured on PX4
INTRINSICS = Intrinsics.from_hfov(640, 480, math.radians(70))


class IdealFlight:
    """Steps a follower at 50 Hz; faults are set from outside by its public fields."""

    def __init__(self, **settings):
        self.follower = Follower(FollowSettings(**{"allow_engage": True, "mode": "hold_offset", **settings}))
        self.follower.set_camera(INTRINSICS, "camera_optical")
        self.camera = Camera(INTRINSICS, math.radians(-30))
        self.now = 50.0
        self.position, self.velocity, self.yaw = np.array([-10.0, 0.0, -6.0]), np.zeros(3), 0.0
        self.target = np.zeros(2)
        self.target_velocity = np.zeros(2)
        self.gate, self.engagement, self.entered = GateState.SILENT, 0, 0.0
        self.mode = VehicleMode.HOLD
        self.gate_refuses = False
        self.battery = 0.9
        self.images, self.telemetry_flows = True, True
        self.image_turns = 2  # from one image to the next
        self.slope = 0.0  # of the ground, m of height a m to the north from the origin on
        self.state, self.lock, self.confidence, self.similarity = TargetState.TRACKING, 1, 0.9, 0.9
        self.setpoints = []  # (now, Setpoint), all that were sent
        self.stops = []
        self.out = None
        self._pipe = []
        self._tick = 0

    @property
    def phase(self):
        return self.out.report.phase

    def run(self, seconds, until=None):
        """Step for so long, or until ``until()`` holds; returns whether it did."""
        for _ in range(round(seconds / DT)):
            self.step()
            if until is not None and until():
                return True
        return False

    def run_to(self, phase, seconds=20.0):
        assert self.run(seconds, lambda: self.phase is phase), (self.phase, self.out.report)

    def follow(self, goal=None):
        """Through READY and the hand-over to FOLLOWING."""
        self.run_to(FollowPhase.READY)
        self.run(0.4)
        code = self.follower.start_goal(goal or Goal(), self.now)
        assert code is EndCode.NONE, self.follower.step(self.now).report.end_message
        self.run_to(FollowPhase.FOLLOWING)

    def step(self):
        self.now += DT
        self._tick += 1
        self.target = self.target + self.target_velocity * DT
        self._fly()
        if self.telemetry_flows:
            self.follower.on_telemetry(self._telemetry())
        if self.images and self._tick % self.image_turns == 0:
            self.follower.on_target(self.measurement(self.now), self.now)
        self.out = self.follower.step(self.now)
        self._gate()
        if self.out.setpoint is not None:
            self.setpoints.append((self.now, self.out.setpoint))
        self._pipe.append(self.out.setpoint)

    def measurement(self, stamp):
        pose = self.camera.pose(self.position, quaternion_from_euler(0, 0, self.yaw))
        ground_z = -self.slope * max(0.0, self.target[0])
        edges = self.camera.hulls(pose, self.target[None], ground_z, np.array([1.7]), 0.2)[0]
        box = Box.from_xyxy(*edges).clipped(640, 480)
        return TargetMeasurement(
            stamp, "camera_optical", self.state, self.lock, box, self.confidence, self.similarity, 640, 480, "person"
        )

    def _telemetry(self):
        position = LocalPosition(self.now, tuple(self.position), tuple(self.velocity), 0)
        return Telemetry(
            self.now,
            Attitude(self.now, quaternion_from_euler(0, 0, self.yaw), (0, 0, 0)),
            position,
            self.mode,
            self.mode,
            self.now,
            armed=True,
            in_air=True,
            battery=self.battery,
            gate_state=self.gate,
            engagement=self.engagement,
            clock_error=0.002,
            velocity_gain=1.8,
            yaw_gain=2.8,
        )

    def _fly(self):
        delay = round(DELAY_S / DT)
        setpoint = self._pipe[-delay] if len(self._pipe) >= delay else None
        wanted = np.zeros(3)
        if setpoint is not None and self.gate is GateState.STREAMING:
            wanted = np.array(setpoint.velocity_ned)
            self.yaw += (setpoint.yaw_ned - self.yaw + math.pi) % (2 * math.pi) * 0.05 - math.pi * 0.05
        self.velocity = self.velocity + (wanted - self.velocity) * DT / LAG_S
        self.position = self.position + self.velocity * DT

    def _gate(self):
        if self.out.engage and not self.gate_refuses:
            self.gate, self.entered = GateState.ENTRY, self.now
            self.engagement += 1
        if self.out.stop is not None:
            self.stops.append((self.now, self.out.stop.reason))
            if self.gate in (GateState.ENTRY, GateState.STREAMING):
                self.gate, self.mode = GateState.SILENT, VehicleMode.HOLD
        if self.gate is GateState.ENTRY and self.now - self.entered > 1.1:
            self.gate, self.mode = GateState.STREAMING, VehicleMode.OFFBOARD

"""Somebody who flies the stand-in autopilot by hand, in simulated time."""

import math

from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.px4_commander import MavResult
from uav_tracker_ros.simulation.px4_parameters import FOLLOWER_SAFE
from uav_tracker_ros.simulation.px4_setpoints import LOCAL_NED, VELOCITY_AND_YAW, PositionTarget


class SteppedPilot:
    """Steps an autopilot, streams setpoints, and reads what it tells."""

    def __init__(self, *, base=FOLLOWER_SAFE, parameters=None, **settings):
        settings = {"noise": 0.0, "gust": 0.0, **settings}
        self.autopilot = Autopilot(AutopilotSettings(parameters={**base, **(parameters or {})}, **settings), seed=1)
        self.now = 100.0
        self.autopilot.step(self.now)
        self.texts = []

    def send(self, north=0.0, *, frame=LOCAL_NED, mask=VELOCITY_AND_YAW, **fields):
        self.autopilot.receive_position_target(PositionTarget(frame, mask, velocity=(north, 0.0, 0.0), **fields))

    def fly(self, seconds, north=None, *, period=0.02, **fields):
        for _ in range(round(seconds / period)):
            if north is not None:
                self.send(north, **fields)
            self.now += period
            self.autopilot.step(self.now)
            self.texts += [text for _, text in self.autopilot.take_texts()]

    def until(self, condition, limit):
        start = self.now
        while not condition():
            self.fly(0.02)
            assert self.now - start < limit, f"not within {limit} s; {self.status}"
        return self.now - start

    def offboard(self, north, seconds=6.0):
        self.send(north)
        assert self.request(VehicleMode.OFFBOARD) is MavResult.ACCEPTED
        self.fly(seconds, north)

    def request(self, mode):
        return self.autopilot.commander.request_mode(mode)

    @property
    def mode(self):
        return self.autopilot.status.mode

    @property
    def status(self):
        return self.autopilot.status

    @property
    def north(self):
        return self.autopilot.truth().position_ned[0]

    @property
    def speed(self):
        return math.hypot(*self.autopilot.truth().velocity_ned[:2])

    @property
    def height(self):
        return -self.autopilot.truth().position_ned[2]

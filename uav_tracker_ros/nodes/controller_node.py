"""The controller: targets and telemetry in, setpoints to the gate out, 50 times a second.

A thin shell around ``following.Follower``. The loop runs on the steady clock, never on
simulated time: a paused simulation must not keep the last setpoint alive.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Empty, String
from std_srvs.srv import Trigger

from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.flight import Telemetry
from uav_tracker_ros.following.journal import JournaledFollower
from uav_tracker_ros.following.report import EndCode, FollowOutput, Goal
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import Intrinsics
from uav_tracker_ros.msg import FollowState, TrackedTarget
from uav_tracker_ros.nodes import messages
from uav_tracker_ros.nodes.clock_map import ClockMap
from uav_tracker_ros.nodes.controller_health import ControllerHealth, GateAddress, settings_sha256
from uav_tracker_ros.nodes.controller_outputs import ControllerOutputs
from uav_tracker_ros.nodes.conversions import intrinsics_from_camera_info
from uav_tracker_ros.nodes.diagnostics import Diagnostics
from uav_tracker_ros.nodes.goal_server import GoalServer
from uav_tracker_ros.nodes.ground_station import GroundStation, GroundStationSettings, target_status
from uav_tracker_ros.nodes.node_main import reporting, run
from uav_tracker_ros.nodes.parameters import declare
from uav_tracker_ros.nodes.publisher_watch import PublisherWatch
from uav_tracker_ros.nodes.qos import JOURNAL, JOURNAL_TOPIC
from uav_tracker_ros.vehicle.gate_client import GateClient

PERIOD_S = 0.02
WATCH_PERIOD_S = 0.2  # publishers are looked at this often: a second one is seen within 0.5 s
UNKNOWN_NODE = "_NODE_NAME_UNKNOWN_"  # discovered before its node was
SETTLE_S = 0.5  # after a step of the ROS clock, targets with a stamp of before it are still under way
RESET_WAIT_S = 1.0
THREADS = 5  # loop, inputs, stop, reset, one goal that waits


class ControllerNode(LifecycleNode):
    """Inactive it neither moves nor asks for anything; active it runs the loop.

    One lock guards the follower: the loop, the subscriptions and the operator's calls take it
    for well under a millisecond each.
    """

    def __init__(self) -> None:
        super().__init__("controller")
        self.settings = declare(self, "follow", FollowSettings)
        self._address = declare(self, "gate", GateAddress)
        self._lock = threading.RLock()
        self._follower = JournaledFollower(self.settings)
        self._gate: GateClient | None = None
        self._intrinsics: Intrinsics | None = None
        self._camera_frame = ""
        self._telemetry = Telemetry(stamp=0.0)
        self._settled = -math.inf
        self._health = ControllerHealth()
        self._publisher_watch = PublisherWatch()
        simulated = bool(self.get_parameter("use_sim_time").value)
        self._clock_map = ClockMap(
            time.monotonic, lambda: self.get_clock().now().nanoseconds * 1e-9, simulated=simulated
        )
        self._outputs = ControllerOutputs(self, self.settings, settings_sha256(self.settings))
        self._journal = self.create_publisher(String, JOURNAL_TOPIC, JOURNAL)
        self._goals = GoalServer(self, self, self._lock)
        self._ground_station = GroundStation(self, declare(self, "ground_station", GroundStationSettings))
        self._diagnostics = Diagnostics(self, lambda: self._health.read(self._outputs.newest_state, self._gate))
        self._listen()
        self._fault("NO_INTRINSICS", "no camera_info yet; start the camera or publish it", active=True)

    def _listen(self) -> None:
        inputs, calls, waiting = (MutuallyExclusiveCallbackGroup() for _ in range(3))
        self._loop_group = MutuallyExclusiveCallbackGroup()
        targets = self.create_subscription(
            TrackedTarget, "target", self._on_target, QoSProfile(depth=5), callback_group=inputs
        )
        self._target_topic = targets.topic_name
        self.create_subscription(
            CameraInfo, "camera_info", self._on_camera_info, qos_profile_sensor_data, callback_group=inputs
        )
        self.create_subscription(Empty, "follow/stop", lambda _message: self._stop(), 1, callback_group=calls)
        self.create_service(Trigger, "follow/stop", self._on_stop, callback_group=calls)
        self.create_service(Trigger, "follow/reset_takeover", self._on_reset_takeover, callback_group=waiting)

    @reporting
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the gate's socket and start the loop."""
        self._gate = GateClient(self._address.socket)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._loop_timer = self.create_timer(PERIOD_S, self._cycle, self._loop_group, clock=steady)
        self._watch_timer = self.create_timer(WATCH_PERIOD_S, self._watch, self._loop_group, clock=steady)
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Brake and hold, then say nothing more."""
        self.destroy_timer(self._loop_timer)
        self.destroy_timer(self._watch_timer)
        self._close_gate("the controller was deactivated")
        return super().on_deactivate(state)

    def destroy_node(self) -> None:
        """Brake and hold over the socket: ROS may be shut down already."""
        self._close_gate("the controller ends")
        self._goals.close()
        super().destroy_node()

    def start_goal(self, goal: Goal) -> tuple[EndCode, str]:
        """Hand a goal to the follower; NONE if it was accepted."""
        with self._lock:
            if self._gate is None:
                return EndCode.REFUSED, "the controller is not active; activate it first"
            return self._follower.start_goal(goal, time.monotonic()), ""

    def cancel_goal(self) -> None:
        """The operator's cancel: the vehicle holds."""
        with self._lock:
            self._follower.cancel(time.monotonic())

    def newest_state(self) -> FollowState:
        """The state that was published last."""
        return self._outputs.newest_state

    def _cycle(self) -> None:
        """One turn of the loop; whatever goes wrong in it ends in Hold."""
        try:
            with self._lock:
                if self._gate is not None:
                    self._step(self._gate, time.monotonic())
        except Exception:
            self._close_gate("the control loop failed")
            raise

    def _step(self, gate: GateClient, now: float) -> None:
        slow = self._health.cycle(now)
        self._fault("THERMAL", "the loop is too slow, ten times in a row; cool or relieve the machine", active=slow)
        if self._clock_map.read():
            self.get_logger().error("the ROS clock jumped; targets are ignored until it has settled")
            self._fault("CLOCK_JUMP", "the ROS clock jumped", active=True)
            self._publisher_watch.clock_jumped()
            self._settled = now + SETTLE_S
        # The turn's own time, also when the machine did something else since: who differentiates wants even steps.
        stamp = self.get_clock().now() - Duration(seconds=time.monotonic() - now)
        for telemetry in gate.poll():
            self._follower.on_telemetry(telemetry)
            self._telemetry = telemetry
            age = now - telemetry.attitude.stamp if telemetry.attitude else 0.0
            self._outputs.publish_vehicle(telemetry, (stamp - Duration(seconds=max(0.0, age))).to_msg())
        for request in gate.poll_selections():
            self._ground_station.select(request, self._intrinsics)
        self._fault("GATE_DOWN", "the gate does not answer; start it", active=not gate.connected)
        output = self._follower.step(now)
        _act(gate, output)
        self._outputs.publish(output, self._telemetry, self._intrinsics, now=now, stamp=stamp.to_msg())
        self._goals.on_report(output.report)
        self._journal.publish(String(data=self._follower.batch()))

    def _watch(self) -> None:
        found = self.get_publishers_info_by_topic(self._target_topic)
        names = {f"{one.node_namespace.rstrip('/')}/{one.node_name}" for one in found if one.node_name != UNKNOWN_NODE}
        with self._lock:
            conflict = self._publisher_watch.conflict(len(found), names, time.monotonic())
        self._fault("TWO_PUBLISHERS", conflict, active=bool(conflict))

    def _on_target(self, message: TrackedTarget) -> None:
        with self._lock:
            now = time.monotonic()
            if self._gate is None or not self._clock_map.known or now < self._settled:
                return
            try:
                stamp = self._clock_map.to_monotonic(messages.seconds(message.header.stamp))
                measurement = messages.measurement(message, stamp=stamp, now=now, frame_id=self._camera_frame)
            except UavTrackerError as error:
                self.get_logger().warning(f"dropped: {error}", throttle_duration_sec=1.0)
                if self._health.bad_target(now):
                    self._follower.stop("the tracker sends targets that make no sense", now)
                return
            self._health.target()
            self._publisher_watch.target(messages.seconds(message.header.stamp), now)
            self._outputs.target_class = measurement.target_class
            self._follower.on_target(measurement, now)
            if self._gate is not None and self._ground_station.due(now):
                self._gate.show_target(target_status(measurement))

    def _on_camera_info(self, message: CameraInfo) -> None:
        with self._lock:
            try:
                intrinsics = intrinsics_from_camera_info(message)
            except UavTrackerError as error:
                self._fault("NO_INTRINSICS", str(error), active=True)
                return
            if intrinsics != self._intrinsics:
                self._intrinsics, self._camera_frame = intrinsics, message.header.frame_id
                self._follower.set_camera(intrinsics, message.header.frame_id)
                self._fault("NO_INTRINSICS", "", active=False)

    def _on_stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._stop()
        response.success, response.message = True, "braking, then Hold"
        return response

    def _stop(self) -> None:
        with self._lock:
            self._follower.stop("the operator said stop", time.monotonic())

    def _on_reset_takeover(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """The gate first: the follower believes its telemetry, which takes a moment."""
        deadline = time.monotonic() + RESET_WAIT_S
        with self._lock:
            if self._gate is not None:
                self._gate.reset_takeover()
        while True:
            with self._lock:
                response.message = self._follower.reset_takeover(time.monotonic())
            response.success = not response.message
            if response.success or time.monotonic() > deadline:
                return response
            time.sleep(PERIOD_S)

    def _fault(self, code: str, text: str, *, active: bool) -> None:
        with self._lock:
            self._follower.fault(code, text, active)

    def _close_gate(self, reason: str) -> None:
        with self._lock:
            gate, self._gate = self._gate, None
        if gate is not None:
            gate.stop(reason)
            gate.close()


def _act(gate: GateClient, output: FollowOutput) -> None:
    if output.engage:
        gate.engage()
    if output.stop is not None:
        gate.stop(output.stop.reason)
    if output.setpoint is not None:
        gate.send(output.setpoint)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run(ControllerNode, argv, threads=THREADS)


if __name__ == "__main__":
    raise SystemExit(main())

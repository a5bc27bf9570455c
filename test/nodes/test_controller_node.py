"""The controller's node over real topics, with a gate that writes down what it is asked."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Empty
from uav_tracker_ros.msg import TrackedTarget
from uav_tracker_ros.srv import SelectTarget

from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.flight import GateState
from uav_tracker_ros.following import follower
from uav_tracker_ros.following.report import EndCode, FollowPhase, Goal
from uav_tracker_ros.geometry import Intrinsics
from uav_tracker_ros.nodes import controller_node
from uav_tracker_ros.nodes.client import FollowerClient
from uav_tracker_ros.nodes.conversions import camera_info_from_intrinsics
from uav_tracker_ros.nodes.runner import DomainLock
from uav_tracker_ros.vehicle.camera_tracking import PictureBox, TargetRequest

sys.path.insert(0, str(Path(__file__).parents[1] / "doubles"))
from recording_gate import RecordingGate

pytestmark = pytest.mark.dds
CAMERA = Intrinsics.from_hfov(640, 480, 1.2217)
DEADLINE_S = 20.0
PARAMETERS = ("gate.socket:=unused", "follow.allow_engage:=true", "ground_station.video_delay:=0.3")


class Rig:
    """The node in a thread, a client, and somebody who publishes targets and camera_info at 30 Hz."""

    def __init__(self, domain_id: int) -> None:
        rclpy.init(
            args=["--ros-args", *(word for value in PARAMETERS for word in ("-p", value))],
            domain_id=domain_id,
        )
        self.node = controller_node.ControllerNode()
        self.executor = MultiThreadedExecutor(num_threads=controller_node.THREADS)
        self.executor.add_node(self.node)
        self.error: Exception | None = None
        self._over: Future[None] = Future()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()
        self.node.trigger_configure()
        self.node.trigger_activate()
        self.client = FollowerClient(domain_id=domain_id, topics=("state",))
        self.targets = self.client.node.create_publisher(TrackedTarget, "target", 5)
        self.infos = self.client.node.create_publisher(CameraInfo, "camera_info", 5)
        self.target: TrackedTarget | None = tracked()
        self.info: CameraInfo | None = camera_info_from_intrinsics(CAMERA, tracked().header)
        self.client.node.create_timer(1 / 30, self._publish)

    @property
    def gate(self) -> RecordingGate:
        return self.node._gate

    def _spin(self) -> None:
        try:
            self.executor.spin_until_future_complete(self._over)
        except ExternalShutdownException:
            pass
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.error = error

    def _publish(self) -> None:
        stamp = self.client.node.get_clock().now().to_msg()
        for publisher, message in ((self.infos, self.info), (self.targets, self.target)):
            if message is not None:
                message.header.stamp = stamp
                publisher.publish(message)

    def until(self, condition, what: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"{what}; state: {self.client.state}"
            time.sleep(0.01)

    def until_phase(self, phase: FollowPhase) -> None:
        self.until(lambda: self.client.phase is phase, f"not {phase.name}")

    def blocked(self, code: str) -> bool:
        state = self.client.state
        return state is not None and any(text.startswith(code) for text in state.blockers)

    def fly(self):
        """Follow until the gate streams; the goal's future."""
        self.until_phase(FollowPhase.READY)
        end = self.client.follow(Goal(mode="follow"))
        self.until(lambda: end.done() or self.streams, "not streaming")
        assert not end.done(), end.result()
        return end

    @property
    def streams(self) -> bool:
        return self.gate.state is GateState.STREAMING and len(self.gate.setpoints) > 5

    def close(self) -> None:
        self.client.close()
        self._over.set_result(None)
        self._thread.join(timeout=DEADLINE_S)
        self.node.destroy_node()
        rclpy.try_shutdown()


def tracked() -> TrackedTarget:
    """A person of 1.7 m at the origin, as seen from the recording gate's place."""
    message = TrackedTarget(state=1, lock=1, center_x=320.0, center_y=217.0, size_x=24.0, size_y=61.0)
    message.confidence, message.similarity, message.target_class = 0.95, 1.0, "person"
    message.image_width, message.image_height = 640, 480
    message.header.frame_id = "camera_optical"
    return message


@pytest.fixture(scope="module")
def domain():
    lock = DomainLock()
    yield lock.domain_id
    lock.release()


@pytest.fixture
def rig(domain, monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setattr(controller_node, "GateClient", RecordingGate)
    # Node and test share one interpreter: its pauses are the test's (test_follower.py has the controller's).
    monkeypatch.setattr(follower, "STEP_GAP_MAX", DEADLINE_S)
    made = Rig(domain)
    yield made
    made.close()


def test_a_goal_flies_and_ends_with_the_operators_cancel(rig):
    end = rig.fly()
    assert {setpoint.engagement for setpoint in rig.gate.setpoints} == {rig.gate.engagement}
    assert all(setpoint.valid_until - time.monotonic() <= 0.25 for setpoint in rig.gate.setpoints)
    rig.client.cancel()
    assert end.result(timeout=DEADLINE_S).code is EndCode.CANCELED
    rig.until(lambda: rig.gate.stops, "no stop at the gate")
    sent = len(rig.gate.setpoints)
    rig.until_phase(FollowPhase.READY)
    assert len(rig.gate.setpoints) == sent


class SlowToReturn:
    """An action client's handle whose questions are answered before the call returns."""

    def __init__(self, handle) -> None:
        self._handle = handle

    def __getattr__(self, name):
        return getattr(self._handle, name)

    def send_goal_request(self, request):
        number = self._handle.send_goal_request(request)
        time.sleep(0.3)
        return number


def test_an_answer_that_comes_at_once_is_not_lost(rig, monkeypatch):
    monkeypatch.setattr(rig.client._goals, "_client_handle", SlowToReturn(rig.client._goals._client_handle))
    end = rig.fly()
    rig.client.cancel()
    assert end.result(timeout=DEADLINE_S).code is EndCode.CANCELED


def test_a_ground_station_selects_and_sees_the_box(rig):
    calls = []

    def answer(request, response):
        ago = rig.client.node.get_clock().now() - Time.from_msg(request.stamp)
        calls.append((request.center_x, request.center_y, request.size_x, request.size_y, ago.nanoseconds * 1e-9))
        response.accepted = True
        return response

    rig.client.node.create_service(SelectTarget, "select_target", answer)
    rig.until(lambda: rig.gate.shown and rig.gate.shown[-1].box is not None, "no box for ground stations")
    left, top, right, bottom = rig.gate.shown[-1].box
    assert (left * 640, top * 480, right * 640, bottom * 480) == pytest.approx((308, 186.5, 332, 247.5))

    def asked() -> bool:  # until the service is discovered
        rig.gate.pointed = [TargetRequest(PictureBox(0.25, 0.5, 0.375, 0.75))]
        return bool(calls)

    rig.until(asked, "the selection did not reach the tracker")
    assert calls[0][:4] == (200.0, 300.0, 80.0, 120.0)
    assert 0.3 <= calls[0][4] < 0.3 + DEADLINE_S  # s ago: the delay of the operator's video, and of this call
    assert rig.client.phase not in (FollowPhase.ENGAGING, FollowPhase.FOLLOWING)


@pytest.mark.parametrize("how", ["service", "topic"])
def test_stop_holds_whatever_is_going_on(rig, how):
    publisher = rig.client.node.create_publisher(Empty, "follow/stop", 1)
    end = rig.fly()
    if how == "service":
        rig.client.stop()
    else:
        rig.until(lambda: publisher.get_subscription_count(), "nobody listens to follow/stop")
        publisher.publish(Empty())
    assert end.result(timeout=DEADLINE_S).code is EndCode.STOPPED
    rig.until(lambda: rig.gate.stops, "no stop at the gate")


def test_a_goal_without_a_target_is_refused_with_the_reason(rig):
    rig.target = None
    rig.until(lambda: rig.blocked("NO_TARGET"), "no blocker")
    end = rig.client.follow(Goal()).result(timeout=DEADLINE_S)
    assert end.code is EndCode.BLOCKED
    assert "NO_TARGET" in end.message
    assert not rig.gate.setpoints


def test_a_goal_out_of_range_is_refused_with_the_range(rig):
    rig.until_phase(FollowPhase.READY)
    end = rig.client.follow(Goal(mode="follow", distance=500.0)).result(timeout=DEADLINE_S)
    assert end.code is EndCode.INVALID_GOAL
    assert "4 to 60" in end.message


def test_no_flight_without_a_cameras_intrinsics(rig):
    good, rig.info = rig.info, None
    rig.until(lambda: rig.blocked("NO_INTRINSICS"), "no blocker")
    rig.info = camera_info_from_intrinsics(CAMERA._replace(fx=0.0), tracked().header)
    rig.until(lambda: any("focal" in text for text in rig.client.state.blockers), "zero focal length not told")
    rig.info = good
    rig.until_phase(FollowPhase.READY)


@pytest.fixture
def publisher_of(rig):
    """A publisher of targets on a node with this name; ends with the test."""
    made = []

    def publisher(name: str):
        made.append(rclpy.create_node(name, context=rig.client.node.context, start_parameter_services=False))
        return made[-1].create_publisher(TrackedTarget, "target", 5)

    yield publisher
    for node in made:
        node.destroy_node()


def test_two_trackers_block_and_in_flight_hold(rig, publisher_of):
    end = rig.fly()
    second = publisher_of("another_tracker")
    ended = end.result(timeout=DEADLINE_S)
    assert ended.code is EndCode.VEHICLE_FAULT
    assert "/another_tracker and /follower_client publish" in ended.message
    rig.until(lambda: rig.blocked("TWO_PUBLISHERS"), "no blocker")
    second.destroy()
    rig.until_phase(FollowPhase.READY)


def test_a_tracker_that_was_started_again_is_no_second_one_until_both_speak(rig, publisher_of):
    """The dead one's publisher is counted for another 20 s, under the same name."""
    second = publisher_of("follower_client")
    rig.until(lambda: rig.node.count_publishers("target") == 2, "the second publisher is not seen")
    rig.fly()
    late = tracked()
    late.header.stamp = Time(seconds=1).to_msg()
    rig.client.node.create_timer(0.1, lambda: second.publish(late))
    rig.until(lambda: rig.blocked("TWO_PUBLISHERS"), "no blocker")


@pytest.mark.parametrize("field", ["center_x", "size_y", "confidence"])
def test_targets_of_nan_end_the_flight(rig, field):
    end = rig.fly()
    broken = tracked()
    setattr(broken, field, float("nan"))
    rig.target = broken
    assert end.result(timeout=DEADLINE_S).code in (EndCode.STOPPED, EndCode.VEHICLE_FAULT, EndCode.TARGET_LOST)
    rig.until(lambda: rig.gate.stops, "no stop at the gate")


def test_a_takeover_is_latched_until_it_is_reset(rig):
    end = rig.fly()
    rig.gate.state = GateState.TAKEN
    assert end.result(timeout=DEADLINE_S).code is EndCode.TAKEOVER
    rig.until_phase(FollowPhase.TAKEOVER)
    sent = len(rig.gate.setpoints)
    assert rig.client.follow(Goal()).result(timeout=DEADLINE_S).code in (EndCode.BLOCKED, EndCode.REFUSED)
    assert rig.client.reset_takeover() == ""
    assert rig.gate.resets == 1
    rig.until_phase(FollowPhase.READY)
    assert len(rig.gate.setpoints) == sent


def test_a_gate_that_is_gone_ends_the_flight(rig):
    end = rig.fly()
    rig.gate.connected = False
    assert end.result(timeout=DEADLINE_S).code is EndCode.GATE_DOWN
    rig.until(lambda: rig.blocked("GATE_DOWN"), "no blocker")


def test_whatever_goes_wrong_in_the_loop_stops_the_vehicle_first(rig, monkeypatch):
    rig.fly()
    gate = rig.gate

    def fail(_now):
        raise ZeroDivisionError

    monkeypatch.setattr(rig.node._follower, "step", fail)
    rig.until(lambda: gate.closed, "the gate's socket stays open")
    assert gate.stops[-1] == "the control loop failed"
    rig.until(lambda: isinstance(rig.error, ZeroDivisionError), "the error is not passed on")


def test_inactive_it_says_nothing(rig):
    rig.fly()
    gate = rig.gate
    rig.node.trigger_deactivate()
    assert gate.closed
    assert gate.stops
    assert rig.client.follow(Goal()).result(timeout=DEADLINE_S).code is EndCode.REFUSED


def test_a_late_listener_gets_the_last_state(rig, domain):
    rig.until_phase(FollowPhase.READY)
    rig.node.trigger_deactivate()
    with FollowerClient(domain_id=domain, topics=("state",)) as late:
        assert late.wait_for(lambda client: client.state is not None, DEADLINE_S)


def test_the_controller_needs_the_gates_address(domain):
    rclpy.init(domain_id=domain)
    try:
        with pytest.raises(UavTrackerError, match=r"gate\.socket is empty"):
            controller_node.ControllerNode()
    finally:
        rclpy.try_shutdown()

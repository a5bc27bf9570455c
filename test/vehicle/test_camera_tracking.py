"""Camera tracking: the rules alone, and the gate's process against a ground station over UDP."""

from __future__ import annotations

import math
import os
import time

import pytest
from gate_rig import gate, wait_for
from pymavlink import mavutil

from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.mavlink_server import MavlinkServer
from uav_tracker_ros.vehicle.camera_tracking import (
    OFF,
    POINT,
    RECTANGLE,
    CameraCommand,
    CameraTracking,
    PictureBox,
    TargetRequest,
    TargetStatus,
    request_of,
)
from uav_tracker_ros.vehicle.gate_client import GateClient
from uav_tracker_ros.vehicle.link_lock import free_port

pytestmark = pytest.mark.real_time

STATUS = TargetStatus(PictureBox(0.25, 0.125, 0.5, 0.75), 640, 480)
TRACK_POINT, TRACK_RECTANGLE, STOP_TRACKING, REQUEST_MESSAGE = 2004, 2005, 2010, 512
ACCEPTED, FAILED = 0, 4
LINK_S = 20.0


@pytest.mark.parametrize(
    ("kind", "numbers", "box"),
    [
        (POINT, (0.5, 0.25), (0.5, 0.25, 0.5, 0.25)),
        (POINT, (1.01, 0.5), None),
        (POINT, (math.nan, 0.5), None),
        (RECTANGLE, (0.1, 0.2, 0.3, 0.4), (0.1, 0.2, 0.3, 0.4)),
        (RECTANGLE, (0.3, 0.4, 0.1, 0.2), (0.1, 0.2, 0.3, 0.4)),  # drawn from the lower right corner
        (RECTANGLE, (-0.1, 0.2, 0.3, 1.4), (0.0, 0.2, 0.3, 1.0)),
        (RECTANGLE, (0.1, 0.2, 0.1, 0.4), None),  # a line
        (RECTANGLE, (1.1, 0.2, 1.3, 0.4), None),
        (RECTANGLE, (0.1, 0.2, math.inf, 0.4), None),
    ],
)
def test_what_a_command_asks(kind, numbers, box) -> None:
    assert request_of(CameraCommand(kind, numbers)) == (None if box is None else TargetRequest(PictureBox(*box)))


class WrittenCamera:
    """Keeps the contract TrackingCamera; writes down what it is told."""

    def __init__(self) -> None:
        self.commands: list[CameraCommand] = []
        self.answers: list[tuple[str, bool]] = []
        self.shown: list[TargetStatus | None] = []

    def poll(self):
        commands, self.commands = self.commands, []
        return commands

    def answer(self, kind, accepted):
        self.answers.append((kind, accepted))

    def show(self, status):
        self.shown.append(status)


def test_commands_reach_the_controller_and_are_answered() -> None:
    camera = WrittenCamera()
    tracking = CameraTracking(camera)
    camera.commands = [CameraCommand(POINT, (0.5, 0.5)), CameraCommand(RECTANGLE, (0, 0, 0, 0)), CameraCommand(OFF, ())]
    asked = tracking.step(1.0, controller=True)
    assert asked == [TargetRequest(PictureBox(0.5, 0.5, 0.5, 0.5)), TargetRequest(None)]
    assert camera.answers == [(POINT, True), (RECTANGLE, False), (OFF, True)]


def test_without_a_controller_every_command_is_refused() -> None:
    camera = WrittenCamera()
    camera.commands = [CameraCommand(POINT, (0.5, 0.5)), CameraCommand(OFF, ())]
    assert CameraTracking(camera).step(1.0, controller=False) == []
    assert camera.answers == [(POINT, False), (OFF, False)]


def test_status_is_sent_five_times_a_second_and_grows_old() -> None:
    camera = WrittenCamera()
    tracking = CameraTracking(camera)
    tracking.tell(STATUS, 10.0)
    for tick in range(100):  # 2 s
        tracking.step(10.0 + tick * 0.02, controller=True)
    assert 9 <= len(camera.shown) <= 11
    assert camera.shown[0] == STATUS
    assert camera.shown[-1] is None  # the controller has said nothing for 2 s
    assert camera.shown.count(STATUS) == 3


class GroundStation:
    """What QGroundControl does with a camera; over UDP of its own."""

    def __init__(self, port: int) -> None:
        os.environ["MAVLINK20"] = "1"
        self._link = mavutil.mavlink_connection(
            f"udpout:127.0.0.1:{port}", source_system=255, source_component=190, dialect="common"
        )
        self.heard: list = []
        self._beat = 0.0

    def listen(self) -> None:
        if time.monotonic() - self._beat > 0.5:
            self._beat = time.monotonic()
            self._link.mav.heartbeat_send(6, 8, 0, 0, 4)
        while (message := self._link.recv_match(blocking=False)) is not None:
            self.heard.append(message)

    def newest(self, kind: str):
        self.listen()
        return next((it for it in reversed(self.heard) if it.get_type() == kind and it.get_srcComponent() == 100), None)

    def command(self, number: int, *parameters: float) -> int:
        """Send once; the result of its acknowledgement."""
        self.heard.clear()
        self._link.mav.command_long_send(1, 100, number, 0, *parameters, *[0.0] * (7 - len(parameters)))

        def answered() -> bool:
            answer = self.newest("COMMAND_ACK")
            return answer is not None and answer.command == number

        wait_for(f"an answer to {number}", answered, LINK_S)
        return int(self.newest("COMMAND_ACK").result)

    def close(self) -> None:
        self._link.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A gate with a camera, the stand-in's heartbeat, a controller's socket, and a ground station."""
    folder, port = tmp_path_factory.mktemp("camera"), free_port()
    server = MavlinkServer(Autopilot(AutopilotSettings()), "127.0.0.1", port)
    server.start()
    child = gate(f"udpin://127.0.0.1:{port}", folder, "--camera")
    client = GateClient(folder / "gate.sock")
    station = GroundStation(port)
    try:
        wait_for("the gate's camera", lambda: client.connected and station.newest("HEARTBEAT"), LINK_S)
        yield station, client, child
    finally:
        client.close()
        station.close()
        child.kill()
        server.stop()


def test_a_ground_station_sees_a_camera_that_tracks(scene) -> None:
    station, client, _ = scene
    assert station.newest("HEARTBEAT").type == 30  # MAV_TYPE_CAMERA
    client.show_target(STATUS)
    assert station.command(REQUEST_MESSAGE, 259) == ACCEPTED
    wait_for("CAMERA_INFORMATION", lambda: station.newest("CAMERA_INFORMATION"), LINK_S)
    flags = station.newest("CAMERA_INFORMATION").flags
    assert flags & 512  # CAMERA_CAP_FLAGS_HAS_TRACKING_POINT
    assert flags & 1024  # ..._RECTANGLE


@pytest.mark.parametrize(
    ("number", "parameters", "asked_for"),
    [
        (TRACK_POINT, (0.5, 0.25, 0.1), TargetRequest(PictureBox(0.5, 0.25, 0.5, 0.25))),
        (TRACK_RECTANGLE, (0.25, 0.5, 0.375, 0.75), TargetRequest(PictureBox(0.25, 0.5, 0.375, 0.75))),
        (STOP_TRACKING, (), TargetRequest(None)),
    ],
    ids=["point", "rectangle", "stop"],
)
def test_a_selection_reaches_the_controller(scene, number, parameters, asked_for) -> None:
    station, client, _ = scene
    assert station.command(number, *parameters) == ACCEPTED
    asked: list[TargetRequest] = []
    wait_for("the request", lambda: asked.extend(client.poll_selections()) or asked, LINK_S)
    assert asked == [asked_for]


def test_a_selection_beside_the_picture_is_refused(scene) -> None:
    station, client, _ = scene
    assert station.command(TRACK_POINT, 1.5, 0.5) == FAILED
    assert client.poll_selections() == []


def test_the_box_comes_back_unasked_and_ends_with_the_controllers_word(scene) -> None:
    station, client, _ = scene

    def shown() -> bool:
        client.show_target(STATUS)
        status = station.newest("CAMERA_TRACKING_IMAGE_STATUS")
        return status is not None and status.tracking_status == 1

    station.heard.clear()
    wait_for("the box", shown, LINK_S)
    status = station.newest("CAMERA_TRACKING_IMAGE_STATUS")
    assert (status.tracking_mode, status.target_data) == (2, 4)
    assert (status.rec_top_x, status.rec_top_y, status.rec_bottom_x, status.rec_bottom_y) == STATUS.box
    wait_for("no box", lambda: station.newest("CAMERA_TRACKING_IMAGE_STATUS").tracking_status == 0, LINK_S)

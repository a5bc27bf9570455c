"""A MAVLink camera (component 100) beside the link, which ground stations draw a box on.

MAVSDK's camera server answers the protocol and lends the commands; it shares the link's
connection and system id. Its tracking status goes out only after a ground station has asked for
the stream, so the same status is sent unasked as well. All calls take well below a millisecond.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any

from mavsdk import ComponentType, Mavsdk, MavsdkError
from mavsdk.plugins.camera_server import CameraFeedback, CameraServer, Information, TrackRectangle
from mavsdk.plugins.mavlink_direct_server import MavlinkDirectServer, MavlinkMessage

from uav_tracker_ros.vehicle.camera_tracking import OFF, POINT, RECTANGLE, CameraCommand, TargetStatus

COMPONENT = 100  # MAV_COMP_ID_CAMERA
QUEUE = 20  # commands; a hand makes one a second
VENDOR, MODEL, VERSION = "uav_tracker_ros", "target tracker", "0.1.0"
_IDLE, _ACTIVE = 0, 1  # CAMERA_TRACKING_STATUS_FLAGS
_MODE_NONE, _MODE_RECTANGLE = 0, 2  # CAMERA_TRACKING_MODE
_DATA_NONE, _DATA_IN_STATUS = 0, 4  # CAMERA_TRACKING_TARGET_DATA

_log = logging.getLogger(__name__)


class MavsdkCamera:
    """Implements :class:`~uav_tracker_ros.vehicle.camera_tracking.TrackingCamera`.

    Args:
        mavsdk: the link's; it must outlive this.
    """

    def __init__(self, mavsdk: Mavsdk) -> None:
        component = mavsdk.server_component_by_type(ComponentType.CAMERA)
        self._server = CameraServer(component)
        self._direct = MavlinkDirectServer(component)
        self._commands: deque[CameraCommand] = deque(maxlen=QUEUE)
        self._size = (0, 0)
        self._failed = False
        self._inform(0, 0)
        # Called from MAVSDK's thread, in which a blocking call deadlocks: store only.
        self._server.subscribe_tracking_point_command(self._on_point)
        self._server.subscribe_tracking_rectangle_command(self._on_rectangle)
        self._server.subscribe_tracking_off_command(self._on_off)

    def poll(self) -> Sequence[CameraCommand]:
        """Commands since the last call."""
        return [self._commands.popleft() for _ in range(len(self._commands))]

    def answer(self, kind: str, accepted: bool) -> None:
        """Acknowledge."""
        respond = {
            POINT: self._server.respond_tracking_point_command,
            RECTANGLE: self._server.respond_tracking_rectangle_command,
            OFF: self._server.respond_tracking_off_command,
        }[kind]
        try:
            respond(CameraFeedback.OK if accepted else CameraFeedback.FAILED)
        except MavsdkError as error:
            _log.warning("a ground station's %s command was not answered: %s", kind, error)

    def show(self, status: TargetStatus | None) -> None:
        """Send the status; what fails is said once."""
        try:
            self._show(status)
        except MavsdkError as error:
            if not self._failed:
                self._failed = True
                _log.error("the tracking status does not reach ground stations: %s", error)

    def _show(self, status: TargetStatus | None) -> None:
        if status is not None and (status.width, status.height) != self._size:
            self._inform(status.width, status.height)
        box = status.box if status is not None else None
        if box is None:
            self._server.set_tracking_off_status()
        else:
            self._server.set_tracking_rectangle_status(TrackRectangle(*box))
        self._direct.send_message(
            MavlinkMessage(
                message_name="CAMERA_TRACKING_IMAGE_STATUS",
                system_id=1,
                component_id=COMPONENT,
                target_system_id=0,
                target_component_id=0,
                fields_json=json.dumps(status_fields(status)),
            )
        )

    def _inform(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._server.set_information(
            Information(
                vendor_name=VENDOR,
                model_name=MODEL,
                firmware_version=VERSION,
                horizontal_resolution_px=width,
                vertical_resolution_px=height,
            )
        )

    def _on_point(self, point: Any, _user_data: object) -> None:
        self._commands.append(CameraCommand(POINT, (point.point_x, point.point_y)))

    def _on_rectangle(self, corners: Any, _user_data: object) -> None:
        numbers = (
            corners.top_left_corner_x,
            corners.top_left_corner_y,
            corners.bottom_right_corner_x,
            corners.bottom_right_corner_y,
        )
        self._commands.append(CameraCommand(RECTANGLE, numbers))

    def _on_off(self, _number: object, _user_data: object) -> None:
        self._commands.append(CameraCommand(OFF, ()))


def status_fields(status: TargetStatus | None) -> dict[str, float]:
    """CAMERA_TRACKING_IMAGE_STATUS; complete, since a missing field is sent as 0 without a word."""
    box = status.box if status is not None else None
    left, top, right, bottom = box if box is not None else (0.0, 0.0, 0.0, 0.0)
    return {
        "tracking_status": _ACTIVE if box is not None else _IDLE,
        "tracking_mode": _MODE_RECTANGLE if box is not None else _MODE_NONE,
        "target_data": _DATA_IN_STATUS if box is not None else _DATA_NONE,
        "point_x": 0.0,
        "point_y": 0.0,
        "radius": 0.0,
        "rec_top_x": left,
        "rec_top_y": top,
        "rec_bottom_x": right,
        "rec_bottom_y": bottom,
        "camera_device_id": 0,
    }

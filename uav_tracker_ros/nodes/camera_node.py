"""The camera: a video, a folder of pictures or a V4L2 device as Image and CameraInfo."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.geometry import Intrinsics
from uav_tracker_ros.nodes.camera_settings import CameraSettings
from uav_tracker_ros.nodes.camera_sources import CameraSource, open_camera
from uav_tracker_ros.nodes.diagnostics import Diagnostics
from uav_tracker_ros.nodes.image_output import ImageOutput
from uav_tracker_ros.nodes.image_settings import ImageSettings
from uav_tracker_ros.nodes.node_main import finish, reporting, run, until_shutdown
from uav_tracker_ros.nodes.parameters import declare


class CameraNode(LifecycleNode):
    """Inactive it has the source open; active it publishes from a thread."""

    def __init__(self) -> None:
        super().__init__("camera")
        self.settings = declare(self, "camera", CameraSettings)
        self._images = declare(self, "", ImageSettings)
        self._source: CameraSource | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    @reporting
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the source and make the publishers."""
        self._source = open_camera(self.settings)
        self._output = ImageOutput(self, self._images)
        self._diagnostics = Diagnostics(self, lambda: self._output.health(self.settings.source))
        self.get_logger().info(f"images from {self.settings.source}")
        return super().on_configure(state)

    @reporting
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start publishing."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()
        return super().on_activate(state)

    @reporting
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop publishing."""
        self._stop()
        return super().on_deactivate(state)

    @reporting
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the source."""
        self._diagnostics.close()
        self._output.close()
        self._close()
        return super().on_cleanup(state)

    def destroy_node(self) -> None:
        """Stop, close the source, then end the node."""
        self._stop()
        self._close()
        super().destroy_node()

    def _stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        self._thread = None

    def _close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _run(self) -> None:
        source = self._source
        assert source is not None  # noqa: S101 - for the type checker: configure opened it
        try:
            self._publish_all(source)
        except UavTrackerError as error:
            self.get_logger().error(str(error))
            finish(self, 1)

    def _publish_all(self, source: CameraSource) -> None:
        intrinsics: Intrinsics | None = None
        while not self._stopping.is_set():
            shot = source.read()
            if shot is None:
                self.get_logger().info(f"{self.settings.source} is over after {self._output.sent} images")
                finish(self, 0)
                return
            stamp = self.get_clock().now().nanoseconds - round(shot.age * 1e9)
            height, width = shot.image.shape[:2]
            if intrinsics is None or (intrinsics.width, intrinsics.height) != (width, height):
                intrinsics = self.settings.intrinsics(width, height)
            with until_shutdown(self):
                self._output.publish(shot.image, intrinsics, stamp)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run(CameraNode, argv)


if __name__ == "__main__":
    raise SystemExit(main())

"""The world without hardware: pictures of a scenario from a simulated vehicle, and the truth about them."""

from __future__ import annotations

import dataclasses
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import Trigger

from uav_tracker_ros.following.settings import FollowSettings, setting
from uav_tracker_ros.geometry import Image
from uav_tracker_ros.nodes.camera_settings import CameraSettings
from uav_tracker_ros.nodes.diagnostics import Diagnostics
from uav_tracker_ros.nodes.image_output import ImageOutput
from uav_tracker_ros.nodes.image_settings import ImageSettings
from uav_tracker_ros.nodes.node_main import finish, reporting, run, until_shutdown
from uav_tracker_ros.nodes.parameters import declare
from uav_tracker_ros.nodes.simulated_vehicle import ReportedVehicle, SimulatedVehicle, StandInVehicle
from uav_tracker_ros.nodes.truth_output import TruthOutput
from uav_tracker_ros.simulation.rendering import Renderer
from uav_tracker_ros.simulation.scenario import Scenario
from uav_tracker_ros.simulation.scenarios import get
from uav_tracker_ros.simulation.truth import FrameTruth, TargetTruth, VehicleTruth
from uav_tracker_ros.simulation.world import World

PLACE_WAIT_S = 5.0  # for the first report of a vehicle; without one the scenario's own place is drawn


@dataclass(frozen=True)
class SimulationSettings:
    """What is simulated (ROS parameters ``simulation.*``)."""

    scenario: str = setting("sinusoid", "what the target does (`uav-tracker follow --help` lists all)")
    seed: int = setting(0, "seed of scenery, noise and gusts", low=0, high=2**31 - 1)
    response: str = setting("sih", "flight model of the stand-in", choices=("sih", "design"))
    autopilot_target: str = setting(
        "", "HOST:PORT that the stand-in autopilot sends to; empty: the pose comes from follow/vehicle_odometry"
    )
    wait_for_start: bool = setting(False, "the target stands still until the service simulation/start is called")
    image_delay: float = setting(0.0, "further time between exposure and publishing", unit="s", low=0, high=1)


@dataclass(frozen=True)
class Exposure:
    """One picture with all that is true of it."""

    image: Image
    stamp: int  # ns, ROS time
    due: float  # monotonic s of publishing
    frame: FrameTruth
    vehicle: VehicleTruth
    target: TargetTruth


class SimulatorNode(LifecycleNode):
    """Inactive the vehicle hovers; active the camera takes pictures. One thread draws, one publishes."""

    def __init__(self) -> None:
        super().__init__("simulator")
        self.settings = declare(self, "simulation", SimulationSettings)
        self._camera = declare(self, "camera", CameraSettings)
        self._follow = declare(self, "follow", FollowSettings)
        self._images = declare(self, "", ImageSettings)
        self._vehicle: SimulatedVehicle | None = None
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._world_start = math.inf  # monotonic s of the world's t = 0

    @reporting
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Make the world and put the vehicle into it."""
        settings, camera = self.settings, self._camera
        scenario = dataclasses.replace(
            get(settings.scenario), start_distance=self._follow.distance, start_height=self._follow.height
        )
        self._intrinsics = camera.intrinsics(camera.width, camera.height)
        self._make_world(scenario)
        self._vehicle = (
            StandInVehicle(settings.autopilot_target, scenario, response=settings.response, seed=settings.seed)
            if settings.autopilot_target
            else ReportedVehicle(self, scenario)
        )
        self._output, self._truth = ImageOutput(self, self._images), TruthOutput(self)
        self._diagnostics = Diagnostics(self, lambda: self._output.health(f"scenario {settings.scenario}"))
        self._start_service = self.create_service(Trigger, "simulation/start", self._on_start)
        self._world_start = math.inf
        return super().on_configure(state)

    def _make_world(self, scenario: Scenario) -> None:
        self._world = World(scenario, self.settings.seed)
        pitch = math.radians(self._follow.camera_pitch_deg)
        self._renderer = Renderer(self._world, self._intrinsics, pitch, self.settings.seed)

    @reporting
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the camera, and the target unless it waits."""
        self._activated = time.monotonic()
        self._stopping.clear()
        self._exposures: queue.Queue[Exposure] = queue.Queue(maxsize=64)
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=work.__name__, daemon=True)
            for work in (self._draw, self._publish)
        ]
        for thread in self._threads:
            thread.start()
        return super().on_activate(state)

    @reporting
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the camera."""
        self._stop()
        return super().on_deactivate(state)

    @reporting
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End the world."""
        self._diagnostics.close()
        self._output.close()
        self._truth.close()
        self.destroy_service(self._start_service)
        self._close_vehicle()
        return super().on_cleanup(state)

    def destroy_node(self) -> None:
        """Stop the threads, then the node."""
        self._stop()
        self._close_vehicle()
        super().destroy_node()

    def _stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=2.0)
        self._threads = []

    def _close_vehicle(self) -> None:
        vehicle, self._vehicle = self._vehicle, None
        if vehicle is not None:
            vehicle.close()

    def _on_start(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self._begin()
        response.message = "the target starts" if response.success else "the target has started before"
        return response

    def _begin(self) -> bool:
        if math.isfinite(self._world_start):
            return False
        self._world_start = time.monotonic()
        return True

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException:
            finish(self, 1)
            raise

    def _draw(self) -> None:
        """Expose at the camera's rate; a machine that is too slow skips exposures and keeps time."""
        vehicle, period = self._vehicle, 1.0 / self._camera.rate_hz
        assert vehicle is not None  # noqa: S101 - for the type checker: configure made it
        placed = False
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            placed = placed or self._place(vehicle)
            waited = time.monotonic() - self._activated
            if not placed and waited < PLACE_WAIT_S and self.count_publishers("follow/vehicle_odometry"):
                due += period  # a report is to come: no picture of a world that is about to move
                continue
            if not self.settings.wait_for_start:
                self._begin()  # with the first picture
            now, stamp = time.monotonic(), self.get_clock().now().nanoseconds
            truth = vehicle.truth_at(now)
            t = self._world_time(now)
            image, frame = self._renderer.render(t, truth)
            exposure = Exposure(image, stamp, now + self.settings.image_delay, frame, truth, self._world.target(t))
            self._exposures.put(exposure)
            due += period * max(1, math.ceil((time.monotonic() - due) / period))

    def _place(self, vehicle: SimulatedVehicle) -> bool:
        """A vehicle of another simulator stands anywhere: the world comes to it, with its first report."""
        scenario = vehicle.placed_scenario()
        if scenario is None:
            return False
        if isinstance(vehicle, ReportedVehicle):
            self._make_world(scenario)
        return True

    def _world_time(self, now: float) -> float:
        """Time of the scenario, s; before the start it is negative: the target stands still."""
        return now - self._world_start if math.isfinite(self._world_start) else self._activated - now - 1e-3

    def _publish(self) -> None:
        while not self._stopping.is_set():
            try:
                exposure = self._exposures.get(timeout=0.2)
            except queue.Empty:
                continue
            if self._stopping.wait(max(0.0, exposure.due - time.monotonic())):
                return
            with until_shutdown(self):
                header = self._output.publish(exposure.image, self._intrinsics, exposure.stamp)
                self._truth.publish(header, exposure.image, exposure.frame, exposure.vehicle, exposure.target)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run(SimulatorNode, argv)


if __name__ == "__main__":
    raise SystemExit(main())

"""The gate's process: ``python -m uav_tracker_ros.vehicle.gate_process --url URL --socket PATH``.

Standard library and MAVSDK only: no NumPy, no ROS. One loop waits at most 20 ms for the
controller, steps the gate, and makes no blocking call. On every way out that leaves time for it,
the vehicle is braked and put into Hold first.
"""

from __future__ import annotations

import contextlib
import logging
import select
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.flight import GateState, Setpoint, Telemetry
from uav_tracker_ros.vehicle import wire
from uav_tracker_ros.vehicle.camera_tracking import CameraTracking, TargetStatus
from uav_tracker_ros.vehicle.gate import Gate
from uav_tracker_ros.vehicle.gate_options import GateOptions, parse
from uav_tracker_ros.vehicle.gate_socket import GateSocket
from uav_tracker_ros.vehicle.link_lock import LinkLock
from uav_tracker_ros.vehicle.mavsdk_link import MavsdkLink
from uav_tracker_ros.vehicle.watchdog import Watchdog

TICK_S = 0.02
END_S = 3.0  # for braking and for Hold to show, after a signal
STATUS_S = 0.5  # texts are told on change and this often

_log = logging.getLogger("gate")


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM.

    Returns:
        0 after a clean end, 1 when it could not start or failed.
    """
    try:
        options = parse(argv)
    except UavTrackerError as error:
        sys.stderr.write(f"gate: {error}\n")
        return 1
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        with LinkLock(options.url) as lock, contextlib.closing(GateSocket(options.socket)) as controller:
            settings = options.settings
            link = MavsdkLink(options.url, settings.limits, settings.bounds.fence_radius)
            with contextlib.closing(link):
                return GateProcess(options, lock, controller, link).run()
    except UavTrackerError as error:
        sys.stderr.write(f"gate: {error}\n")
        return 1


class GateProcess:
    """The loop around the gate's rules."""

    def __init__(self, options: GateOptions, lock: LinkLock, controller: GateSocket, link: MavsdkLink) -> None:
        self._lock = lock
        self._controller = controller
        self._link = link
        self._camera = CameraTracking(link.open_camera()) if options.camera else None
        self._gate = Gate(options.settings, link, taken=lock.taken)
        self._taken = lock.taken
        self._watchdog = Watchdog(link.callback_since)
        self._signal = 0
        self._told: wire.Status | None = None
        self._told_at = float("-inf")

    def run(self) -> int:
        """Fly until a signal comes, then brake and hold.

        Returns:
            The exit code.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        self._watchdog.start()
        code = 0
        try:
            while not self._signal:
                self._wait()
                self._turn()
            _log.info("%s: ending", signal.Signals(self._signal).name)
        except Exception:  # noqa: BLE001 - whatever it is, the vehicle is stopped before it is told
            _log.exception("the gate failed; it brakes, holds and ends")
            code = 1
        self._end()
        self._watchdog.stop()
        return code

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number

    def _wait(self) -> None:
        self._watchdog.beat()
        waiting = self._controller.descriptors()
        ready, _, _ = select.select(waiting, [], [], TICK_S)
        if waiting[0] in ready and self._controller.accept():
            self._told = None

    def _turn(self) -> None:
        messages, gone = self._controller.receive()
        for message in messages:
            self._pass_on(message)
        if gone:
            self._gate.stop("the controller is gone")
        self._step()
        self._serve_camera(time.monotonic())

    def _pass_on(self, message: wire.ToGate) -> None:
        gate = self._gate
        if isinstance(message, Setpoint):
            gate.send(message)
        elif isinstance(message, wire.EngageRequest):
            self._link.recheck()  # parameters may have been changed since; ENTRY lasts a second
            gate.engage()
        elif isinstance(message, wire.StopRequest):
            gate.stop(message.reason)
        elif isinstance(message, wire.CommandRequest):
            gate.command(message.command)
        elif isinstance(message, TargetStatus):
            if self._camera is not None:
                self._camera.tell(message, time.monotonic())
        else:
            gate.reset_takeover()

    def _step(self) -> None:
        self._gate.step(time.monotonic())
        taken = self._gate.state is GateState.TAKEN
        if taken is not self._taken:
            self._taken = self._lock.taken = taken
        told = self._gate.poll()
        if told:
            self._tell(told)

    def _serve_camera(self, now: float) -> None:
        if self._camera is not None:
            for request in self._camera.step(now, controller=self._controller.connected):
                self._controller.send(request)

    def _tell(self, told: Sequence[Telemetry]) -> None:
        last = told[-1]
        status = wire.Status(last.blockers, last.warnings, last.velocity_gain, last.yaw_gain)
        if status != self._told or last.stamp - self._told_at > STATUS_S:
            self._told, self._told_at = status, last.stamp
            self._controller.send(status)
        for telemetry in told:
            self._controller.send(telemetry)

    def _end(self) -> None:
        """Brake, hold, and see it; what the controller still sends is not read."""
        deadline = time.monotonic() + END_S
        self._gate.stop("the gate ends")
        try:
            self._step()
            while not self._gate.at_rest and time.monotonic() < deadline:
                self._watchdog.beat()
                time.sleep(TICK_S)
                self._step()
        except Exception:  # noqa: BLE001 - the process ends either way, and its silence makes PX4 hold
            _log.exception("braking failed")
        if self._gate.dropped:
            _log.info("setpoints dropped: %s", dict(self._gate.dropped))
        _log.info("ended in %s", self._gate.state.name)


if __name__ == "__main__":
    sys.exit(main())

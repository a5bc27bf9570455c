"""The safety table as faults that can be injected: name, bound, and how each is measured."""

from __future__ import annotations

import queue
import signal
import tempfile
import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from uav_tracker_ros.errors import unknown_name
from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.simulation import fault_box_cases as boxes
from uav_tracker_ros.simulation import fault_process_cases as processes
from uav_tracker_ros.simulation import fault_vehicle_cases as vehicle
from uav_tracker_ros.simulation.fault_flight import LATENCY_S
from uav_tracker_ros.simulation.fault_rig import FaultRig, RigError
from uav_tracker_ros.simulation.fault_rows import Fault, FaultResult, Measured

RIGS = 4  # flights at once; they mostly wait
L = LATENCY_S + 0.01  # s; the mean latency that the follower measures, half a turn of its loop more
LOSS = processes.OFFBOARD_LOSS_S

STEPPED: tuple[Fault, ...] = (
    Fault("images_stop", 0.25 + L, "the camera exposes no more", boxes.images_stop),
    Fault("images_freeze", 0.25 + L, "the camera repeats one picture", boxes.images_freeze),
    Fault("image_clock_steps", 0.04, "the clock of the images is stepped", boxes.image_clock_steps),
    Fault("tracker_silent", 0.5, "no message of the tracker", boxes.tracker_silent),
    Fault("second_tracker", 0.3, "a second publisher of targets was seen", boxes.second_tracker),
    Fault("operator_stops", 0.1, "the operator's stop", boxes.operator_stops),
    Fault("low_confidence", 0.17, "confidence 0.1 in every box", boxes.low_confidence),
    Fault("invalid_messages", 0.0, "NaN, infinity, other frame, future: dropped", boxes.invalid_messages),
    Fault("invalid_flood", 1.0, "30 invalid messages a second", boxes.invalid_flood),
    Fault("teleporting_box", 0.5, "the box jumps and stays elsewhere", boxes.teleporting_box),
    Fault("latency_grows", 0.2, "images later than 1.5 s", boxes.latency_grows),
    Fault("bad_setpoint", 0.02, "NaN, over the limits, jumps", boxes.bad_setpoint),
    Fault("telemetry_lost", 0.5, "nothing of the autopilot arrives", vehicle.telemetry_lost),
    Fault("attitude_stale", 0.15, "no attitude: coast", partial(vehicle.stale_coasts, vehicle.ATTITUDE_QUATERNION)),
    Fault("attitude_lost", 0.5, "no attitude: hold", partial(vehicle.stale_holds, vehicle.ATTITUDE_QUATERNION)),
    Fault("position_stale", 0.15, "no position: coast", partial(vehicle.stale_coasts, vehicle.LOCAL_POSITION_NED)),
    Fault("position_lost", 0.5, "no position: hold", partial(vehicle.stale_holds, vehicle.LOCAL_POSITION_NED)),
    Fault("boot_clock_ahead", 0.04, "the autopilot's clock steps 1 s", partial(vehicle.autopilot_clock_steps, 1.0)),
    Fault(
        "boot_clock_back", 0.04, "the autopilot's clock steps back 0.4 s", partial(vehicle.autopilot_clock_steps, -0.4)
    ),
    Fault("origin_moves", 0.1, "the estimator resets by 3.7 m", partial(vehicle.estimator_resets, 3.0)),
    Fault("origin_moves_a_little", 0.1, "the estimator resets by 0.5 m", partial(vehicle.estimator_resets, 0.4)),
    Fault("position_invalid", 0.14, "PX4 loses its position and lands", vehicle.position_invalid),
    Fault("battery_critical", 1.0, "8.5 % left", vehicle.battery_critical),
    Fault("fence", 0.0, "the target leads out: time outside", partial(vehicle.outside_bound, "fence")),
    Fault("ceiling", 0.0, "the height leads out: time outside", partial(vehicle.outside_bound, "ceiling")),
    Fault("floor", 0.0, "the height leads out: time outside", partial(vehicle.outside_bound, "floor")),
    Fault("target_too_close", 0.1, "the target runs at the vehicle", vehicle.target_too_close),
    Fault("target_too_fast", 2.0, "the target leaves at 9 m/s", vehicle.target_too_fast),
    Fault(
        "pilot_mode",
        0.14,
        "a pilot switches to Hold",
        partial(vehicle.pilot_takes, "pilot_mode", mode=VehicleMode.HOLD),
    ),
    Fault("pilot_sticks", 0.14, "a pilot moves the sticks", partial(vehicle.pilot_takes, "sticks", forward=1.0)),
    Fault("px4_returns", 0.0, "OFFBOARD by somebody else", vehicle.px4_returns),
    Fault("uplink_lost", 0.7, "nothing reaches the autopilot", vehicle.stream_lost_uplink),
    Fault("automatic_return", 0.0, "the uplink is back after PX4's failsafe", vehicle.automatic_return),
    Fault("wrong_parameters", 0.0, "each of the autopilot's parameters wrong", vehicle.wrong_parameters),
)


class ProcessFault(NamedTuple):
    """A row that needs processes and real time."""

    name: str
    bound_s: float
    text: str
    run: Callable[[FaultRig], Measured]


PROCESSES: tuple[ProcessFault, ...] = (
    ProcessFault("controller_stopped_5s", 0.25, "SIGSTOP, 5 s, SIGCONT", partial(processes.controller_stopped, 5.0)),
    ProcessFault("controller_stopped", 0.25, "SIGSTOP, 0.4 s, SIGCONT", partial(processes.controller_stopped, 0.4)),
    ProcessFault("controller_paused", 0.0, "SIGSTOP, 0.1 s, SIGCONT", processes.controller_paused),
    ProcessFault("controller_hung", 0.25, "the interpreter's lock is held", processes.controller_hung),
    ProcessFault("controller_loops", 0.25, "its loop never comes back", processes.controller_loops),
    ProcessFault("controller_raises", 0.05, "its loop fails", processes.controller_raises),
    ProcessFault("controller_killed", 0.05, "SIGKILL, then started again", processes.controller_killed),
    ProcessFault("gate_killed", LOSS, "SIGKILL, then started again", processes.gate_killed),
    ProcessFault("gate_stopped", LOSS, "SIGSTOP, SIGCONT", processes.gate_stopped),
    ProcessFault("gate_hung", LOSS, "the interpreter's lock is held", processes.gate_hung),
    ProcessFault("gate_loops", LOSS, "its loop never comes back", processes.gate_loops),
    ProcessFault("gate_interrupted", 0.05, "Ctrl-C", partial(processes.gate_ended, signal.SIGINT)),
    ProcessFault("gate_terminated", 0.05, "SIGTERM", partial(processes.gate_ended, signal.SIGTERM)),
    ProcessFault("companion_lost", 0.7, "gate and controller die together", processes.companion_lost),
    ProcessFault("port_stolen", 0.5, "another program binds the gate's port", processes.port_stolen),
    ProcessFault("second_gate", 0.0, "a second gate on the link", processes.second_gate),
    ProcessFault("second_controller", 0.0, "a second controller at the gate", processes.second_controller),
    ProcessFault("pilot_mode_in_processes", 0.14, "a pilot switches to Hold", processes.pilot_takes),
)


def names() -> tuple[str, ...]:
    """Of all faults here."""
    return (*(fault.name for fault in STEPPED), *(fault.name for fault in PROCESSES))


def check(name: str, others: Collection[str] = ()) -> None:
    """Whether there is such a fault, here or among ``others``.

    Raises:
        UnknownName: there is not.
    """
    if name not in (*names(), *others):
        raise unknown_name("fault", name, (*names(), *others))


def inject_stepped(wanted: Collection[str], told_of: Callable[[FaultResult], None]) -> list[FaultResult]:
    """Faults of what the controller is told; each result is handed on as it comes."""
    results = []
    for fault in STEPPED:
        if fault.name in wanted:
            results.append(fault.measure())
            told_of(results[-1])
    return results


def inject_in_processes(wanted: Collection[str], told_of: Callable[[FaultResult], None]) -> list[FaultResult]:
    """Faults of processes, several flights at once; in the order of the table."""
    waiting: queue.SimpleQueue[ProcessFault] = queue.SimpleQueue()
    chosen = [fault for fault in PROCESSES if fault.name in wanted]
    for fault in chosen:
        waiting.put(fault)
    done: dict[str, FaultResult] = {}
    lock = threading.Lock()

    def work() -> None:
        with tempfile.TemporaryDirectory(prefix="uav_tracker_faults-") as folder, FaultRig(Path(folder)) as rig:
            while True:
                try:
                    fault = waiting.get_nowait()
                except queue.Empty:
                    return
                result = _break(rig, fault)
                with lock:
                    done[fault.name] = result
                    told_of(result)

    threads = [threading.Thread(target=work, name=f"rig {i}") for i in range(min(RIGS, len(chosen)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [done[fault.name] for fault in chosen if fault.name in done]


def _break(rig: FaultRig, fault: ProcessFault) -> FaultResult:
    try:
        rig.fly()
        return Fault(fault.name, fault.bound_s, fault.text, partial(fault.run, rig)).measure()
    except RigError as error:
        return FaultResult(fault.name, fault.bound_s, float("inf"), held=False, problems=(str(error),))


def in_order(results: Sequence[FaultResult], others: Sequence[str] = ()) -> list[FaultResult]:
    """As the table has them."""
    order = (*names(), *others)
    return sorted(results, key=lambda result: order.index(result.name))

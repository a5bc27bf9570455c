"""Faults of processes: stopped, hung, killed, doubled; in real time, measured where the stand-in listens."""

from __future__ import annotations

import itertools
import math
import signal
import socket
import time
from collections.abc import Callable

from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.simulation import fault_rows as marks
from uav_tracker_ros.simulation.child_process import ChildProcess
from uav_tracker_ros.simulation.fault_rig import FaultRig, hangable
from uav_tracker_ros.simulation.fault_rows import Measured
from uav_tracker_ros.simulation.hangable import HANG_S
from uav_tracker_ros.simulation.mavlink_record import OnWire

OFFBOARD_LOSS_S = 0.65  # COM_OF_LOSS_T and PX4's own reaction
REACTION_S = 4.0  # a reaction that has not come by then does not come
HOLD_S = 0.8  # from the last fresh setpoint to Hold
SLOW = 0.7  # m/s; below it the ramp is plain to see
QUIET_S = 0.6  # how long nothing may arrive to be called nothing
BURST_S = 0.005  # two setpoints nearer than this were not made one after the other

Mark = Callable[[list[OnWire], float], float]


def controller_paused(rig: FaultRig) -> Measured:
    """Stopped for 0.1 s, less than a setpoint lives: it goes on, and nothing is made up for."""
    stopped = rig.controller.send(signal.SIGSTOP)
    rig.wait("0.1 s", lambda: time.monotonic() - stopped > 0.1, 1.0)
    resumed = rig.controller.send(signal.SIGCONT)
    rig.wait("0.4 s", lambda: time.monotonic() - resumed > 0.4, 2.0)
    sent = marks.setpoints(rig.wire, resumed)
    burst = sum(b.at - a.at < BURST_S for a, b in itertools.pairwise(sent))
    return Measured(0.0, () if burst <= 1 else (f"{burst} setpoints in one burst",))


def controller_stopped(seconds: float, rig: FaultRig) -> Measured:
    """SIGSTOP, and SIGCONT after so long: the ramp begins meanwhile, and nothing queued arrives afterwards."""
    last = _last_fresh(rig, rig.controller, signal.SIGSTOP)
    measured = _reaction(rig, last, marks.ramp_began, hold_within=HOLD_S)
    rig.wait("the end of the pause", lambda: time.monotonic() - last > seconds, seconds + 1.0)
    return _nothing_stale(rig, rig.controller.send(signal.SIGCONT), measured)


def controller_hung(rig: FaultRig) -> Measured:
    """The interpreter's lock is held for 5 s; afterwards nothing queued arrives."""
    last = _last_fresh(rig, rig.controller, signal.SIGUSR1)
    measured = _reaction(rig, last, marks.ramp_began, hold_within=HOLD_S)
    rig.wait("the end of the hang", lambda: time.monotonic() - last > HANG_S, HANG_S + 1.0)
    return _nothing_stale(rig, time.monotonic(), measured)


def controller_loops(rig: FaultRig) -> Measured:
    """Its loop never comes back."""
    last = _last_fresh(rig, rig.controller, signal.SIGUSR2)
    measured = _reaction(rig, last, marks.ramp_began, hold_within=HOLD_S)
    rig.controller.kill()
    return measured


def controller_raises(rig: FaultRig) -> Measured:
    """Its loop fails: it says stop on its way out."""
    at = rig.controller.say("raise")
    measured = _reaction(rig, at, marks.ramp_began, hold_within=HOLD_S)  # it reads the line in its next turn
    rig.wait("its end", lambda: not rig.controller.alive, REACTION_S)
    return measured


def controller_killed(rig: FaultRig) -> Measured:
    """SIGKILL; the one that is started afterwards flies nothing by itself."""
    killed = rig.controller.send(signal.SIGKILL)
    measured = _reaction(rig, killed, marks.ramp_began, hold_within=HOLD_S)
    rig.wait("Hold", lambda: rig.intended is VehicleMode.HOLD, REACTION_S)
    rig.controller.kill()
    restarted = time.monotonic()
    rig.controller = rig.start_controller()
    rig.wait("a new controller", lambda: rig.told[0] == "READY", 30.0)
    return _nothing_stale(rig, restarted, measured)


def gate_killed(rig: FaultRig) -> Measured:
    """SIGKILL: PX4 holds; the controller knows; the gate's successor clears the intention and flies nothing."""
    killed = rig.gate.send(signal.SIGKILL)
    measured = _px4_holds(rig, killed)
    rig.wait("GATE_DOWN", lambda: "GATE_DOWN" in rig.told[2] and rig.told[0] in ("IDLE", "HOLD"), REACTION_S)
    rig.gate.kill()
    restarted = time.monotonic()
    rig.gate = rig.start_gate()
    rig.wait("rule H", lambda: rig.intended is VehicleMode.HOLD, 20.0)
    return _nothing_after(rig, restarted, measured)


def gate_stopped(rig: FaultRig) -> Measured:
    """SIGSTOP: PX4 holds. SIGCONT: nothing of before goes out, and PX4's intention is cleared."""
    return _gate_sleeps(rig, rig.gate.send(signal.SIGSTOP), lambda: rig.gate.send(signal.SIGCONT))


def gate_hung(rig: FaultRig) -> Measured:
    """The interpreter's lock is held for 5 s: PX4 holds; afterwards as after SIGCONT."""
    hung = rig.gate.send(signal.SIGUSR1)

    def over() -> float:
        return rig.wait("the end of the hang", lambda: time.monotonic() - hung > HANG_S, HANG_S + 1.0)

    return _gate_sleeps(rig, hung, over)


def gate_loops(rig: FaultRig) -> Measured:
    """Its loop never comes back: PX4 holds, and the watchdog ends the process."""
    measured = _px4_holds(rig, rig.gate.send(signal.SIGUSR2))
    rig.wait("the watchdog", lambda: not rig.gate.alive, REACTION_S)
    return measured


def gate_ended(number: signal.Signals, rig: FaultRig) -> Measured:
    """Ctrl-C or SIGTERM: ramp, Hold seen, exit code 0."""
    ended = rig.gate.send(number)
    measured = _reaction(rig, ended, marks.ramp_began, hold_within=HOLD_S)
    rig.wait("its end", lambda: not rig.gate.alive, 2 * REACTION_S)
    code = rig.gate.process.returncode
    problems = [] if code == 0 else [f"exit code {code}"]
    if rig.intended is not VehicleMode.HOLD:
        problems.append(f"{rig.intended.name} is intended")
    return measured._replace(problems=(*measured.problems, *problems))


def companion_lost(rig: FaultRig) -> Measured:
    """Gate and controller die together, as with the power of the companion computer."""
    killed = rig.gate.send(signal.SIGKILL)
    rig.controller.send(signal.SIGKILL)
    return _px4_holds(rig, killed)


def port_stolen(rig: FaultRig) -> Measured:
    """Another program binds the gate's port and gets its telemetry: ramp, no mode asked blind."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            thief.setsockopt(socket.SOL_SOCKET, option, 1)
        thief.bind(("127.0.0.1", rig.port))
        stolen = time.monotonic()
        measured = _reaction(rig, stolen, marks.ramp_began)
        # The stream ended: PX4 holds by itself.
        rig.wait("PX4's Hold", lambda: rig.mode is VehicleMode.HOLD, REACTION_S)
        asked = marks.modes(rig.wire, stolen)
    rig.wait("rule H", lambda: rig.intended is VehicleMode.HOLD, REACTION_S)
    return measured if not asked else measured._replace(problems=("a mode was asked for blind",))


def second_gate(rig: FaultRig) -> Measured:
    """A second gate on the same link does not start."""
    since = time.monotonic()
    second = hangable(
        "uav_tracker_ros.vehicle.gate_process",
        ["--url", rig.url, "--socket", rig.socket + "2", "--allow-engage"],
        rig.folder,
    )
    rig.wait("its end", lambda: not second.alive, 20.0)
    second.kill()
    refused = any("owned by another gate" in line for line in second.lines)
    return _goes_on(rig, since, () if refused else (f"it said {second.lines[-1:]}",))


def second_controller(rig: FaultRig) -> Measured:
    """A second controller at the gate's socket is refused; the first flies on."""
    since = time.monotonic()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.settimeout(5.0)
        stranger.connect(rig.socket)
        refused = b"another controller" in stranger.recv(4096)
    return _goes_on(rig, since, () if refused else ("it was not refused",))


def pilot_takes(rig: FaultRig) -> Measured:
    """A pilot changes the mode: the last setpoint after it."""
    taken = time.monotonic()
    rig.server.inject("pilot_mode", mode=VehicleMode.HOLD)
    waited = rig.gate.waited()
    rig.wait("TAKEN", lambda: rig.told[1] == "TAKEN", REACTION_S)
    load = rig.gate.waited() - waited
    measured = Measured(max(0.0, marks.last_at(rig.wire, taken) - taken - load))
    if marks.modes(rig.wire, taken):
        measured = measured._replace(problems=("a mode was asked for",))
    rig.latched = True
    return measured


# Measuring.


def _last_fresh(rig: FaultRig, child: ChildProcess, number: signal.Signals) -> float:
    """Send the signal; the moment of the last setpoint that the child had sent before it."""
    sent = child.send(number)
    # What it handed over just before is on the wire within a turn of the gate.
    rig.wait("the last packet", lambda: time.monotonic() - sent > 0.06, 1.0)
    before = [r.at for r in rig.wire if r.velocity_ned is not None and r.at < sent + 0.06]
    return before[-1]


def _reaction(rig: FaultRig, since: float, mark: Mark, *, hold_within: float = math.inf) -> Measured:
    """From ``since`` to the mark, without the time that the gate waited for a processor."""
    begun = rig.gate.waited()
    looks: list[tuple[float, float]] = []

    def braked() -> bool:
        looks.append((time.monotonic(), rig.gate.waited() - begun))
        wire = rig.wire
        if not math.isfinite(mark(wire, since)):
            return False
        return math.isfinite(marks.hold_asked(wire, since)) or marks.speed(marks.setpoints(wire, since)[-1]) < SLOW

    rig.wait("a reaction", braked, REACTION_S)
    problems: tuple[str, ...] = ()
    if math.isfinite(hold_within):
        rig.wait("Hold", lambda: math.isfinite(marks.hold_asked(rig.wire, since)), REACTION_S)
        asked = marks.hold_asked(rig.wire, since) - since - _load(looks, math.inf)
        problems = () if asked <= hold_within else (f"Hold was asked for after {asked:.2f} s",)
    at = mark(rig.wire, since)
    return Measured(max(0.0, at - since - _load(looks, at)), problems)


def _load(looks: list[tuple[float, float]], until: float) -> float:
    return max((load for at, load in looks if at <= until), default=0.0)


def _px4_holds(rig: FaultRig, since: float) -> Measured:
    """From ``since`` to PX4's own Hold, without the time that the stand-in was late in taking the last setpoint."""
    rig.wait("PX4's Hold", lambda: rig.mode is VehicleMode.HOLD, REACTION_S)
    held = rig.server.shown_since(VehicleMode.HOLD, since)
    last = marks.setpoints(rig.wire, since - 0.5)[-1].at
    late = max(0.0, rig.autopilot.commander.setpoint_at - last)
    return Measured(held - since - late)


def _gate_sleeps(rig: FaultRig, since: float, wake: Callable[[], float]) -> Measured:
    measured = _px4_holds(rig, since)
    problems = () if rig.intended is VehicleMode.OFFBOARD else (f"{rig.intended.name} was intended meanwhile",)
    woken = wake()
    rig.wait("rule H", lambda: rig.intended is VehicleMode.HOLD, REACTION_S)
    return _nothing_after(rig, woken, measured._replace(problems=problems))


def _nothing_after(rig: FaultRig, since: float, measured: Measured) -> Measured:
    """No setpoint arrives for a while."""
    rig.wait("quiet", lambda: time.monotonic() - since > QUIET_S, QUIET_S + 30.0)
    sent = len(marks.setpoints(rig.wire, since))
    return measured if not sent else measured._replace(problems=(*measured.problems, f"{sent} setpoints afterwards"))


def _nothing_stale(rig: FaultRig, since: float, measured: Measured) -> Measured:
    """The gate's ramp may still be under way, which only gets slower; nothing else arrives."""
    rig.wait("quiet", lambda: time.monotonic() - since > QUIET_S, QUIET_S + 30.0)
    speeds = [marks.speed(record) for record in marks.setpoints(rig.wire, since - 0.1)]
    stale = sum(b > a for a, b in itertools.pairwise(speeds))
    return measured if not stale else measured._replace(problems=(*measured.problems, f"{stale} stale setpoints"))


def _goes_on(rig: FaultRig, since: float, problems: tuple[str, ...]) -> Measured:
    """Seconds in which the flight was disturbed: none."""
    now = time.monotonic()
    rig.wait("the stream", lambda: marks.last_at(rig.wire, now) > now, 1.0)
    disturbed = rig.mode is not VehicleMode.OFFBOARD or bool(marks.modes(rig.wire, since))
    return Measured(time.monotonic() - since if disturbed else 0.0, problems)

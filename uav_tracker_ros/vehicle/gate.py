"""The gate: the last authority over what reaches the autopilot.

Pure and stepped: no clock, socket or thread of its own. It sends a fresh setpoint once and repeats
none, so that a stream on the wire means a living controller and a living gate. It brakes and
commands Hold when the stream ends, falls silent at once when anybody else takes the vehicle, and
never resumes by itself.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence

from uav_tracker_ros.flight import (
    SETPOINT_LIFETIME_S,
    Command,
    GateState,
    Setpoint,
    Telemetry,
    Vector3,
    VehicleMode,
)
from uav_tracker_ros.vehicle import mode_rules
from uav_tracker_ros.vehicle.braking import HOLD_AFTER_S, HOLD_LIMIT_S, Braking
from uav_tracker_ros.vehicle.commands import CommandDesk, Repeater
from uav_tracker_ros.vehicle.contract import Link
from uav_tracker_ros.vehicle.findings import Situation, blockers
from uav_tracker_ros.vehicle.gate_report import GateReport
from uav_tracker_ros.vehicle.gate_settings import GateSettings
from uav_tracker_ros.vehicle.inbox import Asked, Inbox
from uav_tracker_ros.vehicle.mode_rules import FRESH_S, MODE_FRESH_S
from uav_tracker_ros.vehicle.setpoint_path import SetpointPath

ENTRY_LIMIT_S = 2.0  # from engage to OFFBOARD shown
PRESTREAM_S = 1.0  # PX4 wants setpoints for longer than this before the switch
WAKE_GAP_S = 0.25  # a longer gap between steps: this process slept
DRAIN_S = 0.2  # after a sleep: what is heard this early may have waited in a buffer
LINK_LOST_S = 3.0
LINK_SETTLE_S = 1.0  # after connecting, before rule H: PX4's own failsafe has acted by then
RESET_CALM_S = 2.0  # OFFBOARD neither flown nor intended, before a take-over may be cleared

__all__ = ["Gate", "GateSettings"]

_FLYING = frozenset({GateState.ENTRY, GateState.STREAMING, GateState.BRAKING})
_log = logging.getLogger(__name__)


class Gate(Inbox):
    """The states and rules; implements :class:`~uav_tracker_ros.vehicle.contract.Vehicle`."""

    def __init__(self, settings: GateSettings, link: Link, *, taken: bool = False) -> None:
        """Make a gate.

        Args:
            settings: what it allows.
            link: its autopilot.
            taken: start latched, as the gate before this one ended.
        """
        super().__init__()
        self.settings = settings
        self._link = link
        self._repeater = Repeater(self._request)
        self._desk = CommandDesk(self._repeater, allow_arm=settings.allow_arm)
        self._path = SetpointPath(settings.limits, settings.bounds)
        self._state = GateState.TAKEN if taken else GateState.NO_LINK
        self._engagement = 0
        self._telemetry = Telemetry(stamp=float("-inf"))
        self._now = float("-inf")
        self._heard_from = float("-inf")  # modes stamped earlier do not count
        self._linked_at = float("-inf")
        self._offboard_seen = float("-inf")
        self._entered = float("-inf")
        self._stream_since: float | None = None
        self._entry_mode = VehicleMode.UNKNOWN
        self._switch_asked: float | None = None
        self._sent: tuple[Vector3, float] | None = None  # velocity and yaw as they went out
        self._braking = Braking(0.0, None, settings.limits.max_accel)
        self._owes_hold = False  # a stream of ours ended without Hold having been seen
        self._checked_after_link = False
        self._report = GateReport()

    def poll(self) -> Sequence[Telemetry]:
        """Telemetry since the last call, with the gate's own fields, oldest first."""
        return self._report.read()

    @property
    def state(self) -> GateState:
        """The state now."""
        return self._state

    @property
    def dropped(self) -> Counter[str]:
        """Setpoints that were not sent, by reason."""
        return self._path.dropped

    @property
    def at_rest(self) -> bool:
        """Whether nothing of ours is in the air: the process may end."""
        return self._state not in _FLYING

    def step(self, now: float) -> None:
        """Do what is due.

        Args:
            now: monotonic s; called every 20 ms and whenever something came from the controller.
        """
        slept = now - self._now > WAKE_GAP_S and self._now != float("-inf")
        self._now = now
        if slept:
            self._wake(now)
        heard = self._link.poll()
        for telemetry in heard:
            self._hear(telemetry, now)
        self._take(self._empty(), now)
        before = None
        while before != self._state:  # a transition acts in the step that makes it
            before = self._state
            _STEPS[before](self, now)
        found = self._blockers(now)
        self._report.write(heard, self._telemetry, now, state=self._state, engagement=self._engagement, blockers=found)

    # Hearing.

    def _wake(self, now: float) -> None:
        _log.warning("this process slept; nothing from before is used")
        self._heard_from = now + DRAIN_S
        self._empty()
        self._desk.clear()
        if self._state in _FLYING:
            self._brake("the gate slept", now, ramp=False)
            self._owes_hold = True

    def _hear(self, telemetry: Telemetry, now: float) -> None:
        self._telemetry = telemetry
        if not mode_rules.offboard_free(telemetry):
            self._offboard_seen = max(self._offboard_seen, telemetry.mode_stamp)
        if self._fresh(now):
            if self._state is GateState.ENTRY:
                self._judge_entry(now)
            elif self._state is GateState.STREAMING:
                self._judge_streaming(now)

    def _fresh(self, now: float) -> bool:
        """The mode is known: it was told not long ago, and the link that would tell of a change is alive."""
        told, heard = self._telemetry.mode_stamp, self._telemetry.stamp
        return now - told <= MODE_FRESH_S and told >= self._heard_from and now - heard <= FRESH_S

    def _telemetry_fault(self, now: float) -> str:
        if not self._fresh(now):
            return "the vehicle's mode is not known: the autopilot is silent"
        for name, sample in (("attitude", self._telemetry.attitude), ("position", self._telemetry.position)):
            if sample is None or now - sample.stamp > FRESH_S:
                return f"{name} has not been heard for 0.5 s"
        if self._telemetry.clock_error is None:
            return "the autopilot's clock jumped"
        return ""

    def _take(self, asked: Asked, now: float) -> None:
        if asked.stop and self._state in (GateState.ENTRY, GateState.STREAMING):
            self._brake(asked.stop, now)
        if asked.reset:
            self._reset_takeover(now)
        for command in asked.commands:
            self._take_command(command, now)
        if self._state in (GateState.ENTRY, GateState.STREAMING):
            self._take_setpoints(asked.setpoints, now)
        elif asked.setpoints:
            self.dropped["not engaged"] += len(asked.setpoints)
        if asked.engage:
            self._engage(now)

    def _engage(self, now: float) -> None:
        found = self._blockers(now)
        if self._state is not GateState.SILENT or found:
            _log.warning("engage refused: %s", "; ".join(found) or f"the gate is {self._state.name}")
            return
        self._engagement += 1
        self._entered = now
        self._stream_since = self._switch_asked = self._sent = None
        self._entry_mode = self._telemetry.vehicle_mode
        self._desk.clear()
        self._repeater.clear()
        self._path.start(self._telemetry)
        self._go(GateState.ENTRY, "engage was asked")

    def _take_command(self, command: Command, now: float) -> None:
        refused = f"{command.name} refused: the gate is {self._state.name}"
        if self._state in (GateState.ENTRY, GateState.STREAMING) and command in (Command.LAND, Command.RETURN):
            refused = ""
            self._brake(f"{command.name} was asked", now)
            self._braking.goal = command
        elif self._state is GateState.SILENT and self._fresh(now):
            refused = self._desk.take(command, self._telemetry, now)
        if refused:
            _log.warning(refused)
            self._report.note(refused, now)

    def _reset_takeover(self, now: float) -> None:
        if self._state is not GateState.TAKEN:
            return
        if not self._fresh(now) or now - self._offboard_seen < RESET_CALM_S:
            self._report.note("reset_takeover refused: OFFBOARD must have been neither flown nor intended for 2 s", now)
            return
        self._owes_hold = False
        self._go(GateState.SILENT, "the operator cleared the take-over")

    # Setpoints.

    def _take_setpoints(self, setpoints: list[Setpoint], now: float) -> None:
        newest, fault = self._path.newest(setpoints, self._engagement, now)
        if fault:
            self._brake(fault, now)
        elif newest is not None and not self._telemetry_fault(now):
            if self._stream_since is None:
                self._stream_since = now
            self._transmit(self._path.shape(newest, self._telemetry.position), now)

    def _transmit(self, sent: tuple[Vector3, float], now: float) -> None:
        self._sent = sent
        if not self.settings.dry_run:
            self._link.send_setpoint(Setpoint(*sent, now + SETPOINT_LIFETIME_S, self._engagement))

    def _request(self, what: VehicleMode | Command) -> None:
        if not self.settings.dry_run:
            self._link.request(what)

    # States.

    def _step_no_link(self, now: float) -> None:
        if self._fresh(now):
            self._linked_at = now
            self._checked_after_link = False
            self._go(GateState.SILENT, "the autopilot is heard")

    def _step_silent(self, now: float) -> None:
        if not self._fresh(now):
            if now - self._telemetry.mode_stamp > LINK_LOST_S:
                self._go(GateState.NO_LINK, "nothing was heard for 3 s")
            return
        if self._owes_hold:
            self._pay_hold(now)
        elif not self._checked_after_link:
            self._check_after_link(now)
        else:
            self._desk.step(self._telemetry, now)

    def _pay_hold(self, now: float) -> None:
        """Rule H for a stream of ours that ended blind: clear PX4's intention to return."""
        telemetry = self._telemetry
        if mode_rules.hold_is_due(telemetry):
            self._repeater.ask(VehicleMode.HOLD, now)
        elif telemetry.vehicle_mode not in (VehicleMode.HOLD, self._own_way_out()):
            self._taken(now)
        elif self._switch_asked is None or now - self._switch_asked > HOLD_LIMIT_S:
            self._owes_hold = False

    def _check_after_link(self, now: float) -> None:
        """Rule H for a gate before this one; OFFBOARD flown in the air is somebody else's."""
        if now - self._linked_at < LINK_SETTLE_S:
            return
        telemetry = self._telemetry
        theirs = telemetry.vehicle_mode is VehicleMode.OFFBOARD and telemetry.in_air
        if mode_rules.hold_is_due(telemetry) and not theirs:
            self._repeater.ask(VehicleMode.HOLD, now)
        else:
            self._checked_after_link = True

    def _step_entry(self, now: float) -> None:
        found = self._blockers(now)
        if found:
            self._brake(found[0], now)
        elif now - self._entered > ENTRY_LIMIT_S:
            why = "no setpoint came" if self._stream_since is None else "OFFBOARD did not show within 2 s"
            self._brake(why, now)
        elif self._path.ran_out(now):
            self._brake("the setpoints stopped", now)
        elif self._stream_since is not None and now - self._stream_since >= PRESTREAM_S:
            if self._switch_asked is None:
                self._switch_asked = now
            if self.settings.dry_run:
                self._go(GateState.STREAMING, "dry run: the switch is only supposed")
            else:
                self._repeater.ask(VehicleMode.OFFBOARD, now)

    def _judge_entry(self, now: float) -> None:
        mode, wanted = self._telemetry.vehicle_mode, mode_rules.intended(self._telemetry)
        if self._switch_asked is not None and mode is VehicleMode.OFFBOARD:
            self._go(GateState.STREAMING, "the autopilot shows OFFBOARD")
        elif mode is not self._entry_mode or (self._switch_asked is None and wanted is VehicleMode.OFFBOARD):
            self._taken(now)

    def _step_streaming(self, now: float) -> None:
        fault = self._telemetry_fault(now)
        if fault:
            self._brake(fault, now)
        elif not self._telemetry.armed and not self.settings.dry_run:
            self._brake("the vehicle is disarmed", now)
        elif self._path.ran_out(now):
            self._brake("no valid setpoint for 0.2 s", now)

    def _judge_streaming(self, now: float) -> None:
        own = self._entry_mode if self.settings.dry_run else VehicleMode.OFFBOARD
        if self._telemetry.vehicle_mode is own:
            return
        if mode_rules.lost_stream(self._telemetry):
            self._brake("the autopilot lost the stream", now)
        else:
            self._taken(now)

    def _brake(self, reason: str, now: float, *, ramp: bool = True) -> None:
        self._engagement += 1
        self._braking = Braking(now, self._sent if ramp else None, self.settings.limits.max_accel)
        self._repeater.clear()
        self._report.note(reason, now)
        self._go(GateState.BRAKING, reason)

    def _step_braking(self, now: float) -> None:
        if self.settings.dry_run:
            self._go(GateState.SILENT, "dry run: nothing to hold")
        elif self._fresh(now):
            self._brake_in_sight(now)
        else:
            self._ramp(now)
            if self._braking.stopped and now - self._braking.since > HOLD_AFTER_S:
                self._owes_hold = True
                self._go(GateState.SILENT, "stopped without telemetry; Hold follows when it is back")

    def _brake_in_sight(self, now: float) -> None:
        mode = self._telemetry.vehicle_mode
        if mode is VehicleMode.OFFBOARD:
            self._ramp(now)
            if self._braking.goal_is_due(now):
                self._ask_goal(now)
        elif mode_rules.lost_stream(self._telemetry):
            self._ask_goal(now)
        elif mode in (VehicleMode.HOLD, self._own_way_out()):
            # A switch asked a moment ago may still be carried out.
            self._owes_hold = self._switch_asked is not None and now - self._switch_asked <= HOLD_LIMIT_S
            self._go(GateState.SILENT, f"the autopilot shows {mode.name}")
        else:
            self._taken(now)

    def _own_way_out(self) -> VehicleMode:
        """The mode, beside Hold, in which braking ends well."""
        if isinstance(self._braking.goal, Command):
            return VehicleMode[self._braking.goal.name]
        # Engaged from Position and stopped before the switch: it was never left.
        return self._entry_mode if self._offboard_seen < self._entered else VehicleMode.HOLD

    def _ask_goal(self, now: float) -> None:
        if self._braking.goal_is_late(now):
            self._owes_hold = True
            self._go(GateState.SILENT, "Hold did not show within 1 s; it is asked for on in silence")
            return
        if self._braking.asked_at is None:
            self._braking.asked_at = now
        self._repeater.ask(self._braking.goal, now)

    def _ramp(self, now: float) -> None:
        sent = self._braking.ramp(now)
        if sent is not None:
            self._transmit(sent, now)

    def _taken(self, now: float) -> None:
        mode = self._telemetry.vehicle_mode.name
        self._engagement += 1
        self._desk.clear()
        self._repeater.clear()
        self._report.note(f"the vehicle was taken over in {mode}", now)
        self._go(GateState.TAKEN, f"the autopilot shows {mode}, which was not asked here")

    def _step_taken(self, now: float) -> None:
        """Nothing is sent, and nothing but the operator's reset leads out."""

    def _go(self, state: GateState, why: str) -> None:
        _log.info("%s -> %s: %s", self._state.name, state.name, why)
        self._state = state

    def _blockers(self, now: float) -> tuple[str, ...]:
        situation = Situation(
            now=now,
            state=self._state,
            telemetry=self._telemetry,
            mode_fresh=self._fresh(now),
            settled=self._checked_after_link and not self._owes_hold,
            allow_engage=self.settings.allow_engage,
            dry_run=self.settings.dry_run,
        )
        return blockers(situation)


_STEPS: dict[GateState, Callable[[Gate, float], None]] = {
    GateState.NO_LINK: Gate._step_no_link,
    GateState.SILENT: Gate._step_silent,
    GateState.ENTRY: Gate._step_entry,
    GateState.STREAMING: Gate._step_streaming,
    GateState.BRAKING: Gate._step_braking,
    GateState.TAKEN: Gate._step_taken,
}

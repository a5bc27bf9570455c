"""The follower: messages in, setpoints out, 50 times a second. Pure; the caller owns the clock."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.flight import GateState, Setpoint, Telemetry, VehicleMode
from uav_tracker_ros.following import readiness, safety
from uav_tracker_ros.following.flight_rules import broken_rule
from uav_tracker_ros.following.flight_view import FlightView, report
from uav_tracker_ros.following.readiness import Situation
from uav_tracker_ros.following.report import (
    EndCode,
    FollowOutput,
    FollowPhase,
    Goal,
    StopRequest,
    TargetMeasurement,
)
from uav_tracker_ros.following.setpoint_maker import SetpointMaker
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.following.state_machine import Event, StateMachine
from uav_tracker_ros.following.target_watch import TargetWatch
from uav_tracker_ros.following.telemetry_buffer import TelemetryBuffer
from uav_tracker_ros.geometry import Intrinsics

STEP_GAP_MAX = 0.25  # s; a longer pause of the controller itself ends the flight
ENGAGE_MAX_S = 3.0  # s; the gate gives up after 2 s
ENTRY_UNSEEN_MAX_S = 1.0  # s without an accepted box while the autopilot is asked for OFFBOARD
AUTO_RESUME_S = 5.0  # s unseen after which the operator confirms a target before the vehicle moves to it
STOP_REPEAT_S = 0.2  # s between stop requests while the gate still streams
_MOVING = (GateState.ENTRY, GateState.STREAMING, GateState.BRAKING)


class Follower:
    """Composition of estimator, law, states and rules; one goal at a time.

    Args:
        settings: how to follow. Limits are fixed; a goal may change mode, distance, height and bearing.
    """

    def __init__(self, settings: FollowSettings):
        self._settings = settings
        self._goal_settings = settings
        self._buffer = TelemetryBuffer()
        self._watch = TargetWatch(settings, self._buffer)
        self._maker = SetpointMaker(settings, self._buffer, self._watch)
        self._states = StateMachine()
        self._telemetry: Telemetry | None = None
        self._faults: dict[str, str] = {}
        self._now = -math.inf
        self._goal: Goal | None = None
        self._goal_start = 0.0
        self._engage_pending = False
        self._stop_reason: str | None = None
        self._stop_sent = -math.inf
        self._setpoint: Setpoint | None = None
        self._setpoint_time = -math.inf
        self._end = (EndCode.NONE, "")

    def set_camera(self, intrinsics: Intrinsics, frame_id: str) -> None:
        """Boxes refer to images of this camera from now on.

        Raises:
            InvalidParameter: a focal length or size that is not positive.
        """
        self._watch.set_camera(intrinsics, frame_id)

    def on_target(self, measurement: TargetMeasurement, now: float) -> None:
        """One message of the tracker; invalid ones are counted and dropped."""
        self._watch.add(measurement, now)

    def on_telemetry(self, telemetry: Telemetry) -> None:
        """One packet of the gate, in order."""
        flushes = self._buffer.flushes
        shift = self._buffer.add(telemetry)
        if self._buffer.flushes > flushes:
            self._watch.flush()
        if shift.any():
            self._watch.shift(shift)
            self._maker.shift(shift)
        self._telemetry = telemetry

    def fault(self, code: str, text: str, active: bool) -> None:
        """A fault that the shell sees begins or ends; after CLOCK_JUMP the target must be confirmed again."""
        if code == "CLOCK_JUMP":
            if active:  # the estimate lives on another clock; only what waits has a stamp of before
                self._watch.drop_waiting()
                self._watch.lose()
        elif active:
            self._faults[code] = text
        else:
            self._faults.pop(code, None)

    def start_goal(self, goal: Goal, now: float) -> EndCode:
        """Begin to follow; in SEARCHING it confirms the candidate in view instead.

        Returns:
            NONE: accepted. INVALID_GOAL, REFUSED or BLOCKED: not, and ``report.end_message`` says why.
        """
        try:
            wanted = _with_goal(self._settings, goal)
        except InvalidParameter as error:
            return self._refuse(EndCode.INVALID_GOAL, str(error))
        if self._states.phase is FollowPhase.SEARCHING and self._watch.reacquired:
            self._take_goal(goal, wanted, now)
            self._maker.confirm(goal, wanted)
            self._return_to_following(now)
            return EndCode.NONE
        if why := self._refusal():
            return self._refuse(EndCode.REFUSED, why)
        if found := readiness.blockers(self._situation(now, wanted), self._watch):
            return self._refuse(EndCode.BLOCKED, "; ".join(found))
        if not self._states.handle(Event.GOAL, now):
            return self._refuse(EndCode.REFUSED, f"state is {self._states.phase.name}, READY is needed; try again")
        self._take_goal(goal, wanted, now)
        self._maker.begin(goal, wanted)
        self._engage_pending = not self._settings.dry_run
        return EndCode.NONE

    def cancel(self, now: float) -> None:
        """The operator cancels the goal: brake and hold."""
        self._end_flight(EndCode.CANCELED, "cancelled by the operator", now)

    def stop(self, reason: str, now: float) -> None:
        """Hold at once; also said to the gate when no goal is running."""
        self._end_flight(EndCode.STOPPED, reason, now)
        self._stop_reason = reason

    def reset_takeover(self, now: float) -> str:
        """The operator allows asking again after a take-over; empty: done, else why not yet."""
        telemetry = self._telemetry
        if telemetry is not None and VehicleMode.OFFBOARD in (telemetry.vehicle_mode, telemetry.intended_mode):
            return "OFFBOARD is still flown or intended; change the mode on the transmitter first"
        if telemetry is not None and telemetry.gate_state is GateState.TAKEN:
            return "the gate is still TAKEN; it lets go after 2 s without OFFBOARD, then ask again"
        self._states.handle(Event.RESET, now)
        return ""

    def step(self, now: float) -> FollowOutput:
        """Everything due at ``now`` (monotonic s); call at 50 Hz."""
        gap = now - self._now if math.isfinite(self._now) else 0.02
        self._now = now
        if gap > STEP_GAP_MAX:
            self._watch.drop_waiting()
            self._end_flight(EndCode.VEHICLE_FAULT, f"the controller itself paused for {gap:.2f} s", now)
        self._watch.process(now, engaged=self._states.flying)
        situation = self._situation(now, self._goal_settings)
        found = readiness.blockers(situation, self._watch)
        self._follow_gate(now)
        if self._states.flying:
            self._check_flight(now, situation)
        if self._states.flying:
            self._follow_target(now, situation)
        else:
            self._states.handle(Event.BLOCKED if found else Event.CLEAR, now)
        self._setpoint = self._fly(now, max(0.002, min(0.1, gap))) if self._states.flying else None
        if self._setpoint is not None:
            self._setpoint_time = now
        engage, self._engage_pending = self._engage_pending and self._states.flying, False
        view = FlightView(
            self._states.phase, self._gate_state(now), self._setpoint, self._setpoint_time, found, *self._end
        )
        return FollowOutput(
            engage, self._stop_request(now), self._setpoint, report(view, situation, self._watch, self._maker)
        )

    def _follow_gate(self, now: float) -> None:
        gate, telemetry = self._gate_state(now), self._telemetry
        mode = telemetry.vehicle_mode if telemetry is not None else VehicleMode.UNKNOWN
        if gate is GateState.TAKEN:
            self._finish(EndCode.TAKEOVER, f"pilot or autopilot took the vehicle (mode {mode.name})")
            self._engage_pending = False
            self._states.handle(Event.TAKEN, now)
            return
        if self._states.flying and not self._settings.dry_run:
            self._watch_engagement(gate, now)
        elif self._states.phase is FollowPhase.HOLD and gate not in _MOVING:
            self._states.handle(Event.RELEASED, now)
        elif mode in (VehicleMode.LAND, VehicleMode.RETURN):
            self._states.handle(Event.LANDING, now)
        elif mode is not VehicleMode.UNKNOWN:
            self._states.handle(Event.LANDED, now)

    def _watch_engagement(self, gate: GateState, now: float) -> None:
        entering = self._states.phase is FollowPhase.ENGAGING and self._maker.streaming_since is None
        if gate is GateState.NO_LINK:
            self._end_flight(EndCode.GATE_DOWN, "GATE_DOWN: the gate or its autopilot is not heard", now)
        elif gate is GateState.STREAMING or (entering and gate is GateState.ENTRY):
            return
        elif entering and gate is GateState.SILENT:
            if now - self._goal_start > ENGAGE_MAX_S:
                said = "; ".join(self._telemetry.blockers) if self._telemetry is not None else ""
                self._finish(EndCode.ENGAGE_FAILED, said or "the gate did not begin in time")
                self._states.handle(Event.REFUSED, now)
        else:
            said = "; ".join(self._telemetry.warnings) if self._telemetry is not None else ""
            code = EndCode.ENGAGE_FAILED if entering else EndCode.VEHICLE_FAULT
            self._end_flight(code, f"the gate stopped the stream ({gate.name}) {said}".strip(), now)

    def _check_flight(self, now: float, situation: Situation) -> None:
        if broken := broken_rule(situation, self._watch):
            self._end_flight(*broken, now)
        elif self._goal is not None and 0 < self._goal.timeout < now - self._goal_start:
            self._end_flight(EndCode.TIMEOUT, f"the goal's {self._goal.timeout:.0f} s are over", now)
        elif self._maker.too_far(now):
            why = "the target is too far away, and faster than max_speed or than keeps it in the picture"
            self._end_flight(EndCode.TARGET_LOST, why, now)

    def _follow_target(self, now: float, situation: Situation) -> None:
        watch, states = self._watch, self._states
        if readiness.stale(situation):
            watch.lose()
        estimate = self._maker.estimate(now, FollowPhase.FOLLOWING)
        if (
            not watch.lost
            and estimate is not None
            and watch.estimator is not None
            and safety.diverged(estimate.covariance_ne, estimate.velocity_ne, watch.estimator.nis_mean)
        ):
            watch.lose()
        if states.phase is FollowPhase.ENGAGING and self._maker.streaming_since is None:
            self._enter_with_target(now)
        elif states.phase is FollowPhase.ENGAGING and not watch.lost:
            if self._maker.ramp_over(now):
                states.handle(Event.ENGAGED, now)
        elif states.phase in (FollowPhase.ENGAGING, FollowPhase.FOLLOWING) and watch.lost:
            states.handle(Event.LOST, now)
        elif states.phase in (FollowPhase.COASTING, FollowPhase.SEARCHING) and not readiness.stale(situation):
            self._follow_loss(now)

    def _enter_with_target(self, now: float) -> None:
        """Before the autopilot flies our setpoints: a short gap is waited for, without a target nothing begins."""
        watch = self._watch
        if watch.lost and watch.reacquired:
            watch.resume()
        elif watch.lost and now - watch.seen > ENTRY_UNSEEN_MAX_S:
            self._end_flight(EndCode.TARGET_LOST, "the target was lost while engaging", now)

    def _follow_loss(self, now: float) -> None:
        watch, states, s = self._watch, self._states, self._settings
        unseen = now - watch.seen
        may_resume = unseen <= max(s.coast_max, AUTO_RESUME_S) or s.reacquire_auto or self._maker.mode == "spotlight"
        if watch.reacquired and may_resume:
            self._return_to_following(now)
        elif states.phase is FollowPhase.COASTING and unseen > s.coast_max:
            states.handle(Event.COAST_OVER, now)
        elif states.phase is FollowPhase.SEARCHING and now - states.since > s.search_max:
            self._end_flight(EndCode.TARGET_LOST, "the target was not found again", now)

    def _return_to_following(self, now: float) -> None:
        late = now - self._watch.seen > self._settings.coast_max
        if self._states.handle(Event.REACQUIRED, now):
            self._watch.resume()
            if late:
                self._maker.restart_ramp(now)

    def _fly(self, now: float, dt: float) -> Setpoint | None:
        gate, telemetry, dry = self._gate_state(now), self._telemetry, self._settings.dry_run
        if telemetry is None:
            return None
        if gate is GateState.ENTRY and not dry:
            return self._maker.hand_over(now, telemetry.engagement)
        if gate is not GateState.STREAMING and not dry:
            return None
        setpoint = self._maker.make(now, dt, self._states.phase, self._states.since, telemetry)
        return None if dry else setpoint

    def _take_goal(self, goal: Goal, wanted: FollowSettings, now: float) -> None:
        self._goal, self._goal_settings, self._goal_start = goal, wanted, now
        self._end = (EndCode.NONE, "")

    def _refusal(self) -> str:
        if self._states.flying:
            return "a goal is running; cancel it first"
        if not (self._settings.allow_engage or self._settings.dry_run):
            return "allow_engage is false; set it to let the package fly the vehicle"
        return ""

    def _refuse(self, code: EndCode, why: str) -> EndCode:
        if self._goal is None:
            self._end = (code, why)
        return code

    def _finish(self, code: EndCode, message: str) -> None:
        if self._goal is not None:
            self._goal, self._end = None, (code, message)

    def _end_flight(self, code: EndCode, message: str, now: float) -> None:
        """Brake and hold; the goal, if any, ends with this reason."""
        self._finish(code, message)
        if self._states.handle(Event.STOP, now):
            self._stop_reason, self._engage_pending = message, False

    def _stop_request(self, now: float) -> StopRequest | None:
        """Once, and again while the gate has not begun to brake."""
        reason, self._stop_reason = self._stop_reason, None
        if reason is None and self._states.phase is FollowPhase.HOLD and now - self._stop_sent > STOP_REPEAT_S:
            still = self._gate_state(now) in (GateState.ENTRY, GateState.STREAMING)
            reason = (self._end[1] or "hold") if still else None
        if reason is None or self._settings.dry_run:
            return None
        self._stop_sent = now
        return StopRequest(reason)

    def _situation(self, now: float, settings: FollowSettings) -> Situation:
        buffer = self._buffer
        known = math.isfinite(buffer.position_stamp) and math.isfinite(buffer.attitude_stamp)
        return Situation(
            now,
            settings,
            self._telemetry,
            np.array(buffer.newest[1].position_ned) if known else None,
            self._maker.home_ned,
            now - buffer.attitude_stamp,
            now - buffer.position_stamp,
            self._faults,
        )

    def _gate_state(self, now: float) -> GateState:
        telemetry = self._telemetry
        if telemetry is None or now - telemetry.stamp > readiness.ATTITUDE_AGE_MAX:
            return GateState.NO_LINK
        return telemetry.gate_state


def _with_goal(settings: FollowSettings, goal: Goal) -> FollowSettings:
    """The settings with a goal's values in them; NaN, 0 and empty leave a setting as it is."""
    changes: dict[str, Any] = {}
    if goal.mode:
        changes["mode"] = goal.mode
    for name, value in (("distance", goal.distance), ("height", goal.height)):
        if not math.isnan(value) and value != 0:
            changes[name] = value
    if not math.isnan(goal.bearing) and abs(goal.bearing) > 2 * math.pi:
        raise InvalidParameter(f"bearing is {goal.bearing} rad; expected -pi to pi: give it in radians")
    if math.isnan(goal.timeout) or goal.timeout < 0:
        raise InvalidParameter(f"timeout is {goal.timeout} s; expected 0 (none) or more")
    return dataclasses.replace(settings, **changes)

"""The FollowTarget action around the follower: one goal at a time, feedback, a numbered end."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode

from uav_tracker_ros.action import FollowTarget
from uav_tracker_ros.following.report import EndCode, FollowReport, Goal
from uav_tracker_ros.msg import FollowState
from uav_tracker_ros.nodes import messages

FEEDBACK_PERIOD_S = 0.1
DWELL_S = 0.5  # the follower stays 0.3 s in READY before it takes a goal; the operator need not know
REPORT_WAIT_S = 0.5  # the reason of a refusal stands in the next report of the loop


class GoalTaker(Protocol):
    """Who flies the goals: the controller node."""

    def start_goal(self, goal: Goal) -> tuple[EndCode, str]:
        """NONE when accepted; else why not, in words here or in the next report."""
        ...

    def cancel_goal(self) -> None:
        """Stop for this reason."""

    def newest_state(self) -> FollowState:
        """For the feedback."""
        ...


class GoalServer:
    """The action server ``follow_target``.

    A goal that the follower refuses is accepted as an action and aborted at once, because a
    rejected action has no result and the operator needs the reason.

    Args:
        node: gets the server.
        taker: flies the goals.
        lock: the one that guards the follower: starting a goal and seeing its end never overlap.
    """

    def __init__(self, node: LifecycleNode, taker: GoalTaker, lock: threading.RLock) -> None:
        self._taker = taker
        self._changed = threading.Condition(lock)
        self._running = False
        self._closed = False
        self._end: tuple[EndCode, str] = (EndCode.NONE, "")
        self._server = ActionServer(
            node,
            FollowTarget,
            "follow_target",
            self._execute,
            goal_callback=lambda _request: GoalResponse.ACCEPT,
            cancel_callback=self._cancel,
            callback_group=ReentrantCallbackGroup(),
        )

    def on_report(self, report: FollowReport) -> None:
        """Called by the control loop every cycle: has the running goal ended?"""
        with self._changed:
            self._end = (report.end_code, report.end_message)
            if report.end_code != EndCode.NONE:
                self._running = False
            self._changed.notify_all()

    def close(self) -> None:
        """End a running goal and the server."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.destroy()

    def _cancel(self, _goal_handle: ServerGoalHandle) -> CancelResponse:
        self._taker.cancel_goal()
        return CancelResponse.ACCEPT

    def _execute(self, goal_handle: ServerGoalHandle) -> FollowTarget.Result:
        with self._changed:
            code, text = self._start(messages.goal(goal_handle.request))
            if code != EndCode.NONE:
                goal_handle.abort()
                return FollowTarget.Result(error_code=int(code), message=text)
            self._running = True
        code, text = self._wait(goal_handle)
        if code == EndCode.CANCELED and goal_handle.is_cancel_requested:
            goal_handle.canceled()
        elif code == EndCode.TIMEOUT:
            goal_handle.succeed()  # followed as long as was asked
        else:
            goal_handle.abort()
        return FollowTarget.Result(error_code=int(code), message=text)

    def _start(self, goal: Goal) -> tuple[EndCode, str]:
        if self._running:
            return EndCode.REFUSED, "another goal is flown; cancel it first"
        deadline = time.monotonic() + DWELL_S
        while True:
            code, text = self._taker.start_goal(goal)
            if code == EndCode.NONE or text:
                return code, text
            heard = self._changed.wait(REPORT_WAIT_S)
            ready = self._taker.newest_state().state == FollowState.READY
            if code != EndCode.REFUSED or not ready or time.monotonic() > deadline:
                return code, self._end[1] if heard and self._end[0] == code else ""

    def _wait(self, goal_handle: ServerGoalHandle) -> tuple[EndCode, str]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._running or self._closed, FEEDBACK_PERIOD_S)
                if not self._running:
                    return self._end
                if self._closed:
                    self._running = False
                    return EndCode.STOPPED, "the controller is shutting down"
            goal_handle.publish_feedback(FollowTarget.Feedback(state=self._taker.newest_state()))

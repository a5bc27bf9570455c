"""From the tracker's messages to one estimate: checks, order, attitude of the exposure, and losses."""

from __future__ import annotations

import contextlib
import math
from collections import deque
from typing import NamedTuple

import numpy as np

from uav_tracker_ros.errors import StaleTelemetry
from uav_tracker_ros.following import safety
from uav_tracker_ros.following.camera import Camera, CameraPose
from uav_tracker_ros.following.class_prior import class_prior
from uav_tracker_ros.following.edge_trust import EdgeTrust, TrustedEdges
from uav_tracker_ros.following.reacquisition import CONFIDENCE_MIN, Candidate, Reacquisition
from uav_tracker_ros.following.report import TargetMeasurement
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.following.target_estimator import REJECTIONS_MAX, TargetEstimator
from uav_tracker_ros.following.telemetry_buffer import Array, TelemetryBuffer, VehiclePose
from uav_tracker_ros.geometry import Intrinsics, TargetState

ATTITUDE_WAIT_S = 0.03  # a box waits this long for the attitude of its exposure
LOST_AFTER_S = 0.23  # beside the latency: no accepted box for longer is a loss, seen a turn later, within 0.25 s
LOW_CONFIDENCE = 0.3
LOW_FRAMES = 5  # in a row
CONFIRM_FRAMES = 5  # of a fresh selection, before it counts
LATENCY_MEMORY = 0.9  # share kept of the running mean, a box
LOOK_S = 0.5  # beside the latency: so long the last bearing of an unconfirmed target is worth a look
NEVER_SEEN = (-math.inf, math.nan)
QUEUE = 8  # boxes that may wait; older ones are dropped


class _Waiting(NamedTuple):
    measurement: TargetMeasurement
    arrival: float  # monotonic s


class TargetWatch:
    """Owns the estimator. ``engaged`` tells whether a new lock must pass the gates of a re-acquisition."""

    def __init__(self, settings: FollowSettings, buffer: TelemetryBuffer):
        self._settings = settings
        self._buffer = buffer
        self._waiting: deque[_Waiting] = deque(maxlen=QUEUE)
        self._trust = EdgeTrust(class_prior(""))
        self._reacquisition = Reacquisition(settings.reid_on)
        self._frame_id = ""
        self._candidate: tuple[TargetMeasurement, Array, TrustedEdges] | None = None
        self._low_frames = 0
        self._good_frames = 0
        self._last_message = -math.inf  # monotonic s
        self.camera: Camera | None = None
        self.estimator: TargetEstimator | None = None
        self.bad = safety.BadMessages()
        self.lock = -1  # of the target that counts
        self.newest: TargetMeasurement | None = None
        self.seen = -math.inf  # stamp of the last accepted box, monotonic s
        self.nis = math.nan
        self.latency = math.nan  # s, running mean of arrival minus stamp
        self.lost = True
        self.reacquired = False  # the candidate in view has passed all gates
        self.too_close = False  # the box fills the image
        self.size_only = False  # the range comes from the size
        self.attitude_missing = False  # the last box found no attitude
        self._unconfirmed = NEVER_SEEN  # stamp and bearing (rad) of what may be the target, not yet confirmed
        self.alike_seen = -math.inf  # stamp of the last box of somebody who looks like the target, monotonic s

    def set_camera(self, intrinsics: Intrinsics, frame_id: str) -> None:
        """Images of this camera count from now on.

        Raises:
            InvalidParameter: intrinsics that no camera has.
        """
        self.camera = Camera.from_settings(intrinsics, self._settings)
        self._frame_id = frame_id
        self.estimator, self.lock, self.lost = None, -1, True

    def add(self, measurement: TargetMeasurement, now: float) -> None:
        """Queue one message; invalid ones are counted and dropped."""
        if self.camera is None:
            return
        size = (self.camera.intrinsics.width, self.camera.intrinsics.height)
        problem = safety.measurement_problem(measurement, now, self._frame_id, size)
        if problem:
            self.bad.add(now, problem)
            return
        if self.newest is not None and measurement.stamp <= self.newest.stamp:
            return
        self.newest, self._last_message = measurement, now
        age = now - measurement.stamp
        known = not math.isnan(self.latency)
        self.latency = LATENCY_MEMORY * self.latency + (1 - LATENCY_MEMORY) * age if known else age
        self._waiting.append(_Waiting(measurement, now))

    def drop_waiting(self) -> None:
        """Forget queued boxes: after a pause they are old."""
        self._waiting.clear()

    def flush(self) -> None:
        """Forget the estimate after a jump of a clock; the lock is kept as one to be confirmed again."""
        self.drop_waiting()
        if self.estimator is not None:
            self.estimator.stop()
        self.lost, self.seen, self._good_frames, self.newest = True, -math.inf, 0, None
        self._unconfirmed = NEVER_SEEN  # its stamp is of the clock before
        self._reacquisition.reset()

    def shift(self, delta_ned: Array) -> None:
        """The autopilot moved its origin (m)."""
        if self.estimator is not None:
            self.estimator.shift(delta_ned)

    @property
    def confirmed(self) -> bool:
        """A target is selected, seen, and was so for several frames."""
        return not self.lost and self._good_frames >= CONFIRM_FRAMES

    def message_age(self, now: float) -> float:
        """Time since the last valid message, s."""
        return now - self._last_message

    def process(self, now: float, *, engaged: bool) -> None:
        """Take in every box whose attitude is known; judge whether the target is lost."""
        while self._waiting and self.camera is not None:
            measurement, arrival = self._waiting[0]
            if self._buffer.attitude_stamp < measurement.stamp and now - arrival < ATTITUDE_WAIT_S:
                break
            self._waiting.popleft()
            try:
                pose = self._buffer.pose_at(measurement.stamp - self._settings.time_offset)
            except StaleTelemetry:
                self.attitude_missing = True
                continue
            self.attitude_missing = False
            self._take(measurement, pose, self.camera, engaged=engaged)
        allowed = LOST_AFTER_S + (0.0 if math.isnan(self.latency) else self.latency)
        if now - self.seen > allowed:
            self.lose()

    def unconfirmed_bearing(self, now: float) -> float | None:
        """Bearing (rad from north) of what may be the lost target, to be looked at while it is not confirmed.

        What the tracker never let go of, or what passes the gates of a re-acquisition: turning to it is harmless, and
        what leaves the picture can never be confirmed.
        """
        stamp, bearing = self._unconfirmed
        allowed = LOOK_S + (0.0 if math.isnan(self.latency) else self.latency)
        return bearing if self.lost and now - stamp <= allowed else None

    def resume(self) -> None:
        """The candidate in view is the target from now on."""
        self.lost, self.reacquired = False, False
        self._low_frames = 0
        if self.estimator is None or self._candidate is None:
            return
        measurement, edges, trust = self._candidate
        same_lock = measurement.lock == self.lock
        self.lock, self.seen = measurement.lock, measurement.stamp
        # The grown covariance takes the box almost as it is, and the mean speed of the gap with it.
        with contextlib.suppress(StaleTelemetry):
            if same_lock:  # in view all the time: what was lost is the estimate
                self.estimator.doubt_range(self._buffer.pose_at(measurement.stamp).position_ned[:2])
            self.estimator.update(measurement.stamp, edges, trust, self._buffer.pose_at, gated=False)
        self.estimator.rejections, self.estimator.nis_mean = 0, 1.0

    def lose(self) -> None:
        """The estimate is not to be followed; a candidate must pass the gates of a re-acquisition."""
        if not self.lost:
            self.lost, self.reacquired, self._unconfirmed = True, False, NEVER_SEEN
            self._reacquisition.reset()

    def _take(self, m: TargetMeasurement, pose: VehiclePose, camera: Camera, *, engaged: bool) -> None:
        camera_pose = camera.pose(pose.position_ned, pose.quaternion)
        edges = camera.ideal_edges(m.box)
        if not engaged:
            self._select(m, edges, camera_pose, camera)
        elif self.estimator is not None and (self.lost or m.lock != self.lock):
            if self.estimator.started:
                self._judge_candidate(m, pose, edges, self.estimator)
            else:
                self._restart(m, edges, camera_pose, self.estimator)
            return
        self._low_frames = self._low_frames + 1 if m.confidence < LOW_CONFIDENCE else 0
        usable = m.state is TargetState.TRACKING or (
            m.state is TargetState.UNCERTAIN and m.confidence >= LOW_CONFIDENCE
        )
        if m.state in (TargetState.LOST, TargetState.NONE) or self._low_frames >= LOW_FRAMES:
            self._good_frames = 0
            self.lose()
            return
        if usable and self.estimator is not None and self.estimator.started:
            self._measure(m, pose, edges, self.estimator)

    def _select(self, m: TargetMeasurement, edges: Array, pose: CameraPose, camera: Camera) -> None:
        """On the ground or in Hold a new lock is the operator's selection: start afresh."""
        fresh = m.lock != self.lock or self.lost or self.estimator is None or not self.estimator.started
        if not fresh or m.state is not TargetState.TRACKING:
            return
        prior = class_prior(m.target_class)
        self.estimator = TargetEstimator(camera, prior, self._settings.ground_z, self._settings.time_offset)
        self._trust = EdgeTrust(prior)
        if self.estimator.start(edges, m.stamp, pose):
            self.lock, self.seen, self.lost, self.nis = m.lock, m.stamp, False, math.nan
            self._good_frames = self._low_frames = 0

    def _restart(self, m: TargetMeasurement, edges: Array, pose: CameraPose, estimator: TargetEstimator) -> None:
        """After a clock jump in flight: place the same lock anew; it still has to pass the gates."""
        if m.lock == self.lock and m.state is TargetState.TRACKING and estimator.start(edges, m.stamp, pose):
            self._trust.reset()
            self.seen = m.stamp

    def _trusted(
        self, m: TargetMeasurement, pose: VehiclePose, edges: Array, camera: Camera, *, uncertain: bool
    ) -> TrustedEdges:
        ray = camera.ray_ned(camera.pose(pose.position_ned, pose.quaternion), (edges[0] + edges[2]) / 2, edges[3])
        blur = camera.intrinsics.fx * math.hypot(*pose.rates_frd)
        depression = math.asin(max(-1.0, min(1.0, float(ray[2]))))
        return self._trust.judge(m.box, (m.image_width, m.image_height), depression, blur, uncertain=uncertain)

    def _measure(self, m: TargetMeasurement, pose: VehiclePose, edges: Array, estimator: TargetEstimator) -> None:
        uncertain = m.state is TargetState.UNCERTAIN
        trust = self._trusted(m, pose, edges, estimator.camera, uncertain=uncertain)
        self.too_close = trust.too_close
        self.size_only = len(trust.rows) > 0 and bool((trust.rows[-1] == (0, -1, 0, 1)).all())
        try:
            update = estimator.update(m.stamp, edges, trust, self._buffer.pose_at)
        except StaleTelemetry:
            self.attitude_missing = True
            return
        if update.accepted:
            self.seen, self.nis, self.lost = m.stamp, update.nis, False
            self._good_frames = self._good_frames + 1 if not uncertain else self._good_frames
        elif estimator.rejections >= REJECTIONS_MAX:
            self.lose()

    def _judge_candidate(
        self, m: TargetMeasurement, pose: VehiclePose, edges: Array, estimator: TargetEstimator
    ) -> None:
        camera, prior = estimator.camera, class_prior(m.target_class)
        camera_pose = camera.pose(pose.position_ned, pose.quaternion)
        tall, place = edges[3] - edges[1], estimator.locate(edges, camera_pose)
        if m.state not in (TargetState.TRACKING, TargetState.UNCERTAIN) or place is None or not tall > 0:
            self.reacquired = False
            return
        predicted = estimator.predict(m.stamp, coasting=True)
        height = np.array([predicted.height])
        hull = camera.hulls(camera_pose, place[None], predicted.ground_z, height, prior.half_depth)[0]
        measured = predicted.height * tall / max(1.0, hull[3] - hull[1])
        sight = camera.ray_ned(camera_pose, (edges[0] + edges[2]) / 2, edges[3])[:2]
        sight = sight / max(float(np.linalg.norm(sight)), 1e-6)
        candidate = Candidate(m.lock, m.confidence, m.similarity, m.lock == self.lock, place, sight, measured)
        unseen = m.stamp - self.seen
        passed = self._reacquisition.judge(candidate, predicted, unseen, prior.max_speed)
        if passed or (candidate.same_lock and m.confidence >= CONFIDENCE_MIN):
            self._unconfirmed = m.stamp, math.atan2(sight[1], sight[0])
        if passed:
            # Judged fit by all gates, so its edges count fully, whatever the tracker's caution.
            self._candidate = (m, edges, self._trusted(m, pose, edges, camera, uncertain=False))
        if self._reacquisition.alike:
            self.alike_seen = m.stamp
        self.reacquired = self._reacquisition.confirmed(long_loss=unseen > self._settings.coast_max)

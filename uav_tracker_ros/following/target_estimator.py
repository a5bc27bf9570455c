"""Where the target is on the ground and how it moves: two filters that share the work (IMM).

Assumes ground that changes slowly from ``ground_z``, an upright target and one camera whose boxes come in order.
The filters live at the images' stamps; any other moment is a prediction. State: north, east
position (m), velocity (m/s), acceleration (m/s^2), ln of the true height (m), image-to-attitude
clock error (s), down-coordinate of the ground below the target (m). The last one wanders: slopes,
and the autopilot's own altitude, which drifts by half a metre and more in a minute.

Source: Blom and Bar-Shalom, "The interacting multiple model algorithm", IEEE TAC 33(8), 1988.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.following.camera import Camera, CameraPose
from uav_tracker_ros.following.class_prior import ClassPrior
from uav_tracker_ros.following.edge_trust import HORIZON_GUARD, TrustedEdges
from uav_tracker_ros.following.singer import SingerModel
from uav_tracker_ros.following.telemetry_buffer import VehiclePose

Array = NDArray[np.float64]
PoseAt = Callable[[float], VehiclePose]

QUIET = SingerModel(sigma=0.25, memory=0.5)  # stands or walks evenly
MANOEUVRE = SingerModel(sigma=2.1, memory=2.0)  # starts, stops, turns
MODELS = (QUIET, MANOEUVRE)
SWITCH_RATE = 0.3  # 1/s, 1 % a frame at 30 Hz each way
NIS_GATE = 10.0  # per degree of freedom, exceeded in both models
REJECTIONS_MAX = 8  # in a row; more is not noise
NIS_MEMORY = 0.9  # share kept of the running mean, a box
HEIGHT_WALK = 0.003  # 1/sqrt(s), of ln height: once learnt it stays, so the size tells slopes from the rest
GROUND_SIGMA = 0.2  # m, 1 sigma of the ground before the first box
GROUND_WALK = 0.1  # m/sqrt(s)
CLOCK_SIGMA = 0.015  # s, 1 sigma of the clock error before the first box
CLOCK_WALK = 0.001  # s/sqrt(s)
CLOCK_MAX = 0.05  # s; more is a wrong setting, not an error to learn
_SIZE = 9
_P, _V, _A, _LN_H, _CLOCK, _GROUND = slice(0, 2), slice(2, 4), slice(4, 6), 6, 7, 8
_NORTH, _EAST = slice(0, 6, 2), slice(1, 6, 2)
_STEPS = np.array([0.05, 0.05, 0.02, 0.05])  # m, m, ln m, m: of the numeric derivative
_CLOCK_STEP = 0.004  # s


class Estimate(NamedTuple):
    """The target at one moment."""

    stamp: float  # monotonic s
    position_ne: Array  # (2,) m
    velocity_ne: Array  # (2,) m/s
    acceleration_ne: Array  # (2,) m/s^2
    covariance_ne: Array  # (2, 2) m^2, of the position
    height: float  # m
    ground_z: float  # m, down-coordinate of the ground below it


class Update(NamedTuple):
    """What one box did."""

    accepted: bool
    nis: float  # per degree of freedom, of the better model


class TargetEstimator:
    """Two extended Kalman filters over box edges; see the module."""

    def __init__(self, camera: Camera, prior: ClassPrior, ground_z: float, time_offset: float = 0.0):
        self.camera = camera
        self._prior = prior
        self._ground_z = ground_z
        self._time_offset = time_offset
        self._means = np.zeros((2, _SIZE))
        self._covariances = np.zeros((2, _SIZE, _SIZE))
        self._weights = np.array([0.5, 0.5])
        self.stamp = -math.inf  # s, of the newest accepted or rejected box
        self.started = False
        self.rejections = 0  # in a row
        self.nis_mean = 1.0

    def start(self, edges: Array, stamp: float, pose: CameraPose) -> bool:
        """Begin at a first box; False where neither ground nor size gives a place."""
        self.stop()  # what was learnt of another target's ground does not place this one
        place = self.locate(edges, pose)
        if place is None:
            return False
        mean = np.zeros(_SIZE)
        mean[_P], mean[_LN_H], mean[_CLOCK] = place, math.log(self._prior.height), self._time_offset
        mean[_GROUND] = self._ground_z
        sigma = np.array([2.0, 2.0, 1.5, 1.5, 1.0, 1.0, self._prior.height_sigma, CLOCK_SIGMA, GROUND_SIGMA])
        self._means = np.stack([mean, mean])
        self._covariances = np.stack([np.diag(sigma**2)] * 2)
        self._weights = np.array([0.5, 0.5])
        self.stamp, self.started, self.rejections, self.nis_mean = stamp, True, 0, 1.0
        return True

    def stop(self) -> None:
        """Forget the target."""
        self.started, self.stamp = False, -math.inf

    def shift(self, delta_ne: Array) -> None:
        """The autopilot moved its origin by ``delta_ne`` (m): positions follow, nothing else changes."""
        self._means[:, _P] += delta_ne

    def locate(self, edges: Array, pose: CameraPose) -> Array | None:
        """(2,) north, east of a box: by the ground ray, near the horizon by the size; None: neither."""
        u, v_bottom = (edges[0] + edges[2]) / 2, edges[3]
        ray = self.camera.ray_ned(pose, u, v_bottom)
        ground_z = float(self._weights @ self._means[:, _GROUND]) if self.started else self._ground_z
        drop = ground_z - pose.position_ned[2]
        if ray[2] > math.sin(HORIZON_GUARD) and drop > 0:
            ground = pose.position_ned[:2] + ray[:2] * (drop / ray[2])
            return np.asarray(ground + self._prior.half_depth * ray[:2] / np.linalg.norm(ray[:2]))
        tall = edges[3] - edges[1]
        if tall < 2:
            return None
        level = math.hypot(ray[0], ray[1])
        distance = self.camera.intrinsics.fy * self._prior.height * level / tall
        return np.asarray(pose.position_ned[:2] + ray[:2] / level * distance)

    def update(self, stamp: float, edges: Array, trust: TrustedEdges, pose_at: PoseAt, *, gated: bool = True) -> Update:
        """Take one box in.

        Args:
            stamp: of the exposure, monotonic s; not newer than the last: dropped.
            edges: (4,) undistorted px.
            trust: which of them count.
            pose_at: the vehicle's pose at a monotonic time.
            gated: reject what does not fit; off for a box that has passed the gates of a re-acquisition.

        Returns:
            Whether it was accepted. Rejected boxes leave the prediction as it is.
        """
        if not self.started or stamp <= self.stamp or not len(trust.rows):
            return Update(False, math.nan)
        means, covariances, weights = self._mixed(stamp - self.stamp)
        likelihoods, nises, updated = np.zeros(2), np.zeros(2), []
        for model in range(2):
            mean, covariance, innovation, spread = self._corrected(
                means[model], covariances[model], (stamp, edges, trust), pose_at
            )
            nises[model] = innovation @ np.linalg.solve(spread, innovation) / len(innovation)
            determinant = float(np.linalg.det(2 * math.pi * spread))
            likelihoods[model] = math.exp(max(-300.0, -nises[model] * len(innovation) / 2)) / math.sqrt(determinant)
            updated.append((mean, covariance))
        self.stamp = stamp
        nis = float(nises.min())
        self.nis_mean = NIS_MEMORY * self.nis_mean + (1 - NIS_MEMORY) * min(nis, 10 * NIS_GATE)
        if gated and nis > NIS_GATE:
            self._means, self._covariances, self._weights = means, covariances, weights
            self.rejections += 1
            return Update(False, nis)
        self._means = np.stack([mean for mean, _ in updated])
        self._covariances = np.stack([covariance for _, covariance in updated])
        self._weights = weights * likelihoods / float(weights @ likelihoods)
        self.rejections = 0
        return Update(True, nis)

    def predict(self, stamp: float, *, coasting: bool = False) -> Estimate:
        """The target at any moment from the last box on; ``coasting`` keeps the speed as it was."""
        dt = stamp - self.stamp
        means, covariances = self._advanced(self._means, self._covariances, max(0.0, dt))
        if coasting:
            means = self._means.copy()
            means[:, _A] = 0
            means[:, _P] += means[:, _V] * dt
        mean = self._weights @ means
        spread = means[:, _P] - mean[_P]
        covariance = np.einsum("m,mij->ij", self._weights, covariances[:, _P, _P])
        covariance += np.einsum("m,mi,mj->ij", self._weights, spread, spread)
        return Estimate(stamp, mean[_P], mean[_V], mean[_A], covariance, math.exp(mean[_LN_H]), float(mean[_GROUND]))

    @property
    def clock_error(self) -> float:
        """Image clock minus attitude clock, s."""
        return float(self._weights @ self._means[:, _CLOCK])

    def _mixed(self, dt: float) -> tuple[Array, Array, Array]:
        """Interaction and prediction: means, covariances and weights at ``dt`` after the last box."""
        switch = min(0.5, SWITCH_RATE * dt)
        chances = np.array([[1 - switch, switch], [switch, 1 - switch]])
        weights = self._weights @ chances
        shares = chances * self._weights[:, None] / weights  # (from, to)
        means = shares.T @ self._means
        covariances = np.empty_like(self._covariances)
        for to in range(2):
            spread = self._means - means[to]
            covariances[to] = np.einsum("m,mij->ij", shares[:, to], self._covariances)
            covariances[to] += np.einsum("m,mi,mj->ij", shares[:, to], spread, spread)
        means, covariances = self._advanced(means, covariances, dt)
        return means, covariances, weights

    @staticmethod
    def _advanced(means: Array, covariances: Array, dt: float) -> tuple[Array, Array]:
        new_means, new_covariances = np.empty_like(means), np.empty_like(covariances)
        for index, model in enumerate(MODELS):
            transition, noise = np.eye(_SIZE), np.zeros((_SIZE, _SIZE))
            for axis in (_NORTH, _EAST):
                transition[axis, axis], noise[axis, axis] = model.transition(dt), model.noise(dt)
            for state, walk in ((_LN_H, HEIGHT_WALK), (_CLOCK, CLOCK_WALK), (_GROUND, GROUND_WALK)):
                noise[state, state] = walk**2 * dt
            new_means[index] = transition @ means[index]
            new_covariances[index] = transition @ covariances[index] @ transition.T + noise
        return new_means, new_covariances

    def _corrected(
        self, mean: Array, covariance: Array, box: tuple[float, Array, TrustedEdges], pose_at: PoseAt
    ) -> tuple[Array, Array, Array, Array]:
        stamp, edges, trust = box
        predicted, slopes = self._edges_and_slopes(mean, stamp, pose_at)
        jacobian = trust.rows @ slopes
        innovation = trust.rows @ (edges - predicted)
        spread = jacobian @ covariance @ jacobian.T + trust.rows @ trust.noise @ trust.rows.T
        gain = np.linalg.solve(spread, jacobian @ covariance).T
        if trust.height_frozen:
            gain[_LN_H] = 0
        rest = np.eye(_SIZE) - gain @ jacobian
        noise = trust.rows @ trust.noise @ trust.rows.T
        new = mean + gain @ innovation
        new[_CLOCK] = np.clip(new[_CLOCK], self._time_offset - CLOCK_MAX, self._time_offset + CLOCK_MAX)
        # Joseph's form: right for any gain, so a frozen height keeps an honest covariance.
        return new, rest @ covariance @ rest.T + gain @ noise @ gain.T, innovation, spread

    def _edges_and_slopes(self, mean: Array, stamp: float, pose_at: PoseAt) -> tuple[Array, Array]:
        """(4,) predicted edges and (4, 9) their numeric derivatives by the state."""
        at = stamp - mean[_CLOCK]
        base = np.array([mean[0], mean[1], mean[_LN_H], mean[_GROUND]])
        states = np.vstack([base, base + np.diag(_STEPS)])
        half_depth = self._prior.half_depth
        hulls = self.camera.hulls(
            self._camera_pose(pose_at(at)), states[:, :2], states[:, 3], np.exp(states[:, 2]), half_depth
        )
        later = self.camera.hulls(
            self._camera_pose(pose_at(at - _CLOCK_STEP)), base[None, :2], base[3:], np.exp(base[2:3]), half_depth
        )
        slopes = np.zeros((4, _SIZE))
        slopes[:, [0, 1, _LN_H, _GROUND]] = (hulls[1:] - hulls[0]).T / _STEPS
        slopes[:, _CLOCK] = (later[0] - hulls[0]) / _CLOCK_STEP
        return hulls[0], slopes

    def _camera_pose(self, vehicle: VehiclePose) -> CameraPose:
        return self.camera.pose(vehicle.position_ned, vehicle.quaternion)

"""Where the target is on the ground and how it moves: three filters that share the work (IMM).

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
from uav_tracker_ros.following.model_bank import CLOCK, GROUND, LN_H, SIZE, Bank, ModelBank
from uav_tracker_ros.following.singer import SingerModel
from uav_tracker_ros.following.telemetry_buffer import VehiclePose

Array = NDArray[np.float64]
PoseAt = Callable[[float], VehiclePose]

QUIET = SingerModel(sigma=0.25, memory=0.5)  # stands or walks evenly
MANOEUVRE = SingerModel(sigma=3.5, memory=1.0)  # starts and stops
CURVE = SingerModel(sigma=1.0, memory=20.0, turns=True)  # keeps turning
MODELS = (QUIET, MANOEUVRE, CURVE)
SWITCH_RATE = 0.5  # 1/s, from a model to the two others
NIS_GATE = 10.0  # per degree of freedom, exceeded in all models
REJECTIONS_MAX = 8  # in a row; more is not noise
STRETCHED_SIGMAS = 1.0  # of a box's height; what it is taller or shorter beyond that is not the target
LASTING_IMAGES = 4  # in which a tracker takes in the same piece of road or sky: they tell as much as one
# Of the stretch, a share from 0 to 1, each as likely, is at the top: px^2 of top and bottom for 1 px.
_STRETCH = LASTING_IMAGES * np.array([[1 / 3, -1 / 6], [-1 / 6, 1 / 3]])
RANGE_DOUBT_M, SPEED_DOUBT = 1.5, 3.0  # m, m/s, 1 sigma along the line of sight of an estimate that ran away
NIS_MEMORY = 0.9  # share kept of the running mean, a box
HEIGHT_WALK = 0.0003  # 1/sqrt(s), of ln height: once learnt it stays
# A box shows two of three: place, height and ground can grow together and leave the picture as it is. So the
# height is learnt over ground that is taken as known, and then held; without that they crept by 0.6 m in 30 s.
HOLD_AFTER_S = 5.0
HELD_SIGMA = 0.01  # 1 sigma of ln height from then on
GROUND_SIGMA = 0.2  # m, 1 sigma of the ground before the first box
GROUND_WALK = 0.05  # m/sqrt(s)
CLOCK_SIGMA = 0.015  # s, 1 sigma of the clock error before the first box
CLOCK_WALK = 0.001  # s/sqrt(s)
KNOWN_MAX = 32  # predictions that are kept; a step of the follower asks for the same moment again and again
CLOCK_MAX = 0.05  # s; more is a wrong setting, not an error to learn
_P = slice(0, 2)
_LEARNT = np.array([0, 1, LN_H, GROUND])  # states that a box shows at once, beside the clock
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
    """Extended Kalman filters over box edges, one a motion model; see the module."""

    def __init__(self, camera: Camera, prior: ClassPrior, ground_z: float, time_offset: float = 0.0):
        self.camera = camera
        self._prior = prior
        self._ground_z = ground_z
        self._time_offset = time_offset
        self._models = ModelBank(MODELS, SWITCH_RATE, (HEIGHT_WALK, CLOCK_WALK, GROUND_WALK))
        count = len(MODELS)
        self._bank = Bank(np.zeros((count, SIZE)), np.zeros((count, SIZE, SIZE)), np.full(count, 1 / count))
        self._hold_at = math.inf  # s, when the height has been learnt
        self._known: dict[tuple[float, bool], Estimate] = {}  # predictions since the last change
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
        mean = np.zeros(SIZE)
        mean[_P], mean[LN_H], mean[CLOCK] = place, math.log(self._prior.height), self._time_offset
        mean[GROUND] = self._ground_z
        sigma = np.array([2.0, 2.0, 1.5, 1.5, 1.0, 1.0, self._prior.height_sigma, CLOCK_SIGMA, GROUND_SIGMA])
        count = len(MODELS)
        self._bank = Bank(
            np.tile(mean, (count, 1)), np.tile(np.diag(sigma**2), (count, 1, 1)), np.full(count, 1 / count)
        )
        self.stamp, self.started, self.rejections, self.nis_mean = stamp, True, 0, 1.0
        self._hold_at = stamp + HOLD_AFTER_S
        return True

    def stop(self) -> None:
        """Forget the target."""
        self.started, self.stamp = False, -math.inf
        self._known.clear()

    def shift(self, delta_ned: Array) -> None:
        """The autopilot moved its origin by ``delta_ned`` (m): positions and ground follow, nothing else changes."""
        self._bank.means[:, _P] += delta_ned[:2]
        self._bank.means[:, GROUND] += delta_ned[2]
        self._ground_z += float(delta_ned[2])
        self._known.clear()

    def locate(self, edges: Array, pose: CameraPose) -> Array | None:
        """(2,) north, east of a box: by the ground ray, near the horizon by the size; None: neither."""
        u, v_bottom = (edges[0] + edges[2]) / 2, edges[3]
        ray = self.camera.ray_ned(pose, u, v_bottom)
        ground_z = float(self._bank.weights @ self._bank.means[:, GROUND]) if self.started else self._ground_z
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
            gated: reject what does not fit, believe edges that nobody expected less; off for a box that has passed the
                gates of a re-acquisition.

        Returns:
            Whether it was accepted. Rejected boxes leave the prediction as it is.
        """
        if not self.started or stamp <= self.stamp or not len(trust.rows):
            return Update(False, math.nan)
        before = self._models.mixed(self._bank, stamp - self.stamp)
        after, nises, likelihoods = self._corrected(before, stamp, edges, trust, pose_at, gated=gated)
        self._known.clear()
        self.stamp = stamp
        nis = float(nises.min())
        self.nis_mean = NIS_MEMORY * self.nis_mean + (1 - NIS_MEMORY) * min(nis, 10 * NIS_GATE)
        if gated and nis > NIS_GATE:
            self._bank = before
            self.rejections += 1
            return Update(False, nis)
        self._bank = after._replace(weights=before.weights * likelihoods / float(before.weights @ likelihoods))
        self.rejections = 0
        if stamp > self._hold_at:
            self._hold_height()
        return Update(True, nis)

    def predict(self, stamp: float, *, coasting: bool = False) -> Estimate:
        """The target at ``stamp``; ``coasting``: at constant speed, without the acceleration."""
        known = self._known.get((stamp, coasting))
        if known is None:
            outlook = self._models.outlook(self._bank, max(0.0, stamp - self.stamp), steady=coasting)
            mean = self._bank.weights @ self._bank.means[:, LN_H:]
            known = Estimate(stamp, *outlook, math.exp(mean[0]), float(mean[GROUND - LN_H]))
            if len(self._known) > KNOWN_MAX:  # no box came for a while
                self._known.clear()
            self._known[stamp, coasting] = known
        return known

    def doubt_range(self, place_ne: Array) -> None:
        """Distance and radial speed were wrong, seen from ``place_ne`` (m): believe the next box more than them."""
        away = self._bank.weights @ self._bank.means[:, _P] - place_ne
        away = np.outer(away, away) / max(float(away @ away), 1e-6)
        self._bank.covariances[:, 0:2, 0:2] += RANGE_DOUBT_M**2 * away
        self._bank.covariances[:, 2:4, 2:4] += SPEED_DOUBT**2 * away
        self._known.clear()

    @property
    def clock_error(self) -> float:
        """Image clock minus attitude clock, s."""
        return float(self._bank.weights @ self._bank.means[:, CLOCK])

    def _hold_height(self) -> None:
        """From now on the size tells how far it is."""
        self._hold_at = math.inf
        covariances = self._bank.covariances
        covariances[:, LN_H, :] = covariances[:, :, LN_H] = 0.0
        covariances[:, LN_H, LN_H] = HELD_SIGMA**2

    def _corrected(
        self, bank: Bank, stamp: float, edges: Array, trust: TrustedEdges, pose_at: PoseAt, *, gated: bool
    ) -> tuple[Bank, Array, Array]:
        """The bank with a box taken in; NIS per degree of freedom and likelihood of each model."""
        predicted, slopes = self._edges_and_slopes(bank, stamp, pose_at)
        rows, noise = trust.rows, trust.noise
        jacobian = rows @ slopes  # (M, n, 9)
        innovation = (edges - predicted) @ rows.T  # (M, n)
        expected = jacobian @ bank.covariances @ jacobian.transpose(0, 2, 1)
        # of the box as it is: the gate judges that
        squares = _squares(innovation, np.linalg.inv(expected + rows @ noise @ rows.T))
        if gated:
            edge_covariances = slopes @ bank.covariances @ slopes.transpose(0, 2, 1)
            noise = noise + _stretch_noise(edges - predicted, edge_covariances, trust)
        noise = rows @ noise @ rows.T
        spread = expected + noise
        inverse = np.linalg.inv(spread)
        gain = bank.covariances @ jacobian.transpose(0, 2, 1) @ inverse
        if trust.height_frozen:
            gain[:, LN_H] = 0
        means = bank.means + (gain @ innovation[..., None])[..., 0]
        low, high = self._time_offset - CLOCK_MAX, self._time_offset + CLOCK_MAX
        means[:, CLOCK] = np.minimum(high, np.maximum(low, means[:, CLOCK]))
        # Joseph's form: right for any gain, so a frozen height keeps an honest covariance.
        rest = np.eye(SIZE) - gain @ jacobian
        covariances = rest @ bank.covariances @ rest.transpose(0, 2, 1) + gain @ noise @ gain.transpose(0, 2, 1)
        exponents = np.maximum(-300.0, -_squares(innovation, inverse) / 2)
        likelihoods = np.exp(exponents) / np.sqrt(np.linalg.det(2 * math.pi * spread))
        return Bank(means, covariances, bank.weights), squares / len(rows), likelihoods

    def _edges_and_slopes(self, bank: Bank, stamp: float, pose_at: PoseAt) -> tuple[Array, Array]:
        """(M, 4) predicted edges and (M, 4, 9) their numeric derivatives by the state.

        The models differ by less than a millisecond in the clock, so one pair of poses serves them all.
        """
        count = len(bank.weights)
        clock = float(bank.weights @ bank.means[:, CLOCK])
        base = bank.means[:, None, _LEARNT]  # (M, 1, 4)
        states = np.concatenate([base, base + np.diag(_STEPS)], axis=1)  # (M, 5, 4)
        hulls = self._hulls(states.reshape(-1, 4), pose_at(stamp - clock)).reshape(count, 5, 4)
        later = self._hulls(states[:, 0], pose_at(stamp - clock - _CLOCK_STEP))
        slopes = np.zeros((count, 4, SIZE))
        slopes[:, :, _LEARNT] = ((hulls[:, 1:] - hulls[:, :1]) / _STEPS[:, None]).transpose(0, 2, 1)
        slopes[:, :, CLOCK] = (later - hulls[:, 0]) / _CLOCK_STEP
        own_clock = (bank.means[:, CLOCK] - clock)[:, None]
        return hulls[:, 0] + slopes[:, :, CLOCK] * own_clock, slopes

    def _hulls(self, states: Array, vehicle: VehiclePose) -> Array:
        pose = self.camera.pose(vehicle.position_ned, vehicle.quaternion)
        return self.camera.hulls(pose, states[:, :2], states[:, 3], np.exp(states[:, 2]), self._prior.half_depth)


def _squares(innovation: Array, inverse: Array) -> Array:
    """(M,) squared Mahalanobis lengths of (M, n) innovations."""
    return np.asarray((innovation[:, None] @ inverse @ innovation[..., None])[:, 0, 0])


def _stretch_noise(innovation: Array, expected: Array, trust: TrustedEdges) -> Array:
    """(4, 4) px^2, more noise of a box that is taller or shorter than all models expected; docs/decisions/0018.

    Args:
        innovation: (M, 4) px, of the edges.
        expected: (M, 4, 4) px^2, covariance of the predicted edges.
        trust: of this box; where it does not show top and bottom its height says nothing.
    """
    noise = np.zeros((4, 4))
    if (trust.rows[:, [1, 3]] == 1).any(axis=0).all():
        height = np.array([0.0, -1.0, 0.0, 1.0])
        stretch = np.abs(innovation @ height)
        sigma = np.sqrt(height @ (expected + trust.noise) @ height)
        nearest = int(np.argmin(stretch / sigma))
        excess = max(0.0, float(stretch[nearest] - STRETCHED_SIGMAS * sigma[nearest]))
        noise[1::2, 1::2] = excess**2 * _STRETCH
    return noise

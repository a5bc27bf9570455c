"""Several motion models side by side on one state vector: what they predict, and how they mix.

State (N = 9): north, east position (m), velocity (m/s), acceleration (m/s^2), ln of the true height,
image-to-attitude clock error (s), down-coordinate of the ground below the target (m).

Source: Blom and Bar-Shalom, "The interacting multiple model algorithm", IEEE TAC 33(8), 1988.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.following.singer import SingerModel

Array = NDArray[np.float64]

SIZE = 9
LN_H, CLOCK, GROUND = 6, 7, 8
SLOWEST_TURN, LARGEST_RATE = 1.0, 1.0  # m/s, rad/s: a slower velocity has no direction to turn
_KINEMATIC = 6  # the first six: position, velocity, acceleration, each north and east
_WALKS = np.array([LN_H, CLOCK, GROUND])
_ORDER = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
_ROWS = np.concatenate([2 * _ORDER, 2 * _ORDER + 1])  # of the nine entries of each axis, north then east
_COLUMNS = np.concatenate([2 * np.tile([0, 1, 2], 3), 2 * np.tile([0, 1, 2], 3) + 1])


def _turn(motion: list[float], dt: float) -> list[list[float]]:
    """(2, 2) by how much the acceleration turns in ``dt`` s, from velocity and acceleration north and east.

    The coordinated turn of Li and Jilkov, "Survey of maneuvering target tracking, part I", IEEE TAES 39(4), 2003,
    with its rate taken from the state instead of being one.
    """
    vn, ve, an, ae = motion
    speed2 = vn * vn + ve * ve
    if speed2 < SLOWEST_TURN**2:
        return [[1.0, 0.0], [0.0, 1.0]]
    angle = max(-LARGEST_RATE, min(LARGEST_RATE, (vn * ae - ve * an) / speed2)) * dt
    cos, sin = math.cos(angle), math.sin(angle)
    return [[cos, -sin], [sin, cos]]


class Bank(NamedTuple):
    """M hypotheses: one mean, covariance and weight a model."""

    means: Array  # (M, 9)
    covariances: Array  # (M, 9, 9)
    weights: Array  # (M,)


class Outlook(NamedTuple):
    """Where the mixture of all hypotheses goes."""

    position_ne: Array  # (2,) m
    velocity_ne: Array  # (2,) m/s
    acceleration_ne: Array  # (2,) m/s^2
    covariance_ne: Array  # (2, 2) m^2, of the position


class ModelBank:
    """Prediction and interaction of Singer models.

    Args:
        models: how the target may move.
        switch_rate: 1/s, from a model to all others together.
        walks: 1 sigma of the random walks of ln height, clock error and ground, each per root second.
    """

    def __init__(self, models: tuple[SingerModel, ...], switch_rate: float, walks: tuple[float, float, float]):
        self._models = models
        self._switch_rate = switch_rate
        self._walk_power = np.array(walks) ** 2
        count = len(models)
        self._still = np.eye(count)
        self._leave = (np.ones((count, count)) - self._still) / (count - 1)
        self._identity = np.tile(np.eye(SIZE), (count, 1, 1))

    def advanced(self, means: Array, covariances: Array, dt: float) -> tuple[Array, Array]:
        """Means (M, 9) and covariances (M, 9, 9) after ``dt`` s."""
        transition, noise = self._identity.copy(), np.zeros_like(self._identity)
        maps = np.array([model.transition(dt) for model in self._models]).reshape(-1, 9)
        transition[:, _ROWS, _COLUMNS] = np.concatenate([maps, maps], axis=1)
        gathered = np.array([model.noise(dt) for model in self._models]).reshape(-1, 9)
        noise[:, _ROWS, _COLUMNS] = np.concatenate([gathered, gathered], axis=1)
        noise[:, _WALKS, _WALKS] = self._walk_power * dt
        for index, model in enumerate(self._models):
            if model.turns:
                transition[index, 4:6, 4:6] @= _turn(means[index, 2:6].tolist(), dt)
        moved = transition @ covariances @ transition.transpose(0, 2, 1) + noise
        return (transition @ means[..., None])[..., 0], moved

    def mixed(self, bank: Bank, dt: float) -> Bank:
        """Interaction of the models and their prediction over ``dt`` s."""
        switch = min(0.5, self._switch_rate * dt)
        chances = (1 - switch) * self._still + switch * self._leave
        weights = bank.weights @ chances
        shares = (chances * bank.weights[:, None] / weights).T  # (to, from)
        means = shares @ bank.means
        spread = bank.means - means[:, None]  # (to, from, 9)
        covariances = (shares @ bank.covariances.reshape(len(weights), -1)).reshape(bank.covariances.shape)
        covariances = covariances + (spread * shares[..., None]).transpose(0, 2, 1) @ spread
        return Bank(*self.advanced(means, covariances, dt), weights)

    def outlook(self, bank: Bank, dt: float, *, steady: bool) -> Outlook:
        """The mixture after ``dt`` >= 0 s; ``steady``: at constant speed, while nothing is seen."""
        maps = np.array([model.transition(dt) for model in self._models])
        later = bank.means[:, :_KINEMATIC].reshape(-1, 3, 2)
        if steady:
            later = later * [[1.0], [1.0], [0.0]]
            later[:, 0] += later[:, 1] * dt
        else:
            later = maps @ later
        mean = (bank.weights @ later.reshape(-1, _KINEMATIC)).reshape(3, 2)
        places = np.zeros((len(maps), 2, _KINEMATIC))  # from a state to the position after dt
        places[:, 0, 0::2] = places[:, 1, 1::2] = maps[:, 0]
        own = places @ bank.covariances[:, :_KINEMATIC, :_KINEMATIC] @ places.transpose(0, 2, 1)
        gathered = sum(w * model.noise(dt)[0][0] for w, model in zip(bank.weights.tolist(), self._models, strict=True))
        spread = later[:, 0] - mean[0]
        covariance = (bank.weights @ own.reshape(-1, 4)).reshape(2, 2) + (spread.T * bank.weights) @ spread
        covariance[0, 0] += gathered
        covariance[1, 1] += gathered
        return Outlook(mean[0], mean[1], mean[2], covariance)

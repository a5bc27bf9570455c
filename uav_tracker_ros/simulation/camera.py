"""When pictures are taken, when they arrive, and what goes wrong on the way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.simulation.rendering import Renderer
from uav_tracker_ros.simulation.truth import FrameTruth, VehicleTruth


@dataclass(frozen=True)
class CameraTiming:
    """Rate, latency and faults of a camera. Checked when made.

    Raises:
        InvalidParameter: a value outside its range.
    """

    rate_hz: float = 30.0
    latency: float = 0.04  # s from exposure to arrival: readout, encoding, transport
    jitter: float = 0.005  # s, standard deviation of what is added; the order is kept
    drop: float = 0.0  # probability that a picture never arrives
    burst: float = 0.0  # probability that pictures begin to pile up and arrive together
    burst_length: float = 0.2  # s that a pile-up lasts
    freezes: tuple[tuple[float, float], ...] = ()  # (start, duration) s: the last picture with new stamps
    clock_offset: float = 0.0  # s, the camera's stamp minus the true moment
    clock_drift: float = 0.0  # s/s

    def __post_init__(self) -> None:
        for name, low, high in (
            ("rate_hz", 1.0, 240.0),
            ("latency", 0.0, 5.0),
            ("jitter", 0.0, 1.0),
            ("drop", 0.0, 1.0),
            ("burst", 0.0, 1.0),
            ("burst_length", 0.0, 5.0),
            ("clock_offset", -10.0, 10.0),
            ("clock_drift", -0.1, 0.1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidParameter(f"{name} is {value}; expected {low} to {high}: choose a value inside")


class CameraFrame(NamedTuple):
    """A picture as it arrives."""

    image: NDArray[np.uint8] | None  # (height, width, 3) BGR; None where only truth was asked for
    stamp: float  # s, moment of exposure as the camera says it
    arrival: float  # s
    truth: FrameTruth  # of the picture's content, with the true moment


class SimulatedCamera:
    """Takes pictures at its rate and delivers them late, in order.

    Args:
        renderer: draws the pictures.
        timing: rate, latency and faults.
        vehicle_at: the vehicle's truth at a moment (s) not later than the newest ``step``.
        seed: of latencies and faults.
        pictures: False delivers truth without drawing.
    """

    def __init__(
        self,
        renderer: Renderer,
        timing: CameraTiming,
        vehicle_at: Callable[[float], VehicleTruth],
        seed: int,
        *,
        pictures: bool = True,
    ) -> None:
        self._renderer = renderer
        self._timing = timing
        self._vehicle_at = vehicle_at
        self._draws = np.random.default_rng((seed, 401))
        self._pictures = pictures
        self._count = 0
        self._piled_until = -math.inf
        self._last_arrival = -math.inf
        self._content: tuple[NDArray[np.uint8] | None, FrameTruth] | None = None
        self._under_way: list[CameraFrame] = []

    def step(self, now: float) -> list[CameraFrame]:
        """Take all pictures due until ``now`` (s) and return those that have arrived by then, oldest first."""
        while self._count / self._timing.rate_hz <= now:
            self._take(self._count / self._timing.rate_hz)
            self._count += 1
        arrived = [frame for frame in self._under_way if frame.arrival <= now]
        self._under_way = self._under_way[len(arrived) :]
        return arrived

    def _take(self, moment: float) -> None:
        timing = self._timing
        # Every picture draws the same count of numbers, so that one fault does not move the others.
        late, dropped, piles = self._draws.standard_normal(), self._draws.random(), self._draws.random()
        frozen = any(start <= moment < start + duration for start, duration in timing.freezes)
        if dropped < timing.drop:
            return
        if self._content is None or not frozen:
            vehicle = self._vehicle_at(moment)
            self._content = (
                self._renderer.render(moment, vehicle)
                if self._pictures
                else (None, self._renderer.truth(moment, vehicle))
            )
        if piles < timing.burst and moment > self._piled_until:
            self._piled_until = moment + timing.burst_length
        arrival = moment + max(0.0, timing.latency + timing.jitter * float(late))
        arrival = max(arrival, self._last_arrival, self._piled_until if moment <= self._piled_until else 0.0)
        self._last_arrival = arrival
        stamp = moment + timing.clock_offset + timing.clock_drift * moment
        self._under_way.append(CameraFrame(self._content[0], stamp, arrival, self._content[1]))

"""Where the vehicle was at the moment of an exposure: two seconds of attitude and position."""

from __future__ import annotations

import bisect
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import StaleTelemetry
from uav_tracker_ros.flight import Attitude, LocalPosition, Quaternion, Telemetry
from uav_tracker_ros.frames import quaternion_multiply

Array = NDArray[np.float64]

KEEP_S = 2.0
EXTRAPOLATE_S = 0.04  # body rates predict an attitude for two sample periods, not longer
POSITION_EXTRAPOLATE_S = 0.3  # velocity predicts a position to some cm for this long
# A step of the position that velocity cannot explain: the autopilot moved its origin. The counter that says so comes
# in another message, up to 0.1 s later: then the step is no longer between the two newest samples.
JUMP_M = 0.1
FUTURE_S = 0.05  # a sample from later than its arrival: the clock mapping jumped


class VehiclePose(NamedTuple):
    """The vehicle at one moment."""

    stamp: float  # monotonic s
    position_ned: Array  # (3,) m
    velocity_ned: Array  # (3,) m/s
    quaternion: Quaternion  # body_frd -> ned
    rates_frd: Array  # (3,) rad/s


class TelemetryBuffer:
    """Attitude and position samples of the last two seconds, by their stamps."""

    def __init__(self) -> None:
        self._attitudes: list[Attitude] = []
        self._positions: list[LocalPosition] = []
        self.flushes = 0  # times that a clock jump emptied the buffer

    def add(self, telemetry: Telemetry) -> Array:
        """Keep what is new.

        Returns:
            (3,) m: by how much the autopilot moved its local origin with this sample; mostly zero.
        """
        if self._clock_jumped(telemetry):
            self._attitudes.clear()
            self._positions.clear()
            self.flushes += 1
            if _from_the_future(telemetry):
                return np.zeros(3)
        attitude, position = telemetry.attitude, telemetry.position
        if attitude is not None and (not self._attitudes or attitude.stamp > self._attitudes[-1].stamp):
            self._attitudes.append(attitude)
            _forget(self._attitudes, attitude.stamp - KEEP_S)
        shift = np.zeros(3)
        if position is not None and (not self._positions or position.stamp > self._positions[-1].stamp):
            shift = self._origin_shift(position)
            if shift.any():
                self._positions = [_shifted(sample, shift) for sample in self._positions]
            self._positions.append(position)
            _forget(self._positions, position.stamp - KEEP_S)
        return shift

    @property
    def attitude_stamp(self) -> float:
        """Stamp of the newest attitude; -inf before the first."""
        return self._attitudes[-1].stamp if self._attitudes else -math.inf

    @property
    def position_stamp(self) -> float:
        """Stamp of the newest position; -inf before the first."""
        return self._positions[-1].stamp if self._positions else -math.inf

    @property
    def newest(self) -> tuple[Attitude, LocalPosition]:
        """The newest samples.

        Raises:
            StaleTelemetry: before the first of each.
        """
        if not self._attitudes or not self._positions:
            raise StaleTelemetry("no attitude and position yet; expected both at 50 Hz: wait for the gate's link")
        return self._attitudes[-1], self._positions[-1]

    def pose_at(self, stamp: float) -> VehiclePose:
        """The vehicle at ``stamp`` (monotonic s), interpolated: slerp and cubic Hermite.

        Raises:
            StaleTelemetry: no sample near enough: more than 40 ms after the newest attitude, or before the oldest.
        """
        quaternion, rates = self._attitude_at(stamp)
        position, velocity = self._position_at(stamp)
        return VehiclePose(stamp, position, velocity, quaternion, rates)

    def _attitude_at(self, stamp: float) -> tuple[Quaternion, Array]:
        samples = self._attitudes
        index = bisect.bisect_left(samples, stamp, key=lambda sample: sample.stamp)
        if index == len(samples):
            if not samples or stamp - samples[-1].stamp > EXTRAPOLATE_S:
                raise _stale("attitude", stamp, self.attitude_stamp)
            last = samples[-1]
            return _turned(last.quaternion, last.rates_frd, stamp - last.stamp), np.array(last.rates_frd)
        if index == 0:
            if samples[0].stamp > stamp:
                raise _stale("attitude", stamp, samples[0].stamp)
            return samples[0].quaternion, np.array(samples[0].rates_frd)
        a, b = samples[index - 1], samples[index]
        share = (stamp - a.stamp) / (b.stamp - a.stamp)
        rates = (1 - share) * np.array(a.rates_frd) + share * np.array(b.rates_frd)
        return _slerp(a.quaternion, b.quaternion, share), rates

    def _position_at(self, stamp: float) -> tuple[Array, Array]:
        samples = self._positions
        index = bisect.bisect_left(samples, stamp, key=lambda sample: sample.stamp)
        if index == len(samples):
            if not samples or stamp - samples[-1].stamp > POSITION_EXTRAPOLATE_S:
                raise _stale("position", stamp, self.position_stamp)
            last = samples[-1]
            velocity = np.array(last.velocity_ned)
            return np.array(last.position_ned) + velocity * (stamp - last.stamp), velocity
        if index == 0:
            if samples[0].stamp > stamp:
                raise _stale("position", stamp, samples[0].stamp)
            return np.array(samples[0].position_ned), np.array(samples[0].velocity_ned)
        return _hermite(samples[index - 1], samples[index], stamp)

    def _clock_jumped(self, telemetry: Telemetry) -> bool:
        samples = ((telemetry.attitude, self.attitude_stamp), (telemetry.position, self.position_stamp))
        # An unchanged sample comes again with equal stamp; the mapping's own noise is below 20 ms.
        back = any(sample is not None and sample.stamp < newest - 0.02 for sample, newest in samples)
        return back or _from_the_future(telemetry)

    def _origin_shift(self, new: LocalPosition) -> Array:
        if not self._positions:
            return np.zeros(3)
        last = self._positions[-1]
        elapsed = new.stamp - last.stamp
        step = np.array(
            [
                b - a - (va + vb) / 2 * elapsed
                for a, b, va, vb in zip(
                    last.position_ned, new.position_ned, last.velocity_ned, new.velocity_ned, strict=True
                )
            ]
        )
        unexplained = math.hypot(*step) > JUMP_M + elapsed  # a gap in the samples hides up to 1 m/s
        return step if new.reset_count != last.reset_count or unexplained else np.zeros(3)


def _from_the_future(telemetry: Telemetry) -> bool:
    samples = (telemetry.attitude, telemetry.position)
    return any(sample is not None and sample.stamp > telemetry.stamp + FUTURE_S for sample in samples)


def _forget(samples: list[Attitude] | list[LocalPosition], before: float) -> None:
    while samples and samples[0].stamp < before:
        samples.pop(0)


def _shifted(sample: LocalPosition, shift: Array) -> LocalPosition:
    north, east, down = np.array(sample.position_ned) + shift
    return sample._replace(position_ned=(float(north), float(east), float(down)))


def _stale(what: str, stamp: float, nearest: float) -> StaleTelemetry:
    return StaleTelemetry(
        f"{what} asked for {stamp:.3f} s, nearest sample {nearest:.3f} s; expected samples at 50 Hz: "
        "check the link and the clocks"
    )


def _turned(q: Quaternion, rates_frd: tuple[float, float, float], seconds: float) -> Quaternion:
    rate = math.sqrt(sum(part * part for part in rates_frd))
    half = rate * seconds / 2
    scale = math.sin(half) / rate if rate > 1e-9 else seconds / 2
    x, y, z = (part * scale for part in rates_frd)
    return quaternion_multiply(q, (math.cos(half), x, y, z))


def _slerp(a: Quaternion, b: Quaternion, share: float) -> Quaternion:
    dot = sum(p * q for p, q in zip(a, b, strict=True))
    sign = -1.0 if dot < 0 else 1.0
    angle = math.acos(min(1.0, abs(dot)))
    if angle < 1e-6:
        return a
    wa = math.sin((1 - share) * angle) / math.sin(angle)
    wb = sign * math.sin(share * angle) / math.sin(angle)
    w, x, y, z = (wa * p + wb * q for p, q in zip(a, b, strict=True))
    return w, x, y, z


def _hermite(a: LocalPosition, b: LocalPosition, stamp: float) -> tuple[Array, Array]:
    step = b.stamp - a.stamp
    s = (stamp - a.stamp) / step
    shares = np.array(
        [[2 * s**3 - 3 * s**2 + 1, (s**3 - 2 * s**2 + s) * step, 3 * s**2 - 2 * s**3, (s**3 - s**2) * step],
         [0.0, 1 - s, 0.0, s]]
    )  # fmt: skip
    motion = shares @ np.array([a.position_ned, a.velocity_ned, b.position_ned, b.velocity_ned])
    return motion[0], motion[1]

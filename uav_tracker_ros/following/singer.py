"""Singer's motion model: an acceleration that is remembered for a time and driven by noise.

Source: R. A. Singer, "Estimating optimal tracking filter performance for manned maneuvering
targets", IEEE Trans. AES-6(4), 1970.
"""

from __future__ import annotations

import math
from typing import NamedTuple

Row = tuple[float, float, float]
Matrix = tuple[Row, Row, Row]  # plain numbers: three models a box, and arrays this small cost more than they save


class SingerModel(NamedTuple):
    """One way in which a target may move."""

    sigma: float  # m/s^2, 1 sigma of the acceleration
    memory: float  # s, its correlation time
    turns: bool = False  # the acceleration turns with the velocity: a steady curve

    def transition(self, dt: float) -> Matrix:
        """(3, 3) map of (position, velocity, acceleration) over ``dt`` seconds."""
        rate = 1 / self.memory
        decay = math.exp(-rate * dt)
        return (
            (1.0, dt, (rate * dt - 1 + decay) / rate**2),
            (0.0, 1.0, (1 - decay) / rate),
            (0.0, 0.0, decay),
        )

    def noise(self, dt: float) -> Matrix:
        """(3, 3) covariance of (position, velocity, acceleration) gathered in ``dt`` seconds."""
        r = 1 / self.memory
        power = 2 * r * self.sigma**2
        if r * dt < 0.05:  # the closed form loses all digits here
            pp, pv, pa, vv, va, aa = dt**5 / 20, dt**4 / 8, dt**3 / 6, dt**3 / 3, dt**2 / 2, dt
        else:
            e, e2 = math.exp(-r * dt), math.exp(-2 * r * dt)
            x = r * dt
            pp = (1 - e2 + 2 * x + 2 * x**3 / 3 - 2 * x**2 - 4 * x * e) / (2 * r**5)
            pv = (e2 + 1 - 2 * e + 2 * x * e - 2 * x + x**2) / (2 * r**4)
            pa = (1 - e2 - 2 * x * e) / (2 * r**3)
            vv = (4 * e - 3 - e2 + 2 * x) / (2 * r**3)
            va = (e2 + 1 - 2 * e) / (2 * r**2)
            aa = (1 - e2) / (2 * r)
        pp, pv, pa, vv, va, aa = (power * part for part in (pp, pv, pa, vv, va, aa))
        return (pp, pv, pa), (pv, vv, va), (pa, va, aa)

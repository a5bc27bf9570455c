"""What is assumed of a class of targets before the first box: size and how fast it can be."""

from __future__ import annotations

from typing import NamedTuple


class ClassPrior(NamedTuple):
    """Priors of one class."""

    height: float  # m
    height_sigma: float  # 1 sigma of ln(height)
    half_depth: float  # m; the box's lower edge is the near side of the body, not its middle
    depth_sigma: float  # m, 1 sigma of half_depth: it changes as the target turns
    max_speed: float  # m/s; a re-acquired target cannot have been faster


_PRIORS = {
    "person": ClassPrior(1.70, 0.12, 0.2, 0.05, 8.0),
    "car": ClassPrior(1.55, 0.15, 1.2, 0.4, 30.0),
    "motorcycle": ClassPrior(1.50, 0.20, 0.6, 0.3, 30.0),
}
_UNKNOWN = ClassPrior(1.50, 0.50, 0.3, 0.2, 30.0)


def class_prior(target_class: str) -> ClassPrior:
    """The priors of a class; a wide one for a name that is not in the table."""
    return _PRIORS.get(target_class, _UNKNOWN)

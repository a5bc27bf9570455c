"""The mean of several runs' weights: of runs from one ancestor it is often better than each of them.

    python -m uav_tracker_ros.training.weight_mean ONE/last.safetensors TWO/last.safetensors --out MEAN.safetensors

Source: Wortsman et al., "Model soups" (ICML 2022). Two runs of one thread each, begun from the same file with two
seeds, also keep two cores busy without waiting for each other.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from uav_tracker_ros.errors import InvalidParameter, UavTrackerError
from uav_tracker_ros.trackers.network_weights import write_state
from uav_tracker_ros.trackers.weights import array_shapes, load_state


def mean_of(files: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of each array, fp32.

    Raises:
        InvalidParameter: fewer than two files.
        ModelFileMissing: one is not there.
        ModelFileDamaged: one is not safetensors, or holds other arrays than the first.
    """
    if len(files) < 2:
        raise InvalidParameter(f"a mean of {len(files)} files; expected two or more of one network: give them")
    expected = array_shapes(files[0])
    states = [load_state(file, expected) for file in files]
    return {name: torch.stack([torch.from_numpy(state[name]).float() for state in states]).mean(0) for name in expected}


def main(argv: Sequence[str] | None = None) -> int:
    """Read the options, write the mean."""
    parser = argparse.ArgumentParser(
        prog="python -m uav_tracker_ros.training.weight_mean", description="The mean of several runs' weights."
    )
    parser.add_argument("weights", type=Path, nargs="+", help="of one network, .safetensors")
    parser.add_argument("--out", type=Path, required=True, help="file of the mean")
    given = parser.parse_args(argv)
    try:
        write_state(mean_of(given.weights), given.out)
    except UavTrackerError as error:
        print(f"weight_mean: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

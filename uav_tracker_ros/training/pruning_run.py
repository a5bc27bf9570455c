"""Prune one network by several shares at once: rank once, write weights, ranks and a summary.

``uav-tracker prune`` is the command; on a machine with torch, NumPy, OpenCV and safetensors alone:

    python -m uav_tracker_ros.training.pruning_run siamfcpp.safetensors --data DIR --rho 0.4 --out DIR
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from uav_tracker_ros.errors import InvalidParameter, ModelFileDamaged, UavTrackerError, unknown_name
from uav_tracker_ros.trackers.network_weights import read_weights, write_weights
from uav_tracker_ros.trackers.search_region import SETTINGS
from uav_tracker_ros.trackers.weights import array_shapes
from uav_tracker_ros.training import pruning
from uav_tracker_ros.training.networks import FAMILIES, check_family
from uav_tracker_ros.training.pruning import Layer
from uav_tracker_ros.training.pruning_criterion import Choice, Criterion, Ranks, choose, measure
from uav_tracker_ros.training.pruning_images import CropPairs


@dataclass(frozen=True)
class PruneSettings:
    """What is removed, and what decides it."""

    family: str = "siamfcpp"
    rhos: tuple[float, ...] = (0.4,)  # shares of the filters to remove
    criterion: Criterion = "rank"
    tied: bool = False  # also the layers that the paper leaves alone
    crops: int = 500  # search crops that ranks are averaged over
    seed: int = 0

    def __post_init__(self) -> None:
        check_family(self.family)
        if self.criterion not in ("rank", "hrank"):
            raise unknown_name("criterion", self.criterion, ("rank", "hrank"))
        if self.crops < 1:
            raise InvalidParameter(f"crops is {self.crops}; expected at least 1; 500 are usual")
        if len(set(self.rhos)) != len(self.rhos) or not self.rhos:
            raise InvalidParameter(f"rho is {list(self.rhos)}; expected different shares; name each once")
        for rho in self.rhos:
            pruning.kept_count(1, rho)


class PrunedRow(NamedTuple):
    """One pruned network."""

    rho: float
    file: str
    params: int
    share: float  # of the full network's parameters
    macs: int
    macs_share: float


class PruneReport(NamedTuple):
    """What was made."""

    rows: list[PrunedRow]
    by_stable_rank: list[str]  # layers whose rank was saturated
    weights_sha256: str


def prune(
    weights: Path, data: Sequence[Path], out: Path, settings: PruneSettings, progress: Callable[[], None]
) -> PruneReport:
    """Rank the filters of a trained network and write a pruned one for each share.

    Writes ``p_FAMILY_RHO.safetensors`` for each share and ``ranks.csv`` into ``out``, which exists.

    Args:
        weights: .safetensors of the full network, or of its trunk alone: the head is then a random one of the seed.
        data: folders of training pictures.
        out: where the files go.
        settings: see there.
        progress: called after each crop.

    Raises:
        ModelFileMissing, ModelFileDamaged: the weights are not there or are another network's.
        InputUnreadable: no pictures.
        InvalidParameter: settings that this family does not have.
    """
    torch.manual_seed(settings.seed)
    network = FAMILIES[settings.family]()
    layers = pruning.layers_of(network, tied=settings.tied)
    trunk_alone = "conv1.conv.weight" in array_shapes(weights)
    read_weights(network.trunk if trunk_alone else network, weights)
    region = SETTINGS[settings.family]
    pairs = CropPairs(list(data), region).draw(settings.crops, settings.seed)
    ranks = measure(network, layers, pairs, progress)
    if not all(figures.rank.any() for figures in ranks.values()):
        dead = [layer.name for layer, figures in ranks.items() if not figures.rank.any()]
        raise ModelFileDamaged(
            f"{weights.name}: every map of {', '.join(dead)} is empty; expected a trained network: train it first"
        )
    full = pruning.parameters(network), pruning.track_macs(network, region.search_size)
    rows, choices = [], {}
    for rho in settings.rhos:
        choices[rho] = {layer: choose(figures, rho, settings.criterion) for layer, figures in ranks.items()}
        small = pruning.pruned(network, {layer: choice.kept for layer, choice in choices[rho].items()})
        file = f"p_{settings.family}{'_tied' if settings.tied else ''}_{rho:g}.safetensors"
        write_weights(small, out / file)
        count, macs = pruning.parameters(small), pruning.track_macs(small, region.search_size)
        rows.append(PrunedRow(rho, file, count, count / full[0], macs, macs / full[1]))
    _write_ranks(out / "ranks.csv", ranks, choices)
    saturated = [layer.name for layer, choice in choices[settings.rhos[0]].items() if choice.by_stable_rank]
    return PruneReport(rows, saturated, hashlib.sha256(weights.read_bytes()).hexdigest())


def _write_ranks(path: Path, ranks: Mapping[Layer, Ranks], choices: Mapping[float, Mapping[Layer, Choice]]) -> None:
    """One line a filter: its figures, and whether each share keeps it."""
    with path.open("w", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["layer", "filter", "rank", "stable_rank", "hrank", *(f"kept_{rho:g}" for rho in choices)])
        for layer, figures in ranks.items():
            kept = [set(chosen[layer].kept.tolist()) for chosen in choices.values()]
            for number in range(len(figures.rank)):
                values: list[Any] = [f"{figure[number]:.6g}" for figure in figures]
                table.writerow([layer.name, number, *values, *(int(number in indices) for indices in kept)])


def main(argv: Sequence[str] | None = None) -> int:
    """Read the options, prune, print the rows as JSON."""
    parser = argparse.ArgumentParser(prog="python -m uav_tracker_ros.training.pruning_run")
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rho", type=float, action="append")
    parser.add_argument("--family", default="siamfcpp")
    parser.add_argument("--tied", action="store_true")
    parser.add_argument("--crops", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    try:
        settings = PruneSettings(
            given.family, tuple(given.rho or (0.4,)), tied=given.tied, crops=given.crops, seed=given.seed
        )
        given.out.mkdir(parents=True, exist_ok=True)
        report = prune(given.weights, given.data, given.out, settings, lambda: None)
    except (UavTrackerError, OSError) as error:
        print(f"pruning: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    print(json.dumps([row._asdict() for row in report.rows]))  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())

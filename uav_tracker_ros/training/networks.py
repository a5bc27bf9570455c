"""Networks by family, of the widths that a file of weights has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from uav_tracker_ros.errors import ModelFileDamaged, unknown_name
from uav_tracker_ros.trackers.network_weights import read_weights
from uav_tracker_ros.trackers.siamcar.network import CarWidths, SiamCar
from uav_tracker_ros.trackers.siamfcpp.network import SiamFCpp, Widths
from uav_tracker_ros.trackers.weights import array_shapes

Network = SiamFCpp | SiamCar
FAMILIES: dict[str, Callable[[], Network]] = {"siamfcpp": SiamFCpp, "siamcar": SiamCar}


def check_family(family: str) -> None:
    """Raises UnknownName where there is no such family."""
    if family not in FAMILIES:
        raise unknown_name("family", family, FAMILIES)


def read_network(family: str, file: Path) -> Network:
    """The network that the file holds the weights of, full or pruned, in eval mode.

    Raises:
        UnknownName: no such family.
        ModelFileMissing: no such file.
        ModelFileDamaged: not safetensors, or another family's weights.
    """
    check_family(family)
    shapes = array_shapes(file)
    try:
        network = SiamFCpp(Widths.of(shapes)) if family == "siamfcpp" else SiamCar(CarWidths.of(shapes))
    except KeyError as error:
        raise ModelFileDamaged(
            f"{file.name} has no array {error}; expected weights of {family}: give --family the right one"
        ) from error
    read_weights(network, file)
    return network

"""UAVDT, single-object part (Du et al., ECCV 2018).

``UAV-benchmark-S/S0101/img000001.jpg``, ``UAV-benchmark-SOT_v1.0/anno/S0101_gt.txt`` and its
``att/S0101_att.txt``, which lies in ``anno`` or beside it.
"""

from __future__ import annotations

from pathlib import Path

from uav_tracker_ros.evaluation.datasets.annotations import attributes, pictures, true_boxes
from uav_tracker_ros.evaluation.datasets.sequence import Sequence

_IMAGES = "UAV-benchmark-S"
_TRUTHS = Path("UAV-benchmark-SOT_v1.0") / "anno"
_END = "_gt.txt"
_ATTRIBUTES = ("BC", "CM", "OM", "SO", "IV", "OB", "SV", "LTT", "LO")  # the toolkit's order


def detect(folder: Path) -> bool:
    """It has the images and the annotations, unpacked side by side."""
    return (folder / _IMAGES).is_dir() and (folder / _TRUTHS).is_dir()


def sequences(folder: Path) -> list[Sequence]:
    """Every annotated sequence."""
    found = []
    for file in sorted((folder / _TRUTHS).glob(f"*{_END}")):
        name = file.name.removesuffix(_END)
        places = [base / "att" / f"{name}_att.txt" for base in (file.parent, file.parent.parent)]
        marks = attributes(next((place for place in places if place.is_file()), places[0]), _ATTRIBUTES)
        found.append(Sequence(name, pictures(folder / _IMAGES / name), true_boxes(file), 30.0, file, marks))
    return found

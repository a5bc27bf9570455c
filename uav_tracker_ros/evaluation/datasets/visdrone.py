"""VisDrone, single-object part (Zhu et al., TPAMI 2021).

``sequences/NAME/img0000001.jpg``, ``annotations/NAME.txt``, ``attributes/NAME_attr.txt``.
"""

from __future__ import annotations

from pathlib import Path

from uav_tracker_ros.evaluation.datasets.annotations import attributes, pictures, true_boxes
from uav_tracker_ros.evaluation.datasets.sequence import Sequence

_ATTRIBUTES = ("ARC", "BC", "CM", "FM", "FOC", "IV", "LR", "OV", "POC", "SOB", "SV", "VC")  # the toolkit's order


def detect(folder: Path) -> bool:
    """It has folders of sequences and of annotations."""
    return (folder / "sequences").is_dir() and (folder / "annotations").is_dir()


def sequences(folder: Path) -> list[Sequence]:
    """Every annotated sequence."""
    return [
        Sequence(
            file.stem,
            pictures(folder / "sequences" / file.stem),
            true_boxes(file),
            30.0,
            file,
            attributes(folder / "attributes" / f"{file.stem}_attr.txt", _ATTRIBUTES),
        )
        for file in sorted((folder / "annotations").glob("*.txt"))
    ]

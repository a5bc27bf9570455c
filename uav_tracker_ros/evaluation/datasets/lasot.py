"""LaSOT (Fan et al., CVPR 2019).

``airplane/airplane-1/img/00000001.jpg``, ``groundtruth.txt``, ``full_occlusion.txt`` and ``out_of_view.txt``, with or
without the folder of the class. The two flags mark frames without the target. Attributes are part of the
toolkit, not of the download; ``annos/att/airplane-1.txt`` is read where it is there.
"""

from __future__ import annotations

from pathlib import Path

from uav_tracker_ros.evaluation.datasets.annotations import attributes, flags, pictures, subfolders, true_boxes
from uav_tracker_ros.evaluation.datasets.sequence import Sequence

_TRUTH, _HIDDEN, _OUTSIDE = "groundtruth.txt", "full_occlusion.txt", "out_of_view.txt"
_ATTRIBUTES = ("IV", "POC", "DEF", "MB", "CM", "ROT", "BC", "VC", "SV", "FOC", "FM", "OV", "LR", "ARC")  # its toolkit's


def detect(folder: Path) -> bool:
    """One folder, or a folder in one, has truth and flags."""
    return bool(_homes(folder))


def sequences(folder: Path) -> list[Sequence]:
    """Every folder with truth and flags."""
    found = []
    for home in _homes(folder):
        truth = true_boxes(home / _TRUTH, flags(home / _HIDDEN), flags(home / _OUTSIDE))
        marks = attributes(folder / "annos" / "att" / f"{home.name}.txt", _ATTRIBUTES)
        found.append(Sequence(home.name, pictures(home), truth, 30.0, home / _TRUTH, marks))
    return found


def _homes(folder: Path) -> list[Path]:
    near = subfolders(folder)
    return [
        home
        for home in sorted([*near, *(inner for outer in near for inner in subfolders(outer))])
        if all((home / name).is_file() for name in (_TRUTH, _HIDDEN, _OUTSIDE))
    ]

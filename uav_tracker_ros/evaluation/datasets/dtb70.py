"""DTB70 (Li, Yeung, AAAI 2017): ``NAME/img/00001.jpg`` and ``NAME/groundtruth_rect.txt``.

Attributes are not part of the download; ``att/NAME.txt`` is read where somebody has put it.
"""

from __future__ import annotations

from pathlib import Path

from uav_tracker_ros.evaluation.datasets.annotations import attributes, has_pictures, pictures, subfolders, true_boxes
from uav_tracker_ros.evaluation.datasets.sequence import Sequence

_TRUTH = "groundtruth_rect.txt"
_DIGITS = 5  # of a picture's number; OTB has four
_ATTRIBUTES = ("SV", "ARV", "OCC", "DEF", "FCM", "IPR", "OPR", "OV", "BC", "SOA", "MB")  # the paper's order


def detect(folder: Path) -> bool:
    """Every folder with a truth has pictures numbered with five digits."""
    homes = _homes(folder)
    return bool(homes) and all((home / "img" / f"{1:0{_DIGITS}d}.jpg").is_file() for home in homes)


def sequences(folder: Path) -> list[Sequence]:
    """Every folder with pictures and truth."""
    return [
        Sequence(
            home.name,
            pictures(home),
            true_boxes(home / _TRUTH),
            30.0,
            home / _TRUTH,
            attributes(folder / "att" / f"{home.name}.txt", _ATTRIBUTES),
        )
        for home in _homes(folder)
    ]


def _homes(folder: Path) -> list[Path]:
    return [home for home in subfolders(folder) if (home / _TRUTH).is_file() and has_pictures(home / "img")]

"""OTB (Wu, Lim, Yang, TPAMI 2015): ``NAME/img/0001.jpg`` and ``NAME/groundtruth_rect.txt``.

Folders with two targets have ``groundtruth_rect.1.txt`` and ``.2.txt``: sequences NAME.1 and NAME.2.
Attributes are not part of the download; the toolkit's ``anno/att/NAME.txt`` is read where it is there.
"""

from __future__ import annotations

from pathlib import Path

from uav_tracker_ros.evaluation.datasets.annotations import (
    attributes,
    has_pictures,
    numbered_pictures,
    pictures,
    subfolders,
    true_boxes,
)  # fmt: skip
from uav_tracker_ros.evaluation.datasets.sequence import Images, Sequence

_ATTRIBUTES = ("IV", "OPR", "SV", "OCC", "DEF", "MB", "FM", "IPR", "OV", "BC", "LR")  # the toolkit's order
# First picture of the sequences whose truth does not cover every picture: the toolkit's configuration.
_STARTS = {
    "David": 300, "BlurCar1": 247, "BlurCar3": 3, "BlurCar4": 18,
    "Diving": 1, "Football1": 1, "Freeman3": 1, "Freeman4": 1,
}  # fmt: skip
# Tiger1 has truth for its first five pictures, but the toolkit starts after them.
_SKIPPED = {"Tiger1": 5}


def detect(folder: Path) -> bool:
    """One folder with a truth has pictures numbered with four digits."""
    return any((home / "img" / "0001.jpg").is_file() and _truths(home) for home in subfolders(folder))


def sequences(folder: Path) -> list[Sequence]:
    """Every truth of every folder with pictures."""
    homes = [home for home in subfolders(folder) if has_pictures(home / "img")]
    return [_sequence(folder, home, file) for home in homes for file in _truths(home)]


def _sequence(folder: Path, home: Path, file: Path) -> Sequence:
    number = file.stem.partition(".")[2]
    name = f"{home.name}.{number}" if number and len(_truths(home)) > 1 else home.name
    skipped = _SKIPPED.get(name, 0)
    truth = true_boxes(file)[skipped:]
    images: Images = pictures(home)
    if name in _STARTS or skipped:
        images = numbered_pictures(home, _STARTS.get(name, 1) + skipped, len(truth))
    marks = attributes(folder / "anno" / "att" / f"{name}.txt", _ATTRIBUTES)
    return Sequence(name, images, truth, 30.0, file, marks)


def _truths(home: Path) -> list[Path]:
    return sorted(home.glob("groundtruth_rect*.txt"))

"""UAV123 at 30 and 10 frames a second (Mueller, Smith, Ghanem, ECCV 2016).

``data_seq/UAV123/bird1/000001.jpg``, ``anno/UAV123/bird1_2.txt``, ``anno/UAV123/att/bird1_2.txt``; the version at
10 frames a second has ``UAV123_10fps`` in place of the inner ``UAV123``, and no attributes of its own.
"""

from __future__ import annotations

from pathlib import Path

from uav_tracker_ros.evaluation.datasets.annotations import attributes, numbered_pictures, true_boxes
from uav_tracker_ros.evaluation.datasets.sequence import Sequence

# The header of the set's annotation table; not in the order of the paper's.
_ATTRIBUTES = ("SV", "ARC", "LR", "FM", "FOC", "POC", "OV", "BC", "IV", "VC", "CM", "SOB")
# First picture of NAME_1, NAME_2, ... in the folder NAME at 30 frames a second: configSeqs.m of the benchmark.
_STARTS = {
    "bird1": (1, 775, 1573),
    "car1": (1, 751, 1627),
    "car6": (1, 487, 1807, 2953, 3925),
    "car8": (1, 1357),
    "car16": (1, 415),
    "group1": (1, 1333, 2515, 3925),
    "group2": (1, 907, 1771),
    "group3": (1, 1567, 2827, 4369),
    "person2": (1, 1189),
    "person4": (1, 1501),
    "person5": (1, 877),
    "person7": (1, 1249),
    "person8": (1, 1075),
    "person12": (1, 601),
    "person14": (1, 847, 1813),
    "person17": (1, 1501),
    "person19": (1, 1243, 2791),
    "truck4": (1, 577),
    "uav1": (1, 1555, 2473),
}


def detect(folder: Path) -> bool:
    """It has UAV123's two folders."""
    return _detect(folder, "UAV123")


def detect_10fps(folder: Path) -> bool:
    """It has the two folders of UAV123@10fps."""
    return _detect(folder, "UAV123_10fps")


def sequences(folder: Path) -> list[Sequence]:
    """Every annotated sequence of UAV123."""
    return _sequences(folder, "UAV123", every=1)


def sequences_10fps(folder: Path) -> list[Sequence]:
    """Every annotated sequence of UAV123@10fps."""
    return _sequences(folder, "UAV123_10fps", every=3)


def _detect(folder: Path, version: str) -> bool:
    return (folder / "anno" / version).is_dir() and (folder / "data_seq" / version).is_dir()


def _sequences(folder: Path, version: str, every: int) -> list[Sequence]:
    found = []
    for file in sorted((folder / "anno" / version).glob("*.txt")):
        name = file.stem
        images, first = name, 1
        stem, _, part = name.rpartition("_")
        if stem in _STARTS and part.isdigit() and int(part) <= len(_STARTS[stem]):
            # Every third picture of the 30 frames a second is kept, the first one too.
            images, first = stem, (_STARTS[stem][int(part) - 1] - 1) // every + 1
        truth = true_boxes(file)
        pictures = numbered_pictures(folder / "data_seq" / version / images, first, len(truth))
        marks = attributes(file.parent / "att" / file.name, _ATTRIBUTES)
        found.append(Sequence(name, pictures, truth, 30 / every, file, marks))
    return found

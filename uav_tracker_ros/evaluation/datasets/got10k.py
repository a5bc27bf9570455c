"""GOT-10k (Huang, Zhao, Huang, TPAMI 2021).

``val/list.txt``, ``val/GOT-10k_Val_000001/00000001.jpg``, its ``groundtruth.txt`` and ``absence.label``. Give the
folder above ``val`` or one with a ``list.txt``. The test split has no truth beyond its first box:
only its server scores it.
"""

from __future__ import annotations

from pathlib import Path

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.evaluation.datasets.annotations import flags, pictures, true_boxes
from uav_tracker_ros.evaluation.datasets.sequence import Sequence

_LIST = "list.txt"
_RATE = 10.0  # Hz; what its annotators saw


def detect(folder: Path) -> bool:
    """It is a split with a list, or has a split with one."""
    return (folder / _LIST).is_file() or any((folder / split / _LIST).is_file() for split in ("val", "train", "test"))


def sequences(folder: Path) -> list[Sequence]:
    """Every sequence of the list; of the split ``val`` if the whole set is given.

    Raises:
        InputUnreadable: a sequence with the first box alone (the test split), or one that is not there.
    """
    split = folder if (folder / _LIST).is_file() else folder / "val"
    if not (split / _LIST).is_file():
        raise InputUnreadable(f"{split / _LIST} is not there; expected the split val, which has truth; unpack val")
    return [_sequence(split / name.strip()) for name in (split / _LIST).read_text().splitlines() if name.strip()]


def _sequence(home: Path) -> Sequence:
    file, label = home / "groundtruth.txt", home / "absence.label"
    truth = true_boxes(file, *([flags(label)] if label.is_file() else []))
    images = pictures(home)
    if len(truth) == 1 < images.count():
        raise InputUnreadable(
            f"{file} has the first box alone, as in the test split; expected a box a frame; use the split val"
        )
    return Sequence(home.name, images, truth, _RATE, file)

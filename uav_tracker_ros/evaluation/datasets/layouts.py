"""One door to every layout: a folder in, its sequences out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from uav_tracker_ros.errors import InputUnreadable, unknown_name
from uav_tracker_ros.evaluation.datasets import dtb70, got10k, lasot, otb, plain, uav123, uavdt, visdrone
from uav_tracker_ros.evaluation.datasets.sequence import Sequence


class Layout(NamedTuple):
    """How one data set lies on the disk."""

    detect: Callable[[Path], bool]
    read: Callable[[Path], list[Sequence]]


# In the order of asking: what a later one would take too comes first.
LAYOUTS = {
    "uav123": Layout(uav123.detect, uav123.sequences),
    "uav123_10fps": Layout(uav123.detect_10fps, uav123.sequences_10fps),
    "uavdt": Layout(uavdt.detect, uavdt.sequences),
    "visdrone": Layout(visdrone.detect, visdrone.sequences),
    "got10k": Layout(got10k.detect, got10k.sequences),
    "lasot": Layout(lasot.detect, lasot.sequences),
    "dtb70": Layout(dtb70.detect, dtb70.sequences),
    "otb": Layout(otb.detect, otb.sequences),
    "plain": Layout(plain.detect, plain.sequences),
}


def open_dataset(path: Path, layout: str = "auto") -> tuple[str, list[Sequence]]:
    """The sequences of a data set, a folder of videos or pictures, or one video.

    Args:
        path: the folder that the set's own archive unpacks to, or one video or folder of pictures with truth.
        layout: ``auto`` or a name of :data:`LAYOUTS`.

    Returns:
        The layout's name, and the sequences by name.

    Raises:
        UnknownName: no such layout.
        InputUnreadable: nothing there, no layout fits, or a sequence that cannot be used (named).
    """
    if layout not in ("auto", *LAYOUTS):
        raise unknown_name("layout", layout, ["auto", *LAYOUTS])
    if not path.exists():
        raise InputUnreadable(f"{path} is not there; expected a data set, a folder or a video; check the path")
    if path.is_file() or (layout in ("auto", "plain") and plain.is_one(path)):
        return "plain", [plain.sequence_of(path)]
    if layout == "auto":
        layout = next((name for name, known in LAYOUTS.items() if known.detect(path)), "")
        if not layout:
            raise InputUnreadable(
                f"{path} has no known layout; expected that of {', '.join(LAYOUTS)} (videos NAME.mp4 with NAME.txt, or "
                "folders of pictures with groundtruth.txt); give the folder that the set's archive unpacks to"
            )
    found = LAYOUTS[layout].read(path)
    if not found:
        raise InputUnreadable(f"{path} has no sequence in the layout {layout}; expected one at least; check the path")
    return layout, found
